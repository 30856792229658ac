"""The page in a real browser against the real server."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from gwanje.testing.web import Behaviour

from .conftest import Far
from .program import PASSWORD, Program, command, wait_until
from .settling import settle

pytestmark = [pytest.mark.e2e, pytest.mark.engine("chromium")]

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIZES = {"wide": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}
SCREENS = os.environ.get("GWANJE_SCREENS", "")
"""A folder in which the screenshots are kept, to be looked at."""


class Site:
    """A program that has seen some trouble, and a browser whose user is signed in."""

    def __init__(self, program: Program, far: Far, browser: Browser) -> None:
        self.program = program
        self.far = far
        self.browser = browser
        self.signed_in: Any = None
        self.host = ""
        self.episode = ""
        self.measure: Callable[[], None] = lambda: None
        """Sends what is measured now; nothing where the program measures by itself."""

    def context(self, **settings: Any) -> BrowserContext:
        settings = {"reduced_motion": "reduce", **settings}  # half-way through a change of colour axe finds too little contrast
        return self.browser.new_context(base_url=self.program.url, storage_state=self.signed_in, **settings)

    def make_the_first_user(self) -> None:
        """By the one-time link, as a person does."""
        context = self.browser.new_context(base_url=self.program.url, locale="en-US")
        page = context.new_page()
        page.goto(f"/welcome?token={self.program.token()}&lang=en")
        page.get_by_label("Name", exact=True).fill("kim")
        page.get_by_label(re.compile("^Password · ")).fill(PASSWORD)
        page.get_by_label("Password once more").fill(PASSWORD)
        page.get_by_role("button", name="Create and sign in").click()
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        self.signed_in = context.storage_state()
        self.program.sign_in("kim")
        context.close()

    def live_through_trouble(self) -> None:
        """One alert that is over and one that fires."""
        for _ in range(3):
            self.program.post("/collect")
        wait_until(lambda: self._episodes("open"), 60, "the alert")
        self.far.site.behaviour = Behaviour()
        for _ in range(40):
            self.program.post("/collect")
        self.episode = wait_until(lambda: self._episodes("ended"), 60, "its end")[0]["id"]
        self.far.site.behaviour = Behaviour(fail_every=1)
        for _ in range(40):
            self.program.post("/collect")
        wait_until(lambda: self._episodes("open"), 60, "the second alert")
        self.host = self.program.get("/api/v1/overview")["hosts"][0]["host"]

    def _episodes(self, state: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.program.get("/api/v1/episodes", state=state, rule="fail rate high")["episodes"]
        return [one for one in found if one["state"] in {"firing", "resolved"}]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    far = Far()
    far.site.behaviour = Behaviour(fail_every=1)
    program = Program(
        tmp_path_factory.mktemp("page") / "site",
        TARGET_URL=far.site.url,
        SLACK_WEBHOOK_URL=far.slack.webhook,
        GWANJE_ROUTES__GROUP_INTERVAL="1s",
    )
    program.start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        site = Site(program, far, browser)
        site.make_the_first_user()
        site.live_through_trouble()
        yield site
        browser.close()
    program.end()
    far.close()


@contextmanager
def browsed(program: Program, far: Far) -> Iterator[Site]:
    """Start a program, and a browser whose user is signed in; both are ended after the block."""
    try:
        program.start()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            site = Site(program, far, browser)
            site.make_the_first_user()
            yield site
            browser.close()
    finally:
        program.end()
        far.close()


class Watched:
    """A page that notes every error of the browser's console."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))


VIEWS = {
    "sign-in": "",
    "overview": "/",
    "machines": "/machines",
    "machine": "/machines/{host}",
    "alerts": "/alerts",
    "history": "/alerts?state=ended",
    "alert": "/alerts/{episode}",
    "collection": "/collection",
    "fetches": "/fetches",
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("language", "theme"), [("ko", "light"), ("en", "dark")])
@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_whole_in_both_languages_on_both_screens(
    site: Site, view: str, language: str, theme: str, size: str
) -> None:
    """No error in the console, nothing wider than the screen, and axe finds nothing."""
    where = VIEWS[view].format(host=site.host, episode=site.episode)
    settings: dict[str, Any] = {"viewport": SIZES[size], "has_touch": size == "phone", "reduced_motion": "reduce"}
    context = site.browser.new_context(base_url=site.program.url, **settings) if view == "sign-in" else site.context(**settings)
    watched = Watched(context.new_page())
    page = watched.page
    page.goto(f"{where or '/'}{'&' if '?' in where else '?'}lang={language}&theme={theme}")
    expect(page.locator("html")).to_have_attribute("lang", language)
    expect(page.locator("h1").first).to_be_visible()
    settle(page)
    if SCREENS:
        page.screenshot(path=Path(SCREENS) / f"{view}-{language}-{theme}-{size}.png", full_page=size == "phone")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    found = Axe().run(page)
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found.response["violations"]] == []
    assert [error for error in watched.errors if not (view == "sign-in" and "401" in error)] == []
    context.close()


def test_an_alert_appears_on_the_open_page_without_a_reload(site: Site) -> None:
    site.far.site.behaviour = Behaviour()
    for _ in range(400):
        site.program.post("/collect")
    wait_until(lambda: not site._episodes("open"), 60, "all is well")
    context = site.context(locale="en-US")
    page = context.new_page()
    page.goto("/?lang=en")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    expect(page.locator("main")).not_to_contain_text("fail rate high")
    site.far.site.behaviour = Behaviour(fail_every=1)
    for _ in range(120):
        site.program.post("/collect")
    expect(page.locator("main")).to_contain_text("fail rate high")
    context.close()


def test_run_now_adds_a_fetch_to_the_log(site: Site) -> None:
    site.far.site.behaviour = Behaviour()
    context = site.context(locale="en-US")
    page = context.new_page()
    page.goto("/collection?lang=en")
    page.get_by_role("button", name="Run now").first.click()
    expect(page.get_by_text(re.compile("collect succeeded"))).to_be_visible()
    assert site.program.get("/api/v1/fetches")["fetches"][0]["trigger"] == "page"
    context.close()


def test_the_address_holds_the_view_and_the_back_button_goes_back(site: Site) -> None:
    context = site.context(locale="en-US", viewport=SIZES["wide"])
    page = context.new_page()
    page.goto("/?lang=en")
    page.get_by_role("link", name="Machines").first.click()
    expect(page).to_have_url(re.compile("/machines"))
    page.get_by_role("link", name=site.host).first.click()
    expect(page).to_have_url(re.compile(f"/machines/{site.host}"))
    page.get_by_text("6 h", exact=True).first.click()
    expect(page).to_have_url(re.compile("6h"))
    page.reload()
    expect(page).to_have_url(re.compile("6h"))
    page.go_back()
    page.go_back()
    expect(page).to_have_url(re.compile("/machines(\\?|$)"))
    context.close()


def test_the_apis_documentation_brings_its_scripts_with_it(site: Site) -> None:
    context = site.context(locale="en-US")
    watched = Watched(context.new_page())
    page = watched.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/api/docs")
    expect(page.get_by_text("/api/v1/query_range").first).to_be_visible()
    page.wait_for_timeout(500)
    if SCREENS:
        page.screenshot(path=Path(SCREENS) / "api-docs.png")
    assert [url for url in asked if not url.startswith((site.program.url, "data:"))] == []
    assert watched.errors == []
    context.close()


def test_a_viewer_sees_and_runs_nothing(site: Site) -> None:
    made = command(
        "user", "create", site.program.folder, "--name", "lee", "--role", "viewer", stdin=f"{PASSWORD}\n", env=site.program.env
    )
    assert made.returncode == 0, made.stderr
    context = site.browser.new_context(base_url=site.program.url, locale="en-US")
    page = context.new_page()
    page.goto("/collection?lang=en")
    page.get_by_label("Name").fill("lee")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Collection").first).to_be_visible()
    expect(page.get_by_text("Only an operator can run it.").first).to_be_visible()
    assert page.get_by_role("button", name="Run now").count() == 0
    context.close()


def test_the_page_says_that_it_is_stale_and_recovers_by_itself(site: Site) -> None:
    """The process is killed under an open page and started again."""
    context = site.context(locale="en-US")
    page = context.new_page()
    page.goto("/?lang=en")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    site.program.kill()
    expect(page.get_by_text(re.compile("Connection lost")).first).to_be_visible()
    site.program.start()
    expect(page.get_by_text(re.compile("Connection lost")).first).to_be_hidden()
    context.close()
