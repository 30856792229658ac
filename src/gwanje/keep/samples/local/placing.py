"""Where the parts of a tile go: which rows can be filled together, and where each of them begins and ends. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gwanje.keep.samples.local.parts import NEAR, SORTS, Alike, dense, even
from gwanje.keep.samples.local.runs import distinct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from gwanje.keep.samples.local.parts import Part, Rows
    from gwanje.keep.samples.local.runs import Offsets


_MOST_ASTRAY = 4
"""Where more rows than one in so many are not in line, none is: they would all be copied twice."""


class Cut(NamedTuple):
    """Which columns of a part lie in the range: for each series the first and the one past it."""

    part: Part
    first: Offsets
    past: Offsets


class Plan(NamedTuple):
    """Where each row begins and ends, what is copied in this order, and where rows go on from one part to the next."""

    begins: Offsets
    ends: Offsets
    steps: Sequence[tuple[Part, Sequence[Alike]]]
    seams: Sequence[tuple[Rows, Offsets | int]]


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """What lies in the range of a part, and to which columns of the tile the first of each series goes."""

    cut: Cut
    at: Offsets
    there: NDArray[np.bool_]
    edge: int
    """From this column of the part on every row in line can be filled: no sample of another part is overwritten."""
    shift: int
    """From the part's columns to those of the tile, for rows in line."""


def placed(cut: Sequence[Cut]) -> Plan:
    """A plan for parts in their order of time, each of which has something. A row is as long as its samples; nothing is between.

    Rows are in line that can be filled together: from each part the same columns to the same ones of the tile. That is so where
    series were cut between two parts at one moment, though one then has a sample more in the first and another in the second.
    """
    if all(even(first) and even(past) for _, first, past in cut):
        return _at_once(cut)
    pieces, begins, ends, astray = _in_line(cut)
    steps = [(piece.cut.part, _together(piece, begins, astray)) for piece in pieces]
    if astray.any():  # last, for what is in line is copied over them
        steps += [(piece.cut.part, _sorts(piece, np.flatnonzero(astray & piece.there), piece.cut.past)) for piece in pieces]
    on = [(piece, np.flatnonzero(piece.there & (piece.at > begins))) for piece in pieces]
    return Plan(begins, ends, steps, [(rows, piece.at[rows]) for piece, rows in on if len(rows)])


def _at_once(cut: Sequence[Cut]) -> Plan:
    """Where all series are alike."""
    series = len(cut[0].first)
    every = slice(0, series)
    own = [slice(int(first[0]), int(past[0])) for _, first, past in cut]
    at = np.cumsum([0, *(columns.stop - columns.start for columns in own)]).tolist()
    taken = [Alike(every, columns, slice(*ends)) for columns, ends in zip(own, pairwise(at), strict=True)]
    steps = [(one.part, [alike]) for one, alike in zip(cut, taken, strict=True)]
    return Plan(np.zeros(series, np.int64), np.full(series, at[-1]), steps, [(every, seam) for seam in at[1:-1]])


def _in_line(cut: Sequence[Cut]) -> tuple[list[_Piece], Offsets, Offsets, NDArray[np.bool_]]:
    """Where everything goes, where the rows begin and end, and which of them are not in line."""
    series = len(cut[0].first)
    begins, ends, astray = np.zeros(series, np.int64), np.full(series, -1), np.zeros(series, np.bool_)
    pieces = list[_Piece]()
    for one in cut:
        _, first, past = one
        there = past > first
        going = there & (ends >= 0) & ~astray
        if going.any():
            shift = _most((ends - first)[going])
            going &= ends - first == shift
            edge, widest = int(first[going].max()), int(past[going].max())
        else:
            longest = int((past - first).argmax())
            edge, widest = int(first[there & (first >= first[longest] - NEAR)].min()), int(past[longest])
            shift = 0 if pieces else -edge
        at = first + shift
        fits = np.where(ends >= 0, going, (at >= 0) & (past <= widest + NEAR)) & (going.any() or not pieces)
        astray |= np.where(there, ~fits, ends > edge + shift)
        if np.count_nonzero(astray) > series // _MOST_ASTRAY:
            return _row_by_row(cut)
        begins, ends = np.where(there & (ends < 0), at, begins), np.where(there, past + shift, ends)
        pieces.append(_Piece(one, at, there, edge, shift))
    ends = np.maximum(ends, 0)
    if astray.any():
        begins[astray] = 0
        _line_up(pieces, ends, astray)
    return pieces, begins, ends, astray


def _row_by_row(cut: Sequence[Cut]) -> tuple[list[_Piece], Offsets, Offsets, NDArray[np.bool_]]:
    """As `_in_line`, with no row in line."""
    series = len(cut[0].first)
    pieces = [_Piece(one, np.empty(series, np.int64), one.past > one.first, 0, 0) for one in cut]
    ends, every = np.zeros(series, np.int64), np.ones(series, np.bool_)
    _line_up(pieces, ends, every)
    return pieces, np.zeros(series, np.int64), ends, every


def _line_up(pieces: Sequence[_Piece], ends: Offsets, rows: NDArray[np.bool_]) -> None:
    """Let these rows begin at the first column, and each part where the one before ends."""
    ends[rows] = 0
    for piece in pieces:
        piece.at[rows] = ends[rows]
        ends[rows] += (piece.cut.past - piece.cut.first)[rows]


def _most(numbers: NDArray[np.int64]) -> int:
    """Which number there is most often."""
    if even(numbers):
        return int(numbers[0])
    each, counts = np.unique(numbers, return_counts=True)
    return int(each[counts.argmax()])


def _together(piece: _Piece, begins: Offsets, astray: NDArray[np.bool_]) -> list[Alike]:
    """All rows at once, with what is theirs and what is nobody's; before that, what some have left of its edge."""
    _, first, past = piece.cut
    own = piece.there & ~astray
    if not own.any():
        return []
    sorts = _sorts(piece, np.flatnonzero(own & (first < piece.edge)), np.minimum(past, piece.edge))
    end = int(past[own].max())
    if end > piece.edge:
        sorts.append(Alike(slice(0, len(begins)), slice(piece.edge, end), slice(piece.edge + piece.shift, end + piece.shift)))
    return sorts


def _sorts(piece: _Piece, rows: NDArray[np.int64], past: Offsets) -> list[Alike]:
    """Each of the rows, which all take something, in one of several sorts; one more than may be where there are too many."""
    if not len(rows):
        return []
    first, at = piece.cut.first[rows], piece.at[rows]
    lengths = past[rows] - first
    key: NDArray[np.int64] = (first * (int(at.max()) + 1) + at) * (int(lengths.max()) + 1) + lengths
    rows_of = [np.flatnonzero(key == one) for one in distinct(key)[: SORTS + 1].tolist()]
    return [_alike(dense(rows[own]), *(int(column[own[0]]) for column in (first, at, lengths))) for own in rows_of]


def _alike(rows: Rows, first: int, at: int, length: int) -> Alike:
    return Alike(rows, slice(first, first + length), slice(at, at + length))
