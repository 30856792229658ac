"""What people are told when a run of a pipeline ended: whether it went well, what it brought, and how it was before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection

from gwanje.collect.pipelines.spec import Pipeline
from gwanje.keep.state import runs
from gwanje.keep.state.runs import FAILED, SUCCEEDED, Run
from gwanje.model import to_ms
from gwanje.tell.texts import cut, moment
from gwanje.tell.words import Language, spoken
from gwanje.watch.notices import Notice, put

_LANGUAGES: Final[tuple[Language, ...]] = ("ko", "en")
_LONGEST_NAME: Final = 120
_LONGEST_CAUSE: Final = 1000
_TITLES: Final = {
    "ko": {"well": "{name}: 실행 성공", "recovered": "{name}: 다시 정상", "failed": "{name}: 실행 실패"},
    "en": {"well": "{name} ended well", "recovered": "{name} is well again", "failed": "{name} failed"},
}
_NAMES: Final = {
    "ko": {
        "pipeline": "파이프라인",
        "when": "언제",
        "took": "걸린 시간",
        "brought": "가져온 것",
        "cause": "원인",
        "before": "이전 상태",
        "now": "현재 상태",
        "open": "바로가기",
    },
    "en": {
        "pipeline": "Pipeline",
        "when": "When",
        "took": "Duration",
        "brought": "Brought",
        "cause": "Cause",
        "before": "State before",
        "now": "State now",
        "open": "Open",
    },
}
_STATES: Final = {
    "ko": {SUCCEEDED: "정상", FAILED: "실패", "": "없음 (첫 실행)"},
    "en": {SUCCEEDED: "ok", FAILED: "failed", "": "none (first run)"},
}
_BROUGHT: Final = {"ko": "{rows:,}건, {bytes:,}바이트", "en": "{rows:,} records, {bytes:,} bytes"}
_STATUS: Final = {"ko": ", 응답 코드 {status}", "en": ", answered {status}"}
_MOMENT: Final = timedelta(seconds=1)


class RunNotices:
    """Writes the notice of a run that ended into the outbox, in the transaction that ended it.

    `zones` holds the time zone of each receiver that can be told; one that is not set up is told nothing. A run that was
    cancelled is no end that anybody is told of.
    """

    def __init__(self, pipelines: Iterable[Pipeline], zones: Mapping[str, str], page_url: str) -> None:
        self._pipelines = {pipeline.name: pipeline for pipeline in pipelines}
        self._zones = zones
        self._page_url = page_url.rstrip("/")

    def __call__(self, connection: Connection, run: Run) -> bool:
        """Whether somebody is told, who was not before."""
        pipeline = self._pipelines[run.pipeline]
        told = {SUCCEEDED: pipeline.on_success, FAILED: pipeline.on_failure}.get(run.outcome or "")
        if told is None or told.receiver not in self._zones:
            return False
        before = runs.before(connection, run)
        title, text = worded(pipeline, run, before, zone=self._zones[told.receiver], link=self._link(run))
        # The number of a run comes again when all before it were forgotten; with the time of its asking it does not.
        key = f"run:{run.id}:{to_ms(run.asked_at)}"
        return put(connection, Notice(key, told.receiver, title, text, _group(pipeline.name)), run.ended_at or run.asked_at)

    def _link(self, run: Run) -> str:
        return f"{self._page_url}/fetches?pipeline={run.pipeline}" if self._page_url else ""


def worded(
    pipeline: Pipeline, run: Run, before: Run | None, *, zone: str, link: str
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Title and text of a run that succeeded or failed, by language; its times are those of a zone."""
    was = (before.outcome if before else "") or ""
    word = "failed" if run.outcome == FAILED else "recovered" if was == FAILED else "well"
    title: dict[str, str] = {}
    text: dict[str, str] = {}
    for language in _LANGUAGES:
        name = cut(pipeline.titles()[language], _LONGEST_NAME)
        lines = {
            "pipeline": pipeline.name if name == pipeline.name else f"{name} ({pipeline.name})",
            "when": moment(run.started_at or run.asked_at, zone),
            "took": _took(run, language),
            "brought": _brought(run, language),
            "cause": cut(" ".join((run.error or "").split()), _LONGEST_CAUSE),
            "before": _STATES[language][was],
            "now": _STATES[language][run.outcome or ""],
            "open": link,
        }
        title[language] = _TITLES[language][word].format(name=name)
        text[language] = "\n".join(f"{_NAMES[language][key]}: {said}" for key, said in lines.items() if said)
    return title, text


def _took(run: Run, language: Language) -> str:
    took = (run.ended_at or run.asked_at) - (run.started_at or run.asked_at)
    return spoken(took, language) if took >= _MOMENT else f"{max(took, timedelta()) // timedelta(milliseconds=1)} ms"


def _brought(run: Run, language: Language) -> str:
    """Empty of a run that was given up: nobody knows."""
    if run.rows is None:
        return ""
    status = _STATUS[language].format(status=run.status) if run.status is not None else ""
    return _BROUGHT[language].format(rows=run.rows, bytes=run.bytes or 0) + status


def _group(pipeline: str) -> str:
    """Of one length for every name, so that two long ones are two."""
    return f"run:{hashlib.sha256(pipeline.encode()).hexdigest()[:32]}"
