"""Deeds are done once, and what came of them is kept. With real programs and a real HTTP server."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import ValidationError
from sqlalchemy import select

from gwanje import processors
from gwanje.act.actions import command, webhook
from gwanje.act.actions.base import Doer, Task
from gwanje.act.worker import Worker
from gwanje.errors import Rejected, RetryLater
from gwanje.keep.said import Acknowledgement
from gwanje.keep.state import acknowledgements, alerts, deeds
from gwanje.keep.state.base import State
from gwanje.keep.state.tables import audit
from gwanje.kinds import World
from gwanje.model import Severity

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
TASK = Task("deed:1", "restart", "web-1", "web down", {"host": "web-1", "service": "shop; rm -rf $HOME `id`"}, "because", NOW)


def _command(tmp_path: Path, *arguments: str, **given: Any) -> command.Command:
    settings = command.Settings.model_validate({"command": [sys.executable, *arguments], **given})
    return command.create(settings, World(tmp_path))


def _worker(state: State, **doers: Doer) -> Worker:
    return Worker(state, doers, None, worker_id="me", clock=lambda: NOW)


class Idle:
    """Does nothing."""

    def would(self, _task: Task) -> str:
        return ""

    async def do(self, _task: Task) -> str:
        return ""


def _decide(state: State, *, dry: bool = False) -> None:
    row = {"action": "restart", "target": "web-1", "rule": "web down", "episode": "e1", "labels": {}, "because": "x", "dry": dry}
    with state.write() as connection:
        deeds.put(connection, [row], NOW)


def _kept(state: State) -> list[tuple[str, str]]:
    with state.read() as connection:
        return [(one.state, one.result) for one in deeds.of_episode(connection, "e1")]


def _said(state: State) -> Mapping[str, Any] | None:
    with state.read() as connection:
        (one,) = deeds.of_episode(connection, "e1")
    return one.result_reason


async def test_a1_arguments_stay_arguments_whatever_a_label_holds(tmp_path: Path) -> None:
    doer = _command(tmp_path, "-c", "import sys; print(len(sys.argv), sys.argv[1])", "{service}")
    assert await doer.do(TASK) == f"2 {TASK.labels['service']}"


@pytest.mark.skipif(sys.platform != "linux" or os.cpu_count() == 1, reason="there is one place only")
async def test_a_program_runs_wherever_it_may_also_while_our_threads_are_kept_on_one_processor(tmp_path: Path) -> None:
    until_free = "import os, time\nfor _ in range(1000):\n  if len(os.sched_getaffinity(0)) > 1: break\n  time.sleep(0.01)\n"
    doer = _command(tmp_path, "-c", f"{until_free}print(len(os.sched_getaffinity(0)))")
    everywhere = len(os.sched_getaffinity(0))
    processors.gather()
    try:
        assert await doer.do(TASK) == str(everywhere)
    finally:
        processors.let_go()


async def test_a_program_that_fails_or_hangs_says_so(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="ended with 3: no such unit"):
        await _command(tmp_path, "-c", "print('no such unit'); raise SystemExit(3)").do(TASK)
    with pytest.raises(Rejected, match=r"took longer than 0\.2 s"):
        await _command(tmp_path, "-c", "import time; time.sleep(60)", timeout="200ms").do(TASK)
    with pytest.raises(Rejected, match="could not be started"):
        await command.create(command.Settings(command=("/nowhere/at/all",)), World(tmp_path)).do(TASK)


@pytest.mark.parametrize(("label", "passed"), [("-rf", False), ("--now", False), ("", True), ("a -rf", True), ("웹-1\n", True)])
async def test_a1_a_label_makes_no_option_that_nobody_wrote_down(tmp_path: Path, label: str, *, passed: bool) -> None:
    doer = _command(tmp_path, "-c", "import sys; print(len(sys.argv), *sys.argv[1:])", "{service}", "--unit={service}")
    task = replace(TASK, labels={"service": label})
    if passed:
        assert await doer.do(task) == " ".join(f"3 {label} --unit={label}".split())
    else:
        with pytest.raises(Rejected, match="would be read as an option"):
            await doer.do(task)


@pytest.mark.parametrize("wrong", [["systemctl"], ["/bin/{host}"], []])
def test_a1_only_full_paths_are_on_the_list(wrong: list[str]) -> None:
    with pytest.raises(ValidationError):
        command.Settings.model_validate({"command": wrong})


async def test_a1_a_deed_is_done_once_and_recorded_with_its_reason(state: State, tmp_path: Path) -> None:
    _decide(state)
    worker = _worker(state, restart=_command(tmp_path, "-c", "print('restarted')"))
    assert (await worker.once(), await worker.once()) == (1, 0)
    assert _kept(state) == [("done", "restarted")]
    with state.read() as connection:
        (line,) = connection.execute(select(audit.c.who, audit.c.what, audit.c.target, audit.c.after)).all()
        (kept,) = deeds.of_episode(connection, "e1")
    known = {"episode": "e1", "because": "x", "result": "restarted"}
    assert tuple(line) == ("action restart", "action done", "web-1", known)
    assert (kept.because, kept.decided_at, kept.ended_at) == ("x", NOW, NOW)


async def test_a1_a_dry_run_says_what_it_would_do_and_does_nothing(state: State, tmp_path: Path) -> None:
    _decide(state, dry=True)
    await _worker(state, restart=_command(tmp_path, "-c", f"open({str(tmp_path / 'x')!r}, 'w')")).once()
    assert _kept(state)[0][0] == "dry"
    assert "would have done" in _kept(state)[0][1]
    assert (_said(state) or {})["code"] == "would_have_done"
    assert not (tmp_path / "x").exists()


async def test_what_was_under_way_when_the_process_died_failed_and_is_not_done_again(state: State, tmp_path: Path) -> None:
    _decide(state)
    with state.write() as connection:
        assert deeds.claim(connection, "me")
    worker = _worker(state, restart=_command(tmp_path, "-c", "print('again')"))
    worker._give_up()
    assert await worker.once() == 0
    assert _kept(state)[0][0] == "failed"


@pytest.mark.parametrize(
    ("since", "why"),
    [
        pytest.param({"state": "resolved", "ended_at": NOW, "ended_because": "resolved"}, "the alert is over", id="over"),
        pytest.param({"state": "no_data"}, "nobody knows: it is no_data", id="no data"),
        pytest.param({"muted": ["silenced"]}, "silenced", id="silenced"),
        pytest.param({}, "somebody is on it", id="acknowledged"),
    ],
)
@pytest.mark.parametrize("dry", [False, True], ids=["done", "dry run"])
async def test_a1_what_was_decided_before_things_changed_is_not_done_any_more(
    state: State, tmp_path: Path, since: dict[str, Any], why: str, *, dry: bool
) -> None:
    """It waited behind another deed, or the process was down in between."""
    _decide(state, dry=dry)
    with state.write() as connection:
        alerts.change_episodes(connection, {"e1": since} if since else {})
        if not since:
            acknowledgements.put(connection, Acknowledgement("e1", "kim", NOW, "", None, Severity.CRITICAL))
    await _worker(state, restart=_command(tmp_path, "-c", f"open({str(tmp_path / 'x')!r}, 'w')")).once()
    assert _kept(state) == [("failed", f"not done any more: {why}")]
    said = _said(state)
    assert said is not None
    assert (said["code"], set(said["values"]["what"])) == ("not_any_more", {"code", "values"})
    assert not (tmp_path / "x").exists()


async def test_a1_a_dry_run_that_cannot_say_what_it_would_do_locks_no_target(state: State, tmp_path: Path) -> None:
    row = {"action": "restart", "target": "web-1", "rule": "web down", "episode": "e1", "because": "x", "dry": True}
    with state.write() as connection:
        deeds.put(connection, [{**row, "labels": {"service": "--now"}}], NOW)
    await _worker(state, restart=_command(tmp_path, "{service}")).once()
    assert _kept(state)[0][0] == "failed"


async def test_a1_a_worker_that_never_comes_back_locks_no_target_for_ever(state: State) -> None:
    """A container of another name takes the place of the one that was killed."""
    _decide(state)
    with state.write() as connection:
        assert deeds.claim(connection, "pod-1")
    now = [NOW]
    worker = Worker(state, {"restart": Idle()}, None, worker_id="pod-2", clock=lambda: now[0])
    for hours, expected in ((1, "running"), (3, "failed")):
        now[0] = NOW + timedelta(hours=hours)
        worker.give_up_of_the_dead()
        assert _kept(state)[0][0] == expected


@pytest.mark.parametrize(
    ("program", "result", "said"),
    [
        pytest.param("print('restarted')", "restarted", None, id="what the program said has no code"),
        pytest.param("", "done", {"code": "program_ended_well", "values": {}}, id="what we say has one"),
        pytest.param(
            "print('no such unit'); raise SystemExit(3)",
            "the program ended with 3: no such unit",
            {"code": "program_failed", "values": {"status": 3, "said": "no such unit"}},
            id="an error, too",
        ),
    ],
)
async def test_what_came_of_a_deed_is_kept_by_code_and_values(
    state: State, tmp_path: Path, program: str, result: str, said: dict[str, Any] | None
) -> None:
    _decide(state)
    await _worker(state, restart=_command(tmp_path, "-c", program)).once()
    assert (_kept(state)[0][1], _said(state)) == (result, said)


async def test_an_action_that_is_gone_is_not_done(state: State) -> None:
    _decide(state)
    await _worker(state).once()
    assert _kept(state) == [("failed", "the action is no longer configured")]


@pytest.fixture
async def hook() -> AsyncIterator[tuple[Any, list[Any]]]:
    heard: list[Any] = []

    async def take(request: web.Request) -> web.Response:
        heard.append((request.headers["Idempotency-Key"], request.headers["Authorization"], await request.json()))
        return web.Response(status=202 if len(heard) == 1 else 500)

    app = web.Application()
    app.router.add_post("/hook", take)
    async with TestServer(app) as server:
        yield server.make_url("/hook"), heard


async def test_a_webhook_is_told_what_to_act_upon(tmp_path: Path, hook: tuple[Any, list[Any]]) -> None:
    url, heard = hook
    async with aiohttp.ClientSession() as http:
        settings = webhook.Settings.model_validate({"url": str(url), "authorization": "Bearer x"})
        doer = webhook.create(settings, World(tmp_path, http=http))
        assert await doer.do(TASK) == "answered 202"
        with pytest.raises(Rejected, match="answered 500"):
            await doer.do(TASK)
        gone = webhook.create(
            webhook.Settings.model_validate({"url": "http://127.0.0.1:9/secret-part"}), World(tmp_path, http=http)
        )
        with pytest.raises(RetryLater) as error:
            await gone.do(TASK)
    assert "secret-part" not in str(error.value)
    assert heard[0][:2] == ("deed:1", "Bearer x")
    assert heard[0][2]["target"] == "web-1"
