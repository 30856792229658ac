"""A message comes out of the outbox as it went in."""

import json

import pytest

from gwanje.tell.message import from_plain, to_plain
from gwanje.testing.notifiers import FIRING_ALERT, RESOLVED_ALERT, notification


def test_a_message_comes_out_of_the_outbox_as_it_went_in() -> None:
    message = notification(FIRING_ALERT, RESOLVED_ALERT)
    back = from_plain(json.loads(json.dumps(to_plain(message))))
    assert (list(back.alerts), back.decided, back.key) == (list(message.alerts), message.decided, message.key)
    assert not back.resolved


def test_what_is_no_message_is_refused() -> None:
    with pytest.raises(ValueError, match="key"):
        from_plain({"receiver": "ops"})
