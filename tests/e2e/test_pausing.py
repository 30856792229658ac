"""A pipeline fails at night: a person pauses it on the page, its alert ends as expected, and it goes on by another press."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect, sync_playwright

from gwanje.testing.web import Behaviour

from .conftest import Far
from .program import Program, command, wait_until
from .settling import settle
from .test_page import ARGUMENTS, CHROMIUM, SCREENS, SIZES, Site, Watched

pytestmark = [pytest.mark.e2e, pytest.mark.engine("chromium")]

HTTP_CONFLICT = 409


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A pipeline that fails each second, and its alert."""
    far = Far()
    far.site.behaviour = Behaviour(fail_every=1)
    program = Program(tmp_path_factory.mktemp("pausing") / "site", TARGET_URL=far.site.url, COLLECT_SCHEDULE="every 1s")
    program.start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        site = Site(program, far, browser)
        site.make_the_first_user()
        wait_until(lambda: [one for one in _alerts(site, "open") if one["state"] == "firing"], 60, "the alert")
        yield site
        browser.close()
    program.end()
    far.close()


def _alerts(site: Site, state: str) -> list[dict[str, Any]]:
    return list(site.program.get("/api/v1/episodes", state=state, rule="fail rate high")["episodes"])


def _pipeline(site: Site) -> dict[str, Any]:
    (pipeline,) = site.program.get("/api/v1/pipelines")["pipelines"]
    assert isinstance(pipeline, dict)
    return pipeline


def _page(site: Site, where: str, size: str = "wide") -> Page:
    page = site.context(viewport=SIZES[size], has_touch=size == "phone", locale="en-US").new_page()
    page.goto(where)
    return page


def _pause(page: Page, why: str, until: str) -> None:
    page.get_by_role("button", name="Pause", exact=True).click()
    form = page.get_by_role("dialog", name="Pause collect")
    form.get_by_label("Reason").fill(why)
    form.get_by_role("button", name=until, exact=True).click()
    if SCREENS:
        page.screenshot(path=Path(SCREENS) / "pausing-phone.png")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert [one["id"] for one in Axe().run(page).response["violations"]] == []
    form.get_by_role("button", name="Pause", exact=True).click()


def test_n5_a_person_pauses_it_and_its_alert_ends_as_expected(site: Site) -> None:
    page = _page(site, "/collection?lang=en", "phone")
    _pause(page, "the site moves", "4 h")
    expect(page.locator(".note")).to_contain_text(re.compile(r"paused by kim until .* because: the site moves"))
    wait_until(lambda: not _alerts(site, "open"), 60, "the alert's end")
    (ended,) = _alerts(site, "ended")
    assert ended["ended_because"] == "departed"
    overview = _page(site, "/?lang=en")
    expect(overview.locator(".g-pipelines")).to_contain_text("paused by kim until")


def test_while_it_is_paused_only_who_means_it_runs_it(site: Site) -> None:
    wait_until(lambda: not _pipeline(site)["running"], 60, "the end of what was under way")
    asked = len(site.far.site.requests)
    assert site.program.post("/collect").status_code == HTTP_CONFLICT
    by_command = command("collect", site.program.folder, env=site.program.env)
    assert by_command.returncode != 0
    assert "collect is paused by kim until" in by_command.stderr
    page = _page(site, "/collection?lang=en")
    page.get_by_role("button", name="Run anyway").click()
    expect(page.get_by_role("alert")).to_contain_text("collect failed")
    assert len(site.far.site.requests) == asked + 1, "no tick became a run"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("language", "theme"), [("ko", "light"), ("en", "dark")])
def test_a_paused_pipeline_and_a_held_size_are_whole_in_both_languages_on_both_screens(
    site: Site, language: str, theme: str, size: str
) -> None:
    said = command("scale", "web", site.program.folder, "--to", "5", "--until", "2h", "--because", "event", env=site.program.env)
    assert "now: held at 5 by this machine until" in said.stdout, said.stderr
    context = site.context(viewport=SIZES[size], has_touch=size == "phone")
    watched = Watched(context.new_page())
    page = watched.page
    for view in ("collection", "silences"):
        page.goto(f"/{view}?lang={language}&theme={theme}")
        expect(page.locator(".note" if view == "collection" else ".g-silences").first).to_be_visible()
        settle(page)
        if SCREENS:
            page.screenshot(path=Path(SCREENS) / f"paused-{view}-{language}-{theme}-{size}.png", full_page=size == "phone")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        found = Axe().run(page)
        assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found.response["violations"]] == []
    assert watched.errors == []
    context.close()


def test_a_held_size_ends_by_a_press(site: Site) -> None:
    page = _page(site, "/silences?lang=en")
    held = page.locator("section", has=page.get_by_role("heading", name="Sizes held"))
    expect(held).to_contain_text("held at 5")
    held.get_by_role("button", name="End", exact=True).click()
    expect(held).to_have_count(0)
    assert site.program.get("/api/v1/scaling/web/hold")["hold"] is None


def test_a_pause_outlives_the_process_and_ends_by_a_press(site: Site) -> None:
    site.far.site.behaviour = Behaviour()
    site.program.kill()
    site.program.start()
    page = _page(site, "/collection?lang=en")
    expect(page.locator(".note")).to_contain_text("the site moves")
    asked = len(site.far.site.requests)
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".note")).to_have_count(0)
    wait_until(lambda: len(site.far.site.requests) > asked, 60, "the next tick")
    assert _pipeline(site)["paused"] is None
