"""The console in a real browser: axe, the content security policy, and 390 pixels."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import expect

from billing.factories import SubscriptionFactory
from billing.models import Meter
from billing.selectors import today
from teams import services
from teams.factories import (
    ContactFactory,
    CustomFieldFactory,
    InvitationFactory,
    SegmentFactory,
)
from teams.models import (
    ContactExport,
    ContactImport,
    ListMembership,
    Membership,
    Webhook,
    WebhookDelivery,
)
from teams.services import delivery, letters
from teams.services.snapshots import snapshot
from tests.billing.rows import invoiced, month_ago, used
from tests.console.conftest import build
from tests.console.test_panel import guest_of
from tests.services.mailing import ready

pytestmark = pytest.mark.browser

PAGES = {
    "owner": [
        "/",
        "/access/",
        "/roles/",
        "/roles/?area=audience&q=export",
        "/roles/?compare=full&with=editor",
        "/roles/?compare=manager&with=full&lines=all",
        "/roles/?area=nowhere",
        "/roles/full/?compare=editor",
        "/auth/user/",
        "/auth/user/?ends=7&signed_in=never",
        "/auth/user/act/add-person/",
        "/auth/user/act/add-person/{south}/",
        "/auth/user/act/invite-file/",
        "/auth/user/{full}/change/",
        "/auth/user/{full}/change/?why=export_contacts#why",
        "/auth/user/{manager}/change/",
        "/auth/user/{manager}/change/?why=view_contacts#why",
        "/auth/user/{full}/act/remove/{seat}/",
        "/auth/user/{full}/act/add/account/",
        "/auth/user/{full}/act/add/",
        "/teams/subaccount/",
        "/teams/subaccount/{north}/change/",
        "/teams/subaccount/{north}/act/archive/",
        "/teams/subaccount/{north}/change/?permission=manage_members#access",
        "/teams/mailinglist/{list}/act/withdraw/{guest}/",
        "/teams/subaccount/act/create/",
        "/teams/accessreview/",
        "/teams/accessreview/act/start/",
        "/teams/accessreview/{review}/change/?show=all",
        "/teams/accessreview/{review}/act/finish/",
        "/teams/reviewline/",
        "/teams/apikey/",
        "/teams/apikey/act/create/{north}/",
        "/teams/subaccountgroup/",
        "/teams/subaccountgroup/act/create/",
        "/teams/account/{account}/change/",
        "/teams/account/{account}/act/colour/",
        "/teams/account/{account}/act/transfer/",
        "/teams/webhook/",
        "/teams/webhook/act/create/",
        "/teams/webhook/{webhook}/change/",
        "/ending/",
        "/api-test/?operation=contacts_list&run=1&scope=view_contacts",
        "/teams/campaign/",
        "/teams/mailinglist/{list}/change/",
        "/teams/mailinglist/{list}/change/?permission=export_contacts#access",
        "/teams/mailinglist/act/create/{north}/",
        "/teams/contactimport/",
        "/teams/contactimport/act/upload/{north}/",
        "/teams/contactimport/{import}/act/start/",
        "/teams/contactimport/{stopped}/change/",
        "/teams/contactimport/{running}/change/",
        "/teams/contactexport/",
        "/teams/contactexport/act/export/{north}/",
        "/teams/contactexport/{export}/change/",
        "/teams/mailinglist/{list}/act/type/",
        "/teams/mailinglist/?archived=yes",
        "/teams/messagetemplate/{template}/change/",
        "/teams/messagetemplate/{template}/act/add-row/",
        "/teams/messagetemplate/{template}/act/edit-row/hello/",
        "/teams/messagetemplate/{template}/act/lock-row/head/",
        "/teams/messagetemplate/{template}/act/text/",
        "/teams/savedrow/{saved}/change/",
        "/teams/campaign/{campaign}/change/",
        "/teams/campaign/{campaign}/act/edit/",
        "/teams/campaign/{campaign}/act/audience/",
        "/teams/campaign/{ready}/change/",
        "/teams/campaign/{ready}/act/schedule/",
        "/teams/campaign/{ready}/act/send/",
        "/teams/result/{sent}/change/",
        "/unsubscribe/{token}/",
        "/teams/contact/",
        "/teams/contact/?q=robin&place={north}",
        "/teams/contact/{contact}/change/",
        "/teams/contact/{contact}/act/edit/",
        "/teams/contact/act/add/{north}/",
        "/teams/segment/",
        "/teams/segment/{segment}/change/",
        "/teams/segment/{segment}/act/edit/",
        "/teams/segment/act/build/{north}/?match=any&field=custom:points&test=more_than&value=x"
        "&field=created_at&test=after&value=2026-01-01&field=status&test=is&value=subscribed",
        "/teams/segment/act/create/{north}/?match=any&field=first_name&test=is_filled&value=",
        "/teams/customfield/",
        "/teams/account/{account}/act/masking/",
        "/teams/account/{account}/act/second-factor/",
        "/teams/invitation/",
        "/teams/invitation/?state=pending",
        "/teams/invitation/{invitation}/change/",
        "/teams/invitation/{invitation}/link/",
        "/teams/invitation/{invitation}/act/resend/",
        "/teams/invitation/{invitation}/act/withdraw/",
        "/teams/invitation/act/invite/",
        "/auth/user/act/invite/account/",
        "/without-giver/",
        "/history/",
        "/history/?person={full}&area=access&place=nowhere",
        "/history/access/",
        "/history/access/?since={before}&place={north}",
        "/history/access/?at=2020-01-01&person={full}",
        "/auth/user/{full}/act/withdraw-grant/role:{seat}/",
        "/teams/subaccount/{north}/act/features/",
        "/teams/subaccount/{north}/act/invite/",
        "/billing/",
        "/billing/?of=sends&over=month",
        "/billing/activity/",
        "/billing/invoice/",
        "/billing/invoice/{invoice}/change/",
        "/billing/statement/",
        "/billing/report/",
        "/billing/rateplan/",
        "/billing/billingdetails/",
        "/billing/contentitem/",
        "/billing/subaccounts/",
        "/billing/subaccounts/{north}/",
    ],
    "manager": ["/", "/auth/user/{full}/change/", "/teams/subaccount/act/create/"],
    "full": ["/access/leave/?what=account", "/access/leave/?what={seat}"],
    "administrator": [
        "/auth/user/",
        "/auth/user/{full}/change/",
        "/teams/mailinglist/{list}/change/",
    ],
    "author": [
        "/",
        "/access/",
        "/access/?why=send_campaigns#why",
        "/auth/user/",
        "/teams/campaign/",
        "/teams/messagetemplate/{template}/change/",
    ],
    "response_only": ["/", "/access/", "/teams/result/", "/teams/result/{result}/change/"],
}
WIDE, NARROW = {"width": 1366, "height": 900}, {"width": 390, "height": 844}
#: how a page is looked at: every rule at both widths, contrast in light and dark
LOOKS: tuple[tuple[dict[str, int], str, dict[str, Any]], ...] = (
    (WIDE, "light", {}),
    (WIDE, "dark", {"runOnly": ["color-contrast"]}),
    (NARROW, "dark", {}),
)
RUN_AXE = "options => axe.run(document, options)"
#: style sheets are not fetched anew: no rule that is run by default asks for that
AXE = {"resultTypes": ["violations"], "preload": False}
#: pages to a test, so that two workers share them evenly
BATCH = 8
_BATCHES = [
    (f"{who}-{at // BATCH + 1}", who, urls[at : at + BATCH])
    for who, urls in PAGES.items()
    for at in range(0, len(urls), BATCH)
]
#: of the owner's, who sees most, every fourth, of the others' every third: make pages looks at all
BATCHES = [
    pytest.param(
        who,
        urls,
        id=name,
        marks=[pytest.mark.deep] if n % (4 if who == "owner" else 3) else [],
    )
    for n, (name, who, urls) in enumerate(_BATCHES)
]


@pytest.fixture
def world(transactional_db: Any) -> Any:
    """Return an account that the server's thread sees too."""
    found = build()
    north = found.places["north"]
    CustomFieldFactory(subaccount=north, codename="points", label="Points", kind="number")
    found.rows["contact"] = ContactFactory(subaccount=north, fields={"points": "7"})
    found.rows["segment"] = SegmentFactory(subaccount=north)
    ListMembership.objects.create(
        subaccount=north, contact=found.rows["contact"], mailing_list=found.rows["mailinglist"]
    )
    bill(found)
    return found


def bill(world: Any) -> None:
    """Let the account have a plan, some use, and an invoice that is overdue."""
    north = world.places["north"]
    SubscriptionFactory(account=world.account)
    used(north, month_ago(), 900, 120)
    used(north, today() - timedelta(days=1), 1200, 300)
    found = invoiced(world.account, month_ago(), [(north, Meter.CONTACTS, "12.50")], due_in=-3)
    world.rows["invoice"] = found


def moved(world: Any) -> dict[str, int]:
    """Return the keys of imports and an export of the owner's, in each state once."""
    place = world.places["north"]
    file = io.BytesIO(b"Address,City\nana@x.example,Oslo\n")
    waits = services.upload_import(
        actor=world.people["owner"], subaccount=place, file=file, name="people.csv"
    )
    mine = {
        "account": world.account,
        "subaccount": place,
        "created_by": world.people["owner"],
        "rows_total": 9,
    }
    stopped = ContactImport.objects.create(
        status="failed",
        original_name="bad.csv",
        problem="1 row is bad, and it is all or nothing. Nothing was imported.",
        rejected=1,
        errors=[[3, "The same address is in line 2."]],
        **mine,
    )
    running = ContactImport.objects.create(
        status="running", original_name="long.csv", rows_done=4, **mine
    )
    export = ContactExport.objects.create(status="done", file="x.csv", **mine)
    return {
        "import": waits.pk,
        "stopped": stopped.pk,
        "running": running.pk,
        "export": export.pk,
    }


def sign_in(page: Any, address: str, login: str, password: str = "demo") -> None:
    """Sign in, and be on the page after it: whoever goes on sooner may not be in yet."""
    page.goto(f"{address}/sign-in/login/")
    page.fill("#id_login", login)
    page.fill("#id_password", password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda url: "/sign-in/login/" not in url)


def open_page(browser: Any) -> tuple[Any, list[str]]:
    """Return a new page that shows changes at once, and the list of what its console says."""
    context = browser.new_context(viewport=WIDE, reduced_motion="reduce")
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: said.append(f"error: {error}"))
    return page, said


def faults(page: Any, said: list[str]) -> list[Any]:
    """Return what is wrong with the page in front of us; ``said`` is what its console said."""
    page.wait_for_load_state()  # what was waited for may be there before the end of its page
    # a refused page says 403 on the console of the browser; nothing else may be said
    found: list[Any] = [
        line
        for line in said
        if line.startswith(("error", "warning")) and "403 (Forbidden)" not in line
    ]
    page.evaluate(Axe().axe_script)
    for size, scheme, rules in LOOKS:
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        overflow = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        if overflow:
            found.append(("overflow", size["width"], overflow))
        for violation in page.evaluate(RUN_AXE, {**AXE, **rules})["violations"]:
            nodes = [node["html"][:160] for node in violation["nodes"][:3]]
            found.append((violation["id"], size["width"], scheme, nodes))
    page.set_viewport_size(WIDE)
    said.clear()  # axe itself writes inline styles, which the policy blocks
    return found


def told(world: Any) -> int:
    """Return the key of a webhook that was told something, and has a rather long address."""
    url = f"https://hooks.a-rather-long-agency.example/{'access/' * 12}"
    hook = Webhook.objects.create(
        account=world.account, name="Mirror", url=url, created_by=world.people["owner"]
    )
    for number, state in enumerate(WebhookDelivery.State.values, start=10_000):
        hook.deliveries.create(
            account=world.account,
            sequence=number,
            action="permission.toggled",
            state=state,
            attempts=3,
            problem="It did not answer within 5 seconds." if state != "delivered" else "",
        )
    return int(hook.pk)


def changed(world: Any) -> str:
    """Return a moment of the record, as an address writes it, after which somebody gained rights
    and somebody lost some."""
    snapshot(world.account)
    moment = timezone.now().isoformat()
    owner, seats = world.people["owner"], world.seats
    services.toggle_permission(
        actor=owner, membership=seats["full"], toggle="export_contacts", on=True
    )
    services.change_role(actor=owner, membership=seats["editor"], role="author")
    return quote(moment)


def _mailings(world: Any) -> dict[str, Any]:
    """Return a campaign that lacks nothing, one that was sent, and how a contact of it leaves."""
    whole, sent = (ready(world.places["north"]) for _ in range(2))
    services.send_campaign(actor=world.account.owner, campaign=sent)
    delivery.work_off(sent.pk)
    row = sent.deliveries.first()
    assert row is not None
    token = letters.unsubscribe_token(row)
    return {"ready": whole.pk, "sent": sent.pk, "token": token}


@pytest.mark.parametrize(("who", "urls"), BATCHES)
def test_pages_are_accessible_silent_and_fit(
    world: Any, live_server: Any, browser: Any, who: str, urls: list[str]
) -> None:
    page, said = open_page(browser)
    sign_in(page, live_server.url, world.people[who].username)
    guest = guest_of(world, world.rows["mailinglist"], "access_audience", "view_contacts")
    keys = {
        "before": changed(world),
        "guest": guest.pk,
        "full": world.people["full"].pk,
        "review": services.start_review(
            actor=world.people["owner"],
            account=world.account,
            name="Everybody who works here",
            due_at=timezone.now() + timedelta(days=1),
        ).pk,
        "invitation": InvitationFactory(
            account=world.account,
            subaccount=world.places["north"],
            invited_by=world.people["owner"],
            address="somebody.with.a.long.name@a-rather-long-agency.example",
            toggles=["export_contacts"],
            sent_at=None,
        ).pk,
        "manager": world.people["manager"].pk,
        "seat": world.seats["full"].pk,
        "north": world.places["north"].pk,
        "south": world.places["south"].pk,
        "list": world.rows["mailinglist"].pk,
        **moved(world),
        "account": world.account.pk,
        "template": world.rows["messagetemplate"].pk,
        "saved": world.rows["savedrow"].pk,
        "contact": world.rows["contact"].pk,
        "segment": world.rows["segment"].pk,
        "result": world.rows["result"].pk,
        "invoice": world.rows["invoice"].pk,
        "webhook": told(world),
        "campaign": world.rows["campaign"].pk,
        **_mailings(world),
    }
    Membership.objects.filter(pk=world.seats["full"].pk).update(given_by=None)
    wrong: list[Any] = []
    for url in urls:
        page.goto(live_server.url + url.format(**keys))
        wrong += [(url, fault) for fault in faults(page, said)]
    assert wrong == []
    page.context.close()


def test_the_bulk_confirmation_is_accessible_silent_and_fits(
    world: Any, live_server: Any, browser: Any
) -> None:
    page, said = open_page(browser)
    sign_in(page, live_server.url, world.people["administrator"].username)
    page.goto(f"{live_server.url}/auth/user/")
    for name in ("Administrator One", "Author One", "Full One"):
        page.get_by_label(f"Choose {name}").check()
    page.select_option("select[name=action]", "suspend")
    page.locator(".actions button").first.click()
    expect(page.get_by_role("heading", name="Suspend 3 people")).to_be_visible()
    assert faults(page, said) == []
    page.get_by_role("button", name="Leave 1 out").click()
    expect(page.get_by_role("heading", name="Suspend 2 people")).to_be_visible()
    assert faults(page, said) == []
    page.get_by_role("button", name="Suspend 2 people").click()
    expect(page.get_by_text("Author One and Full One were suspended.")).to_be_visible()
    page.context.close()


def test_a_preview_is_accessible_silent_and_fits(
    world: Any, live_server: Any, browser: Any
) -> None:
    page, said = open_page(browser)
    sign_in(page, live_server.url, world.people["owner"].username)
    page.goto(f"{live_server.url}/teams/subaccount/{world.places['north'].pk}/act/archive/")
    page.get_by_role("button", name="Archive North").click()
    expect(page.get_by_role("heading", name="If you save now")).to_be_focused()
    page.locator("summary", has_text="more").first.click()
    assert faults(page, said) == []
    page.get_by_role("button", name="Archive North").click()
    expect(page.get_by_text("North is archived.")).to_be_visible()
    page.context.close()


def test_sign_in_switch_and_sign_out_without_script(
    world: Any, live_server: Any, browser: Any
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, live_server.url, world.people["administrator"].username)
    page.get_by_role("link", name="People", exact=True).first.click()
    page.get_by_role("link", name="Full One").click()
    page.get_by_label("Export contacts").check()
    page.get_by_role("button", name="Save switches").click()
    expect(page.get_by_role("heading", name="If you save now")).to_be_visible()
    expect(page.get_by_label("Export contacts")).to_be_checked()
    page.get_by_role("button", name="Save switches").click()
    expect(page.get_by_text("Export contacts is on for Full One")).to_be_visible()
    expect(page.get_by_label("Export contacts")).to_be_checked()
    page.locator(".menu--user > summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    context.close()
