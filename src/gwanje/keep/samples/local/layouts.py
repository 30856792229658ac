"""Which series a sender writes, known as a whole: a sender writes the same ones in the same order again and again."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from gwanje.keep.samples.local.index import Index
    from gwanje.keep.samples.local.runs import Ids
    from gwanje.wire.columns import Times

_LAYOUTS = 256
_MOST_KEYS = 2_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The numbers of a sequence of keys, none of them refused or unknown."""

    protocol: str
    keys: Sequence[bytes]
    """Held, so that no other sequence can have its identity."""
    revision: int
    ids: Ids
    order: Ids | None
    """The places sorted by series and then as they came; None where each series stands once."""
    again: NDArray[np.bool_] | None
    """Of each place in `order` but the first: whether it has the series of the place before."""

    def ascending(self, times: Times) -> bool:
        """Whether, one time a key, those of each series rise."""
        if self.order is None or self.again is None:
            return True
        sorted_ = times[self.order]
        return not bool(((sorted_[1:] <= sorted_[:-1]) & self.again).any())


class Layouts:
    """The layouts that came last, by the identity of their keys. For the thread that appends."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._known: OrderedDict[tuple[str, int], Layout] = OrderedDict()
        self._keys = 0

    def find(self, protocol: str, keys: Sequence[bytes]) -> Layout | None:
        """None where these very keys did not come lately, or a number may mean another series since."""
        found = self._known.get((protocol, id(keys)))
        if found is None:
            return None
        if found.revision != self._index.revision:
            self._drop(found)
            return None
        self._known.move_to_end((protocol, id(keys)))
        return found

    def remember(self, protocol: str, keys: Sequence[bytes], ids: Ids) -> Layout | None:
        """Know the numbers of these keys from now on; None where some were refused."""
        if not len(ids) or int(ids.min()) < 0 or len(ids) > _MOST_KEYS:
            return None
        narrow = ids.astype(np.uint16) if int(ids.max()) < 1 << 16 else ids
        order = np.argsort(narrow, kind="stable")
        again = ids[order[1:]] == ids[order[:-1]]
        repeated = bool(again.any())
        layout = Layout(protocol, keys, self._index.revision, ids, order if repeated else None, again if repeated else None)
        self._known[protocol, id(keys)] = layout
        self._keys += len(ids)
        while len(self._known) > _LAYOUTS or self._keys > _MOST_KEYS:
            self._drop(next(iter(self._known.values())))
        return layout

    def _drop(self, layout: Layout) -> None:
        del self._known[layout.protocol, id(layout.keys)]
        self._keys -= len(layout.ids)
