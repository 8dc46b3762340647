"""The table of roles in a real browser: what sticks, what folds, what is left without script."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.test_pages import NARROW, WIDE, sign_in
from tests.console.conftest import build

pytestmark = pytest.mark.browser

# where header and first column are within the region after scrolling, and what is seen there
SEEN = """(region) => {
    region.scrollTo(260, 900);
    const box = region.getBoundingClientRect();
    const at = (x, y) => document.elementFromPoint(box.left + x, box.top + y).closest("th, td");
    const edges = (found, edge) => [...new Set([...region.querySelectorAll(found)].map(
        (cell) => Math.round(cell.getBoundingClientRect()[edge] - box[edge])))];
    return {
        tops: edges("thead th", "top"),
        lefts: edges("tr > th:first-child", "left"),
        corner: at(20, 20).className,
        header: at(box.width - 30, 20).scope,
        first: at(30, 130).parentElement.firstElementChild === at(30, 130),
    };
}"""


@pytest.fixture
def world(transactional_db: Any) -> Any:
    """Return an account that the server's thread sees too."""
    return build()


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_header_and_first_column_stay(
    world: Any, live_server: Any, browser: Any, size: dict[str, int]
) -> None:
    context = browser.new_context(viewport=size)
    page = context.new_page()
    sign_in(page, live_server.url, world.people["owner"].username)
    page.goto(f"{live_server.url}/roles/")
    region = page.locator(".matrix-wrap")
    region.scroll_into_view_if_needed()
    assert region.evaluate("region => region.clientHeight <= innerHeight")
    assert region.evaluate(SEEN) == {
        "tops": [1],
        "lefts": [1],
        "corner": "corner",
        "header": "col",
        "first": True,
    }
    context.close()


def test_areas_fold_by_keyboard_and_keep_their_counts(
    world: Any, live_server: Any, browser: Any
) -> None:
    context = browser.new_context()
    page = context.new_page()
    sign_in(page, live_server.url, world.people["owner"].username)
    page.goto(f"{live_server.url}/roles/")
    matrix = page.locator(".matrix")
    rows, counts = matrix.locator("tbody th[scope=row]:visible"), matrix.locator(".group:visible")
    before, areas = rows.count(), counts.count()
    fold = page.get_by_role("button", name="Audience 15", exact=True)
    fold.focus()
    page.keyboard.press("Enter")
    expect(fold).to_have_attribute("aria-expanded", "false")
    expect(rows).to_have_count(before - 15)
    assert matrix.get_by_role("row", name="Audience 15").inner_text().split("\t")[1:3] == [
        "15",
        "15",
    ]
    page.keyboard.press("Space")
    expect(fold).to_have_attribute("aria-expanded", "true")
    expect(rows).to_have_count(before)
    page.get_by_role("button", name="Fold all areas").click()
    expect(rows).to_have_count(0)
    expect(counts).to_have_count(areas)
    page.get_by_role("button", name="Open all areas").click()
    expect(rows).to_have_count(before)
    # a fold that is reached backwards is not behind the header
    page.get_by_role("button", name="Billing 8", exact=True).focus()
    for _ in range(3):
        page.keyboard.press("Shift+Tab")
    top = "(element) => element.getBoundingClientRect().top"
    header = "(element) => element.tHead.rows[0].cells[0].getBoundingClientRect().bottom"
    assert page.locator(".fold:focus").evaluate(top) >= matrix.evaluate(header)
    context.close()


def test_roles_are_found_and_compared_without_script(
    world: Any, live_server: Any, browser: Any
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, live_server.url, world.people["author"].username)
    page.goto(f"{live_server.url}/roles/")
    rows = page.locator(".matrix tbody th[scope=row]:visible")
    expect(rows).to_have_count(83)
    expect(page.locator(".matrix button, [data-folds]:visible")).to_have_count(0)
    page.get_by_label("Find", exact=True).fill("export")
    page.get_by_role("button", name="Show permissions").click()
    expect(rows).to_have_count(3)
    expect(rows.first).to_have_text("Export contacts")
    page.get_by_role("link", name="Show everything").click()
    expect(rows).to_have_count(83)
    page.get_by_label("Area", exact=True).select_option(label="Campaigns")
    page.get_by_label("Compare", exact=True).select_option(label="Full")
    page.get_by_label("with", exact=True).select_option(label="Editor")
    page.get_by_role("button", name="Show permissions").click()
    expect(page.get_by_role("heading", name="Full and Editor differ in 3 of 8")).to_be_visible()
    expect(rows).to_have_count(3)
    page.get_by_role("link", name="Show all lines").click()
    expect(rows).to_have_count(8)
    context.close()
