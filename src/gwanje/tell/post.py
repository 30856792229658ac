"""One POST to a receiver, and what its answer means. The address never stands in an error: it may be a secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp

from gwanje.config import Secret
from gwanje.errors import Rejected, RetryLater
from gwanje.http import pause_asked

TIMEOUT: Final = aiohttp.ClientTimeout(total=15, connect=5)
_AGAIN: Final = frozenset({408, 425, 429})
_LONGEST_ANSWER: Final = 200
_SHORTEST_SECRET: Final = 8


async def post(session: aiohttp.ClientSession, url: Secret, *, what: str, body: Any, headers: Mapping[str, str]) -> int:
    """Send JSON once; returns the status that accepted it. Raises RetryLater and Rejected, where `what` names the other."""
    if not url.get_secret_value():
        raise Rejected(f"{what} has no address; set `url` of the receiver")
    try:
        async with session.post(
            url.get_secret_value(), json=body, headers=headers, timeout=TIMEOUT, allow_redirects=False
        ) as answer:
            said = await _said(answer, url)
            judge(what, answer.status, answer.headers.get("Retry-After"), said, datetime.now(UTC))
            return answer.status
    except TimeoutError:
        raise RetryLater(f"{what} did not answer within {TIMEOUT.total:g} s") from None
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
        raise Rejected(f"the address of {what} is not an HTTP address; set `url`") from None
    except aiohttp.ClientError as error:
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


async def _said(answer: aiohttp.ClientResponse, url: Secret) -> str:
    """The beginning of the answer, on one line, without any part of the address that may be secret."""
    start = await answer.content.read(8 * _LONGEST_ANSWER)
    text = " ".join(start.decode("utf-8", errors="replace").split())
    address = url.get_secret_value()
    for part in (address, *(part for part in re.split(r"[/?&=]", address) if len(part) >= _SHORTEST_SECRET)):
        text = text.replace(part, "***")  # before the text is cut, so that no half of it is left
    return text[:_LONGEST_ANSWER]
