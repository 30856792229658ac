"""A rule is made on the page, tried on history, saved, fires, is changed by two people, switched off and deleted."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from .editors import visit, yaml_side
from .program import wait_until
from .test_page import SCREENS, SIZES, Site, Watched
from .test_rules_page import running

pytestmark = [pytest.mark.e2e, pytest.mark.engine("chromium")]

OF_FILES = [{"name": "of the file", "expr": "sum by (host) (disk_used)", "warning": ">= 0.8", "unit": "ratio"}]
NEW = "/rules?fresh=1&lang=en"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two hosts, of which one is past 80 % now and was twice before, and a rule of a file."""
    folder = tmp_path_factory.mktemp("editor") / "site"
    (folder / "rules").mkdir(parents=True)
    (folder / "gwanje.yaml").write_text(yaml.safe_dump({"listen": "127.0.0.1:${PORT}"}), encoding="utf-8")
    (folder / "rules" / "disks.yaml").write_text(yaml.safe_dump({"rules": OF_FILES}), encoding="utf-8")
    lines = chain([_lines(_history())], iter(lambda: _lines(_now()), ""))
    with running(folder, lambda: next(lines)) as site:
        wait_until(lambda: _state(site, "of the file") == "firing", 60, "the rule of the file to fire")
        yield site


def _history() -> dict[str, Sequence[tuple[int, float]]]:
    """Every four minutes of six hours, and now: of db-1 high in the second and fourth hour and for the last minutes."""
    now = round(time.time())
    ages = [240 * step for step in range(1, 90)]
    high = {age: 0.9 if 3600 < age < 7200 or 10_800 < age < 14_400 else 0.4 for age in ages}
    used = [*((now - age, value) for age, value in sorted(high.items(), reverse=True)), (now - 120, 0.85), (now, 0.85)]
    return {"db-1": used, "db-2": [(at, 0.3) for at, _ in used]}


def _now() -> dict[str, Sequence[tuple[int, float]]]:
    now = round(time.time())
    return {"db-1": [(now, 0.85)], "db-2": [(now, 0.3)]}


def _lines(rows: dict[str, Sequence[tuple[int, float]]]) -> str:
    return "".join(
        json.dumps(
            {
                "metric": {"__name__": "disk_used", "host": host},
                "values": [value for _, value in samples],
                "timestamps": [at * 1000 for at, _ in samples],
            }
        )
        + "\n"
        for host, samples in rows.items()
    )


def _state(site: Site, rule: str) -> str:
    """How the rule's alert of db-1 stands; the reason of its end where it is over; empty where there is none."""
    found = [one for one in site.program.get("/api/v1/episodes")["episodes"] if one["rule"] == rule]
    return str(found[0]["ended_because"] or found[0]["state"]) if found else ""


def test_a_rule_is_made_tried_saved_fires_is_changed_switched_off_and_deleted(site: Site) -> None:
    page = visit(site, "/rules?lang=en")
    page.get_by_role("link", name="New rule").click()
    page.get_by_label("Rule name").fill("disk fills")
    page.get_by_label("Metric", exact=True).fill("disk_used")
    page.get_by_label("Critical", exact=True).fill("0.8")
    expect(page.locator(".wrong").filter(has_text="is not a condition")).to_be_visible()
    expect(page.get_by_role("button", name="Save rule")).to_be_disabled()
    page.get_by_label("Critical", exact=True).fill(">= 0.8")
    expect(yaml_side(page)).to_have_value(re.compile("metric: disk_used"))
    page.get_by_role("button", name="last 24 hours").click()
    expect(page.get_by_text("Would have fired 3 times")).to_be_visible()
    expect(page.locator(".g-firings > li")).to_have_count(3)
    page.get_by_role("button", name="Save rule").click()
    expect(page.locator(".g-rules")).to_contain_text("disk fills")
    wait_until(lambda: _state(site, "disk fills") == "firing", 60, "the new rule to fire")

    page.get_by_label("Warning", exact=True).fill(">= 0.5")
    expect(yaml_side(page)).to_have_value(re.compile("warning: '?>= 0.5"))
    page.get_by_role("button", name="Save rule").click()
    expect(page.get_by_text("Saved; counts from the next evaluation on")).to_be_visible()
    assert _state(site, "disk fills") == "firing"  # the same alert, judged by the new text

    page.get_by_role("button", name="Switch off").click()
    expect(page.get_by_role("button", name="Switch on")).to_be_visible()
    wait_until(lambda: _state(site, "disk fills") == "rule removed", 60, "its alert to end with it")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Yes, delete").click()
    expect(page.locator(".g-rules")).not_to_contain_text("disk fills")


def test_a_rule_is_renamed_once_it_is_said_what_that_ends_and_is_downloaded_as_a_file(site: Site) -> None:
    page = visit(site, NEW)
    yaml_side(page).fill("name: before\nmetric: disk_used\ncritical: '>= 0.8'\n")
    page.get_by_role("button", name="Save rule").click()
    wait_until(lambda: _state(site, "before") == "firing", 60, "the new rule to fire")
    page.get_by_label("Rule name").fill("after")
    expect(page.get_by_text("open alerts of “before” end with “rule removed”")).to_be_visible()
    expect(yaml_side(page)).to_have_value(re.compile("^name: after"))
    page.get_by_role("button", name="Save rule").click()
    expect(page.locator("#editor-title")).to_have_text("after")
    wait_until(lambda: (_state(site, "before"), _state(site, "after")) == ("rule removed", "firing"), 60, "it to begin anew")
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download as YAML").click()
    text = downloading.value.path().read_text(encoding="utf-8")
    assert yaml.safe_load(text) == {"rules": [{"name": "after", "metric": "disk_used", "critical": ">= 0.8"}]}
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Yes, delete").click()
    expect(page.locator(".g-rules")).not_to_contain_text("after")


def test_yaml_is_the_truth_and_the_form_follows_it(site: Site) -> None:
    page = visit(site, NEW)
    yaml_side(page).fill("name: slow\nratio:\n  failed: a_total\n  total: b_total\n  over: 15m\nwarning: '> 0.2'\n")
    expect(page.get_by_role("button", name="Ratio", pressed=True)).to_be_visible()
    expect(page.get_by_label("What is counted")).to_have_value("a_total")
    yaml_side(page).fill("name: slow\ncolour: red\n")
    expect(page.get_by_text("unknown key")).to_be_visible()
    page.get_by_role("button", name="Anomaly").click()
    expect(yaml_side(page)).to_have_value(re.compile("anomaly:\n  method: zscore"))


def test_of_two_people_the_second_is_told_and_keeps_what_they_wrote(site: Site) -> None:
    first, second = visit(site, NEW), None
    yaml_side(first).fill("name: shared\nmetric: disk_used\ncritical: '>= 2'\n")
    first.get_by_role("button", name="Save rule").click()
    expect(first.get_by_role("button", name="Delete")).to_be_visible()
    second = visit(site, "/rules?edit=shared&lang=en")
    second.get_by_label("Critical", exact=True).fill(">= 3")
    first.get_by_label("Critical", exact=True).fill(">= 4")
    expect(yaml_side(first)).to_have_value(re.compile(">= 4"))
    first.get_by_role("button", name="Save rule").click()
    expect(first.get_by_text("Saved; counts")).to_be_visible()
    second.get_by_role("button", name="Save rule").click()
    expect(second.get_by_role("alert")).to_contain_text("Somebody changed it first")
    expect(yaml_side(second)).to_have_value(re.compile(">= 3"))
    second.get_by_role("button", name="Open what it is now").click()
    expect(yaml_side(second)).to_have_value(re.compile(">= 4"))


def test_a_rule_of_a_file_says_where_it_stands_and_is_switched_off_or_copied(site: Site) -> None:
    page = visit(site, "/rules?edit=of+the+file&lang=en")
    expect(page.get_by_text("stands in rules/disks.yaml:2")).to_be_visible()
    expect(page.get_by_role("button", name="Save rule")).to_have_count(0)
    page.get_by_role("button", name="Switch off").click()
    wait_until(lambda: _state(site, "of the file") == "rule removed", 60, "its alert to end")
    page.get_by_role("button", name="Switch on").click()
    wait_until(lambda: _state(site, "of the file") == "firing", 60, "it to fire again")
    page.get_by_role("link", name="Copy").click()
    expect(page.get_by_label("Rule name")).to_have_value("of the file (copy)")
    expect(page.get_by_label("PromQL expression")).to_have_value(OF_FILES[0]["expr"])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("language", "theme"), [("ko", "light"), ("en", "dark")])
@pytest.mark.parametrize("view", ["/rules?fresh=1&", "/rules?edit=of+the+file&"])
def test_the_editor_is_whole_in_both_languages_on_both_screens(
    site: Site, view: str, language: str, theme: str, size: str
) -> None:
    context = site.context(viewport=SIZES[size], has_touch=size == "phone")
    watched = Watched(context.new_page())
    page = watched.page
    page.goto(f"{view}lang={language}&theme={theme}")
    text = page.locator(".yaml textarea")
    expect(text).to_be_visible()
    if "edit" not in view:
        text.fill("name: disk fills\nmetric: disk_used\nwarning: '>= 0.6'\ncritical: '>= 0.8'\nunit: ratio\nclear: '9'\n")
        expect(page.locator(".wrong")).to_be_visible()
        text.fill("name: disk fills\nmetric: disk_used\nwarning: '>= 0.6'\ncritical: '>= 0.8'\nunit: ratio\n")
    page.locator(".rule-editor .buttons").first.get_by_role("button").first.click()
    expect(page.locator(".g-firings")).to_be_visible()
    if SCREENS:
        name = "editor-of-file" if "edit" in view else "editor"
        page.screenshot(path=Path(SCREENS) / f"{name}-{language}-{theme}-{size}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    found: Any = Axe().run(page)
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found.response["violations"]] == []
    assert watched.errors == []
    context.close()
