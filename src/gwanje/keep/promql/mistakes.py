"""Reading a query with the parser package, and saying where it stops making sense."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate, pairwise

import promql_parser as grammar

from gwanje.errors import BadQuery, QueryLimit

DEPTH = 100
"""How deep parentheses may nest. The parser package recurses, and a query too deep for its stack would end the process."""
CHAIN = 200
"""How many operators and ranges a query may have: a chain of them nests too."""
PLACED = 200
"""How many words a query may have for its mistake to be looked for: every beginning of it is parsed again."""

_TOKEN = re.compile(
    r"""(?P<blank>\s+|\#[^\n]*)|(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)"""
    r"""|(?P<word>[A-Za-z_:][\w:]*|[0-9][\w.]*|\.[0-9][\w.]*)|(?P<sign>=~|!~|==|!=|<=|>=|</|>/|.)""",
    re.DOTALL,
)
_ESCAPED_BYTE = re.compile(r"(?<!\\)(?:\\\\)*\\(?:x[89a-fA-F]|[23][0-7][0-7])")
_GROUPED = re.compile(r"0[xX](?:_?[0-9a-fA-F])+|[0-9](?:_?[0-9])*(?:\.[0-9](?:_?[0-9])*)?(?:[eE][0-9](?:_?[0-9])*)?")
_EXPERIMENTAL = frozenset({"anchored", "smoothed", "</", ">/"})
_CLOSING = {"(": ")", "[": "]", "{": "}"}


def parsed(query: str, limit: int) -> grammar.Expr:
    """The parser's tree. Raises BadQuery with what is wrong and where, QueryLimit for a query too long or too deep to read."""
    if len(query) > limit:
        raise QueryLimit(f"the query has {len(query)} characters; at most {limit} are read")
    tokens = list(_tokens(query))
    _refuse_depth(tokens)
    try:
        tree = grammar.parse(_without_digit_groups(query, tokens))
    except ValueError as error:
        raise BadQuery(f"{_place(query, tokens, str(error))}parse error: {error}{_left_out(tokens, str(error))}") from error
    if any(token == "@" and sign == "-" for (_, token), (_, sign) in pairwise(tokens)):  # noqa: S105 -- a word of a query
        raise BadQuery("`@` with a time before 1970 is not supported")
    _refuse_bytes(tokens)
    return tree


def _without_digit_groups(query: str, tokens: list[tuple[int, str]]) -> str:
    """`1_000` as `1000 `, which the parser package can read; what follows keeps its place."""
    for begin, token in tokens:
        if "_" in token and _GROUPED.fullmatch(token):
            query = query[:begin] + token.replace("_", "").ljust(len(token)) + query[begin + len(token) :]
    return query


def _left_out(tokens: list[tuple[int, str]], problem: str) -> str:
    """What of the language is left out, where a query that cannot be read seems to use it."""
    named = next((token for _, token in tokens if token in _EXPERIMENTAL), None)
    if named:
        return f"; `{named}` is experimental in Prometheus and not supported"
    if any(token == "offset" and then == "(" for (_, token), (_, then) in pairwise(tokens)):  # noqa: S105 -- words of a query
        return "; a duration is written out behind `offset`, as in `offset 6m`: expressions there are not supported"
    if "non-empty matcher" in problem and "info" in {word for _, word in tokens}:
        return '; within info() name the metric, too, as in {__name__="target_info", version!=""}'
    return "; a duration is written out here, as in [6m]: expressions in it are not supported" if "brackets" in problem else ""


def _refuse_bytes(tokens: list[tuple[int, str]]) -> None:
    """Texts hold characters; the parser package would read an escaped byte as one."""
    for (_, before), (_, token) in pairwise([(0, ""), (0, ""), *tokens]):
        if token[0:1] in {'"', "'"} and _ESCAPED_BYTE.search(token):
            what = "invalid label name" if before in {"(", ","} else "bytes that are no character in the text"
            raise BadQuery(f"{what} {token}")


def _tokens(query: str) -> Iterator[tuple[int, str]]:
    """Where each word or sign begins, and what it is. Strings stay whole."""
    for match in _TOKEN.finditer(query):
        if match.lastgroup != "blank":
            yield match.start(), match.group()


def _refuse_depth(tokens: list[tuple[int, str]]) -> None:
    words = [token for _, token in tokens]
    deepest = max(accumulate((word in _CLOSING) - (word in _CLOSING.values()) for word in words), default=0)
    if deepest > DEPTH:
        raise QueryLimit(f"the query nests {deepest} levels deep; at most {DEPTH} are read")
    chain = sum(word.lower() in _CHAINED for word in words)
    if chain > CHAIN:
        raise QueryLimit(f"the query has {chain} operators and ranges; at most {CHAIN} are read")


def _place(query: str, tokens: list[tuple[int, str]], problem: str) -> str:
    """`line:column: ` of the first word that cannot follow what stands before it; nothing for a query too long to try."""
    if len(tokens) > PLACED:
        return ""
    named = re.search(r"(?:function|to|name) '(\w+)'", problem)
    known = (start for start, token in tokens if named and token == named.group(1))
    begin = next(known, 0) if named else _first_wrong(query, tokens)
    line = query.count("\n", 0, begin) + 1
    return f"{line}:{begin - query.rfind(chr(10), 0, begin)}: "


def _first_wrong(query: str, tokens: list[tuple[int, str]]) -> int:
    """The longest beginning that some ending makes whole ends before the mistake."""
    for count in range(len(tokens), 0, -1):
        end = tokens[count - 1][0] + len(tokens[count - 1][1])
        if _can_go_on(query[:end], [token for _, token in tokens[:count]]):
            return tokens[count][0] if count < len(tokens) else len(query)
    return tokens[0][0] if tokens else 0


def _can_go_on(beginning: str, tokens: list[str]) -> bool:
    opened: list[str] = []
    for token in tokens:
        if token in _CLOSING:
            opened.append(token)
        elif opened and token == _CLOSING[opened[-1]]:
            opened.pop()
    closing = "".join(_CLOSING[token] for token in reversed(opened))
    return any(_parses(f"{beginning}{more}{closing}") for more in _ENDINGS)


def _parses(query: str) -> bool:
    try:
        grammar.parse(query)
    except ValueError as error:
        return "expected type" in str(error) or "argument" in str(error)
    return True


_ENDINGS = ("", " x", "5m", '"x"', '="x"', ' x="x"', " (x)", " 5m", " x[5m]", "x)(x")
_CHAINED = frozenset({"+", "-", "*", "/", "%", "^", "==", "!=", "<", ">", "<=", ">=", "and", "or", "unless", "atan2", "["})
