"""The promqltest language: `load`, `clear`, `eval instant`, `eval range` and what they expect."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gwanje.errors import BadInput
from gwanje.model import METRIC, STALE_NAN_BITS
from gwanje.wire.columns import Labels

STALE = float(np.array([STALE_NAN_BITS], np.uint64).view(np.float64)[0])
HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Series:
    """A series as written: its labels and its values in order, None where there is no sample."""

    labels: Labels
    values: tuple[float | None, ...]
    histogram: bool = False


@dataclass(frozen=True, slots=True)
class Load:
    interval_ms: int
    series: tuple[Series, ...]
    with_buckets_as_histograms: bool = False


@dataclass(frozen=True, slots=True)
class Clear:
    pass


@dataclass(frozen=True, slots=True)
class Said:
    """A warning or an information that an answer must carry, or (`no`) must not."""

    no: bool = False
    message: str = ""
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Expected:
    """What an `eval` expects. `message` and `pattern` belong to a failure."""

    fails: bool = False
    message: str = ""
    pattern: str = ""
    warns: Said | None = None
    informs: Said | None = None
    ordered: bool = False
    text: str | None = None
    scalar: float | None = None
    histogram: bool = False
    raw: tuple[int, int, int] | None = None
    series: tuple[Series, ...] = ()


@dataclass(frozen=True, slots=True)
class Eval:
    line: int
    query: str
    start_ms: int
    end_ms: int
    step_ms: int
    instant: bool
    expected: Expected


Command = Load | Clear | Eval


def read(text: str) -> Iterator[Command]:
    """The commands of one file, in order. Raises BadInput with the line that cannot be read."""
    for line, block in _blocks(text):
        head, body = block[0], block[1:]
        word = head.split()[0]
        try:
            if word == "clear":
                yield Clear()
            elif word.startswith("load"):
                yield Load(duration_ms(head.split()[1]), tuple(_series(own) for own in body), word == "load_with_nhcb")
            elif word.startswith("eval"):
                yield _eval(line, head, body)
            else:
                raise BadInput(f"unknown command {word!r}")
        except (ValueError, IndexError) as error:
            raise BadInput(f"cannot read {head!r}: {error}", where=f"line {line}") from error


def duration_ms(text: str) -> int:
    """`5m`, `10s53ms`, or a bare number of seconds."""
    if re.fullmatch(r"-?[\d.]+", text):
        return round(float(text) * 1000)
    parts = re.findall(r"(\d+)(ms|[smhdwy])", text)
    if "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is not a duration")
    return sum(int(number) * _UNITS_MS[unit] for number, unit in parts)


_UNITS_MS = {
    "ms": 1,
    "s": 1000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 7 * 86_400_000,
    "y": 365 * 86_400_000,
}
_EVAL = re.compile(
    r"eval(?P<sort>_fail|_ordered|_warn|_info)?\s+"
    r"(?:instant\s+(?:at\s+)?(?P<at>\S+)|range\s+from\s+(?P<start>\S+)\s+to\s+(?P<end>\S+)\s+step\s+(?P<step>\S+))\s+(?P<query>.+)"
)
_NUMBER = r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[iI][nN][fF]|[nN][aA][nN])"
_REPEATED = re.compile(rf"(?P<start>{_NUMBER})(?P<rise>[+-]{_NUMBER.removeprefix('[+-]?')})?x(?P<times>\d+)")
_METRIC = re.compile(r"\s*([a-zA-Z_:][\w:]*)?\s*(\{(?!\{))?")
_LABEL = re.compile(r"""\s*([a-zA-Z_][\w]*)\s*=\s*("(?:\\.|[^"\\])*")\s*,?""")


def _blocks(text: str) -> Iterator[tuple[int, list[str]]]:
    """A command and the lines under it, up to an empty line; a comment counts as one."""
    block: list[str] = []
    begun = 0
    for number, raw in enumerate([*text.splitlines(), ""], start=1):
        line = raw.strip()
        if line and not line.startswith("#"):
            begun = begun if block else number
            block.append(line)
        if block and (not line or line.startswith("#") or block == ["clear"]):
            yield begun, block
            block = []


def _eval(line: int, head: str, body: Sequence[str]) -> Eval:
    match = _EVAL.fullmatch(head)
    if match is None:
        raise ValueError("not an eval")
    instant = match["at"] is not None
    start = duration_ms(match["at"] if instant else match["start"])
    end = start if instant else duration_ms(match["end"])
    step = 1 if instant else duration_ms(match["step"])
    return Eval(line, match["query"], start, end, step, instant, _expected(match["sort"] or "", body))


@dataclass(slots=True)
class _Heard:
    """What the lines under an `eval` have said so far."""

    said: dict[str, str] = field(default_factory=dict)
    results: list[str] = field(default_factory=list)


def _expected(sort: str, body: Sequence[str]) -> Expected:
    heard = _Heard()
    for line in body:
        told = re.match(r"expect\s+(fail|warn|no_warn|info|no_info|ordered|string|range vector)\b\s*(.*)", line)
        if told:
            heard.said[told[1]] = told[2]
        elif line.startswith("expected_fail_message"):
            heard.said["fail"] = "msg:" + line.removeprefix("expected_fail_message")
        elif line.startswith("expected_fail_regexp"):
            heard.said["fail"] = "regex:" + line.removeprefix("expected_fail_regexp")
        else:
            heard.results.append(line)
    said = heard.said
    failure = said.get("fail", "")
    scalar = heard.results[0] if len(heard.results) == 1 and re.fullmatch(_NUMBER, heard.results[0]) else None
    series = [] if scalar else [_series(line) for line in heard.results]
    return Expected(
        fails="fail" in said or sort == "_fail",
        message=failure.removeprefix("msg:").strip() if failure.startswith("msg:") else "",
        pattern=failure.removeprefix("regex:").strip() if failure.startswith("regex:") else "",
        warns=_note(said, "warn", sort),
        informs=_note(said, "info", sort),
        ordered="ordered" in said or sort == "_ordered",
        text=_unquoted(said["string"]) if "string" in said else None,
        scalar=float(scalar) if scalar else None,
        histogram=any(own.histogram for own in series),
        raw=_raw_range(said["range vector"]) if "range vector" in said else None,
        series=tuple(series),
    )


def _note(said: Mapping[str, str], word: str, sort: str) -> Said | None:
    if word in said:
        text = said[word]
        message = text.removeprefix("msg:").strip() if text.startswith("msg:") else ""
        return Said(message=message, pattern=text.removeprefix("regex:").strip() if text.startswith("regex:") else "")
    if sort == f"_{word}":
        return Said()
    return Said(no=True) if f"no_{word}" in said else None


def _raw_range(text: str) -> tuple[int, int, int]:
    match = re.fullmatch(r"(?:from\s+)?(\S+)\s+to\s+(\S+)\s+step\s+(\S+)", text)
    if match is None:
        raise ValueError("not a range vector")
    start, end, step = (duration_ms(part) for part in match.groups())
    return start, end, step


def _unquoted(text: str) -> str:
    return text[1:-1] if text.startswith("`") else text[1:-1].encode().decode("unicode_escape")


def _series(line: str) -> Series:
    match = _METRIC.match(line)
    if match is None:
        raise ValueError(f"{line!r} is not a series")
    pairs = {METRIC: match[1]} if match[1] else {}
    end = match.end()
    if match[2]:
        while own := _LABEL.match(line, end):
            pairs[own[1]] = own[2][1:-1].replace('\\"', '"').replace("\\\\", "\\")
            end = own.end()
        if line[end : end + 1] != "}":
            raise ValueError(f"{line!r}: labels end badly")
        end += 1
    rest = line[end:].strip()
    labels = tuple(sorted((name, value) for name, value in pairs.items() if value))
    if "{{" in rest:
        return Series(labels, (), histogram=True)
    return Series(labels, tuple(value for token in rest.split() for value in _values(token)))


def _values(token: str) -> list[float | None]:
    if token.startswith("_"):
        return [None] * int(token.removeprefix("_").removeprefix("x") or 1)
    if token.startswith("stale"):
        return [STALE] * (int(token.removeprefix("stale").removeprefix("x") or 0) + 1)
    repeated = _REPEATED.fullmatch(token)
    if repeated is None:
        return [float(token)]
    value, rise = float(repeated["start"]), float(repeated["rise"] or 0)
    values: list[float | None] = []
    for _ in range(int(repeated["times"]) + 1):
        values.append(value)
        value += rise
    return values
