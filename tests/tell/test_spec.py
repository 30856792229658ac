"""Receivers and routes as they are written, and the sentences about what is wrong in them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwanje import config
from gwanje.tell import policy
from gwanje.tell.matchers import Matcher, matcher, parse_matchers
from gwanje.tell.notifiers.slack import Settings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('severity="critical"', (Matcher("severity", "=", "critical"),)),
        ('a!="b", c=~"d.*" ,', (Matcher("a", "!=", "b"), Matcher("c", "=~", "d.*"))),
        ('a="x \\" y, z"', (Matcher("a", "=", 'x " y, z'),)),
        ('a=~"\\d+"', (Matcher("a", "=~", "\\d+"),)),
        (r'a=~"web\\.1"', (Matcher("a", "=~", r"web\.1"),)),
        (r'a=~"C:\\\\.*"', (Matcher("a", "=~", r"C:\\.*"),)),
        (r'a="C:\temp\new"', (Matcher("a", "=", "C:\\temp\new"),)),
        ("", ()),
    ],
)
def test_matchers_are_read_as_in_promql(text: str, expected: tuple[Matcher, ...]) -> None:
    assert parse_matchers(text) == expected


@pytest.mark.parametrize("text", ["a=b", 'a="b" c="d"', '="b"', 'a=~"("', 'a=="b"'])
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"cannot be read|is not a pattern"):
        parse_matchers(text)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ('host="web-1"', True),
        ('host="web"', False),
        ('host=~"web"', False),
        ('host=~"web-.*"', True),
        ('host!~"web-.*"', False),
        ('host!="db-1"', True),
        ('team=""', True),
        ('team!=""', False),
        ('team!~"x"', True),
    ],
)
def test_a_pattern_matches_the_whole_value_and_a_missing_label_is_empty(text: str, *, holds: bool) -> None:
    (matcher,) = parse_matchers(text)
    assert matcher.matches({"host": "web-1"}) is holds


@given(
    st.sampled_from(["=", "!=", "=~", "!~"]),
    st.text(st.sampled_from('ab"\\,{}= \n한'), max_size=8),
    st.text(st.sampled_from('ab"\\,{}= \n한'), max_size=8),
)
def test_what_is_written_is_read_again_and_means_the_same(operator: str, value: str, found: str) -> None:
    try:
        one = matcher("host", operator, value)
    except ValueError:
        return
    (again,) = parse_matchers(str(one))
    for label in (found, value):
        assert again.matches({"host": label}) == one.matches({"host": label})
    if not operator.endswith("~"):
        assert again == one


def test_a_pattern_takes_no_exponential_time() -> None:
    (one,) = parse_matchers('host=~"(a+)+b"')
    assert not one.matches({"host": "a" * 5000})


def _read(folder: Path, text: str) -> tuple[config.Reader, policy.Telling]:
    (folder / "gwanje.yaml").write_text(text, encoding="utf-8")
    reader = config.Reader(folder, {"SLACK_WEBHOOK_URL": "https://slack.example/x"})
    return reader, policy.read(reader, reader.document("gwanje.yaml"))


def test_receivers_are_kinds_with_a_name(tmp_path: Path) -> None:
    reader, telling = _read(
        tmp_path,
        "receivers:\n"
        "  - {name: ops-slack, type: slack, url: '${SLACK_WEBHOOK_URL}', language: en}\n"
        "routes:\n"
        "  receiver: ops-slack\n"
        "  group_by: [rule, host]\n"
        "  routes: [{match: 'severity=\"critical\"', group_wait: 0s, continue: true}]\n",
    )
    assert reader.mistakes == []
    settings = telling.receivers["ops-slack"].settings
    assert isinstance(settings, Settings)
    assert settings.language == "en"
    assert "slack.example" not in repr(settings)
    assert telling.policy.root is not None
    assert telling.policy.root.routes[0].match == (Matcher("severity", "=", "critical"),)
    assert telling.policy.root.routes[0].continue_


def test_one_receiver_needs_no_routes(tmp_path: Path) -> None:
    reader, telling = _read(tmp_path, "receivers: [{name: hook, type: webhook, url: 'http://10.0.0.5/hook'}]\n")
    assert reader.mistakes == []
    assert telling.policy.root is not None
    assert telling.policy.root.receiver == "hook"


def test_without_receivers_nobody_is_told(tmp_path: Path) -> None:
    reader, telling = _read(tmp_path, "listen: 127.0.0.1:1\n")
    assert (reader.mistakes, telling.receivers, telling.policy.root) == ([], {}, None)


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ("receivers: [{name: a, type: slak, url: x}]\nroutes: {receiver: a}\n", 1, "no notifiers kind named 'slak'"),
        ("receivers:\n  - {type: slack, url: x}\n", 2, "is missing"),
        (
            "receivers:\n  - {name: a, type: slack, url: x}\n  - {name: a, type: slack, url: y}\nroutes: {receiver: a}\n",
            3,
            "second time",
        ),
        ("receivers:\n  - {name: a, type: slack, url: x}\n  - {name: b, type: slack, url: y}\n", 1, "says who is told"),
        ("receivers:\n  - {name: a, type: slack, url: x}\nroutes:\n  receiver: b\n", 4, "no receiver named 'b'; known: a"),
        ("receivers:\n  - {name: a, type: slack, url: x}\nroutes:\n  group_by: [rule]\n", 3, "is missing"),
        (
            "receivers:\n  - {name: a, type: slack, url: x}\nroutes:\n  receiver: a\n  routes:\n    - receiver: c\n",
            6,
            "no receiver named 'c'",
        ),
        ("receivers: [{name: a, type: slack, url: x}]\nheartbeat:\n  receiver: d\n", 3, "no receiver named 'd'"),
        ("receivers: [{name: a, type: slack, url: x}]\nsummary:\n  receiver: d\n", 3, "no receiver named 'd'"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, line: int, sentence: str) -> None:
    reader, _ = _read(tmp_path, text)
    assert [(mistake.line, sentence in mistake.message) for mistake in reader.mistakes] == [(line, True)]
