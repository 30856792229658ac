// The API's documentation: `show/api/docs.py` holds the page, the build puts Swagger UI's files beside this one.
window.ui = SwaggerUIBundle({ url: '/api/openapi.json', dom_id: '#docs', deepLinking: true, validatorUrl: null });
