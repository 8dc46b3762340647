"""Screenshots of the main pages for a few roles: ``python -m tests.shots [directory]``.

Serves freshly seeded demo data from a database of its own and leaves the pictures in ``shots/``.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[1]
NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ("--disable-gpu", "--disable-background-networking", "--no-first-run")
WIDE, NARROW = 1366, 390


@dataclass(frozen=True)
class Shot:
    """One picture: who looks at what.

    ``follow`` are the texts of links to click first; ``action`` is one of the list's actions, to be
    opened for the rows named in ``chosen``.
    """

    name: str
    login: str
    path: str = "/"
    follow: tuple[str, ...] = ()
    dark: bool = False
    width: int = WIDE
    action: str = ""
    chosen: tuple[str, ...] = ()


OWNER, MANAGER = "emma_hq.owner", "emma_hq.manager"
ADMINISTRATOR, AUTHOR = "emma_hq.administrator", "emma_hq.author"
RESPONSE = "emma_hq.response_only"
PEOPLE, INVITATIONS = "/auth/user/", "/teams/invitation/"
CAMPAIGN = "/teams/campaign/"
CROWD = ("Ana Ruiz", "Leo Brandt", "Noah Whitfield")
MIXED = ("Ana Ruiz", "Priya Nair")
COMPARED = "/roles/?compare=manager&with=full"
COMPARED_PLACES = "/roles/?compare=partner_manager%40partner&with=partner_manager%40client"

FULL, CONTACTS, SEGMENTS = "emma_hq.full", "/teams/contact/", "/teams/segment/"
TEMPLATES, LISTS = "/teams/messagetemplate/", "/teams/mailinglist/"
LOOKS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("", {}),
    ("-dark", {"dark": True}),
    ("-390", {"width": NARROW}),
)

SHOTS = (
    *(Shot(f"70-billing{suffix}", OWNER, "/billing/", **look) for suffix, look in LOOKS),
    Shot("70-billing-days", OWNER, "/billing/?of=sends&over=month"),
    *(Shot(f"71-activity{suffix}", OWNER, "/billing/activity/", **look) for suffix, look in LOOKS),
    *(
        Shot(f"72-usage{suffix}", "sailthru.account_admin", "/billing/usage/", **look)
        for suffix, look in LOOKS
    ),
    *(
        Shot(
            f"73-subaccount-billing{suffix}",
            OWNER,
            "/billing/subaccounts/",
            ("Northwind Coffee",),
            **look,
        )
        for suffix, look in LOOKS
    ),
    *(
        Shot(f"{name}{suffix}", OWNER, path, follow, **look)
        for name, path, follow in (
            ("74-invoices", "/billing/invoice/", ()),
            ("75-invoice", "/billing/invoice/", ("EMMA-HQ-00011",)),
            ("75-pay", "/billing/invoice/", ("EMMA-HQ-00011", "Pay…")),
            ("76-statement", "/billing/statement/", ()),
            ("77-spreadsheets", "/billing/report/", ()),
            ("78-rate-plan", "/billing/rateplan/", ()),
            ("79-billing-details", "/billing/billingdetails/", ()),
        )
        for suffix, look in LOOKS
    ),
    Shot("60-imports", OWNER, "/teams/contactimport/"),
    Shot("60-import", OWNER, "/teams/contactimport/act/upload/", follow=("Northwind Coffee",)),
    Shot(
        "60-import-390",
        OWNER,
        "/teams/contactimport/act/upload/",
        follow=("Northwind Coffee",),
        width=NARROW,
    ),
    Shot("61-exports", OWNER, "/teams/contactexport/"),
    Shot(
        "61-export-dark",
        OWNER,
        "/teams/contactexport/act/export/",
        follow=("Northwind Coffee",),
        dark=True,
    ),
    *(Shot(f"00-sign-in{suffix}", "", **look) for suffix, look in LOOKS),
    Shot("01-home-owner", OWNER),
    Shot("01-home-owner-dark", OWNER, dark=True),
    Shot("01-home-owner-390", OWNER, width=NARROW),
    Shot("01-ending", OWNER, "/ending/"),
    Shot("02-people", OWNER, PEOPLE),
    Shot("02-people-dark", OWNER, PEOPLE, dark=True),
    Shot("02-people-390", OWNER, PEOPLE, width=NARROW),
    Shot("02-people-chosen", OWNER, PEOPLE, chosen=CROWD),
    Shot("02-suspend", OWNER, PEOPLE, chosen=CROWD, action="suspend"),
    Shot("02-suspend-dark", OWNER, PEOPLE, chosen=CROWD, action="suspend", dark=True),
    Shot("02-suspend-390", OWNER, PEOPLE, chosen=CROWD, action="suspend", width=NARROW),
    Shot("02-remove-blocked", ADMINISTRATOR, PEOPLE, chosen=MIXED, action="remove"),
    Shot("02-add-person", OWNER, f"{PEOPLE}act/add-person/"),
    Shot("02-add-person-form", OWNER, f"{PEOPLE}act/add-person/", ("Southbank Theatre",)),
    Shot("02-invite-file", OWNER, f"{PEOPLE}act/invite-file/"),
    Shot("02-invite-file-390", OWNER, f"{PEOPLE}act/invite-file/", width=NARROW),
    *(Shot(f"19-history{suffix}", OWNER, "/history/", **look) for suffix, look in LOOKS),
    *(Shot(f"19-past{suffix}", OWNER, "/history/access/", **look) for suffix, look in LOOKS),
    Shot("19-past-refused", AUTHOR, "/history/access/"),
    *(Shot(f"17-your-login{suffix}", OWNER, "/sign-in/", **look) for suffix, look in LOOKS),
    Shot("17-second-factor", OWNER, "/sign-in/2fa/"),
    Shot("17-sessions-390", OWNER, "/sign-in/sessions/", width=NARROW),
    *(Shot(f"18-invitations{suffix}", OWNER, INVITATIONS, **look) for suffix, look in LOOKS),
    Shot("18-invitation", OWNER, INVITATIONS, ("lena@emma-hq.example",)),
    Shot("18-invite", OWNER, f"{PEOPLE}act/invite/", ("Northwind Coffee",)),
    Shot("18-invite-390", OWNER, f"{PEOPLE}act/invite/", ("Northwind Coffee",), width=NARROW),
    Shot("18-second-factor", OWNER, "/teams/account/", ("Change… of whom a second factor",)),
    Shot("03-person-locked", "emma_corporate.manager", PEOPLE, ("Ana Ruiz",)),
    Shot("03-person", MANAGER, PEOPLE, ("Ana Ruiz",)),
    Shot("03-person-dark", MANAGER, PEOPLE, ("Ana Ruiz",), dark=True),
    Shot("03-person-390", MANAGER, PEOPLE, ("Ana Ruiz",), width=NARROW),
    Shot("03-manager-for-owner", OWNER, PEOPLE, ("Tom Becker",)),
    Shot("03-person-sailthru", "sailthru.account_admin", PEOPLE, ("Ana Ruiz",)),
    Shot("03-why", MANAGER, PEOPLE, ("Leo Brandt", "Why? View contacts")),
    Shot("03-why-dark", MANAGER, PEOPLE, ("Leo Brandt", "Why not? Lookalike"), dark=True),
    Shot("03-why-390", MANAGER, PEOPLE, ("Leo Brandt", "Why? View contacts"), width=NARROW),
    Shot("04-roles", OWNER, "/roles/"),
    Shot("04-roles-dark", OWNER, "/roles/", dark=True),
    Shot("04-roles-390", OWNER, "/roles/", width=NARROW),
    Shot("04-roles-enterprise", "emma_enterprise.owner", "/roles/"),
    Shot("04-roles-sailthru", "sailthru.account_admin", "/roles/"),
    Shot("04-roles-found", OWNER, "/roles/?q=export"),
    Shot("04-roles-compared", OWNER, COMPARED),
    Shot("04-roles-compared-dark", OWNER, COMPARED, dark=True),
    Shot("04-roles-compared-390", OWNER, COMPARED, width=NARROW),
    Shot("04-roles-compared-places", "constant_contact.account_owner", COMPARED_PLACES),
    Shot("04-roles-nothing", OWNER, "/roles/?q=nothing+of+the+kind"),
    Shot("05-subaccounts", OWNER, "/teams/subaccount/"),
    Shot("05-subaccount", "emma_enterprise.owner", "/teams/subaccount/", ("Northwind Coffee",)),
    Shot("05-subaccount-390", OWNER, "/teams/subaccount/", ("Northwind Coffee",), width=NARROW),
    Shot("05-who-can", OWNER, "/teams/subaccount/", ("Northwind Coffee",), dark=True),
    *(
        Shot(
            f"05-features{suffix}",
            OWNER,
            "/teams/subaccount/",
            ("Northwind Coffee", "Features…"),
            **look,
        )
        for suffix, look in LOOKS
    ),
    Shot("05-archive", OWNER, "/teams/subaccount/", ("Northwind Coffee", "Archive…")),
    Shot(
        "05-archive-390",
        OWNER,
        "/teams/subaccount/",
        ("Northwind Coffee", "Archive…"),
        width=NARROW,
    ),
    Shot(
        "05-restore", "emma_corporate.parent", "/teams/subaccount/", ("Westgate Tours", "Restore…")
    ),
    Shot("05-account", OWNER, "/teams/account/"),
    Shot("05-account-colour", OWNER, "/teams/account/", ("Change colour…",), dark=True),
    Shot("06-refused", AUTHOR, PEOPLE),
    Shot("06-refused-verb", MANAGER, "/teams/subaccount/act/create/"),
    Shot("07-home-manager", MANAGER),
    Shot("07-home-administrator", ADMINISTRATOR),
    Shot("07-home-author", AUTHOR),
    Shot("07-home-author-390", AUTHOR, width=NARROW),
    Shot("07-home-response-only", RESPONSE),
    Shot("07-home-response-only-390", RESPONSE, width=NARROW, dark=True),
    Shot("07-results", RESPONSE, "/teams/result/"),
    Shot("07-result", AUTHOR, "/teams/result/", ("Spring sale",)),
    Shot("07-results-sailthru", "sailthru.account_admin", "/teams/result/"),
    Shot("08-my-access", AUTHOR, "/access/"),
    Shot("08-my-access-why", AUTHOR, "/access/?why=send_campaigns#why"),
    Shot("09-change-role", MANAGER, PEOPLE, ("Ana Ruiz", "Change role…")),
    Shot("09-add-place", OWNER, PEOPLE, ("Ana Ruiz", "Add to a place…")),
    Shot("09-add-place-form", OWNER, PEOPLE, ("Ana Ruiz", "Add to a place…", "Harbor & Pine")),
    Shot("09-remove-390", MANAGER, PEOPLE, ("Ana Ruiz", "Remove…"), width=NARROW),
    Shot("10-campaigns", OWNER, "/teams/campaign/"),
    Shot("10-list-sailthru", "sailthru.account_admin", "/teams/mailinglist/", ("Newsletter",)),
    Shot("10-list", ADMINISTRATOR, "/teams/mailinglist/", ("Newsletter",)),
    Shot("10-list-390", OWNER, "/teams/mailinglist/", ("Newsletter",), width=NARROW),
    Shot("10-campaign", OWNER, "/teams/campaign/", ("Spring sale",)),
    Shot("10-campaign-draft", OWNER, CAMPAIGN, ("Welcome aboard",)),
    Shot("10-campaign-draft-author", AUTHOR, CAMPAIGN, ("Welcome aboard",)),
    Shot("10-campaign-scheduled-390", OWNER, CAMPAIGN, ("Autumn news",), width=NARROW, dark=True),
    Shot("10-campaign-schedule", OWNER, CAMPAIGN, ("Welcome aboard", "Schedule…")),
    Shot("10-campaign-audience", OWNER, CAMPAIGN, ("Welcome aboard", "Choose audience…")),
    Shot("10-campaign-send", OWNER, CAMPAIGN, ("Welcome aboard", "Send now…")),
    *(
        Shot(f"12-template{suffix}", OWNER, TEMPLATES, ("Monthly letter",), **look)
        for suffix, look in LOOKS
    ),
    Shot("12-template-author", AUTHOR, TEMPLATES, ("Monthly letter",)),
    Shot("12-edit-row", OWNER, TEMPLATES, ("Monthly letter", "Edit… row 3")),
    Shot("12-edit-row-390", OWNER, TEMPLATES, ("Monthly letter", "Edit… row 3"), width=NARROW),
    Shot("12-add-row", AUTHOR, TEMPLATES, ("Monthly letter", "Add row…")),
    Shot("12-lock-row", OWNER, TEMPLATES, ("Monthly letter", "Lock… row 3"), dark=True),
    Shot("12-saved-row", OWNER, "/teams/savedrow/", ("Opening",)),
    Shot("13-lists", OWNER, LISTS),
    Shot("13-lists-390", OWNER, LISTS, width=NARROW),
    Shot("13-archive", OWNER, f"{LISTS}?archived=yes"),
    Shot("13-create", OWNER, LISTS, ("Add list", "Northwind Coffee")),
    Shot("13-purge", OWNER, f"{LISTS}?archived=yes", ("Pop-up shop", "Purge…")),
    *(Shot(f"14-contacts{suffix}", FULL, CONTACTS, **look) for suffix, look in LOOKS),
    *(
        Shot(f"14-contact{suffix}", FULL, CONTACTS, ("Vera Rossi",), **look)
        for suffix, look in LOOKS
    ),
    Shot("14-edit-contact", FULL, CONTACTS, ("Vera Rossi", "Edit…")),
    Shot("14-add-contact", FULL, CONTACTS, ("Add contact",)),
    Shot("14-put-on-list", FULL, CONTACTS, chosen=("Vera Rossi", "Clara Dubois"), action="put"),
    Shot("15-segments", FULL, SEGMENTS),
    Shot("15-segment", FULL, SEGMENTS, ("Loyal readers",)),
    *(
        Shot(f"15-edit-segment{suffix}", FULL, SEGMENTS, ("Lisbon and Porto", "Edit…"), **look)
        for suffix, look in LOOKS
    ),
    Shot("15-builder", FULL, SEGMENTS, ("Audience builder",)),
    Shot("15-fields", FULL, "/teams/customfield/"),
    Shot("16-masking", OWNER, "/teams/account/", ("Change… what is shown of addresses",)),
    Shot("11-operator", "operator", "/operator/teams/account/"),
)


@contextmanager
def served() -> Iterator[str]:
    """Serve demo data from a throw-away database; yield the address."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        env = {
            **os.environ,
            "DATABASE_URL": f"sqlite:///{folder}/shots.sqlite3",
            "DJANGO_SETTINGS_MODULE": "config.settings.dev",
            "DJANGO_RUNSERVER_HIDE_WARNING": "true",
        }
        manage = [sys.executable, str(ROOT / "manage.py")]
        for command in (["migrate", "--verbosity", "0"], ["seed_demo"]):
            subprocess.run([*manage, *command], env=env, check=True, stdout=subprocess.DEVNULL)
        server = subprocess.Popen(
            [*manage, "runserver", "--noreload", f"127.0.0.1:{port}"],
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for(address)
            yield address
        finally:
            server.terminate()
            server.wait()


def _wait_for(address: str) -> None:
    for _ in range(100):
        try:
            with urllib.request.urlopen(f"{address}/sign-in/login/"):
                return
        except urllib.error.URLError:
            time.sleep(0.2)
    sys.exit(f"Nothing answers at {address}.")


def sign_in(page: Page, address: str, login: str) -> None:
    """Sign ``login`` in, at the site it belongs to."""
    page.goto(f"{address}/sign-in/login/")
    page.fill("#id_login", login)
    page.fill("#id_password", "demo")
    page.get_by_role("button", name="Sign in", exact=True).click()


class Studio:
    """Takes the pictures; keeps each login's session."""

    def __init__(self, browser: Browser, address: str, folder: Path) -> None:
        self.browser, self.address, self.folder = browser, address, folder
        self.sessions: dict[str, Any] = {}

    def take(self, shot: Shot) -> None:
        """Take one picture of the whole page."""
        context = self.browser.new_context(
            viewport={"width": shot.width, "height": 900},
            color_scheme="dark" if shot.dark else "light",
            storage_state=self.session(shot.login) if shot.login else None,
        )
        page = context.new_page()
        page.goto(f"{self.address}{shot.path}")
        for text in shot.follow:
            page.locator("#content").get_by_role("link", name=text).first.click()
            page.wait_for_load_state()
        for name in shot.chosen:
            page.get_by_label(f"Choose {name}").check()
        if shot.action:
            page.select_option("select[name=action]", shot.action)
            page.locator(".actions button").first.click()
            page.wait_for_load_state()
        page.evaluate("document.fonts.ready")
        page.evaluate("window.scrollTo(0, 0)")  # what is sticky stands where it belongs
        page.screenshot(path=str(self.folder / f"{shot.name}.png"), full_page=True)
        context.close()

    def session(self, login: str) -> Any:
        """Return the cookies of ``login``, signing in the first time."""
        if login not in self.sessions:
            context = self.browser.new_context()
            sign_in(context.new_page(), self.address, login)
            self.sessions[login] = context.storage_state()
            context.close()
        return self.sessions[login]


def main(arguments: list[str]) -> None:
    """Take all pictures, or those whose name holds one of the further arguments."""
    folder = Path(arguments[0]) if arguments else ROOT / "shots"
    folder.mkdir(parents=True, exist_ok=True)
    executable = next(filter(None, map(shutil.which, NAMES)), None)
    if executable is None:
        sys.exit("Screenshots need Chromium, and there is none: install the package chromium.")
    wanted = [s for s in SHOTS if not arguments[1:] or any(a in s.name for a in arguments[1:])]
    with served() as address, sync_playwright() as playwright:
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(
            executable_path=executable, args=[*ARGUMENTS, *sandbox]
        )
        studio = Studio(browser, address, folder)
        for shot in wanted:
            studio.take(shot)
            print(folder / f"{shot.name}.png")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
