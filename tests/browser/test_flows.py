"""What people do at the console, from the door on: with the mouse, and by keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from teams import services
from teams.models import Membership, Subaccount
from tests.browser.test_pages import sign_in
from tests.console.conftest import World, build

pytestmark = pytest.mark.browser


@pytest.fixture
def world(transactional_db: Any) -> World:
    """Return an account that the server's thread sees too."""
    return build()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """Return a fresh page whose console must stay silent."""
    context = browser.new_context(viewport={"width": 1366, "height": 900})
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    yield page
    assert [text for text in said if "403 (Forbidden)" not in text] == []
    context.close()


def test_switch_scope_add_toggle_be_refused_archive_and_restore(
    world: World, live_server: Any, page: Any
) -> None:
    sign_in(page, live_server.url, world.people["owner"].username)

    page.locator(".scope > summary").click()
    page.get_by_placeholder("Type a name").fill("nor")
    page.get_by_role("button", name="North", exact=True).click()
    expect(page.locator(".scope > summary")).to_contain_text("North")
    page.get_by_role("link", name="Audience").first.click()
    expect(page.get_by_role("link", name="Newsletter")).to_be_visible()
    page.locator(".scope > summary").click()
    page.get_by_role("button", name="All mine").click()
    expect(page.locator(".scope > summary")).to_contain_text("All subaccounts")

    page.goto(f"{live_server.url}/teams/subaccount/{world.places['south'].pk}/change/")
    page.get_by_role("link", name="Add person").click()
    page.get_by_label("Person").select_option(label="Author One, " + address(world, "author"))
    page.get_by_label("Role").select_option(label="Editor")
    page.get_by_role("button", name="Add person").click()
    expect(page.get_by_text("Author One has a role in South now.")).to_be_visible()
    added = Membership.objects.get(user=world.people["author"], subaccount=world.places["south"])
    assert added.role == "editor"

    page.goto(f"{live_server.url}/auth/user/{world.people['full'].pk}/change/")
    page.get_by_label("Export contacts").check()
    page.get_by_role("button", name="Save switches").click()
    confirm(page, "Save switches")
    expect(page.get_by_label("Export contacts")).to_be_checked()

    page.goto(f"{live_server.url}/teams/subaccount/{world.places['east'].pk}/change/")
    page.get_by_role("link", name="Archive…").click()
    page.get_by_role("button", name="Archive East").click()
    confirm(page, "Archive East")
    expect(page.get_by_text("East is archived.")).to_be_visible()
    assert Subaccount.objects.get(pk=world.places["east"].pk).is_archived
    page.goto(f"{live_server.url}/teams/subaccount/{world.places['east'].pk}/change/")
    page.get_by_role("link", name="Restore…").click()
    page.get_by_role("button", name="Restore East").click()
    confirm(page, "Restore East")
    expect(page.get_by_text("East is active again.")).to_be_visible()
    assert not Subaccount.objects.get(pk=world.places["east"].pk).is_archived


def test_a_refusal_says_what_is_missing_and_leads_back(
    world: World, live_server: Any, page: Any
) -> None:
    sign_in(page, live_server.url, world.people["author"].username)
    page.goto(f"{live_server.url}/auth/user/")
    expect(page.get_by_role("heading", name="You cannot open People")).to_be_visible()
    expect(page.get_by_role("heading", name="Who can help")).to_be_visible()
    page.get_by_role("link", name="Back to Home").click()
    expect(page.get_by_role("heading", name="Home")).to_be_visible()


def confirm(page: Any, button: str) -> None:
    """Look at who gains and who loses, and press the button again."""
    expect(page.get_by_role("heading", name="If you save now")).to_be_visible()
    page.get_by_role("button", name=button).click()


def address(world: World, who: str) -> str:
    return str(world.people[who].email)


def reach(page: Any, name: str, *, role: str, presses: int = 90) -> None:
    """Press Tab until what has that role and name has the focus, which must be seen."""
    target = page.get_by_role(role, name=name, exact=True).first
    for _ in range(presses):
        if target.evaluate("element => element === document.activeElement"):
            outline = target.evaluate(
                "e => getComputedStyle(e).outlineStyle + getComputedStyle(e).boxShadow"
            )
            assert outline not in {"nonenone", "none"}
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to the {role} {name}.")


def test_the_same_by_keyboard_alone(world: World, live_server: Any, page: Any) -> None:
    press = page.keyboard.press
    page.goto(f"{live_server.url}/sign-in/login/")
    reach(page, "User name or e-mail address", role="textbox")
    page.keyboard.type(world.people["owner"].username)
    press("Tab")
    page.keyboard.type("demo")
    press("Enter")
    page.wait_for_url(f"{live_server.url}/")

    # the scope switcher: open, type, walk to the choice, choose; then Escape gives focus back
    summary = page.locator(".scope > summary")
    for _ in range(10):
        press("Tab")
        if summary.evaluate("element => element === document.activeElement"):
            break
    press("Enter")
    expect(page.locator("#scope-find")).to_be_focused()
    page.keyboard.type("nor")
    expect(page.locator(".scope-list button")).to_have_text(["North"])
    press("ArrowDown")
    press("Enter")
    expect(summary).to_contain_text("North")
    summary.focus()
    press("Enter")
    expect(page.locator("#scope-find")).to_be_focused()
    press("Escape")
    expect(summary).to_be_focused()

    # a switch
    page.goto(f"{live_server.url}/auth/user/{world.people['full'].pk}/change/")
    reach(page, "Export contacts", role="switch")
    press("Space")
    reach(page, "Save switches of North", role="button")
    press("Enter")
    expect(page.get_by_role("heading", name="If you save now")).to_be_focused()
    expect(page.get_by_label("Export contacts")).to_be_checked()
    reach(page, "Save switches", role="button")
    press("Enter")
    expect(page.get_by_text("Export contacts is on for Full One")).to_be_visible()
    expect(page.get_by_label("Export contacts")).to_be_checked()

    # archive and restore
    for verb, archived in (("Archive", True), ("Restore", False)):
        page.goto(f"{live_server.url}/teams/subaccount/{world.places['east'].pk}/change/")
        reach(page, f"{verb}…", role="link")
        press("Enter")
        page.wait_for_url("**/act/**")
        reach(page, f"{verb} East", role="button")
        press("Enter")
        expect(page.get_by_role("heading", name="If you save now")).to_be_focused()
        reach(page, f"{verb} East", role="button")
        press("Enter")
        page.wait_for_url(lambda url: "/act/" not in url)
        assert Subaccount.objects.get(pk=world.places["east"].pk).is_archived is archived


def test_the_first_tab_leads_past_the_frame(world: World, live_server: Any, page: Any) -> None:
    sign_in(page, live_server.url, world.people["owner"].username)
    page.goto(f"{live_server.url}/auth/user/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "Skip to main content"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#content-start"


def test_suspended_in_an_open_window_is_out_at_the_next_click(
    world: World, live_server: Any, page: Any
) -> None:
    sign_in(page, live_server.url, world.people["full"].username)
    expect(page.get_by_role("heading", name="Home")).to_be_visible()
    services.suspend_member(actor=world.people["owner"], membership=world.seats["full"])
    page.get_by_role("link", name="Audience").first.click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.get_by_text("Newsletter")).to_have_count(0)
