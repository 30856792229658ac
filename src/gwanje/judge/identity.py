"""What an alert is known by: the same rule and labels give the same fingerprint, wherever and whenever they are judged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from gwanje.model import to_ms

_written: Final = json.JSONEncoder(ensure_ascii=False).encode


def fingerprint(rule: str, labels: Mapping[str, str]) -> str:
    """An alert's identity: rule and labels, severity left out. A label that is empty is none, as everywhere."""
    own = sorted((name, value) for name, value in labels.items() if value and name != "severity")
    return hashlib.sha256(_written([rule, own]).encode()).hexdigest()[:32]


def episode_id(identity: str, began: datetime) -> str:
    """The same breach gives the same id wherever it is evaluated; later ids sort later."""
    return f"{to_ms(began):012x}{identity[:20]}"
