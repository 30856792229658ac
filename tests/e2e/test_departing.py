"""Before a planned stop, a person says on the machine's page that it goes away, and takes that back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from .conftest import Far
from .program import Program, command, wait_until
from .test_page import SCREENS, SIZES, Site, browsed

pytestmark = [pytest.mark.e2e, pytest.mark.engine("chromium")]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A program whose agent has told of its own host."""
    far = Far()
    with browsed(Program(tmp_path_factory.mktemp("departing") / "site", TARGET_URL=far.site.url), far) as site:
        found = wait_until(lambda: site.program.get("/api/v1/overview")["hosts"], 60, "the host")
        site.host = found[0]["host"]
        yield site


def _said(site: Site) -> list[dict[str, Any]]:
    return list(site.program.get("/api/v1/departures", host=site.host)["departures"])


def _page(site: Site, size: str, language: str) -> Page:
    page = site.context(viewport=SIZES[size], has_touch=size == "phone", locale="en-US").new_page()
    page.goto(f"/machines/{site.host}?lang={language}")
    return page


@pytest.mark.parametrize(
    ("size", "language", "depart", "why", "end", "said", "back"),
    [
        pytest.param("wide", "en", "Goes away", "Reason", "4 h", "away until", "It is back", id="for a time, in English"),
        pytest.param("phone", "ko", "자리 비움", "이유", "없앰", "에 없앰", "돌아옴", id="removed, in Korean on a phone"),
    ],
)
def test_n5_a_person_says_that_a_machine_goes_away(  # noqa: PLR0917 - the columns of the table
    site: Site, size: str, language: str, depart: str, why: str, end: str, said: str, back: str
) -> None:
    page = _page(site, size, language)
    page.get_by_role("button", name=depart, exact=True).click()
    form = page.get_by_role("dialog", name=f"{depart} {site.host}")
    form.get_by_label(why).fill("new memory")
    form.get_by_role("button", name=end, exact=True).click()
    if SCREENS:
        page.screenshot(path=Path(SCREENS) / f"departing-{size}.png")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert [one["id"] for one in Axe().run(page).response["violations"]] == []
    form.get_by_role("button", name=depart, exact=True).click()
    expect(page.locator(".note")).to_contain_text(said)
    expect(page.locator(".note")).to_contain_text("new memory")
    if SCREENS:
        page.screenshot(path=Path(SCREENS) / f"departed-{size}.png")
    assert [(one["name"], one["by"], one["removed"]) for one in _said(site)] == [(site.host, "kim", end == "없앰")]
    (shown,) = site.program.get("/api/v1/overview")["hosts"]
    assert (shown["state"] == "away") is (end != "없앰"), "what was removed and goes on speaking is back"
    page.get_by_role("button", name=back).click()
    expect(page.locator(".note")).to_have_count(0)
    assert _said(site) == []


def test_n5_a_person_says_it_by_a_command(site: Site) -> None:
    away = ("depart", site.host, site.program.folder, "--for", "2h", "--because", "reboot")
    assert command(*map(str, away), env=site.program.env).returncode == 0
    assert [(one["by"], one["why"]) for one in _said(site)] == [("this machine", "reboot")]
    back = ("depart", site.host, site.program.folder, "--back")
    assert command(*map(str, back), env=site.program.env).returncode == 0
    assert _said(site) == []
