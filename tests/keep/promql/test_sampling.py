"""`limit_ratio`: which series a share of all takes, and that it takes the same ones whoever asks."""

import numpy as np
import pytest

from gwanje.keep.promql.sampling import chosen, xxh64
from gwanje.wire.columns import Labels

SERIES: list[Labels] = [(("__name__", "g"), ("code", code), ("host", host)) for host in "abc" for code in ("200", "404", "500")]

PROMETHEUS: list[Labels] = [
    (("__name__", "g"), ("code", "404"), ("host", "a")),
    (("__name__", "g"), ("code", "200"), ("host", "b")),
    (("__name__", "g"), ("code", "200"), ("host", "c")),
]
"""What Prometheus 3 answers to `limit_ratio(0.5, g)`, without the last of `SERIES`."""


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"", 0xEF46DB3751D8E999, id="nothing"),
        pytest.param(b"a", 0xD24EC4F1A98C6E5B, id="one byte"),
        pytest.param(b"abc", 0x44BC2CF5AD770999, id="less than a word"),
        pytest.param(b"xxhash", 0x32DD38952C4BC720, id="half a word and bytes"),
        pytest.param(b"0123456789abcdefghijklmnopqrstuvwxyz", 0x69196C1B3AF0BFF9, id="a stripe and more"),
    ],
)
def test_the_hash_is_xxh64(data: bytes, expected: int) -> None:
    assert xxh64(data) == expected


def test_the_series_are_those_that_prometheus_takes() -> None:
    taken = chosen(SERIES[:-1], np.array([0.5]))[:, 0]

    assert [labels for labels, one in zip(SERIES, taken.tolist(), strict=False) if one] == PROMETHEUS


@pytest.mark.parametrize("ratio", [0.0, 0.1, 0.5, 0.9])
def test_a_negative_ratio_takes_what_the_other_leaves(ratio: float) -> None:
    taken, left = chosen(SERIES, np.array([ratio])), chosen(SERIES, np.array([ratio - 1.0]))

    assert (taken ^ left).all()


def test_a_ratio_beyond_one_takes_all_and_each_step_has_its_own() -> None:
    taken = chosen(SERIES, np.array([0.0, 1.0, 7.0, -1.0, -7.0]))

    assert taken.sum(axis=0).tolist() == [0, 9, 9, 9, 9]
