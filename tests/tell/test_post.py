"""What an answer asks for."""

from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from gwanje.config import Secret
from gwanje.errors import Rejected, RetryLater
from gwanje.http import pause_asked
from gwanje.tell.post import judge, post

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "after"),
    [
        ("17", timedelta(seconds=17)),
        ("Sun, 01 Mar 2026 09:00:30 GMT", timedelta(seconds=30)),
        ("Sun, 01 Mar 2026 08:00:00 GMT", timedelta()),
        ("soon", None),
        ("-5", None),
        ("", None),
        (None, None),
        ("99999999999", timedelta(days=1)),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, after: timedelta | None) -> None:
    with pytest.raises(RetryLater) as caught:
        judge("Slack", 429, pause_asked(header, NOW), "slow down")
    assert caught.value.after == after
    assert str(caught.value) == "Slack answered 429: slow down"


@pytest.mark.parametrize("url", ["", "not a url", "ftp://x/y"])
async def test_an_address_that_cannot_be_called_is_final(url: str) -> None:
    async with aiohttp.ClientSession() as http:
        with pytest.raises(Rejected, match="set `url`"):
            await post(http, Secret(url), what="Slack", body={}, headers={})
