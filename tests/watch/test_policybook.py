"""What people set up on the page counts from the next round on, and who speaks for a receiver goes on while it says the same."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from gwanje.because import plain
from gwanje.config import Chosen, dump
from gwanje.keep.state import page_settings
from gwanje.keep.state.base import State
from gwanje.keep.state.revised import Word
from gwanje.tell.delivery import Delivery
from gwanje.tell.notifiers.base import Notifier
from gwanje.tell.policy import Policy, Telling
from gwanje.testing.notifiers import Recorder
from gwanje.watch.policybook import Policybook
from gwanje.watch.receivers import Receivers

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def _put(state: State, name: str, revision: int | None = None, *, language: str = "ko") -> int:
    text = dump({"name": name, "type": "webhook", "url": "***", "language": language})
    with state.write() as connection:
        word = Word("kim", NOW + timedelta(seconds=revision is not None))
        kept = page_settings.put(connection, ("receiver", name), text, sealed={"url": "sealed"}, revision=revision, word=word)
    return kept.revision


def _opened(sealed: Mapping[str, str]) -> Mapping[str, str]:
    return {place: f"https://{secret}.example" for place, secret in sealed.items()}


class _Taken(Delivery):
    """Remembers what it was given."""

    def __init__(self, state: State) -> None:
        super().__init__(state, {}, None, worker_id="a", clock=lambda: NOW)
        self.given: list[Mapping[str, Notifier]] = []

    def take_over(self, receivers: Mapping[str, Notifier]) -> None:
        self.given.append(receivers)


def test_a_receiver_that_says_the_same_is_spoken_for_by_the_same(state: State) -> None:
    made: list[str] = []

    def create(chosen: Chosen) -> Notifier:
        made.append(chosen.settings.url.get_secret_value())
        return Recorder()

    book, delivery, of_file = Policybook(Telling({}, Policy()), _opened), _Taken(state), Recorder()
    receivers = Receivers(book, delivery, files={"ops": of_file}, create=create)
    first = _put(state, "a")
    _put(state, "b")
    for change in (lambda: None, lambda: None, lambda: _put(state, "a", first, language="en")):
        change()
        book.read(state)
        receivers.look()
    assert made == ["https://sealed.example"] * 3
    assert [sorted(one) for one in delivery.given] == [["a", "b", "ops"]] * 2
    before, after = delivery.given
    assert (before["b"] is after["b"], before["a"] is after["a"], after["ops"] is of_file) == (True, False, True)


def test_one_receiver_that_cannot_be_made_keeps_no_other_from_being_told(state: State) -> None:
    def create(chosen: Chosen) -> Notifier:
        if chosen.settings.language == "en":
            raise ValueError("https://sealed.example")
        return Recorder()

    book, delivery = Policybook(Telling({}, Policy()), _opened), _Taken(state)
    _put(state, "a", language="en")
    _put(state, "b")
    book.read(state)
    Receivers(book, delivery, files={}, create=create).look()
    assert [list(one) for one in delivery.given] == [["b"]]


def test_a_process_that_cannot_open_secrets_sets_aside_what_needs_them(state: State) -> None:
    _put(state, "a")
    with state.write() as connection:
        window = ("window", "nights")
        page_settings.put(connection, window, "name: nights", sealed={}, revision=None, word=Word("kim", NOW))
    book = Policybook(Policy())
    book.read(state)
    assert book.aside == {("receiver", "a"): "this process opens no secrets"}
    assert plain(book.aside["receiver", "a"]) == {"code": "opens_no_secrets", "values": {}}
    assert [one.name for one in book.policy.windows] == ["nights"]


def test_nothing_that_changed_is_the_same_policy(state: State) -> None:
    book = Policybook(Telling({}, Policy()), _opened)
    policies = []
    for _ in range(2):
        book.read(state)
        policies.append(book.policy)
    _put(state, "a")
    book.read(state)
    assert (policies[0] is policies[1], book.policy is policies[0]) == (True, False)
