"""An HTTP address that does it: a deployment's hook, a runbook's automation."""

from __future__ import annotations

from typing import Final

import aiohttp

from gwanje import config, kinds
from gwanje.act.actions.base import Task
from gwanje.because import Because
from gwanje.errors import Rejected, RetryLater

_SECONDS: Final = 30
_TIMEOUT: Final = aiohttp.ClientTimeout(total=_SECONDS, connect=5)


class Settings(config.Settings):
    """An HTTP address that takes a JSON body: action, target, rule, labels, because."""

    url: config.Secret
    """Where to POST. It may hold a token, so it is never shown."""
    authorization: config.Secret | None = None
    """Value of the `Authorization` header: `Bearer …`."""


def create(settings: Settings, world: kinds.World) -> Webhook:
    return Webhook(settings, world.http)


class Webhook:
    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._http = http

    def would(self, task: Task) -> str:
        sentence = f"POST {task.action} for {task.target}"
        return Because(sentence, "post_for", action=task.action, target=task.target)

    async def do(self, task: Task) -> str:
        headers = {"Idempotency-Key": task.key}
        if self._settings.authorization is not None:
            headers["Authorization"] = self._settings.authorization.get_secret_value()
        body = {
            "action": task.action,
            "target": task.target,
            "rule": task.rule,
            "labels": dict(task.labels),
            "because": task.because,
        }
        url = self._settings.url.get_secret_value()
        try:
            async with self._http.post(url, json=body, headers=headers, timeout=_TIMEOUT, allow_redirects=False) as answer:
                status = answer.status
        except TimeoutError:
            raise RetryLater(Because(f"no answer within {_SECONDS} s", "no_answer_within", seconds=_SECONDS)) from None
        except aiohttp.ClientError as error:
            # The texts of aiohttp's errors hold the address, which may be secret.
            kind = type(error).__name__
            raise RetryLater(Because(f"the address could not be reached ({kind})", "address_not_reached", error=kind)) from None
        answered = Because(f"answered {status}", "answered", status=status)
        if not 200 <= status < 300:
            raise Rejected(answered, status=status)
        return answered
