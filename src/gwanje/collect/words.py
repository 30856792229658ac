"""Why somebody who was asked over HTTP gave no answer, for people: one sentence for sources, scrapes and discoveries alike."""

from __future__ import annotations

import aiohttp


def in_words(error: Exception) -> str:  # noqa: C901 -- one sentence a sort of error
    """What went wrong, in words that hold no URL: aiohttp's own would repeat the secrets in it."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            text = f"the name {error.host} was not found"
        case aiohttp.ClientConnectorCertificateError():
            text = f"the certificate of {error.host} is not trusted: {error.certificate_error}"
        case aiohttp.ClientConnectorError():
            text = f"cannot connect to {error.host}:{error.port}: {error.strerror or error.os_error}"
        case aiohttp.TooManyRedirects():
            text = "redirects in a circle"
        case aiohttp.RedirectClientError():
            text = "redirects to a place that is not followed: only HTTP(S), and never from HTTPS to HTTP"
        case aiohttp.ServerDisconnectedError():
            text = "the connection was dropped before an answer came"
        case aiohttp.ClientPayloadError():
            text = "the connection was dropped in the middle of the answer"
        case aiohttp.InvalidURL():
            text = "the URL cannot be asked"
        case TimeoutError():
            text = "no answer in time"
        case OSError() if error.filename:
            text = f"cannot read {error.filename}: {error.strerror}"
        case OSError():
            text = f"the connection broke: {error.strerror or error}"
        case _:
            text = f"no answer that can be read ({type(error).__name__})"
    return text
