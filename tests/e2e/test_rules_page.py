"""The tab of rules: how each is doing and why, and limits of one host set and taken back in place."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect, sync_playwright

from .conftest import Far
from .program import Program, wait_until
from .test_page import ARGUMENTS, CHROMIUM, SCREENS, SIZES, Site, Watched

pytestmark = [pytest.mark.e2e, pytest.mark.engine("chromium")]

UNIT = {"unit": "ratio"}
RULES = [
    {
        "name": "disk fills",
        "expr": "sum by (host) (disk_used)",
        "warning": ">= 0.8",
        "critical": ">= 0.9",
        "clear": "< 0.75",
        **UNIT,
    },
    {"name": "cannot be asked", "expr": "disk_used / on (host) disk_pairs", "warning": "> 1"},
    {"name": "as in Prometheus", "expr": "disk_used > 2", "severity": "warning"},
    {"name": "quiet", "expr": "disk_used", "critical": "> 2", "for": "5m"},
]
RULE = "/rules?rule=disk+fills&lang=en"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Three hosts, of which one is past its warning; a rule that fails; a limit that the file sets apart."""
    folder = tmp_path_factory.mktemp("rules") / "site"
    folder.mkdir()
    written = {
        "listen": "127.0.0.1:${PORT}",
        "rules": RULES,
        "groups": {"databases": ["db-.*"]},
        "thresholds": [{"rule": "disk fills", "host": "db-9", "critical": ">= 0.99"}],
    }
    (folder / "gwanje.yaml").write_text(yaml.safe_dump(written), encoding="utf-8")
    with running(folder, _lines) as site:
        wait_until(lambda: _counts(site) == {"warning": 1, "good": 2}, 60, "the rule to see its hosts")
        yield site


@contextmanager
def running(folder: Path, lines: Callable[[], str]) -> Iterator[Site]:
    """The program on a folder, with samples of now stored by its door for JSON lines, and a browser signed in."""
    far = Far()
    program = Program(folder)
    key = program.key("ingest")
    try:
        program.start()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            site = Site(program, far, browser)
            site.make_the_first_user()

            def measure() -> None:
                headers = {"Authorization": f"Bearer {key}"}
                answer = httpx.post(f"{program.url}/api/v1/import", content=lines(), headers=headers, timeout=30)
                assert answer.is_success, answer.text

            site.measure = measure
            site.measure()
            yield site
            browser.close()
    finally:
        program.end()
        far.close()


def _lines() -> str:
    """What the hosts use of their disks, and two disks where a rule expects one."""
    used = [({"__name__": "disk_used", "host": host}, value) for host, value in (("db-1", 0.85), ("db-2", 0.5), ("web-1", 0.4))]
    pairs = [({"__name__": "disk_pairs", "host": "db-1", "disk": disk}, 1.0) for disk in "ab"]
    at = round(time.time() * 1000)
    return "".join(
        json.dumps({"metric": metric, "values": [value], "timestamps": [at]}) + "\n" for metric, value in (*used, *pairs)
    )


def _counts(site: Site) -> dict[str, int]:
    rules = site.program.get("/api/v1/judging")["rules"]
    last = next(one for one in rules if one["name"] == "disk fills")["last"]
    return dict(last["counts"]) if last else {}


def _page(site: Site, where: str, size: str = "wide") -> Page:
    page = site.context(viewport=SIZES[size], has_touch=size == "phone", locale="en-US").new_page()
    page.goto(where)
    return page


def test_the_rule_that_fails_stands_first_and_says_why(site: Site) -> None:
    page = _page(site, "/rules?lang=en")
    rows = page.locator(".g-rules > li")
    expect(rows.nth(0)).to_contain_text("cannot be asked")
    expect(rows.nth(0)).to_contain_text("failing: ")
    expect(rows.nth(1)).to_contain_text("disk fills")
    expect(rows.nth(1)).to_contain_text("warning 1")
    expect(page.get_by_text(re.compile("in the file|stands in the file"))).to_be_visible()


@pytest.mark.parametrize("size", SIZES)
def test_a_limit_is_set_for_a_host_in_place_counts_at_once_and_is_removed(site: Site, size: str) -> None:
    page = _page(site, RULE, size)
    row = page.locator(".g-why > li").filter(has_text="db-1")
    row.get_by_role("button", name="Set limit").click()
    expect(page.get_by_label("Name")).to_have_value("db-1")
    expect(page.get_by_text("Counts there now")).to_be_visible()
    page.get_by_label("Critical", exact=True).fill("0.82")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("is not a condition")
    page.get_by_label("Critical", exact=True).fill(">= 0.82")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text(re.compile("saved for host db-1"))).to_be_visible()
    expect(row).to_contain_text("≥ 82.0 % (set for host db-1)")
    wait_until(lambda: _counts(site) == {"critical": 1, "good": 2}, 60, "the limit to count")
    page.locator(".g-why > li").filter(has_text="web-1").get_by_role("button", name="Set limit").click()
    expect(page.get_by_label("Critical", exact=True)).to_have_value("")  # what was filled in is of db-1
    apart = page.locator(".g-apart > li").filter(has_text="db-1")
    expect(apart).to_contain_text("by kim")
    apart.get_by_role("button", name="Remove").click()
    expect(apart).to_have_count(0)
    wait_until(lambda: _counts(site) == {"warning": 1, "good": 2}, 60, "the rule's own limit to count again")


def test_a_group_of_hosts_is_chosen_from_those_that_are_known(site: Site) -> None:
    page = _page(site, RULE)
    page.get_by_label("For").select_option("group")
    page.get_by_label("Name").select_option("databases")
    page.get_by_label("Warning", exact=True).fill(">= 0.86")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".g-apart")).to_contain_text("databases")
    wait_until(lambda: _counts(site) == {"between": 1, "good": 2}, 60, "the group's limit to count")
    page.locator(".g-apart > li").filter(has_text="databases").get_by_role("button", name="Remove").click()
    wait_until(lambda: _counts(site) == {"warning": 1, "good": 2}, 60, "the rule's own limit to count again")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("language", "theme"), [("ko", "light"), ("en", "dark")])
@pytest.mark.parametrize("view", ["/rules?", "/rules?rule=disk+fills&"])
def test_views_of_rules_are_whole_in_both_languages_on_both_screens(
    site: Site, view: str, language: str, theme: str, size: str
) -> None:
    context = site.context(viewport=SIZES[size], has_touch=size == "phone")
    watched = Watched(context.new_page())
    page = watched.page
    page.goto(f"{view}lang={language}&theme={theme}")
    expect(page.locator(".g-apart")).to_be_visible()
    if "rule=" in view:
        expect(page.locator(".g-why")).to_be_visible()
    if SCREENS and "rule=" in view:
        page.locator(".g-why button").first.click()
        expect(page.locator(".form .limits")).to_be_visible()
    if SCREENS:
        name = "rule" if "rule=" in view else "rules"
        page.screenshot(path=Path(SCREENS) / f"{name}-{language}-{theme}-{size}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    found: Any = Axe().run(page)
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found.response["violations"]] == []
    assert watched.errors == []
    context.close()
