"""Why an evaluation found nothing, so that the page can say it in the reader's language.

What the store said stays as it said it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from gwanje.because import Because
from gwanje.errors import BadQuery, GwanjeError, QueryLimit

_LONGEST: Final = 200


def why(error: Exception, waited: timedelta) -> Because:
    """The reason of an error that ended an evaluation; a `TimeoutError` came after it had `waited` so long."""
    said = str(error)[:_LONGEST]
    match error:
        case GwanjeError(said=Because() as reason) if reason.code:
            return reason
        case QueryLimit():
            return Because(str(error), "query_too_large", error=said)
        case BadQuery():
            return Because(str(error), "query_not_answered", error=said)
        case GwanjeError():
            return Because(str(error), "store_not_answering", error=said)
        case TimeoutError():
            seconds = waited.total_seconds()
            return Because(f"no answer within {seconds:g} s", "no_answer_within", seconds=seconds)
    sentence = f"{type(error).__name__}: {error}"
    return Because(sentence, "evaluation_broke", error=sentence[:_LONGEST])
