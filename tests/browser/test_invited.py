"""An invited newcomer, from the mail to the first page of the console, by keyboard."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core import mail
from playwright.sync_api import expect

from teams import services
from teams.models import Invitation
from teams.services import invitation_mail
from tests.browser.test_flows import reach
from tests.browser.test_pages import faults, open_page, sign_in
from tests.console.conftest import World, build

pytestmark = pytest.mark.browser

ADDRESS = "ana.ruiz@new.example"


@pytest.fixture
def world(transactional_db: Any) -> World:
    """Return an account that the server's thread sees too."""
    return build()


def invite(world: World, **asked: Any) -> Invitation:
    asked = {"address": ADDRESS, "role": "editor", "subaccount": world.places["north"]} | asked
    return services.invite_member(actor=world.people["owner"], account=world.account, **asked)


def opens(link: str, invitation: Invitation) -> bool:
    """Say whether ``link`` is a copied one of ``invitation``."""
    token = link.rstrip("/").rpartition("/")[2]
    known = (invitation.pk, invitation.nonce)
    return invitation_mail.read(token) == known and not invitation_mail.is_mailed(token)


def link_in_the_mail() -> str:
    """Return the address that stands in the newest mail, as its reader would copy it."""
    text = str(mail.outbox[-1].body)
    (link,) = re.findall(r"^(https?://\S+/invitation/\S+)$", text, flags=re.MULTILINE)
    return str(link)


def test_a_newcomer_comes_from_the_mail_to_the_console_by_keyboard(
    world: World, live_server: Any, browser: Any, settings: Any
) -> None:
    settings.CONSOLE_ORIGIN = live_server.url
    made = invite(world, toggles=["export_contacts"])
    invitation_mail.post_invitation.call(made.pk, made.nonce)
    page, said = open_page(browser)
    page.goto(link_in_the_mail())
    expect(page.get_by_role("heading", name="Harbor invites you")).to_be_visible()
    expect(page.get_by_text("As Editor you work with")).to_be_visible()
    assert faults(page, said) == []

    # what is wrong is said, and nothing is made
    reach(page, "First name", role="textbox")
    page.keyboard.type("Ana")
    page.keyboard.press("Tab")
    page.keyboard.type("Ruiz")
    page.keyboard.press("Tab")
    page.keyboard.type("12345")
    page.keyboard.press("Enter")
    expect(page.get_by_text("This password is too short.")).to_be_visible()
    assert [line for line in faults(page, said) if "400 (Bad Request)" not in line] == []

    said.clear()
    page.set_viewport_size({"width": 1366, "height": 900})
    page.get_by_label("Password").focus()
    page.keyboard.type("a long enough one")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{live_server.url}/")
    expect(page.get_by_role("heading", name="Home")).to_be_visible()
    expect(page.get_by_text("Welcome. You have a role in North now.")).to_be_visible()
    assert faults(page, said) == []
    assert Invitation.objects.get(pk=made.pk).accepted_by.email == ADDRESS
    page.context.close()


def test_somebody_with_a_login_accepts_and_a_used_link_says_so(
    world: World, live_server: Any, browser: Any, settings: Any
) -> None:
    settings.CONSOLE_ORIGIN = live_server.url
    ana = world.people["editor"]
    made = invite(world, address=ana.email, subaccount=world.places["south"])
    mailed = invitation_mail.link_of(made, mailed=True)
    copied = invitation_mail.link_of(made)
    page, said = open_page(browser)
    page.goto(mailed)
    expect(page.get_by_text("There is a login with this address.")).to_be_visible()
    assert faults(page, said) == []
    page.goto(copied)
    expect(page.get_by_text("This link was copied")).to_be_visible()
    assert faults(page, said) == []
    Invitation.objects.filter(pk=made.pk).update(sent_at=None)
    page.get_by_role("button", name="Send the mail").click()
    expect(page.get_by_text("The mail is on its way to")).to_be_visible()
    assert faults(page, said) == []

    sign_in(page, live_server.url, world.people["author"].username)
    page.goto(mailed)
    expect(page.get_by_text("whose confirmed address is another one")).to_be_visible()
    assert faults(page, said) == []
    page.context.clear_cookies()

    sign_in(page, live_server.url, ana.username)
    page.goto(mailed)
    assert faults(page, said) == []
    page.set_viewport_size({"width": 1366, "height": 900})
    page.get_by_role("button", name="Accept the invitation").click()
    expect(page.get_by_text("Welcome. You have a role in South now.")).to_be_visible()
    page.goto(mailed)
    expect(page.get_by_text("has been accepted already")).to_be_visible()
    assert [line for line in faults(page, said) if "404 (Not Found)" not in line] == []
    page.context.close()


def test_the_link_is_copied_by_a_button_or_without_script_by_hand(
    world: World, live_server: Any, browser: Any, settings: Any
) -> None:
    settings.CONSOLE_ORIGIN = live_server.url
    made = invite(world)
    url = f"{live_server.url}/teams/invitation/{made.pk}/link/"
    page, said = open_page(browser)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    sign_in(page, live_server.url, world.people["owner"].username)
    page.goto(url)
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_text("The link was copied.")).to_be_visible()
    assert opens(page.evaluate("navigator.clipboard.readText()"), made)
    assert faults(page, said) == []
    page.context.close()

    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, live_server.url, world.people["owner"].username)
    page.goto(url)
    assert opens(page.get_by_label("Link").input_value(), made)
    expect(page.get_by_role("button", name="Copy link")).to_be_hidden()
    context.close()
