"""Show: the API, the live stream and the page."""
