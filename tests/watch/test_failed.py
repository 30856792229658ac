"""Why an evaluation failed: a sentence, and a code by which the page says it in the reader's language."""

from datetime import timedelta

import pytest

from gwanje.because import Because, plain
from gwanje.errors import BadQuery, GwanjeError, QueryLimit, RetryLater
from gwanje.judge.rules.evaluate import RuleError
from gwanje.watch.failed import why


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (
            RuleError(Because("two results have the labels {}", "two_results", labels="{}")),
            "two_results",
            "two results have the labels {}",
        ),
        (QueryLimit("too many samples; narrow it"), "query_too_large", "too many samples; narrow it"),
        (BadQuery("`fill` is not supported yet"), "query_not_answered", "`fill` is not supported yet"),
        (RetryLater("http://vm:8428 does not answer"), "store_not_answering", "http://vm:8428 does not answer"),
        (GwanjeError("without a word"), "store_not_answering", "without a word"),
        (TimeoutError(), "no_answer_within", "no answer within 10 s"),
        (ZeroDivisionError("by nothing"), "evaluation_broke", "ZeroDivisionError: by nothing"),
    ],
)
def test_e8_each_failure_says_what_it_is(error: Exception, code: str, sentence: str) -> None:
    reason = why(error, timedelta(seconds=10))
    assert (reason.code, str(reason)) == (code, sentence)


def test_what_is_kept_beside_the_sentence_is_bounded() -> None:
    kept = plain(why(QueryLimit("x" * 5000), timedelta()))
    assert kept is not None
    assert len(kept["values"]["error"]) == 200
