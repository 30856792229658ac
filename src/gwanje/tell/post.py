"""One request to a receiver, and what its answer means. Secrets never stand in an error: neither the address nor a token."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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
    after: timedelta | None = None
    """The pause that it asked for all the same: some services answer 200 to what they did not take."""

    @property
    def values(self) -> Any:
        """The body as JSON; an empty mapping where it is none."""
        try:
            return json.loads(self.body or b"{}")
        except ValueError:
            return {}

    def taken(self, what: str, word: str, todo: str) -> dict[str, Any] | None:
        """What a service says that answers 200 to everything: its JSON where `word` in it is true, None where it took nothing.

        Raises RetryLater where it is no word of that service: something on the way answers in its place.
        """
        said = self.values
        if not isinstance(said, dict) or not isinstance(said.get(word), bool):
            raise RetryLater(f"what answered is not {what}; see {todo}", after=self.after, status=self.status)
        return said if said[word] else None


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
    asks: Sequence[str] = (),
    resets: str = "Retry-After",
    pages: bool = False,
) -> Answer:
    """Send JSON (or a form) once. Raises RetryLater and Rejected, where `what` names the other; `secrets` are never told.

    How long it wants to be left alone the other side says in `Retry-After`; or in seconds in the header `resets`, or at the
    place `asks` of its JSON. A web page took nothing, whatever its status: somebody's proxy asks who we are; unless `pages` says
    that the other side answers with pages.
    """
    if not url.get_secret_value():
        raise Rejected(f"{what} has no address; set `url` of the receiver")
    hidden = (*_parts(url), *(one for one in secrets if one))
    try:
        async with session.request(
            method, url.get_secret_value(), json=body, data=form, headers=headers, timeout=TIMEOUT, allow_redirects=False
        ) as answer:
            said = await read_limited(answer, _MOST_BYTES) if answer.ok else await answer.content.read(8 * _LONGEST_ANSWER)
            told = without(hidden, said)
            header = answer.headers.get("Retry-After") or answer.headers.get(resets)
            after = pause_asked(header, datetime.now(UTC)) or pause_within(said, asks)
            judge(what, answer.status, after, told)
            if not pages and said.lstrip()[:1] == b"<":
                raise RetryLater(f"what answered is a web page and not {what}; see the address", status=answer.status)
            return Answer(answer.status, said, after)
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


def judge(what: str, status: int, after: timedelta | None, said: str) -> None:
    """What an answer means: 2xx is accepted; 408, 425, 429 and 5xx are tried again; anything else never succeeds."""
    if 200 <= status < 300:
        return
    told = f"{what} answered {status}" + (f": {said}" if said else "")
    if status in _AGAIN or status >= 500:
        raise RetryLater(told, after=after, status=status)
    raise Rejected(told, status=status)


def pause_within(said: bytes, asks: Sequence[str]) -> timedelta | None:
    """The seconds at a place in JSON; None where there are none. At most a day."""
    try:
        found = json.loads(said) if asks else None
    except ValueError:
        return None
    for name in asks:
        found = found.get(name) if isinstance(found, dict) else None
    if isinstance(found, bool) or not isinstance(found, int | float) or not found >= 0:
        return None
    return timedelta(seconds=min(found, 86_400))


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
