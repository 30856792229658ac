"""Runs cases written in promqltest, the language of Prometheus's own conformance cases, against this evaluation."""

from __future__ import annotations

from gwanje.keep.promql.conformance.run import Outcome, Verdict, run
from gwanje.keep.promql.conformance.script import read

__all__ = ["Outcome", "Verdict", "read", "run"]
