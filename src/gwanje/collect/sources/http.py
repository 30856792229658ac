"""One URL, one answer kept whole as one record."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import aiohttp
from pydantic import BeforeValidator, Field, field_validator

from gwanje import config, kinds
from gwanje.collect.sources.base import Fetched, Outcome
from gwanje.collect.words import in_words
from gwanje.errors import TooLarge
from gwanje.http import is_text, read_limited, text_of, without_secrets
from gwanje.model import Record

_HTTP_URL = ("http", "https")
_TOKEN = re.compile(r"^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$")


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, int) else value


Status = Annotated[str, BeforeValidator(_as_text), Field(pattern=r"^[1-5](?:\d\d|xx)$")]


class Settings(config.Settings):
    """Asks one URL and keeps the answer whole."""

    url: str = ""
    """What to ask, `http://…` or `https://…`. Empty: the source is off, and the page says so."""
    method: Literal["GET", "HEAD"] = "GET"
    """`GET`, or `HEAD` to ask without the body."""
    headers: Mapping[str, config.Secret] = Field(default_factory=dict)
    """Headers to send. They go to the URL's own origin only, never along a redirect to another."""
    timeout: config.Duration = timedelta(seconds=30)
    """How long one answer may take, from the connection to its last byte."""
    max_bytes: int = Field(default=10_000_000, gt=0)
    """How large an answer may be, decompressed; a larger one is a failed fetch."""
    expect: tuple[Status, ...] = ("2xx", "304")
    """Statuses that are a success: `200`, or `2xx` for all of them. 304 means "unchanged" and brings no record."""
    dataset: str = "answers"
    """The dataset to which the record belongs."""

    @field_validator("url")
    @classmethod
    def _is_a_url(cls, url: str) -> str:
        if not url:
            return url
        try:
            parts = urlsplit(url)
            right = parts.scheme in _HTTP_URL and bool(parts.hostname) and parts.port != 0
        except ValueError:
            right = False
        if not right:
            raise ValueError(
                "is not a URL to ask; write http://host/path or https://host/path, or leave it empty to switch it off"
            )
        return url

    @field_validator("headers")
    @classmethod
    def _can_be_sent(cls, headers: Mapping[str, config.Secret]) -> Mapping[str, config.Secret]:
        for name, value in headers.items():
            if not _TOKEN.match(name):
                raise ValueError(f"{name!r} is not a header's name; use letters, digits and '-'")
            if re.search(r"[\r\n\0]", value.get_secret_value()):
                raise ValueError(f"the value of {name} must stand on one line")
        return headers


def create(settings: Settings, world: kinds.World) -> HttpSource:
    return HttpSource(settings, world.http)


class HttpSource:
    """Asks the URL once for each fetch."""

    def __init__(self, settings: Settings, session: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._session = session
        self._headers = {name: value.get_secret_value() for name, value in settings.headers.items()}
        self.url = without_secrets(settings.url) if settings.url else ""
        self.off_because: Mapping[str, str] | None = (
            None
            if settings.url
            else {"ko": "수집할 URL이 비어 있습니다 (source.url)", "en": "The URL to collect is empty (source.url)"}
        )

    async def fetch(self, now_ms: int) -> Fetched:
        """Ask, and say how it went."""
        began = time.perf_counter()

        def failed(error: str, *, status: int | None = None, size: int = 0, try_again: bool = False) -> Fetched:
            return Fetched(Outcome.FAILED, self.url, status, size, _since(began), error=error, try_again=try_again)

        status: int | None = None
        try:
            async with self._ask() as response:
                status = response.status
                if not self._expects(status):
                    return failed(f"answered {_named(response)}", status=status, try_again=status >= 500)
                body = await read_limited(response, self._settings.max_bytes)
                records = self._records(response, body, now_ms)
                return Fetched(Outcome.SUCCEEDED, self.url, status, len(body), _since(began), records)
        except TooLarge as error:
            return failed(str(error), status=status, size=self._settings.max_bytes)
        except TimeoutError:
            return failed(f"no answer within {config.format_duration(self._settings.timeout)}", status=status, try_again=True)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return failed(in_words(error), status=status, try_again=_may_pass(error))

    def _ask(self) -> Any:
        timeout = aiohttp.ClientTimeout(total=self._settings.timeout.total_seconds(), sock_connect=10)
        return self._session.request(self._settings.method, self._settings.url, headers=self._headers, timeout=timeout)

    def _expects(self, status: int) -> bool:
        return any(wanted in {str(status), f"{status // 100}xx"} for wanted in self._settings.expect)

    def _records(self, response: aiohttp.ClientResponse, body: bytes, now_ms: int) -> tuple[Record, ...]:
        if response.status == 304:
            return ()
        kind = response.headers.get("Content-Type", "")
        content: dict[str, object] = {"text": text_of(body, kind)} if is_text(kind) else {"size": len(body)}
        answer = {"status": response.status, "content_type": kind, **content}
        return (Record(self.url, self._settings.dataset, "http", now_ms, answer),)


def _since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 3)


def _named(response: aiohttp.ClientResponse) -> str:
    return f"{response.status} {response.reason or ''}".strip()


def _may_pass(error: Exception) -> bool:
    """A connection that broke may hold the next time; a wrong certificate or address will not."""
    lasting = (aiohttp.ClientSSLError, aiohttp.InvalidURL, aiohttp.ClientConnectorDNSError, aiohttp.TooManyRedirects, ValueError)
    return isinstance(error, aiohttp.ClientConnectionError | aiohttp.ClientPayloadError | OSError) and not isinstance(
        error, lasting
    )
