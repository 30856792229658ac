"""What every part of a dashboard of Grafana refers to: the language, the data source and the units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from gwanje.show.dashboards.spec import Text, Unit

Language = Literal["ko", "en"]
UID: Final = "gwanje"
"""The data source's uid."""
SOURCE: Final = "DS_GWANJE"
"""The input that an import asks for, and the variable that stands for the data source."""
DATASOURCE: Final = {"type": "prometheus", "uid": f"${{{SOURCE}}}"}
"""What a panel, a query or a variable names as its data source."""
UNITS: Final[Mapping[Unit, str]] = {
    "none": "none",
    "ratio": "percentunit",
    "percent": "percent",
    "bytes": "bytes",
    "bytes_per_second": "binBps",
    "seconds": "s",
    "milliseconds": "ms",
    "count": "short",
    "per_second": "cps",
    "cores": "suffix: cores",
    "celsius": "celsius",
}
"""Our units in Grafana's words."""


def said(text: Text, language: Language) -> str:
    """A text in one of its languages."""
    return text.ko if language == "ko" else text.en
