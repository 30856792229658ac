"""The kind `http` keeps the promise of sources."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest
from pydantic import ValidationError

from gwanje import kinds
from gwanje.collect.sources.base import Outcome, Source
from gwanje.collect.sources.http import Settings
from gwanje.model import Record
from gwanje.testing.sources import NOW_MS, SourceContract
from gwanje.testing.web import Behaviour, WebServer


def source(session: aiohttp.ClientSession, **settings: object) -> Source:
    kind = kinds.find("sources", "http")
    made: Source = kind.create(kind.Settings.model_validate(settings), kinds.World(Path(), session))
    return made


class TestHttp(SourceContract):
    def source_at(self, url: str, session: aiohttp.ClientSession) -> Source:
        return source(session, url=url, timeout="2s")

    async def test_an_answer_is_kept_whole(self, site: WebServer, session: aiohttp.ClientSession) -> None:
        site.raw_body = "웹 수집".encode("euc-kr")
        site.behaviour = Behaviour(content_type="text/html; charset=euc-kr")
        fetched = await source(session, url=f"{site.url}/page?token=hidden").fetch(NOW_MS)
        body = {"status": 200, "content_type": "text/html; charset=euc-kr", "text": "웹 수집"}
        assert fetched.records == (Record(f"{site.url}/page?token=***", "answers", "http", NOW_MS, body),)
        assert fetched.bytes == len(site.raw_body)

    async def test_what_is_no_text_is_kept_by_its_size(self, site: WebServer, session: aiohttp.ClientSession) -> None:
        site.raw_body = bytes(300)
        site.behaviour = Behaviour(content_type="image/png")
        fetched = await source(session, url=site.url).fetch(NOW_MS)
        assert fetched.records[0].body == {"status": 200, "content_type": "image/png", "size": 300}

    async def test_unchanged_is_a_success_without_records(self, site: WebServer, session: aiohttp.ClientSession) -> None:
        site.behaviour = Behaviour(status=304)
        fetched = await source(session, url=site.url).fetch(NOW_MS)
        assert (fetched.outcome, fetched.status, fetched.records) == (Outcome.SUCCEEDED, 304, ())

    async def test_one_may_say_which_statuses_are_right(self, site: WebServer, session: aiohttp.ClientSession) -> None:
        asks = source(session, url=site.url, expect=[404, "3xx"])
        outcomes = []
        for status in (404, 200, 300):
            site.behaviour = Behaviour(status=status)
            outcomes.append((await asks.fetch(NOW_MS)).outcome)
        assert outcomes == [Outcome.SUCCEEDED, Outcome.FAILED, Outcome.SUCCEEDED]

    async def test_too_large_an_answer_is_a_failure_that_stays(self, site: WebServer, session: aiohttp.ClientSession) -> None:
        fetched = await source(session, url=site.url, max_bytes=4).fetch(NOW_MS)
        assert (fetched.outcome, fetched.status, fetched.try_again) == (Outcome.FAILED, 200, False)
        assert fetched.error == "the answer has more than 4 bytes, the limit that is set for it"

    async def test_headers_are_sent_and_never_shown(self, site: WebServer, session: aiohttp.ClientSession) -> None:
        settings = Settings.model_validate({"url": site.url, "headers": {"X-Key": "hidden"}})
        asks = kinds.find("sources", "http").create(settings, kinds.World(Path(), session))
        fetched = await asks.fetch(NOW_MS)
        assert site.requests[0].headers["X-Key"] == "hidden"
        assert "hidden" not in f"{settings} {fetched}"

    async def test_a_name_that_nobody_has_is_told_by_name(self, session: aiohttp.ClientSession) -> None:
        fetched = await source(session, url="http://nobody.invalid/").fetch(NOW_MS)
        assert (fetched.outcome, fetched.try_again) == (Outcome.FAILED, False)
        assert "nobody.invalid" in fetched.error

    async def test_a_connection_refused_says_where(self, site: WebServer, session: aiohttp.ClientSession) -> None:
        await site.stop()
        fetched = await source(session, url=site.url).fetch(NOW_MS)
        host = site.url.removeprefix("http://")
        assert fetched.error.startswith(f"cannot connect to {host}: ")

    async def test_without_a_url_it_is_off_and_says_why(self, session: aiohttp.ClientSession) -> None:
        off = source(session)
        assert off.url == ""
        assert off.off_because is not None
        assert set(off.off_because) == {"ko", "en"}

    async def test_with_a_url_it_is_on(self, session: aiohttp.ClientSession) -> None:
        assert source(session, url="http://host/").off_because is None


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"url": "ftp://host/"}, "write http://host/path"),
        ({"url": "host/path"}, "write http://host/path"),
        ({"url": "http://"}, "write http://host/path"),
        ({"url": "http://[::1"}, "write http://host/path"),
        ({"headers": {"a b": "c"}}, "is not a header's name"),
        ({"headers": {"a": "b\r\nc: d"}}, "must stand on one line"),
        ({"expect": ["2x"]}, "pattern"),
        ({"method": "POST"}, "'GET' or 'HEAD'"),
        ({"max_bytes": 0}, "greater than 0"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Settings.model_validate(settings)
