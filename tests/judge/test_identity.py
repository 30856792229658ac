"""G1: what an alert is known by."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from gwanje.judge.identity import fingerprint

LABELS = st.dictionaries(st.text(st.sampled_from('ab,="\\\n웹é'), min_size=1, max_size=3), st.text(max_size=4), max_size=4)


def _means(labels: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in labels.items() if value and name != "severity"}


@given(LABELS, LABELS, st.integers())
def test_g1_two_alerts_are_one_just_where_their_labels_are_the_same_ones_but_for_severity(
    one: dict[str, str], other: dict[str, str], seed: int
) -> None:
    """In any order; a label that is empty is as good as none."""
    items = [*one.items(), ("severity", "critical"), ("zone", "")]
    Random(seed).shuffle(items)  # noqa: S311 - an order, no secret
    assert fingerprint("disk full", dict(items)) == fingerprint("disk full", one)
    assert fingerprint("cpu high", one) != fingerprint("disk full", one)
    assert (fingerprint("disk full", one) == fingerprint("disk full", other)) == (_means(one) == _means(other))
