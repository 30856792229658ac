"""Dashboards and Explore in a real browser against the real server."""

from __future__ import annotations

import gzip
import math
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, Route, expect, sync_playwright

from .program import Program, wait_until
from .settling import settle
from .test_page import ARGUMENTS, CHROMIUM, SCREENS, SIZES, Watched

pytestmark = [pytest.mark.e2e, pytest.mark.engine("chromium")]

HOSTS = ("web-1", "web-2", "web-3", "db.1")
BOUNDS = ("0.01", "0.05", "0.1", "0.5", "1", "+Inf")
STEP = 15
SCRIPT_BYTES = 150_000
"""What all scripts of the first view may weigh, compressed."""
QUERIES = re.compile(r"/api/v1/query(_range)?\?")

DASHBOARD = """\
title: {ko: 모든 패널, en: Every panel}
description: {ko: 종류마다 하나씩, en: One of each kind}
tags: [demo]
span: 1h
refresh: 10s
variables:
  - {name: host, title: {ko: 기계, en: Host}, metric: demo_up, label: host, multiple: true, all: true}
  - {name: quantile, title: {ko: 분위, en: Quantile}, options: ["0.5", "0.95"], default: "0.95"}
panels:
  - title: {ko: 가장 바쁜 CPU, en: Busiest CPU}
    kind: stat
    width: 3
    height: 2
    unit: ratio
    thresholds: [{at: 0.8, severity: warning}, {at: 0.9, severity: critical}]
    queries: [{expr: 'max(demo_cpu_ratio{host=~"$host"})', legend: CPU}]
  - title: {ko: 계기, en: Gauge}
    kind: gauge
    width: 3
    height: 2
    unit: ratio
    thresholds: [{at: 0.8, severity: warning}, {at: 0.9, severity: critical}]
    queries: [{expr: 'avg(demo_cpu_ratio{host=~"$host"})', legend: CPU}]
  - title: {ko: 몫, en: Shares}
    kind: donut
    width: 6
    height: 2
    unit: count
    queries: [{expr: 'sum by (host) (increase(demo_requests_total{host=~"$host"}[$__range]))', legend: "{{host}}"}]
  - title: {ko: CPU 곡선, en: CPU curves}
    kind: line
    width: 6
    height: 3
    unit: ratio
    thresholds: [{at: 0.8, severity: warning}, {at: 0.9, severity: critical}]
    queries: [{expr: 'demo_cpu_ratio{host=~"$host"}', legend: "{{host}}"}]
  - title: {ko: 쌓은 요청, en: Requests stacked}
    kind: area
    width: 6
    height: 3
    unit: per_second
    stacked: true
    queries: [{expr: 'sum by (host) (rate(demo_requests_total{host=~"$host"}[$__rate_interval]))', legend: "{{host}}"}]
  - title: {ko: 지연, en: Latency}
    kind: heatmap
    width: 12
    height: 4
    unit: seconds
    queries: [{expr: 'sum by (le) (increase(demo_seconds_bucket[$__rate_interval]))', legend: "{{le}}"}]
  - title: {ko: 막대, en: Bars}
    kind: bar
    width: 4
    height: 3
    unit: ratio
    thresholds: [{at: 0.8, severity: warning}]
    queries: [{expr: 'demo_cpu_ratio{host=~"$host"}', legend: "{{host}}"}]
  - title: {ko: 표, en: Table}
    kind: table
    width: 4
    height: 3
    columns: [{label: host, title: {ko: 기계, en: Host}}]
    queries: [{expr: demo_cpu_ratio, legend: CPU}, {expr: demo_up, legend: Up}]
  - title: {ko: 상태, en: State}
    kind: status
    width: 4
    height: 3
    mappings:
      - {value: 1, text: {ko: 살아 있음, en: alive}, severity: ok}
      - {value: 0, text: {ko: 죽음, en: dead}, severity: critical}
    queries: [{expr: 'demo_up{host=~"$host"}', legend: "{{host}}"}]
  - title: {ko: 빈 것, en: Nothing there}
    kind: line
    width: 6
    height: 2
    queries: [{expr: no_such_metric, legend: ""}]
  - title: {ko: 너무 많음, en: Refused}
    kind: line
    width: 6
    height: 2
    queries: [{expr: 'demo_up * on () group_left () demo_cpu_ratio', legend: ""}]
"""


def samples(begun: int, since: int, until: int) -> str:
    """What was measured after `since`, as lines. db.1 is down and busy in the end, and nobody measured for ten minutes before."""
    lines: list[str] = []
    for at in range(begun, until + 1, STEP):
        step = (at - begun) // STEP
        if at <= since or begun + 1200 < at < begun + 1800:
            continue
        for place, host in enumerate(HOSTS):
            last = host == HOSTS[-1] and at > begun + 2700
            cpu = 0.95 if last else 0.3 + 0.1 * place + 0.1 * math.sin(at / 300)
            lines.append(f"demo_cpu_ratio,host={host} value={cpu:.4f} {at}")
            lines.append(f"demo_up,host={host} value={0 if last else 1} {at}")
            lines.append(f"demo_requests_total,host={host} value={step * 100 * (place + 1)} {at}")
        lines.extend(f"demo_seconds_bucket,le={bound} value={step * 10 * (place + 1)} {at}" for place, bound in enumerate(BOUNDS))
    return "\n".join(lines)


class Boards:
    """A program with an hour of samples and a dashboard of every kind, and a browser whose user is signed in."""

    def __init__(self, program: Program, browser: Browser) -> None:
        self.program = program
        self.browser = browser
        assert program._cookies is not None
        self._cookies: Any = [
            {"name": cookie.name, "value": cookie.value or "", "url": program.url} for cookie in program._cookies.jar
        ]
        self._key = program.key("ingest")
        self._begun = int(time.time()) // STEP * STEP - 3600
        self._known_until = 0

    def measure(self) -> None:
        """Send what was measured since the last time: an hour at first, then what a slow machine has let pass."""
        now = int(time.time())
        lines = samples(self._begun, self._known_until, now)
        self._known_until = now
        sent = httpx.post(
            f"{self.program.url}/write",
            params={"precision": "s"},
            content=lines,
            headers={"Authorization": f"Bearer {self._key}"},
            timeout=60,
        )
        assert sent.is_success, sent.text

    def context(self, size: str = "wide") -> BrowserContext:
        """A new browser window of the user's, with samples up to now."""
        self.measure()
        settings: dict[str, Any] = {"viewport": SIZES[size], "has_touch": size == "phone", "timezone_id": "Asia/Seoul"}
        settings["reduced_motion"] = "reduce"
        context = self.browser.new_context(base_url=self.program.url, **settings)
        context.add_cookies(self._cookies)
        return context

    def open(self, path: str, context: BrowserContext) -> Page:
        page = context.new_page()
        page.goto(path + ("&" if "?" in path else "?") + "lang=en&theme=light")
        return page


@pytest.fixture(scope="module")
def boards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boards]:
    folder = tmp_path_factory.mktemp("dashboards") / "site"
    (folder / "dashboards").mkdir(parents=True)
    (folder / "dashboards" / "demo.yaml").write_text(DASHBOARD, encoding="utf-8")
    program = Program(folder)
    program.start()
    program.first_user()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        expect.set_options()  # for a machine that has other things to do
        yield Boards(program, browser)
        browser.close()
    program.end()


@pytest.fixture
def context(boards: Boards) -> Iterator[BrowserContext]:
    context = boards.context()
    yield context
    context.close()


def panel(page: Page, title: str) -> Locator:
    return page.get_by_role("article", name=title, exact=True)


def asked(request: Request) -> str:
    """The expression of a query; nothing for another request."""
    return parse_qs(urlsplit(request.url).query).get("query", [""])[0] if QUERIES.search(request.url) else ""


def expressions(page: Page) -> list[str]:
    """What the page asks from now on, as it asks it."""
    seen: list[str] = []
    page.on("request", lambda request: seen.append(asked(request)) if asked(request) else None)
    return seen


def waited(page: Page, holds: Callable[[], Any], what: str) -> Any:
    """What becomes true while the browser's events are looked at."""

    def look() -> Any:
        page.wait_for_timeout(50)
        return holds()

    return wait_until(look, 60, what)


VIEWS = {
    "dashboards": "/dashboards",
    "dashboard": "/dashboards/demo",
    "dashboard-full": "/dashboards/demo?full=1&var-host=web-1&var-host=db.1",
    "dashboard-hosts": "/dashboards/hosts",
    "explore": "/explore?expr=demo_cpu_ratio",
    "explore-mistake": "/explore?expr=sum(demo_up",
}


@pytest.mark.parametrize(("language", "theme", "size"), [("ko", "light", "wide"), ("en", "dark", "phone")])
@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_whole_on_both_screens(boards: Boards, view: str, language: str, theme: str, size: str) -> None:
    """No error in the console, nothing wider than the screen, and axe finds nothing."""
    context = boards.context(size)
    watched = Watched(context.new_page())
    page = watched.page
    page.goto(f"{VIEWS[view]}{'&' if '?' in VIEWS[view] else '?'}lang={language}&theme={theme}")
    expect(page.locator("h1").first).to_be_visible()
    page.set_viewport_size({"width": SIZES[size]["width"], "height": 3000})  # all panels are on the screen
    settle(page)
    if SCREENS:
        page.screenshot(path=Path(SCREENS) / f"{view}-{language}-{theme}-{size}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    found = Axe().run(page)
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found.response["violations"]] == []
    # A query that is refused is an error to the browser, and shown as one by the panel.
    assert [error for error in watched.errors if "status of 4" not in error] == []
    context.close()


def test_the_first_view_needs_little_script_and_dashboards_bring_their_own(boards: Boards, context: BrowserContext) -> None:
    scripts: list[str] = []
    page = context.new_page()
    page.on("request", lambda request: scripts.append(request.url) if request.url.endswith(".js") else None)
    page.goto("/?lang=en")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    first = [*scripts]
    assert sum(len(gzip.compress(httpx.get(url).content)) for url in first) < SCRIPT_BYTES
    page.get_by_role("link", name="Dashboards").click()
    expect(page.get_by_role("link", name="Every panel")).to_be_visible()
    assert len(scripts) > len(first)


def test_the_list_leads_to_a_dashboard_and_finds_by_tag(boards: Boards, context: BrowserContext) -> None:
    page = boards.open("/dashboards", context)
    expect(page.get_by_role("link", name="Hosts", exact=True)).to_be_visible()
    page.get_by_role("searchbox").fill("demo")
    expect(page.get_by_role("link", name="Hosts", exact=True)).to_be_hidden()
    page.get_by_role("link", name="Every panel").click()
    expect(page.get_by_role("heading", name="Every panel")).to_be_visible()
    expect(page).to_have_url(re.compile("/dashboards/demo"))


def test_each_panel_says_its_own_state(boards: Boards, context: BrowserContext) -> None:
    page = boards.open("/dashboards/demo", context)
    page.set_viewport_size({"width": 1440, "height": 2400})
    expect(panel(page, "Busiest CPU")).to_contain_text("95.0")
    expect(panel(page, "Busiest CPU").locator(".c-crit")).to_contain_text("critical")
    expect(panel(page, "State").get_by_role("listitem").filter(has_text="db.1")).to_contain_text("dead")
    expect(panel(page, "State").get_by_role("listitem").filter(has_text="web-1")).to_contain_text("alive")
    expect(panel(page, "Nothing there")).to_contain_text("No data in this stretch of time")
    expect(panel(page, "Refused").get_by_role("alert")).to_contain_text("matching")
    expect(panel(page, "CPU curves").locator(".gap")).to_contain_text("missing")


def test_a_drag_over_one_chart_zooms_all_and_the_back_button_leads_out(boards: Boards, context: BrowserContext) -> None:
    page = boards.open("/dashboards/demo", context)
    page.set_viewport_size({"width": 1440, "height": 2400})
    expect(panel(page, "Requests stacked").locator(".lg").first).to_be_visible()
    plot = panel(page, "CPU curves").locator(".u-over")
    box = plot.bounding_box()
    assert box
    asked_before = page.url
    seen = expressions(page)
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 60, steps=4)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"from=\d{13}&to=\d{13}"))
    query = parse_qs(urlsplit(page.url).query)
    assert 1500 < (int(query["to"][0]) - int(query["from"][0])) / 1000 < 2100
    waited(page, lambda: any("demo_requests_total" in one for one in seen), "the other panels ask for the same time")
    page.reload()
    expect(page.get_by_role("button", name=re.compile("^Time: ")).first).to_contain_text(" \u2013 ")
    page.go_back()
    expect(page).to_have_url(asked_before)
    expect(page.get_by_role("button", name="Time: Last 1 h")).to_be_visible()


def test_all_charts_show_the_instant_that_is_pointed_at(boards: Boards, context: BrowserContext) -> None:
    page = boards.open("/dashboards/demo", context)
    page.set_viewport_size({"width": 1440, "height": 2400})
    curves, other = panel(page, "CPU curves"), panel(page, "Requests stacked")
    expect(other.locator(".lg").first).to_be_visible()
    value = curves.get_by_role("button", name=re.compile("^web-1")).locator("b")
    before = value.inner_text()
    curves.locator(".u-over").hover(position={"x": 30, "y": 40})
    expect(value).not_to_have_text(before)
    here, there = (one.locator(".u-cursor-x").bounding_box() for one in (curves, other))
    plots = [one.locator(".u-over").bounding_box() for one in (curves, other)]
    assert here
    assert there
    assert all(plots)
    places = [line["x"] - plot["x"] for line, plot in zip((here, there), plots, strict=True) if plot]
    assert abs(places[0] - places[1]) < 4
    expect(panel(page, "Latency").locator(".cur")).to_be_visible()


def test_the_picker_takes_exact_ends_in_the_viewers_zone(boards: Boards, context: BrowserContext) -> None:
    page = boards.open("/dashboards/demo", context)
    page.get_by_role("button", name="Time: Last 1 h").press("Enter")
    page.get_by_label("from", exact=True).fill("the day before")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_text("Write times as")).to_be_visible()
    page.get_by_label("from", exact=True).fill("2026-03-01 09:00")
    page.get_by_label("to", exact=True).fill("2026-03-01 10:30:00")
    page.get_by_label("to", exact=True).press("Enter")
    expect(page).to_have_url(re.compile("from=1772323200000&to=1772328600000"))  # Seoul is nine hours before UTC
    page.get_by_role("button", name=re.compile("^Time: ")).click()
    page.get_by_role("button", name="6 h", exact=True).click()
    expect(page).to_have_url(re.compile("from=now-6h"))
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_variables_are_chosen_with_the_keyboard_and_stand_in_the_address(boards: Boards, context: BrowserContext) -> None:
    page = boards.open("/dashboards/demo", context)
    seen = expressions(page)
    page.get_by_role("button", name=re.compile("^Host:")).press("Enter")
    page.get_by_role("checkbox", name="db.1").press("Space")
    page.get_by_role("checkbox", name="web-1").press("Space")
    expect(page).to_have_url(re.compile(r"var-host=db\.1&var-host=web-1"))
    waited(page, lambda: 'demo_cpu_ratio{host=~"(db\\\\.1|web-1)"}' in seen, "the curves of the two")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name=re.compile("^Host:"))).to_be_focused()
    expect(panel(page, "CPU curves").locator(".lg")).to_have_count(2)
    page.go_back()
    expect(page.get_by_role("button", name="Host: All")).to_be_visible()
    expect(panel(page, "CPU curves").locator(".lg")).to_have_count(len(HOSTS))
    page.get_by_label("Quantile").select_option("0.5")
    expect(page).to_have_url(re.compile("var-quantile=0.5"))


def test_a_legend_shows_one_line_alone(boards: Boards, context: BrowserContext) -> None:
    page = boards.open("/dashboards/demo", context)
    curves = panel(page, "CPU curves")
    one = curves.get_by_role("button", name=re.compile("^web-2"))
    one.click()
    expect(one).to_have_attribute("aria-pressed", "true")
    expect(curves.get_by_role("img")).to_have_attribute("aria-label", re.compile("^CPU curves: web-2 now [^,]*;"))
    one.click()
    expect(curves.get_by_role("img")).to_have_attribute("aria-label", re.compile("web-3.*web-1"))


def test_a_heatmap_is_read_with_the_arrow_keys(boards: Boards, context: BrowserContext) -> None:
    page = boards.open("/dashboards/demo", context)
    heat = panel(page, "Latency").get_by_role("application")
    heat.focus()
    for key in ["ArrowLeft"] * 12 + ["ArrowUp"]:
        page.keyboard.press(key)
    # Ten more in a bucket every 15 s.
    expect(heat.locator("[aria-live]")).to_have_text(re.compile(r"^10.ms . 50.ms · .* · 40$"))


def test_a_table_is_sorted_by_its_heads(boards: Boards, context: BrowserContext) -> None:
    page = boards.open("/dashboards/demo", context)
    table = panel(page, "Table")
    table.scroll_into_view_if_needed()
    names = table.locator("tbody td:first-child")
    expect(names).to_have_count(len(HOSTS))
    table.get_by_role("button", name="Host").click()
    expect(names).to_have_text(sorted(HOSTS))
    table.get_by_role("button", name="Host").click()
    expect(names).to_have_text(sorted(HOSTS, reverse=True))
    expect(table.locator("[aria-sort=descending]")).to_have_text("Host")


def test_the_query_of_a_panel_opens_in_explore(boards: Boards, context: BrowserContext) -> None:
    page = boards.open("/dashboards/demo?from=now-3h&var-host=web-1", context)
    page.get_by_role("button", name="Look at the query: CPU curves").click()
    expect(page.get_by_role("dialog")).to_contain_text('demo_cpu_ratio{host=~"web-1"}')
    page.get_by_role("link", name="Open in Explore").click()
    expect(page.get_by_role("combobox")).to_have_value('demo_cpu_ratio{host=~"web-1"}')
    expect(page).to_have_url(re.compile("from=now-3h"))
    expect(page.get_by_role("cell", name="web-1")).to_be_visible()


def test_full_screen_hides_the_menu_until_escape(boards: Boards, context: BrowserContext) -> None:
    page = boards.open("/dashboards/demo", context)
    page.get_by_role("button", name="Full screen").click()
    expect(page.get_by_role("navigation", name="Menu")).to_be_hidden()
    expect(page).to_have_url(re.compile("full=1"))
    page.reload()
    expect(page.get_by_role("heading", name="Every panel")).to_be_visible()
    expect(page.get_by_role("navigation", name="Menu")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.get_by_role("navigation", name="Menu")).to_be_visible()
    assert "full" not in page.url


def test_explore_completes_names_and_shows_where_a_mistake_is(boards: Boards, context: BrowserContext) -> None:
    page = boards.open("/explore", context)
    field = page.get_by_role("combobox")
    field.press_sequentially("sum(cpu_rat")
    option = page.get_by_role("option", name="demo_cpu_ratio")
    expect(option).to_be_visible()
    field.press("ArrowDown")
    expect(option).to_have_attribute("aria-selected", "true")
    field.press("Tab")
    expect(field).to_have_value("sum(demo_cpu_ratio")
    field.press("Enter")
    mistake = page.get_by_role("alert")
    expect(mistake).to_contain_text("Mistake at character 19")
    expect(mistake).to_contain_text("unclosed left parenthesis")
    field.press_sequentially(") by (host)")
    field.press("Enter")
    expect(page).to_have_url(re.compile(r"expr=sum%28demo_cpu_ratio%29"))
    expect(page.locator("tbody tr")).to_have_count(len(HOSTS))
    expect(page.locator(".legend li")).to_have_count(len(HOSTS))


def test_only_panels_on_the_screen_ask_and_four_at_once(boards: Boards, context: BrowserContext) -> None:
    page = context.new_page()
    held: list[Route] = []
    page.route(QUERIES, lambda route: held.append(route))  # noqa: PLW0108 -- a built-in method is refused as a handler
    page.set_viewport_size({"width": 1440, "height": 700})
    page.goto("/dashboards/demo?lang=en&refresh=off")
    waited(page, lambda: len(held) == 4, "four questions")
    page.wait_for_timeout(500)
    assert len(held) == 4
    answered: list[str] = []
    while held:
        route = held.pop(0)
        answered.append(asked(route.request))
        route.continue_()
        page.wait_for_timeout(100)
    assert any("demo_cpu_ratio{" in one for one in answered)
    assert not any("no_such_metric" in one for one in answered)
    page.unroute(QUERIES)
    seen = expressions(page)
    panel(page, "Nothing there").scroll_into_view_if_needed()
    waited(page, lambda: "no_such_metric" in seen, "the panel that came to the screen asks")


def test_panels_ask_again_while_somebody_looks(boards: Boards, context: BrowserContext) -> None:
    page = boards.open("/dashboards/demo?refresh=1", context)
    expect(panel(page, "Busiest CPU")).to_contain_text("95.0")
    seen = expressions(page)
    waited(page, lambda: len([one for one in seen if one.startswith("max(demo_cpu_ratio")]) > 2, "two more questions")
    page.evaluate(
        "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )

    def quiet() -> bool:
        seen.clear()
        page.wait_for_timeout(2500)
        return not seen

    wait_until(quiet, 60, "after what was on its way nothing is asked")
    page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    waited(page, lambda: seen, "the tab in front again")


def test_a_slow_answer_is_given_up_for_a_newer_question(boards: Boards, context: BrowserContext) -> None:
    page = boards.open("/dashboards/demo?refresh=off", context)
    expect(panel(page, "CPU curves").locator(".lg")).to_have_count(len(HOSTS))
    given_up: list[str] = []
    page.on("requestfailed", lambda request: given_up.append(asked(request)))
    seen = expressions(page)
    page.route(QUERIES, lambda route: None if "web-1" in asked(route.request) else route.continue_())
    page.get_by_role("button", name=re.compile("^Host:")).click()
    page.get_by_role("checkbox", name="web-1").check()
    waited(page, lambda: any('host=~"web-1"' in one for one in seen), "the first question")
    page.get_by_role("checkbox", name="web-2").check()
    page.get_by_role("checkbox", name="web-1").uncheck()
    waited(page, lambda: any('host=~"web-1"' in one for one in given_up), "the first question is given up")
    expect(panel(page, "CPU curves").locator(".lg")).to_have_count(1)
    expect(panel(page, "CPU curves").locator(".lg")).to_contain_text("web-2")


def test_a_panel_keeps_its_values_and_says_of_when_they_are(boards: Boards, context: BrowserContext) -> None:
    page = boards.open("/dashboards/demo?refresh=1", context)
    first = panel(page, "Busiest CPU")
    expect(first).to_contain_text("95.0")
    refusal = {"status": "error", "errorType": "timeout", "error": "query timed out in expression evaluation"}
    page.route(QUERIES, lambda route: route.fulfill(status=503, json=refusal))
    expect(first.get_by_role("status")).to_contain_text("query timed out")
    expect(first.get_by_role("status")).to_contain_text(re.compile(r"Values of \d\d:\d\d:\d\d"))
    expect(first).to_contain_text("95.0")
    page.unroute(QUERIES)
    expect(first.get_by_role("status")).to_have_count(0)
