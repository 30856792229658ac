"""Who is told is set up on the page: a receiver with a secret, a route to it, a rota and a window."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from .editors import visit, yaml_side
from .test_page import SCREENS, SIZES, Site, Watched
from .test_rules_page import running

pytestmark = [pytest.mark.e2e, pytest.mark.engine("chromium")]

RULES = [{"name": "heat", "expr": "heat", "critical": "> 90"}]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A host that is too hot, and nobody who is told."""
    folder = tmp_path_factory.mktemp("settings") / "site"
    folder.mkdir()
    office = {"name": "office", "zone": "Asia/Seoul", "days": "mon-fri"}
    written = {"listen": "127.0.0.1:${PORT}", "rules": RULES, "page_reaches": ["127.0.0.0/8"], "windows": [office]}
    (folder / "gwanje.yaml").write_text(yaml.safe_dump(written), encoding="utf-8")
    with running(folder, _lines) as site:
        yield site


def _lines() -> str:
    at = round(time.time() * 1000)
    return json.dumps({"metric": {"__name__": "heat", "host": "web-1"}, "values": [95], "timestamps": [at]}) + "\n"


def test_a_receiver_is_made_tested_told_and_not_removed_while_a_route_names_it(site: Site) -> None:
    page = visit(site, "/silences?lang=en")
    page.get_by_role("link", name="+ Receiver").click()
    page.get_by_label("Name", exact=True).fill("my slack")
    expect(page.get_by_text("is needed").first).to_be_visible()
    expect(page.get_by_role("button", name="Save setting")).to_be_disabled()
    page.get_by_label("Address", exact=True).fill(site.far.slack.webhook)
    expect(yaml_side(page)).to_have_value(re.compile("type: slack\nurl: http"))
    page.get_by_role("button", name="Save setting").click()
    expect(page.get_by_label("Address", exact=True)).to_have_value("***")
    expect(yaml_side(page)).to_have_value(re.compile(r"url: '\*\*\*'"))
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_text("arrived")).to_be_visible()

    page.goto("/silences?kind=route&fresh=1&lang=en")
    page.get_by_label("Name", exact=True).fill("everything")
    page.get_by_label("Receiver", exact=True).fill("nobody")
    expect(page.get_by_text("no receiver named 'nobody'").first).to_be_visible()
    page.get_by_label("Receiver", exact=True).fill("my slack")
    page.get_by_role("button", name="Save setting").click()
    expect(page.locator(".g-settings")).to_contain_text("everything")
    assert "heat" in str(site.far.do(site.far.slack.wait_for(2, 30))[1].body)

    page.goto("/silences?kind=receiver&edit=my+slack&lang=en")
    expect(page.get_by_text("everything names it")).to_be_visible()
    page.goto("/silences?kind=route&edit=everything&lang=en")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Yes, delete").click()
    expect(page.locator(".g-settings")).not_to_contain_text("everything")


def test_a_rota_and_a_window_say_what_is_ahead_before_they_are_kept(site: Site) -> None:
    page = visit(site, "/silences?kind=rota&fresh=1&lang=en")
    page.get_by_label("Name", exact=True).fill("nights")
    page.get_by_label("First day of duty").fill("2026-01-05")
    page.get_by_label(re.compile("^People")).fill("kim, nobody\nlee, nobody")
    page.get_by_label(re.compile("^People")).blur()
    expect(page.get_by_text("no receiver named 'nobody'").first).to_be_visible()
    page.goto("/silences?kind=window&fresh=1&lang=en")
    page.get_by_label("Name", exact=True).fill("nights")
    expect(page.locator(".g-ahead > li")).to_have_count(12)
    expect(page.locator(".g-ahead")).to_contain_text(" 22:00")
    page.get_by_label("From", exact=True).fill("25:00")
    expect(page.locator(".wrong")).to_contain_text("is no time of day")
    page.get_by_label("From", exact=True).fill("21:00")
    expect(page.locator(".g-ahead")).to_contain_text(" 21:00")
    page.get_by_role("button", name="Save setting").click()
    expect(page.locator(".g-settings")).to_contain_text("nights")
    expect(page.locator(".calendar")).to_contain_text("nights")


def test_what_stands_in_the_file_is_shown_and_a_setting_of_the_page_has_another_name_and_leaves_as_yaml(site: Site) -> None:
    page = visit(site, "/silences?lang=en")
    row = page.locator(".g-settings > li").filter(has_text="office")
    expect(row).to_contain_text("gwanje.yaml:")
    row.get_by_role("link").click()
    expect(page.get_by_text("and is changed there")).to_be_visible()
    expect(yaml_side(page)).to_have_value(re.compile("days: mon-fri"))
    expect(page.locator(".g-ahead > li").first).to_be_visible()
    expect(page.get_by_label("Zone (IANA)")).to_be_disabled()
    expect(page.get_by_role("button", name="Save setting")).to_have_count(0)

    page.goto("/silences?kind=window&fresh=1&lang=en")
    page.get_by_label("Name", exact=True).fill("evenings")
    page.get_by_role("button", name="Save setting").click()
    page.goto("/silences?kind=window&edit=evenings&lang=en")
    page.get_by_label("Name", exact=True).fill("late")
    expect(page.get_by_text("Its name changes")).to_be_visible()
    page.get_by_role("button", name="Save setting").click()
    expect(page.locator("#editor-title")).to_have_text("late")
    expect(page.locator(".g-settings")).not_to_contain_text("evenings")
    with page.expect_download() as begun:
        page.locator("section").filter(has=page.locator(".g-settings")).get_by_role("link", name="Download as YAML").click()
    assert "windows:\n- name: late" in begun.value.path().read_text(encoding="utf-8")


@pytest.mark.parametrize(("language", "theme", "size"), [("ko", "light", "phone"), ("en", "dark", "wide")])
@pytest.mark.parametrize("kind", ["receiver", "rota"])
def test_the_editor_is_whole_in_both_languages_on_both_screens(
    site: Site, kind: str, language: str, theme: str, size: str
) -> None:
    watched = Watched(site.context(viewport=SIZES[size], has_touch=size == "phone").new_page())
    page = watched.page
    page.goto(f"/silences?kind={kind}&fresh=1&lang={language}&theme={theme}")
    text = page.locator(".yaml textarea")
    text.fill("name: x\ncolour: red\n")
    expect(page.locator(".yaml .c-crit").first).to_be_visible()
    if kind == "receiver":
        text.fill("name: x\ntype: telegram\nbot_token: secret\nchat_id: '1'\n")
        expect(page.locator(".fields input[name=chat_id]")).to_have_value("1")
    if SCREENS:
        page.screenshot(path=Path(SCREENS) / f"setting-{kind}-{language}-{theme}-{size}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    found: Any = Axe().run(page)
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found.response["violations"]] == []
    assert watched.errors == []
