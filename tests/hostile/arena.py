"""Where the attacks happen: one account with people in every position, and its rival.

Every word of the rival holds a mark, and its keys are far from everybody else's, as long as the
key of something that does not exist: two answers can be compared byte by byte.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any
from urllib.parse import quote, unquote

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import connection, models, transaction
from django.db.models import Q
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from billing.factories import (
    BillingDetailsFactory,
    ContentItemFactory,
    ContentPurchaseFactory,
    RatePlanFactory,
    SubscriptionFactory,
)
from billing.models import BillingDetails, ContentItem, Invoice, Meter, RatePlan
from permissions import grants
from permissions.admin import ScopedModelAdmin
from teams.admin import console
from teams.factories import (
    AccountFactory,
    CampaignFactory,
    ContactFactory,
    CustomFieldFactory,
    InvitationFactory,
    MailingListFactory,
    MembershipFactory,
    MessageTemplateFactory,
    RoleFactory,
    SavedRowFactory,
    SegmentFactory,
    SubaccountFactory,
    TeamFactory,
    TeamMembershipFactory,
    UserFactory,
)
from teams.models import (
    AccessReview,
    Account,
    ApiKey,
    ContactExport,
    ContactImport,
    ListMembership,
    ReviewLine,
    Role,
    SubaccountGroup,
    Team,
    Webhook,
)
from tests.billing.rows import invoiced, month_ago, used
from tests.console.helpers import digest_of
from tests.hostile.workshop import workshop

MARK = "Xanadu"
#: in every word of the own account that lies out of reach of the people of the other place
VEIL = "Zanzibar"
#: in the name of what teams hide in one's own place
HIDDEN = "Timbuktu"
#: in every amount of money and number of contacts of the rival, and of the other place
AMOUNTS, VEILED_AMOUNTS = ("7,171,717", "73,737.37"), ("8,282,828", "84,848.48")
#: finds every word of the rival, and is not the mark itself when it comes back in a search field
TERM = "anad"
FAR = 700_000_000
MISSING = 987_654_321
MALFORMED = (
    "abc",
    "0",
    "-1",
    "1.5",
    "%00",
    "1" * 40,
    "%D9%A1",
    "1%20OR%201=1",
    "_5F",
    "..",
    "%2B1",
    "01",
    "a" * 300,
)
SITES = {"console": console, "workshop": workshop}


@dataclass
class Trio:
    """Three rows of one model: one to see, one of the own account out of reach, one foreign."""

    own: Any
    hidden: Any
    foreign: Any


@dataclass
class Arena:
    """One account, its people by position, and its rival's rows."""

    account: Account
    people: dict[str, Any]
    trios: dict[type[models.Model], Trio]
    rival: Account
    foreign: dict[str, Any]
    #: who reaches one subaccount only, so that the others are out of their sight
    local: set[str] = field(default_factory=set)
    inside: set[str] = field(default_factory=set)

    def trio(self, model: type[models.Model]) -> Trio:
        """Return the rows of ``model``, of a proxy those of its table."""
        return self.trios.get(model) or self.trios[model._meta.concrete_model or model]

    def real_keys(self, who: str, model: type[models.Model]) -> list[Any]:
        """Return keys of rows that must be answered as a missing one is."""
        trio = self.trio(model)
        return [trio.foreign.pk, *([trio.hidden.pk] if who in self.local else [])]

    @cached_property
    def foreign_keys(self) -> list[int]:
        """Return every key of the rival that a form could be given."""
        return sorted({row.pk for row in self.foreign.values()})

    def digest(self) -> str:
        """Return the checksum of everything that belongs to the rival."""
        found = []
        with connection.cursor() as cursor:
            for label, sql, params in self._rival_rows:
                cursor.execute(sql, params)
                found.append((label, cursor.fetchall()))
        return hashlib.sha256(repr(found).encode()).hexdigest()

    @cached_property
    def _rival_rows(self) -> list[tuple[str, str, Any]]:
        """Return what to ask for the rival's rows, table by table: written once, asked often."""
        found = []
        for model in apps.get_models():
            names = {f.name for f in model._meta.concrete_fields}
            if model is Account:
                rows = Q(pk=self.rival.pk)
            elif model in (get_user_model(), RatePlan, ContentItem):
                rows = Q(pk__gte=FAR)
            elif "account" in names:
                rows = Q(account=self.rival.pk)
            elif "content_object" in names:
                rows = Q(content_object__gte=FAR)
            elif "root" in names:
                rows = Q(root=f"teams.account:{self.rival.pk}")
            else:
                continue
            asked = model._default_manager.filter(rows).order_by("pk").values()
            found.append((model._meta.label, *asked.query.sql_with_params()))
        return found


def rows_in(place: Any, mark: str, **far: int) -> dict[str, Any]:
    """Make one of everything in ``place``; ``pk`` puts it far away."""
    mailing_list = MailingListFactory(
        subaccount=place, name=f"{mark} newsletter", slug=f"{mark}-news".lower(), **far
    )
    template = MessageTemplateFactory(
        subaccount=place,
        name=f"{mark} monthly",
        slug=f"{mark}-monthly".lower(),
        rows=[
            {
                "key": key,
                "html": f"<p>{mark} {key}</p>",
                "row_locked": key == "head",
                "contents_locked": key == "foot",
            }
            for key in ("head", "middle", "foot")
        ],
        text=f"{mark} in plain words",
        **far,
    )
    saved = SavedRowFactory(
        subaccount=place,
        name=f"{mark} row",
        slug=f"{mark}-row".lower(),
        html=f"<p>{mark}</p>",
        **far,
    )
    campaign = CampaignFactory(
        subaccount=place,
        name=f"{mark} sale",
        slug=f"{mark}-sale".lower(),
        subject=f"{mark} greets",
        mailing_list=mailing_list,
        template=template,
        status="sent",
        **far,
    )
    field = CustomFieldFactory(
        subaccount=place, label=f"{mark} city", codename=f"{mark}_city".lower(), **far
    )
    contact = ContactFactory(
        subaccount=place,
        first_name=mark,
        last_name=mark,
        email=f"{mark}@{mark}.example",
        fields={field.codename: f"{mark} town"},
        **far,
    )
    ListMembership.objects.create(
        subaccount=place, contact=contact, mailing_list=mailing_list, **far
    )
    segment = SegmentFactory(
        subaccount=place,
        name=f"{mark} people",
        slug=f"{mark}-people".lower(),
        rules={
            "match": "all",
            "rules": [{"field": "email", "test": "contains", "value": mark}],
        },
        **far,
    )
    invitation = InvitationFactory(
        account=place.account,
        subaccount=place,
        address=f"{mark}@{mark}.example",
        role=POSITIONS[place.account.edition][-1],
        invited_by=place.account.owner,
        sent_at=timezone.now() - timedelta(hours=1),
        **far,
    )
    review = AccessReview.objects.create(
        account=place.account,
        subaccount=place,
        name=f"{mark} review",
        started_by=place.account.owner,
        due_at=timezone.now() + timedelta(days=9),
        words={
            "account": place.account.name,
            "place": place.name,
            "permission": "",
            "owner": str(place.account.owner),
            "owner_label": "Owner",
            "started_by": str(place.account.owner),
            "whole": True,
        },
        **far,
    )
    line = ReviewLine.objects.create(
        account=place.account,
        review=review,
        person_label=f"{mark} person",
        kind="invitation",
        ref=f"teams.invitation:{invitation.pk}",
        subaccount=place,
        what=f"Invited as {mark}",
        place=place.name,
        state="0" * 64,
        **far,
    )
    key = ApiKey.objects.create(
        account=place.account,
        subaccount=place,
        name=f"{mark} key",
        prefix=f"{mark}key".lower(),
        digest=hashlib.sha256(mark.encode()).hexdigest(),
        scopes=["access_campaigns"],
        created_by=place.account.owner,
        **far,
    )
    group = SubaccountGroup.objects.create(account=place.account, name=f"{mark} group", **far)
    group.contents.create(account=place.account, subaccount=place, **far)
    return {
        "invitation": invitation,
        "accessreview": review,
        "reviewline": line,
        "subaccountgroup": group,
        "apikey": key,
        "mailinglist": mailing_list,
        "messagetemplate": template,
        "savedrow": saved,
        "campaign": campaign,
        "contact": contact,
        "customfield": field,
        "segment": segment,
    }


def told_in(account: Any, mark: str, **far: int) -> Webhook:
    """Make a webhook of ``account`` that was told something."""
    hook = Webhook.objects.create(
        account=account, name=f"{mark} mirror", url=f"https://{mark}.example/hook".lower(), **far
    )
    hook.deliveries.create(
        account=account,
        sequence=10_000,
        action="role.changed",
        state="failed",
        problem=f"{mark} answered 500.",
        **far,
    )
    return hook


def moved_in(place: Any, mark: str, owner: Any, **far: int) -> dict[str, Any]:
    """Make an import and an export of ``owner`` in ``place``: nobody else's business."""
    where = {"account": place.account, "subaccount": place, "created_by": owner, **far}
    return {
        "contactimport": ContactImport.objects.create(
            original_name=f"{mark} people.csv", status="preview", **where
        ),
        "contactexport": ContactExport.objects.create(
            problem=f"{mark} was archived.", status="failed", **where
        ),
    }


def billed_in(place: Any, mark: str, contacts: str, amount: str, **far: int) -> dict[str, Any]:
    """Let ``place`` use so many contacts and its account be invoiced so much for it.

    By a plan that was made for this account alone.
    """
    account = place.account
    number = int(contacts.replace(",", ""))
    used(place, month_ago(), number, number)
    plan = RatePlanFactory(
        name=f"{mark} plan", code=f"{mark}-plan".lower(), is_offered=False, **far
    )
    SubscriptionFactory(account=account, plan=plan, **far)
    details = BillingDetailsFactory(account=account, name=f"{mark} pays", contact_name=mark, **far)
    lines = [(place, Meter.CONTACTS, amount.replace(",", ""))]
    invoice = invoiced(account, month_ago(), lines, billed_to={"name": mark}, **far)
    return {
        "invoice": Invoice.objects.get(pk=invoice.pk),
        "plan": plan,
        "details": details,
        "item": _sold_in(place, mark, **far),
    }


def _sold_in(place: Any, mark: str, **far: int) -> ContentItem:
    """Sell something to ``place`` that nobody else is offered any more."""
    gone = {"retired_at": timezone.now()} if far else {}
    made = ContentItemFactory(name=f"{mark} letter", code=f"{mark}-letter".lower(), **gone, **far)
    ContentPurchaseFactory(subaccount=place, item=made, **far)
    found: ContentItem = made
    return found


POSITIONS = {
    "emma_hq": ("administrator", "full", "editor", "author", "response_only"),
    "sailthru": ("marketer_admin", "marketer_limited"),
}
INSIDE = {
    "emma_hq": ("owner", "manager", *POSITIONS["emma_hq"], "guest"),
    "sailthru": ("owner", *POSITIONS["sailthru"], "custom"),
}


def build(edition: str) -> Arena:
    """Build an account of ``edition`` and its rival."""
    teams = {"team_mode": "lists_and_templates"} if edition == "sailthru" else {}
    owner = UserFactory(username="own.owner", first_name="Maria", last_name="Lopez")
    account = AccountFactory(edition=edition, owner=owner, name="Harbor", slug="harbor", **teams)
    north, south = (
        SubaccountFactory(account=account, slug=name.lower(), name=name) for name in ("North", VEIL)
    )
    people = {"owner": owner}
    exclusive = {} if edition == "emma_hq" else {"exclusive": False}
    for role in POSITIONS[edition]:
        people[role] = UserFactory(username=f"p.{role}", first_name="P", last_name=role)
        MembershipFactory(
            account=account, subaccount=north, user=people[role], role=role, **exclusive
        )
    seen = people[POSITIONS[edition][1]]
    away = UserFactory(username=f"p.{VEIL}", first_name="Away", last_name=VEIL)
    lowest = POSITIONS[edition][-1]
    MembershipFactory(account=account, subaccount=south, user=away, role=lowest, **exclusive)
    if edition == "emma_hq":
        people["manager"] = UserFactory(username="p.manager", first_name="P", last_name="manager")
        MembershipFactory(account=account, user=people["manager"], role="manager", reaching=[north])
        people["guest"] = away
    else:
        people["custom"] = UserFactory(username="p.custom", first_name="P", last_name="custom")
        role = RoleFactory(
            account=account, name="Helper", permissions=["access_campaigns", "access_audience"]
        )
        MembershipFactory(
            account=account,
            subaccount=north,
            user=people["custom"],
            role="",
            custom_role=role,
            exclusive=False,
        )
    people["exmember"] = UserFactory(username="p.exmember")
    own, hidden = rows_in(north, "north"), rows_in(south, VEIL)
    own |= moved_in(north, "north", owner)
    hidden |= moved_in(south, VEIL, owner)
    bill = billed_in(south, VEIL, *VEILED_AMOUNTS)
    if edition == "sailthru":
        team = TeamFactory(account=account, name="Loyalty")
        TeamMembershipFactory(team=team, user=people["marketer_limited"])
        # a list that the team sees, and on it a campaign with a template that it does not
        grants.give(permission="access_audience", obj=own["mailinglist"], group=team.group)
        CampaignFactory(
            subaccount=north,
            name=f"{HIDDEN} sale",
            slug="secret",
            mailing_list=own["mailinglist"],
            template=own["messagetemplate"],
        )
        # a contact that is on no list of the team, in a segment that looks like any other
        ContactFactory(
            subaccount=north, first_name=HIDDEN, last_name=HIDDEN, email=f"a@{HIDDEN}.example"
        )
    own_team = Team.objects.filter(account=account).first() or TeamFactory(account=account)
    own_role = Role.objects.filter(account=account).first() or RoleFactory(account=account)
    own_hook = told_in(account, "own")
    foreign = _rival(edition, teams)  # last: keys go on from the highest there is
    trios = {type(own[name]): Trio(own[name], hidden[name], foreign[name]) for name in own}
    # a team has no place of its own: only the rival's are out of sight
    trios[Team] = Trio(own_team, foreign["team"], foreign["team"])
    trios[get_user_model()] = Trio(seen, away, foreign["user"])
    # everybody in the account knows its roles; other editions have none, whatever is stored
    trios[Role] = Trio(own_role, foreign["role"], foreign["role"])
    trios[Account] = Trio(account, foreign["account"], foreign["account"])
    trios[type(north)] = Trio(north, south, foreign["subaccount"])
    # whoever sees the account's invoices sees them all
    trios[Webhook] = Trio(own_hook, foreign["webhook"], foreign["webhook"])
    trios[Invoice] = Trio(bill["invoice"], foreign["invoice"], foreign["invoice"])
    trios[RatePlan] = Trio(bill["plan"], foreign["plan"], foreign["plan"])
    trios[ContentItem] = Trio(bill["item"], foreign["item"], foreign["item"])
    trios[BillingDetails] = Trio(bill["details"], foreign["details"], foreign["details"])
    local = set(people) - {"owner", "guest"}
    return Arena(account, people, trios, foreign["account"], foreign, local, set(INSIDE[edition]))


def _rival(edition: str, teams: dict[str, str]) -> dict[str, Any]:
    names = {"first_name": MARK, "last_name": MARK}
    owner = UserFactory(
        pk=FAR + 1, username=f"{MARK}.owner", email=f"a@{MARK}.example".lower(), **names
    )
    account = AccountFactory(
        pk=FAR + 2, edition=edition, owner=owner, name=f"{MARK} Ltd", slug="rival", **teams
    )
    place = SubaccountFactory(pk=FAR + 3, account=account, slug="north", name=f"{MARK} North")
    user = UserFactory(pk=FAR + 4, username=f"{MARK}.member", **names)
    role = POSITIONS[edition][1]
    exclusive = {} if edition == "emma_hq" else {"exclusive": False}
    seat = MembershipFactory(
        pk=FAR + 5, account=account, subaccount=place, user=user, role=role, **exclusive
    )
    found = {
        "owner": owner,
        "account": account,
        "subaccount": place,
        "user": user,
        "membership": seat,
        **rows_in(place, MARK, pk=FAR + 6),
        **moved_in(place, MARK, owner, pk=FAR + 6),
    }
    found |= billed_in(place, MARK, *AMOUNTS, pk=FAR + 6)
    found["role"] = RoleFactory(
        pk=FAR + 8, account=account, name=f"{MARK} role", permissions=["access_campaigns"]
    )
    found["webhook"] = told_in(account, MARK, pk=FAR + 9)
    found["team"] = TeamFactory(pk=FAR + 7, account=account, name=f"{MARK} team")
    return found


TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="[^"]*"')


@dataclass
class Probe:
    """A browser that looks at every byte it gets, and notes what it has touched."""

    arena: Arena
    who: str
    findings: list[str] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    requests: int = 0
    opened: dict[Any, Any] = field(default_factory=dict)

    @cached_property
    def client(self) -> Client:
        """Return the browser, signed in unless this is nobody."""
        client = Client(raise_request_exception=False)
        if self.who in self.arena.people:
            client.force_login(self.arena.people[self.who])
        return client

    def get(self, url: str, **data: Any) -> Any:
        """Open ``url``; what was seen before is not asked again, for nothing changes meanwhile."""
        key = (url, *sorted(data.items()))
        if key not in self.opened:
            client = self.client  # signed in before anything is undone
            with undone():  # also an error of the database stays its own
                answer = client.get(url, data or None)
            self.opened[key] = self._seen(answer, f"GET {url[:200]} {data or ''}")
        return self.opened[key]

    def post(self, url: str, data: dict[str, Any] | None = None) -> Any:
        """Post to ``url`` and take back what it did."""
        client = self.client
        with undone():
            return self._confirmed(client, url, data or {}, f"POST {url[:200]} {data or ''}")

    def send(self, url: str, data: dict[str, Any], **extra: Any) -> Any:
        """Post to ``url`` and let stand what it did, until the caller takes it back."""
        return self._confirmed(self.client, url, data, f"POST {url[:200]}", **extra)

    def _confirmed(
        self, client: Client, url: str, data: dict[str, Any], what: str, **extra: Any
    ) -> Any:
        """Post; where that shows who gains and who loses, look at it and confirm it."""
        answer = self._seen(client.post(url, data, **extra), what)
        if digest := digest_of(answer):
            confirming = {**data, "previewed": digest}
            answer = self._seen(client.post(url, confirming, **extra), what)
        return answer

    def _seen(self, answer: Any, what: str) -> Any:
        self.requests += 1
        self.client.cookies.pop("messages", None)  # or the next answer would show them
        if answer.status_code >= 500:
            self.find(f"{what}: {answer.status_code}")
        head = "".join(f"{key}: {value}\n" for key, value in answer.items())
        for mark in self.marks:
            if mark.encode() in answer.content or mark in head:
                self.find(f"{what}: {mark} is in the answer")
        match = answer.wsgi_request.resolver_match
        if match is not None and match.view_name:
            self.touched.add(f"url {match.view_name}")
        return answer

    @property
    def is_first(self) -> bool:
        """Say whether this person tries also what the same code reads alike for everybody."""
        return self.who == "owner"

    @property
    def forged(self) -> list[int]:
        """Return the rival's keys to try where a form or filter takes one: all, or the likely."""
        likely = ("subaccount", "user", "membership")
        some = [self.arena.foreign[name].pk for name in likely]
        return self.arena.foreign_keys if self.is_first else some

    @property
    def shut(self) -> set[int]:
        """Return how a thing that is not there is answered: to outsiders, with the door."""
        return {404} if self.who in self.arena.inside else {302, 404}

    @cached_property
    def marks(self) -> list[str]:
        """Return the words that must not be in any answer to this person."""
        veils = [VEIL, *VEILED_AMOUNTS] if self.who in self.arena.local else []
        return [MARK, *AMOUNTS, *veils, *([HIDDEN] if self.who == "marketer_limited" else [])]

    def find(self, what: str) -> None:
        """Note something that must not be."""
        self.findings.append(f"{self.who}: {what}"[:400])

    def alike(self, what: str, first: Any, first_key: Any, other: Any, other_key: Any) -> None:
        """Note a difference between the answers for two keys, apart from the keys themselves."""
        keys = (first_key, other_key)
        if bare(first, *keys) != bare(other, *keys):
            self.find(f"{what}: {other_key!r:.60} is not answered as {first_key!r} is")


def bare(answer: Any, *keys: Any) -> tuple[Any, ...]:
    """Return what an answer says, without the keys that were asked for, without tokens and without
    the request's own id, which a refusal shows."""
    body = TOKEN.sub("", answer.content.decode()).replace(answer.get("X-Request-ID") or "\x00", "")
    location = answer.get("Location", "")
    for key in keys:
        text = str(key)
        for shape in (quote(quote(text)), quote(text), escape(text), unquote(text), text):
            body, location = body.replace(shape, "#"), location.replace(shape, "#")
    return answer.status_code, location, answer.get("Content-Type"), body


@contextmanager
def undone() -> Iterator[None]:
    """Take back what the block writes, so that every attack meets the same state."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def base_of(site: Any, admin: Any) -> str:
    """Return the address of the list of ``admin``."""
    meta = admin.opts
    return reverse(f"{site.name}:{meta.app_label}_{meta.model_name}_changelist")


def admins() -> list[tuple[str, ScopedModelAdmin]]:
    """Return every admin that faces tenants, with the name of its site."""
    return [(name, admin) for name, site in SITES.items() for admin in site._registry.values()]  # type: ignore[misc]
