"""A role of one's own in a real browser: by keyboard, without script, and looked over by axe."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from teams.factories import (
    AccountFactory,
    MembershipFactory,
    RoleFactory,
    SubaccountFactory,
    UserFactory,
)
from teams.models import Role
from tests.browser.test_pages import faults, open_page, sign_in

pytestmark = pytest.mark.browser


@pytest.fixture
def role(transactional_db: Any) -> Role:
    """Return a role that one person holds."""
    owner = UserFactory(username="boss", first_name="Maria", last_name="Lopez")
    account = AccountFactory(edition="sailthru", owner=owner, name="Harbor")
    north = SubaccountFactory(account=account, slug="north", name="North")
    found: Role = RoleFactory(account=account, name="Helper", permissions=["access_audience"])
    MembershipFactory(
        account=account,
        subaccount=north,
        user=UserFactory(username="ana", first_name="Ana", last_name="Ruiz"),
        role="",
        custom_role=found,
        exclusive=False,
    )
    return found


def test_a_role_is_changed_by_keyboard(role: Role, live_server: Any, browser: Any) -> None:
    page, said = open_page(browser)
    sign_in(page, live_server.url, "boss")
    page.goto(f"{live_server.url}/roles/")
    page.get_by_role("link", name="Helper", exact=True).press("Enter")
    expect(page.get_by_role("link", name="Ana Ruiz")).to_be_visible()
    assert faults(page, said) == []
    page.get_by_role("link", name="Edit…").press("Enter")
    page.wait_for_url("**/act/edit/")  # with its script: the server ticks along for who is quicker
    # what a permission needs is ticked along, and goes with what needs it
    page.get_by_label("API test", exact=True).press("Space")
    status = page.locator("[data-ticks-status]")
    expect(status).to_have_text("Ticked along: Settings.")
    expect(page.get_by_label("Settings", exact=True)).to_be_checked()
    page.get_by_label("Settings", exact=True).press("Space")
    expect(status).to_have_text("Taken out along: API test.")
    page.get_by_label("API test", exact=True).press("Space")
    expect(page.locator("tr.is-gain", has_text="API test")).to_contain_text("+ Added")
    page.get_by_label("Audience", exact=True).press("Space")
    page.get_by_role("button", name="Save…").press("Enter")
    expect(page.get_by_role("heading", name="If you save now")).to_be_visible()
    gains = page.get_by_role("heading", name="Gains:")
    expect(gains).to_contain_text("API test")
    # what carries addresses out comes first, in a block of its own
    loses = page.get_by_role("heading", name="Loses:")
    expect(loses.first).to_contain_text("Export contacts")
    expect(loses.last).to_contain_text("Audience")
    role.refresh_from_db()
    assert role.permissions == ["access_audience"]
    assert faults(page, said) == []
    page.get_by_role("button", name="Save and apply to 1 person").press("Enter")
    expect(page.get_by_text("Helper was saved.")).to_be_visible()
    role.refresh_from_db()
    assert role.permissions == ["access_settings", "use_api_test"]
    page.get_by_role("link", name="Delete…").press("Enter")
    page.wait_for_url("**/act/delete/")
    assert faults(page, said) == []
    page.context.close()


def test_a_role_is_copied_and_compared_without_script(
    role: Role, live_server: Any, browser: Any
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, live_server.url, "boss")
    page.goto(f"{live_server.url}/teams/role/{role.pk}/change/")
    page.get_by_role("link", name="Copy to a new role").click()
    page.get_by_label("Name", exact=True).fill("Exporter")
    page.get_by_label("API test", exact=True).check()
    page.get_by_label("Compare with").select_option(label="Reports Only")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_text("Ticked along: API test needs it")).to_be_visible()
    expect(page.get_by_role("columnheader", name="Reports Only")).to_be_visible()
    page.get_by_role("button", name="Create role").click()
    expect(page.get_by_role("heading", name="Exporter")).to_be_visible()
    made = Role.objects.get(name="Exporter")
    assert made.permissions == ["access_audience", "access_settings", "use_api_test"]
    context.close()
