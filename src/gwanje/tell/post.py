"""One request to a receiver, and what its answer means. Secrets never stand in an error: neither the address nor a token."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp

from gwanje.config import Secret
from gwanje.errors import Rejected, RetryLater, TooLarge
from gwanje.http import pause_asked, read_limited
from gwanje.reach import forbidden

TIMEOUT: Final = aiohttp.ClientTimeout(total=15, connect=5)
_AGAIN: Final = frozenset({408, 425, 429})
_LONGEST_ANSWER: Final = 200
_MOST_BYTES: Final = 1 << 20
_SHORTEST_SECRET: Final = 8


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said when it accepted."""

    status: int
    body: bytes = b""

    @property
    def values(self) -> Any:
        """The body as JSON; an empty mapping where it is none."""
        try:
            return json.loads(self.body or b"{}")
        except ValueError:
            return {}


async def post(
    session: aiohttp.ClientSession,
    url: Secret,
    *,
    what: str,
    headers: Mapping[str, str],
    body: Any = None,
    form: Mapping[str, str] | None = None,
    method: str = "POST",
    secrets: Iterable[str] = (),
) -> Answer:
    """Send JSON (or a form) once. Raises RetryLater and Rejected, where `what` names the other; `secrets` are never told."""
    if not url.get_secret_value():
        raise Rejected(f"{what} has no address; set `url` of the receiver")
    hidden = (*_parts(url), *(one for one in secrets if one))
    try:
        async with session.request(
            method, url.get_secret_value(), json=body, data=form, headers=headers, timeout=TIMEOUT, allow_redirects=False
        ) as answer:
            said = await read_limited(answer, _MOST_BYTES) if answer.ok else await answer.content.read(8 * _LONGEST_ANSWER)
            told = without(hidden, said)
            judge(what, answer.status, answer.headers.get("Retry-After"), told, datetime.now(UTC))
            return Answer(answer.status, said)
    except TimeoutError:
        raise RetryLater(f"{what} did not answer within {TIMEOUT.total:g} s") from None
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
        raise Rejected(f"the address of {what} is not an HTTP address; set `url`") from None
    except TooLarge:
        return Answer(200)  # accepted, with more to say than anybody needs
    except aiohttp.ClientError as error:
        if why := forbidden(error):
            raise Rejected(f"{what} is not told there: {why}") from None
        # The text of aiohttp's errors holds the address, so only their kind is told; `from None` keeps it out of tracebacks too.
        raise RetryLater(f"{what} could not be reached ({type(error).__name__})") from None


def judge(what: str, status: int, retry_after: str | None, said: str, now: datetime) -> None:
    """What an answer means: 2xx is accepted; 408, 425, 429 and 5xx are tried again; anything else never succeeds."""
    if 200 <= status < 300:
        return
    told = f"{what} answered {status}" + (f": {said}" if said else "")
    if status in _AGAIN or status >= 500:
        raise RetryLater(told, after=pause_asked(retry_after, now), status=status)
    raise Rejected(told, status=status)


def without(hidden: Iterable[str], said: bytes | str) -> str:
    """The beginning of what was said, on one line, without any part that may be secret."""
    text = said if isinstance(said, str) else said.decode("utf-8", errors="replace")
    text = " ".join(text.split())
    for part in sorted(set(hidden), key=len, reverse=True):
        text = text.replace(part, "***")  # before the text is cut, so that no half of it is left
    return text[:_LONGEST_ANSWER]


def _parts(url: Secret) -> tuple[str, ...]:
    """The address, and every part of it that is long enough to be a key."""
    address = url.get_secret_value()
    return (address, *(part for part in re.split(r"[/?&=]", address) if len(part) >= _SHORTEST_SECRET))
