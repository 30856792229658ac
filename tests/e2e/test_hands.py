"""People on duty with the page in their hands: they take an alert over, silence it, and try a receiver."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect, sync_playwright

from .conftest import Far
from .program import Program, wait_until
from .settling import settle
from .test_page import ARGUMENTS, CHROMIUM, SCREENS, SIZES, Site, Watched

pytestmark = [pytest.mark.e2e, pytest.mark.engine("chromium")]

HOSTS = [f"db-{number}" for number in range(1, 5)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Four hosts whose disks are full, told by another program; a rota, a window and an escalation."""
    far = Far()
    folder = tmp_path_factory.mktemp("hands") / "site"
    folder.mkdir()
    written = {
        "listen": "127.0.0.1:${PORT}",
        "receivers": [{"name": "ops", "type": "slack", "url": far.slack.webhook, "language": "en"}],
        "routes": {"receiver": "ops", "group_by": ["rule", "host"], "group_interval": "1s", "escalate": "up"},
        "windows": [{"name": "nights", "zone": "Asia/Seoul", "days": ["mon-fri"], "from": "22:00", "to": "07:00"}],
        "duty": [
            {
                "name": "first",
                "zone": "Asia/Seoul",
                "starts": "2026-01-05",
                "every": 2,
                "people": [{"name": "kim", "receiver": "ops"}, {"name": "lee", "receiver": "ops"}],
            }
        ],
        "escalations": [{"name": "up", "steps": [{"after": "10m", "duty": "first"}]}],
        "inhibit": [{"source": 'rule="switch down"', "target": 'severity="warning"', "equal": ["site"]}],
    }
    (folder / "gwanje.yaml").write_text(yaml.safe_dump(written, allow_unicode=True), encoding="utf-8")
    program = Program(folder)
    key = program.key("ingest")
    program.start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        site = Site(program, far, browser)
        site.make_the_first_user()
        for host in HOSTS:
            said = {"level": "critical", "name": "disk full", "message": f"the disk of {host} is full", "host": host, "value": 97}
            answer = httpx.post(f"{program.url}/api/v1/alerts", json=said, headers={"Authorization": f"Bearer {key}"})
            assert answer.status_code == 202
        wait_until(lambda: len(_open(site)) == len(HOSTS), 60, "the alerts")
        site.host, site.episode = HOSTS[0], _of(site, HOSTS[0])["id"]
        yield site
        browser.close()
    program.end()
    far.close()


def _open(site: Site) -> list[dict[str, Any]]:
    return list(site.program.get("/api/v1/episodes", state="open", rule="disk full")["episodes"])


def _of(site: Site, host: str) -> dict[str, Any]:
    return next(one for one in _open(site) if one["host"] == host)


def _page(site: Site, where: str, size: str = "wide", **settings: Any) -> Page:
    page = site.context(viewport=SIZES[size], has_touch=size == "phone", locale="en-US", **settings).new_page()
    page.goto(where)
    return page


def test_i_have_it_is_one_press_and_everybody_sees_it(site: Site) -> None:
    page = _page(site, f"/alerts/{site.episode}?lang=en", "phone")
    page.get_by_label("Reason").fill("growing the disk")
    page.locator(".act-bar").get_by_role("button", name="I have it").click()
    expect(page.get_by_role("button", name=re.compile("Release"))).to_be_visible()
    expect(page.locator("main")).to_contain_text("growing the disk")
    other = _page(site, "/alerts?lang=en")
    expect(other.locator("main")).to_contain_text("kim has it")
    wait_until(lambda: any("acknowledged" in str(message) for message in site.far.slack.messages), 60, "the word to Slack")
    page.get_by_role("button", name=re.compile("Release")).click()
    expect(page.locator(".act-bar").get_by_role("button", name="I have it")).to_be_visible()
    assert _of(site, site.host)["acknowledged"] is None


def test_a_silence_from_the_alerts_own_view_and_its_end(site: Site) -> None:
    host = HOSTS[1]
    page = _page(site, f"/alerts/{_of(site, host)['id']}?lang=en&do=silence")
    expect(page.get_by_text("Matches 1 alerts now")).to_be_visible()
    page.get_by_label("Reason").fill("moving the disk")
    page.get_by_role("button", name="1 h", exact=True).click()
    page.get_by_role("button", name="Start silence").click()
    expect(page.get_by_text(re.compile("silenced until"))).to_be_visible()
    wait_until(lambda: _of(site, host)["muted"] == ["silenced"], 60, "the silence to hold")
    assert [one["muted"] for one in _open(site) if one["host"] != host] == [[], [], []]
    listed = _page(site, "/silences?lang=en")
    expect(listed.locator(".g-silences")).to_contain_text("moving the disk")
    listed.get_by_role("button", name="End", exact=True).click()
    expect(listed.get_by_text("No silence", exact=True)).to_be_visible()
    expect(page.locator("ol.story")).to_contain_text("moving the disk")
    expect(page.locator("ol.story")).to_contain_text("the silence by kim is over")
    expect(page.locator(".muters")).to_contain_text("kim “moving the disk”")
    wait_until(lambda: _of(site, host)["muted"] == [], 60, "the silence to end")


def test_a_test_message_reaches_the_receiver(site: Site) -> None:
    page = _page(site, "/silences?lang=en")
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_text("arrived", exact=True)).to_be_visible()
    assert any("This is a test sent by kim." in str(message) for message in site.far.slack.messages)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("language", "theme"), [("ko", "light"), ("en", "dark")])
@pytest.mark.parametrize("view", ["/silences", "/alerts", "/alerts/{episode}"])
def test_views_of_hands_are_whole_in_both_languages_on_both_screens(
    site: Site, view: str, language: str, theme: str, size: str
) -> None:
    context = site.context(viewport=SIZES[size], has_touch=size == "phone")
    watched = Watched(context.new_page())
    page = watched.page
    page.goto(f"{view.format(episode=site.episode)}?lang={language}&theme={theme}")
    expect(page.locator("h1").first).to_be_visible()
    settle(page)
    if SCREENS:
        name = view.strip("/").replace("/", "-").replace("{episode}", "hand")
        page.screenshot(path=Path(SCREENS) / f"{name}-{language}-{theme}-{size}.png", full_page=size == "phone")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    found = Axe().run(page)
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found.response["violations"]] == []
    assert watched.errors == []
    context.close()
