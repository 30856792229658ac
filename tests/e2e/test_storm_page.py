"""The page while thousands of alerts fire, and the limits of a machine edited in place."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from gwanje.model import Sample
from gwanje.wire.remote_write.encode import HEADERS, encode

from .conftest import Far
from .program import Program, wait_until
from .test_page import SCREENS, SIZES, Site, Watched, browsed

pytestmark = [pytest.mark.e2e, pytest.mark.engine("chromium")]

MANY = 2000
RULES = [
    {"name": "disk fills", "expr": "disk_used", "warning": ">= 0.8", "critical": ">= 0.95", "unit": "ratio"},
    {"name": "memory high", "expr": "memory_used", "critical": ">= 0.9", "unit": "ratio"},
    {"name": "load high", "expr": "sum by (host) (node_load1)", "warning": ">= 500", "critical": ">= 1000"},
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two thousand full disks, ten of them critical, and a database whose memory is full."""
    folder = tmp_path_factory.mktemp("storm") / "site"
    folder.mkdir()
    (folder / "gwanje.yaml").write_text(yaml.safe_dump({"listen": "127.0.0.1:${PORT}", "rules": RULES}), encoding="utf-8")
    program = Program(folder)
    key = program.key("ingest")
    with browsed(program, Far()) as site:

        def measure() -> None:
            headers = {**HEADERS, "Authorization": f"Bearer {key}"}
            answer = httpx.post(f"{program.url}/api/v1/write", content=encode(_samples()).body, headers=headers, timeout=30)
            assert answer.is_success, answer.text

        site.measure = measure
        site.measure()
        wait_until(lambda: _tally(site) == (11, MANY - 10), 60, "the alerts")
        site.host = program.get("/api/v1/overview")["hosts"][0]["host"]
        yield site


def _samples() -> list[Sample]:
    at_ms = round(time.time() * 1000)
    used = [Sample("disk_used", {"host": f"web-{n:04d}"}, 0.96 if n % 200 == 7 else 0.85, at_ms) for n in range(MANY)]
    return [*used, Sample("memory_used", {"host": "db-1"}, 0.93, at_ms)]


def _tally(site: Site) -> tuple[int, int]:
    found = site.program.get("/api/v1/standing")["tally"]
    return found["critical"], found["warning"]


def _page(site: Site, where: str, size: str = "wide") -> Page:
    page = site.context(viewport=SIZES[size], has_touch=size == "phone", locale="en-US").new_page()
    page.goto(where)
    return page


def _listed(page: Page) -> Locator:
    return page.locator("ol.alerts").last.locator("> li")


@pytest.mark.parametrize("size", SIZES)
def test_the_first_screen_says_thousands_of_alerts_in_one_line_and_hides_no_other(site: Site, size: str) -> None:
    page = _page(site, "/?lang=en", size)
    rows = page.locator("ol.alerts > li")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text(re.compile(r"2,000 alerts\W+disk fills\s+critical 10\s+warning 1,990"))
    expect(rows.nth(1)).to_contain_text(re.compile(r"db-1\W+memory high"))
    rows.nth(0).get_by_role("link", name=re.compile("2,000 alerts")).click()
    expect(page).to_have_url(re.compile(r"/alerts\?rule=disk\+fills"))
    expect(_listed(page)).to_have_count(50)


def test_the_list_is_paged_and_filtered_by_the_server_and_the_address_holds_it(site: Site) -> None:
    page = _page(site, "/alerts?lang=en")
    expect(_listed(page)).to_have_count(50)
    expect(page.get_by_text(re.compile("^1.50 of 2,001"))).to_be_visible()
    first = _listed(page).first.locator("a").first.get_attribute("href")
    page.get_by_role("button", name="Next", exact=True).click()
    expect(page.get_by_text(re.compile("^51.100 of 2,001"))).to_be_visible()
    page.go_back()
    expect(page.get_by_text(re.compile("^1.50 of 2,001"))).to_be_visible()
    expect(_listed(page).first.locator("a").first).to_have_attribute("href", str(first))
    page.get_by_role("button", name=re.compile("critical")).click()
    expect(page.get_by_role("button", name=re.compile("critical 11"))).to_have_attribute("aria-pressed", "true")
    expect(_listed(page)).to_have_count(11)
    page.get_by_label("Find in rule, host and labels").fill("WEB-0207")
    expect(_listed(page)).to_have_count(1)
    expect(page).to_have_url(re.compile(r"severity=critical&text=WEB-0207"))
    page.reload()
    expect(_listed(page)).to_have_text([re.compile("web-0207")])


@pytest.mark.parametrize("size", SIZES)
def test_by_host_the_worst_hosts_are_told_with_their_counts_and_on_a_phone_their_alerts_wait_to_be_opened(
    site: Site, size: str
) -> None:
    page = _page(site, "/alerts?lang=en&theme=dark", size)
    page.get_by_role("button", name="By host").click()
    expect(page).to_have_url(re.compile(r"by=host"))
    expect(page.get_by_role("heading", name="2,001 alerts on 2,001 hosts")).to_be_visible()
    hosts = page.locator("details.of-host")
    expect(hosts).to_have_count(50)
    expect(hosts.first.locator("summary")).to_contain_text(re.compile(r"db-1\s+critical 1"))
    row = hosts.first.locator("ol.alerts > li")
    expect(row).to_have_count(1)
    if size == "phone":
        expect(row).to_be_hidden()
        hosts.first.locator("summary").click()
    expect(row).to_contain_text("memory high")
    expect(page.get_by_text("1,951 more hosts")).to_be_visible()
    found: Any = Axe().run(page)
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found.response["violations"]] == []
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text(re.compile(r"51.100 of 2,001 1,901 more hosts"))).to_be_visible()
    expect(page.get_by_role("heading", name="2,001 alerts on 2,001 hosts")).to_be_visible()
    expect(hosts).to_have_count(50)
    expect(hosts.filter(has_text="db-1")).to_have_count(0)
    page.go_back()
    expect(hosts.first.locator("summary")).to_contain_text("db-1")


def test_many_are_taken_over_at_once_and_how_many_is_said_before(site: Site) -> None:
    page = _page(site, "/alerts?lang=en&rule=disk+fills&severity=critical")
    page.get_by_role("button", name="All at once").click()
    matchers = page.get_by_label("What", exact=True)
    expect(matchers).to_have_value('rule="disk fills", severity="critical"')
    expect(page.get_by_text("Takes 10 alerts now: disk fills 10")).to_be_visible()
    matchers.fill("host=web")
    expect(page.get_by_text("cannot be read")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("I have these"))).to_be_disabled()
    matchers.fill('host=~"web-0[0-3].7", severity="critical"')
    page.get_by_role("button", name="I have these 2", exact=True).click()
    expect(page.get_by_text("2 alerts are yours")).to_be_visible()
    expect(page.locator("header.top")).to_contain_text("acknowledged 2")
    expect(_listed(page).filter(has_text="kim has it")).to_have_count(2)


def test_a_machines_limit_is_edited_in_place_and_taken_back(site: Site) -> None:
    page = _page(site, f"/machines/{site.host}?lang=en")
    row = page.locator(".g-limits > li").filter(has_text="load high")
    expect(row).to_contain_text(re.compile(r"Warning\s+≥ 500\s+rule"))
    row.get_by_role("button", name="Edit limits of load high").click()
    row.get_by_label("Warning").fill("400")
    row.get_by_role("button", name="Save").click()
    expect(row.get_by_role("alert")).to_contain_text("is not a condition")
    row.get_by_label("Warning").fill(">= 400")
    row.get_by_role("button", name="Save").click()
    expect(row).to_contain_text(re.compile(rf"Warning\s+≥ 400\s+Host {re.escape(site.host)}", re.IGNORECASE))
    expect(row).to_contain_text(re.compile(r"Critical\s+≥ 1,000\s+rule"))
    row.get_by_role("button", name="Edit limits of load high").click()
    expect(row.get_by_label("Warning")).to_have_value(">= 400")
    row.get_by_role("button", name="Take back").click()
    expect(row).to_contain_text(re.compile(r"Warning\s+≥ 500\s+rule"))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("language", "theme"), [("ko", "light"), ("en", "dark")])
@pytest.mark.parametrize("view", ["/", "/alerts", "/alerts?severity=critical", "/machines/{host}"])
def test_views_of_a_storm_are_whole_in_both_languages_on_both_screens(
    site: Site, view: str, language: str, theme: str, size: str
) -> None:
    context = site.context(viewport=SIZES[size], has_touch=size == "phone")
    watched = Watched(context.new_page())
    page = watched.page
    path = view.format(host=site.host)
    page.goto(f"{path}{'&' if '?' in path else '?'}lang={language}&theme={theme}")
    expect(page.locator(".g-limits > li" if "machines" in view else "ol.alerts > li").first).to_be_visible()
    if view == "/alerts?severity=critical":
        page.locator(".filters button[aria-expanded]").click()
        expect(page.locator(".many-form [role=status]")).to_contain_text("11")
    if "machines" in view:
        page.locator(".g-limits button").first.click()
        expect(page.locator(".edit-limit")).to_be_visible()
    if SCREENS:
        name = "storm" + re.sub(r"\W+", "-", view).rstrip("-")
        page.screenshot(path=Path(SCREENS) / f"{name}-{language}-{theme}-{size}.png", full_page="machines" in view)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    found: Any = Axe().run(page)
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found.response["violations"]] == []
    assert watched.errors == []
    context.close()
