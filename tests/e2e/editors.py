"""What is done with every editor of the page."""

from __future__ import annotations

from playwright.sync_api import Locator, Page

from .test_page import SIZES, Site


def visit(site: Site, where: str, size: str = "wide") -> Page:
    """A page of somebody signed in, in English."""
    page = site.context(viewport=SIZES[size], has_touch=size == "phone", locale="en-US").new_page()
    page.goto(where)
    return page


def yaml_side(page: Page) -> Locator:
    """The text that is kept."""
    return page.get_by_label("YAML", exact=True)
