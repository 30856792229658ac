"""`python -m gwanje.keep.promql.conformance FOLDER`: passed and total of every file, what failed, what was left out and why."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from gwanje.keep.promql.conformance import Outcome, Verdict, read, run


def main(folder: Path) -> int:
    failed = 0
    for file in sorted(folder.glob("*.test")):
        verdicts = list(run(read(file.read_text(encoding="utf-8"))))
        failed += sum(verdict.outcome is Outcome.FAILED for verdict in verdicts)
        sys.stdout.write(_report(file.name, verdicts))
    return 1 if failed else 0


def _report(name: str, verdicts: Sequence[Verdict]) -> str:
    count = Counter(verdict.outcome for verdict in verdicts)
    passed, failed, left_out = (count[outcome] for outcome in (Outcome.PASSED, Outcome.FAILED, Outcome.LEFT_OUT))
    head = f"{name}: {passed} of {len(verdicts)} passed, {failed} failed, {left_out} left out\n"
    others = (verdict for verdict in verdicts if verdict.outcome is not Outcome.PASSED)
    lines = (f"  {other.outcome} {name}:{other.line}: {other.query}: {other.reason}\n" for other in others)
    return head + "".join(lines)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
