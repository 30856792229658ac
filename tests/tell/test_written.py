"""Texts of the page: what they say, which secrets they hold, and when a kept secret is not sent somewhere else."""

from __future__ import annotations

from typing import Any

import pytest

from gwanje.config import Chosen, dump
from gwanje.tell.duty import Rota
from gwanje.tell.written import Kept, Text, hidden, read, text_of

MAIL = {"name": "mail", "type": "email", "server": "smtp.example.org", "username": "a@example.org", "password": "s3cr3t"}
HOOK = {"name": "hook", "type": "webhook", "url": "https://hooks.example/T000", "authorization": "Bearer b34r3r"}
GATEWAY = {"name": "gate", "type": "kakao_alimtalk", "url": "https://g.example", "to": ["010"], "headers": {"X.Key": "k3y"}}


def _said(text: Text) -> list[tuple[str, str]]:
    return [(one.key, one.message) for one in text.mistakes]


def _changed(before: dict[str, Any], **changes: Any) -> Text:
    """A receiver's text as it is kept, after changes."""
    first = read("receiver", dump(before))
    kept = read("receiver", hidden(first)).values
    return read("receiver", dump({**kept, **changes}), Kept(kept, first.secrets))


@pytest.mark.parametrize(
    ("values", "places"),
    [(MAIL, {"password"}), (HOOK, {"url", "authorization"}), (GATEWAY, {"url", "headers.X.Key"})],
)
def test_every_secret_is_found_and_none_stands_in_what_is_kept(values: dict[str, Any], places: set[str]) -> None:
    text = read("receiver", dump(values))
    assert (list(text.mistakes), set(text.secrets)) == ([], places)
    assert isinstance(text.setting, Chosen)
    assert not [secret for secret in text.secrets.values() if secret in hidden(text) or secret in repr(text)]
    assert hidden(text).count("***") == len(places)


def test_a_secret_that_is_left_as_it_is_shown_stays() -> None:
    text = _changed(MAIL, to=["b@example.org"], language="en")
    assert text.mistakes == []
    assert text.secrets == {"password": "s3cr3t"}


@pytest.mark.parametrize(
    ("before", "changes", "says"),
    [
        pytest.param(MAIL, {"server": "evil.example"}, "server changed, and with it where password may be sent", id="server"),
        pytest.param(MAIL, {"security": "tls"}, "security changed", id="another way"),
        pytest.param(HOOK, {"url": "https://evil.example"}, "url changed, and with it where authorization", id="an address"),
        pytest.param(MAIL, {"type": "webhook"}, "url", id="another type"),
    ],
)
def test_a_kept_secret_is_sent_to_no_other_place(before: dict[str, Any], changes: dict[str, Any], says: str) -> None:
    text = _changed(before, **changes)
    assert text.setting is None
    assert says in str(_said(text))
    assert "s3cr3t" not in str(_said(text))


def test_a_secret_that_is_written_anew_may_go_anywhere() -> None:
    text = _changed(HOOK, url="https://other.example", authorization="Bearer n3w")
    assert text.secrets == {"url": "https://other.example", "authorization": "Bearer n3w"}


def test_three_stars_are_no_secret_by_themselves() -> None:
    assert _said(read("receiver", dump({**MAIL, "password": "***"}))) == [("password", "is not known here; write it again")]


def test_the_environment_is_not_read() -> None:
    text = read("receiver", dump({**HOOK, "url": "https://x.example/${HOME}"}))
    assert text.secrets["url"] == "https://x.example/${HOME}"


def test_a_text_of_every_other_kind_is_its_section() -> None:
    text = read("rota", "name: nights\nstarts: 2026-01-05\npeople:\n  - {name: kim, receiver: ops}\n")
    assert isinstance(text.setting, Rota)
    assert (text.name, text.secrets) == ("nights", {})
    assert _said(read("rota", "name: nights\ncolour: red"))[-1][0] == "colour"
    assert read("window", "[1]").setting is None


def test_a_form_is_written_in_the_order_of_the_reference() -> None:
    assert text_of("escalation", {"steps": [], "colour": "red", "name": "up"}) == "name: up\nsteps: []\ncolour: red\n"
    assert text_of("receiver", {"url": "x", "type": "slack", "name": "ops"}) == "name: ops\ntype: slack\nurl: x\n"
