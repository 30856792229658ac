"""When a page in the browser is whole: what it asked for has come, the stream has spoken, and nothing moves any more."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

_CONNECTING = re.compile("connecting|잇는 중")
_QUIET_MS, _LONGEST_MS = 250, 3000
# Parts that come and go; the ages, which count on each second, only change their text.
_QUIET = """([quiet, longest]) => new Promise((done) => {
  let wait = setTimeout(done, quiet);
  setTimeout(done, longest);
  const again = () => { clearTimeout(wait); wait = setTimeout(done, quiet); };
  new MutationObserver(again).observe(document, {subtree: true, childList: true});
})"""


def settle(page: Page) -> None:
    """Wait until every part has what it waits for, and is drawn."""
    _nothing_waits(page)
    page.evaluate(_QUIET, [_QUIET_MS, _LONGEST_MS])
    _nothing_waits(page)


def _nothing_waits(page: Page) -> None:
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    expect(page.locator(".fresh").filter(has_text=_CONNECTING)).to_have_count(0)
