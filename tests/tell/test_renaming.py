"""Another name for a setting of the page, in the texts that name it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gwanje.keep.said import PageSetting
from gwanje.tell.renaming import renamed

ROUTE = """name: all  # asked last
receiver: ops
routes:
  - {match: 'severity="critical"', receiver: "ops", mute: [ops, nights]}
  - receiver: |-
      ops
    duty: ops
"""


def _setting(kind: str, text: str) -> PageSetting:
    return PageSetting(kind, "all", text, {}, 1, "kim", datetime(2026, 3, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("name", "written"),
    [
        pytest.param("pager", "pager", id="plain"),
        pytest.param("my, own", '"my, own"', id="in quotes where it would say something else"),
        pytest.param("true", '"true"', id="in quotes where it would be no text"),
        pytest.param("운영", "운영", id="in Korean"),
    ],
)
def test_the_name_changes_where_it_means_the_setting_and_all_else_stays_as_it_was_typed(name: str, written: str) -> None:
    expected = ROUTE.replace("receiver: ops\n", f"receiver: {written}\n").replace('receiver: "ops"', f"receiver: {written}")
    ((_, text),) = renamed([_setting("route", ROUTE)], ("receiver", "ops"), name)
    assert text == expected.replace("receiver: |-\n      ops\n", f"receiver: {written}\n")


def test_who_does_not_name_it_or_cannot_be_read_is_left_alone() -> None:
    others = [_setting("route", "name: other\nreceiver: web"), _setting("route", "nam"), _setting("receiver", "name: ops")]
    assert list(renamed(others, ("receiver", "ops"), "pager")) == []
