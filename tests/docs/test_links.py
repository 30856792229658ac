"""A link inside the project leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)|<(?:img|a|source)[^>]+(?:src|href|srcset)=\"([^\"]+)\"")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    broken = [target for target in relative_links(page.read_text(encoding="utf-8")) if not leads_somewhere(page, target)]

    assert broken == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("see [a](b.md#c)", ["b.md#c"], id="a link"),
        pytest.param("![picture](p.png 'title')", ["p.png"], id="a picture with a title"),
        pytest.param('<img alt="x" src="p.png">', ["p.png"], id="a picture in HTML"),
        pytest.param("[out](https://example.org) [mail](mailto:a@b.c)", [], id="links that leave are not ours to check"),
        pytest.param("```\n[in code](x.md)\n```", [], id="code is not a link"),
    ],
)
def test_relative_links_are_found(text: str, expected: list[str]) -> None:
    assert relative_links(text) == expected


def relative_links(text: str) -> list[str]:
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    found = [one or other for one, other in LINK.findall(prose)]
    return [target for target in found if not re.match(r"[a-z][a-z0-9+.-]*:", target)]


def leads_somewhere(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    file = page if not path else (ROOT / path.lstrip("/")) if path.startswith("/") else page.parent / path
    if not file.exists():
        return False
    return not anchor or file.suffix != ".md" or anchor in anchors(file)


def anchors(page: Path) -> set[str]:
    """The anchors that headings get where Markdown is shown: small letters, hyphens for spaces."""
    titles = re.findall(r"^#+ +(.+?)\s*$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    named = re.findall(r"<a (?:id|name)=\"([^\"]+)\"", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles} | set(named)
