"""One's login in a real browser: axe, the content security policy, passkeys, 390 pixels."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.test_pages import faults, open_page, sign_in
from tests.signin.people import PASSWORD, login

pytestmark = pytest.mark.browser

OUTSIDE = (
    "login/",
    "password/reset/",
    "password/reset/done/",
    "password/reset/key/1-x/",
    "signup/",
)
INSIDE = ("", "email/", "password/change/", "sessions/", "2fa/", "2fa/totp/activate/", "logout/")
SURE = ("2fa/totp/activate/", "2fa/webauthn/add/", "2fa/webauthn/")


@pytest.fixture
def ana(transactional_db: Any, settings: Any, live_server: Any) -> Any:
    """Return a login without a place, and the server under the name that passkeys allow."""
    settings.CONSOLE_ORIGIN = live_server.url.replace("127.0.0.1", "localhost")
    return login("ana")


def sign_out(page: Any) -> None:
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def walk(page: Any, said: list[str], address: str, paths: tuple[str, ...]) -> list[Any]:
    """Return what is wrong with each of the pages."""
    wrong: list[Any] = []
    for path in paths:
        page.goto(f"{address}/sign-in/{path}")
        wrong += [(path, fault) for fault in faults(page, said)]
    return wrong


def test_pages_are_accessible_silent_and_fit_and_a_passkey_signs_in(
    ana: Any, settings: Any, browser: Any
) -> None:
    address = settings.CONSOLE_ORIGIN
    page, said = open_page(browser)
    wrong = walk(page, said, address, OUTSIDE)
    sign_in(page, address, "ana", PASSWORD)
    expect(page.get_by_role("heading", name="Nothing here for this login")).to_be_visible()
    wrong += [("no place", fault) for fault in faults(page, said)]
    wrong += walk(page, said, address, INSIDE)
    page.goto(f"{address}/sign-in/2fa/webauthn/add/")
    page.fill("#id_password", PASSWORD)
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("#id_passwordless")).to_be_visible()
    wrong += walk(page, said, address, SURE)
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    page.goto(f"{address}/sign-in/2fa/webauthn/add/")
    page.check("#id_passwordless")
    page.get_by_role("button", name="Add", exact=True).click()
    page.wait_for_url("**/recovery-codes/")
    wrong += [("recovery codes", fault) for fault in faults(page, said)]

    sign_out(page)
    sign_in(page, address, "ana", PASSWORD)
    wrong += [("second factor", fault) for fault in faults(page, said)]
    page.get_by_role("button", name="Use a passkey").click()
    page.get_by_role("heading", name="Nothing here for this login").wait_for()

    sign_out(page)
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.get_by_role("heading", name="Nothing here for this login").wait_for()
    page.context.close()
    assert wrong == []
