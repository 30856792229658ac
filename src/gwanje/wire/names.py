"""Names of metrics and labels: any text, as in Prometheus 3; and how such a name stands where only letters, digits and _ may."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from gwanje.because import Because

PLAIN_METRIC: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
"""Names of metrics that need no quotes."""
PLAIN_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
"""Names of labels that need no quotes."""

_OF_QUERIES: Final = re.compile(r"""[(){}\[\]"'\s]""")
_ESCAPED: Final = "U__"
_BODY: Final = re.compile(r"(?:[^_]|__|_[0-9a-fA-F]{1,6}_)*")
_CODE: Final = re.compile(r"_([0-9a-fA-F]*)_")
_SURROGATES: Final = range(0xD800, 0xE000)


def quoted(text: str) -> str:
    """A text in double quotes, as PromQL and exposition pages write it."""
    return '"' + text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") + '"'


def one_of(texts: Iterable[str]) -> str:
    """A pattern that matches each of these texts and no other, in double quotes."""
    return quoted("|".join(map(re.escape, sorted(texts))))


def metric(name: str) -> str:
    """A metric's name as exposition pages write it by itself, in quotes where it needs them."""
    return name if PLAIN_METRIC.fullmatch(name) else quoted(name)


def label(name: str) -> str:
    """A label's name as PromQL and exposition pages write it, in quotes where it needs them."""
    return name if PLAIN_LABEL.fullmatch(name) else quoted(name)


def checked_metric(name: str) -> str:
    """The name of a metric as people write it. Raises ValueError for a query in its place, though any text can be a name."""
    if not name or _OF_QUERIES.search(name):
        raise ValueError(Because(f"{name!r} cannot be a metric's name; a query belongs into `expr`", "not_a_metric", name=name))
    return name


def labels(names: Iterable[str]) -> str:
    """Names of labels side by side, as they stand behind `by`."""
    return ", ".join(map(label, names))


def selector(metric: str, matchers: str = "") -> str:
    """The series of a metric that all matchers take: `up{host="a"}`, and `{"http.time",host="a"}` where the name needs quotes."""
    if PLAIN_METRIC.fullmatch(metric):
        return f"{metric}{{{matchers}}}" if matchers.strip() else metric
    return f"{{{quoted(metric)},{matchers}}}" if matchers.strip() else f"{{{quoted(metric)}}}"


def escaped(name: str) -> str:
    """A name of letters, digits and `_` alone, from which `unescaped` gets it back: `a.b` → `U__a_2e_b`.

    The form is that of Prometheus's "values" escaping; a name that is plain stays as it is.
    """
    if PLAIN_LABEL.fullmatch(name):
        return name
    return _ESCAPED + "".join(map(_code, range(len(name)), name))


def unescaped(name: str) -> str:
    """The name that an escaped one stands for; the same name where it is not escaped, or not rightly."""
    body = name.removeprefix(_ESCAPED)
    if body == name or not _BODY.fullmatch(body):
        return name
    codes = [int(code, 16) for code in _CODE.findall(body) if code]
    if any(code in _SURROGATES or code > 0x10FFFF for code in codes):
        return name
    return _CODE.sub(lambda found: chr(int(found[1], 16)) if found[1] else "_", body)


def _code(place: int, character: str) -> str:
    if character == "_":
        return "__"
    plain = PLAIN_METRIC.fullmatch(character) or (place and "0" <= character <= "9")
    return character if plain else f"_{ord(character):x}_"
