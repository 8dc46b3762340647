"""Somebody of one column of the truth tables at the console, and people and things to try it on.

What the person may do is read from the tables alone, never from the product.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache, cached_property
from html import unescape
from typing import Any, NamedTuple
from urllib.parse import urljoin

from django.apps import apps
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from billing import selectors
from billing.factories import ContentItemFactory, SubscriptionFactory
from billing.models import MeteredDay
from permissions import grants
from teams import keys, services
from teams.factories import (
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
)
from teams.models import (
    Account,
    ApiKey,
    Campaign,
    ContactExport,
    ContactImport,
    ListMembership,
    ManagedSubaccount,
    Membership,
    Subaccount,
    SubaccountGroup,
    Webhook,
)
from teams.services import transfers
from tests.console.helpers import confirmed
from tests.engine.truth import Row, World, columns, expected, table
from tests.services.mailing import ready

#: where a permission is asked: at the place of what is touched, at the other place (where the
#: person touched works already), on the account, anywhere, or at every place that is not the home
HERE, THERE, ACCOUNT, ANYWHERE, EVERYWHERE = "here", "there", "account", "anywhere", "everywhere"

#: what is asked besides permissions: to reach the place, and to hold a role on the account
REACHES, ON_THE_ACCOUNT = "(reaches)", "(role on the account)"

LOWEST = {"constant_contact": "campaign_creator", "sailthru": "reports_only"}
NEXT = {"constant_contact": "account_manager"}
SKIPPED = ("/logout/", "/password_change/", "/static/", "/jsi18n/")
HREF = re.compile(r'<a [^>]*?href="([^"]*)"')
FORM = re.compile(r'<form method="post" action="([^"]*/act/[^"]*)"')
LINE = re.compile(r'<th scope="row">([^<]*)</th>\s*<td><span class="(yes|no)">')

OF_A_ROW = re.compile(r"/\d+/change/$|/act/")

Need = tuple[str, str]

#: what a template is made of: one row is locked, and the contents of another
ROWS = [
    {
        "key": key,
        "html": f"<p>{key}</p>",
        "row_locked": key == "locked",
        "contents_locked": key == "fixed",
    }
    for key in ("first", "free", "locked", "fixed", "last")
]


def person_columns(edition: str) -> list[str]:
    """Return the columns of an edition; one person may be looked at in two of them."""
    return list(dict.fromkeys(name.partition("@")[0] for name in columns(edition)))


def _rows(edition: str) -> dict[str, Row]:
    return {row.permission: row for row in table(edition)}


@dataclass
class Person:
    """Somebody who holds what one column says, and nothing else."""

    world: World
    column: str
    home: bool = False
    on: str = ""
    membership: Membership | None = None

    def __post_init__(self) -> None:
        self.rows = _rows(self.world.edition)
        self.membership = self.world.add(self.column, home=self.home)
        if self.on:
            assert self.membership is not None
            services.toggle_permission(
                actor=self.world.account.owner, membership=self.membership, toggle=self.on, on=True
            )

    @property
    def user(self) -> Any:
        """Return the login."""
        return self.membership.user if self.membership else self.world.account.owner

    @property
    def at_account(self) -> bool:
        """Say whether the role is held on the account."""
        return self.membership is None or self.membership.is_account_level

    @property
    def everywhere(self) -> bool:
        """Say whether the role reaches every subaccount there is."""
        return {self.world.north.pk, self.world.south.pk} <= self.reach

    @cached_property
    def client(self) -> Client:
        """Return a browser in which the person is signed in."""
        client = Client()
        client.force_login(self.user)
        return client

    @property
    def own_places(self) -> list[Subaccount | None]:
        """Return where the role counts, and None for the account if it is held there."""
        found: list[Subaccount | None] = [p for p in self.world.places if p.pk in self.reach]
        return [*found, None] if self.at_account else found

    def lines(self, place: Subaccount | None) -> dict[str, bool]:
        """Return what "My access" says of ``place``: can or cannot, by permission's label."""
        page = self.client.get("/access/", {"place": place.pk if place else "account"})
        assert page.status_code == 200
        found = LINE.findall(page.content.decode())
        return {unescape(label): word == "yes" for label, word in found}

    @cached_property
    def reach(self) -> set[Any]:
        """Return the active subaccounts in which the role counts."""
        return self.world.reach(self.column, home=self.home)

    def cell(self, row: Row, place: Subaccount | None) -> str:
        """Return what the table says of this person there."""
        if self.column in row.cells:
            return row.cells[self.column]
        where = "partner" if place is None or place.is_home else "client"
        return row.cells[f"{self.column}@{where}"]

    def holds(self, permission: str, place: Subaccount | None) -> bool:
        """Return what the table says: at ``place``, or on the account."""
        row = self.rows[permission]
        if (row.scope == "account") is not (place is None):
            return False
        if place is not None and place.pk not in self.reach:
            return False
        if self.world.edition == "constant_contact" and place is None and not self.at_account:
            return False  # held in a client account, rows of the account are no
        return expected(self.cell(row, place), toggle=row.toggle, on=self.on, true=self.world.true)


class Tried(NamedTuple):
    """What came of a request that writes."""

    status: int
    done: bool
    changed: bool
    says_why: bool


@dataclass
class Stage:
    """A person of a column, signed in, before an account full of things to try."""

    person: Person
    places: list[Subaccount] = field(default_factory=list)
    things: dict[tuple[str, Any], Any] = field(default_factory=dict)
    client: Client = field(init=False)
    tried: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.world = self.person.world
        self.edition = self.world.edition
        self.account: Account = self.world.account
        self.owner = self.account.owner
        self.places = [self.world.north, self.world.south]
        self.lowest = LOWEST.get(self.edition, "response_only")
        self.next_role = NEXT.get(self.edition, "author")
        if self.edition == "sailthru":
            empty = RoleFactory(account=self.account, name="Nothing ticked")
            self.next_role = f"custom:{empty.pk}"
        self.spare, self.sharing, self.joined = (
            TeamFactory(account=self.account, name=name) for name in ("Spare", "Sharing", "Joined")
        )
        TeamMembershipFactory(team=self.sharing, user=self.person.user)
        for place in self.places:
            self._furnish(place)
        if self.world.home is not None:
            self._fill(self.world.home)
        self._staff()
        self.archived = self._archive()
        # what nobody has metered cannot be purged
        SubscriptionFactory(account=self.account, starts_on=selectors.today())
        MeteredDay.objects.create(account=self.account, day=selectors.today(), seats=1)
        self.content = ContentItemFactory()
        Account.objects.filter(pk=self.account.pk).update(accent="#123456")
        self._rival()
        self.client = self.person.client

    # what there is

    def _fill(self, place: Subaccount) -> None:
        old = {"subaccount": place, "archived_at": timezone.now()}
        found = {
            "mailinglist": MailingListFactory(subaccount=place),
            "messagetemplate": MessageTemplateFactory(subaccount=place, rows=ROWS),
            "savedrow": SavedRowFactory(subaccount=place),
            "empty_list": MailingListFactory(subaccount=place),
            "old_mailinglist": MailingListFactory(**old),
            "old_messagetemplate": MessageTemplateFactory(**old),
            "old_campaign": CampaignFactory(**old),
            "spare_list": MailingListFactory(subaccount=place),
            "contact": ContactFactory(subaccount=place),
            "old_contact": ContactFactory(**old),
            "customfield": CustomFieldFactory(subaccount=place),
            "segment": SegmentFactory(subaccount=place),
            "old_segment": SegmentFactory(**old),
            "campaign": self.world.campaigns.get(place.pk)
            or Campaign.objects.create(
                account=self.account, subaccount=place, slug="spring", name="Spring"
            ),
        }
        for name in ("contact", "old_contact"):
            ListMembership.objects.create(
                subaccount=place, contact=found[name], mailing_list=found["mailinglist"]
            )
        for kind, view in (
            ("mailinglist", "access_audience"),
            ("spare_list", "access_audience"),
            ("empty_list", "access_audience"),
            ("messagetemplate", "access_content"),
            ("old_mailinglist", "access_audience"),
            ("old_messagetemplate", "access_content"),
        ):
            # everybody of a column shares a team with it, so that the permission decides
            self._give(view, found[kind], group=self.sharing.group)
        found["result"] = Campaign.objects.create(
            account=self.account, subaccount=place, slug="sent", name="Sent", status="sent"
        )
        found |= self._carry(place, found["mailinglist"])
        found |= {name: self._key(place) for name in ("apikey", "old_apikey", "spare_apikey")}
        self.things |= {(kind, place.pk): obj for kind, obj in found.items()}

    def _carry(self, place: Subaccount, mailing_list: Any) -> dict[str, Any]:
        """Return imports and an export that the person asked for themselves, all of a list."""
        of: dict[str, Any] = {
            "account": self.account,
            "subaccount": place,
            "mailing_list": mailing_list,
            "is_whole": False,
            "created_by": self.person.user,
        }
        file = transfers.keep(ContactImport, io.BytesIO(b"Address\nana@readers.example\n"))
        name = "people.csv"
        return {
            "contactimport": ContactImport.objects.create(
                status="preview", file=file, original_name=name, rows_total=1, **of
            ),
            "imported": ContactImport.objects.create(
                status="done", created=1, original_name=name, rows_done=1, **of
            ),
            "contactexport": ContactExport.objects.create(status="done", **of),
        }

    def _key(self, place: Subaccount) -> ApiKey:
        """Return a key of the owner's with what everybody holds who may generate any."""
        issued = keys.issue()
        return ApiKey.objects.create(
            account=self.account,
            subaccount=place,
            name="Sync",
            prefix=issued.prefix,
            digest=issued.digest,
            scopes=["access_campaigns"],
            created_by=self.owner,
        )

    def _write(self, place: Subaccount) -> None:
        """Put campaigns into ``place`` that lack nothing: a draft, one that is scheduled."""
        on = self.get("spare_list", place)
        draft, scheduled = (ready(place, count=1, mailing_list=on) for _ in range(2))
        at = timezone.now() + timedelta(days=5)
        services.schedule_campaign(actor=self.owner, campaign=scheduled, at=at)
        self.things |= {("draft", place.pk): draft, ("scheduled", place.pk): scheduled}

    def _give(self, permission: str, obj: Any, **whom: Any) -> None:
        grants.give(permission=permission, obj=obj, granted_by=self.owner, **whom)

    def _member(self, place: Subaccount, role: str, **more: Any) -> Membership:
        found: Membership = MembershipFactory(
            account=self.account, subaccount=place, role=role, **more
        )
        return found

    def _furnish(self, place: Subaccount) -> None:
        """Put people into ``place``, each with as little as the act they are for allows."""
        self._fill(place)
        self._write(place)
        put = {
            "low": self._member(place, self.lowest),
            "asleep": self._member(place, self.lowest, status="suspended"),
            "guest": self._member(self.other(place), self.lowest),
            "joined": self._member(place, self.lowest),
            "invitation": InvitationFactory(
                account=self.account,
                subaccount=place,
                role=self.lowest,
                invited_by=self.owner,
                sent_at=timezone.now() - timedelta(hours=1),
            ),
        }
        visitor = put["guest"].user
        self._give("access_response", place, user=visitor)
        for kind, view in (
            ("mailinglist", "access_audience"),
            ("messagetemplate", "access_content"),
            ("campaign", "access_campaigns"),
        ):
            self._give(view, self.get(kind, place), user=visitor)
        put["in_team"] = TeamMembershipFactory(team=self.joined, user=put["joined"].user)
        if self.edition.startswith("emma"):
            put["on"], put["off"] = (self._member(place, "editor") for _ in range(2))
            services.toggle_permission(
                actor=self.owner, membership=put["on"], toggle="export_contacts", on=True
            )
            peer = "full" if self.edition == "emma_enterprise" else "administrator"
            put["peer"] = self._member(place, peer)
        else:  # no switches and no peers: nobody's business there
            put |= dict.fromkeys(("on", "off", "peer"), put["low"])
        contacts = Membership.objects.filter(subaccount=place, is_primary_contact=True)
        if self.edition == "emma_enterprise" and not contacts.exists():
            self._member(place, "full", is_primary_contact=True)  # without whom nobody makes keys
        self.things |= {(name, place.pk): row for name, row in put.items()}

    def _staff(self) -> None:
        """Put two people on the account, one of them suspended."""
        role = "manager" if self.edition.startswith("emma") else self.lowest
        how: dict[str, Any] = {"reaching": [self.world.north]}
        if self.edition == "sailthru":
            how = {"all_subaccounts": True}
        elif self.world.home is not None:
            how = {"reaching": [self.world.home]}
        for name, status in (("boss", "active"), ("boss_asleep", "suspended")):
            row = MembershipFactory(account=self.account, role=role, status=status, **how)
            self.things[name, None] = row
        group = SubaccountGroup.objects.create(account=self.account, name="Coast")
        group.contents.create(account=self.account, subaccount=self.world.north)
        self.things["group", None] = group
        for name, off in (("webhook", None), ("webhook off", timezone.now())):
            hook = Webhook.objects.create(
                account=self.account, name=name, url="https://example.com/", disabled_at=off
            )
            hook.deliveries.create(
                account=self.account, sequence=10_000, action="role.changed", state="failed"
            )
            self.things[name, None] = hook

    def _archive(self) -> Subaccount:
        """Return an archived subaccount, within reach of whoever holds a role on the account."""
        east: Subaccount = SubaccountFactory(
            account=self.account, slug="east", archived_at=timezone.now()
        )
        seat = self.person.membership
        if seat and seat.is_account_level and not seat.all_subaccounts and not self.person.home:
            ManagedSubaccount.objects.create(account=self.account, membership=seat, subaccount=east)
        return east

    def _rival(self) -> None:
        """Fill the other account too: what could leak."""
        place = self.world.rival_north
        MailingListFactory(subaccount=place)
        MessageTemplateFactory(subaccount=place)
        MembershipFactory(account=self.world.rival, subaccount=place, role=self.lowest)
        InvitationFactory(account=self.world.rival, subaccount=place, role=self.lowest)

    def other(self, place: Subaccount) -> Subaccount:
        """Return the other of the two places."""
        return self.world.south if place == self.world.north else self.world.north

    def get(self, name: str, place: Subaccount | None) -> Any:
        """Return what stands ready under ``name`` at ``place``."""
        return self.things[name, place.pk if place else None]

    # what the tables say

    def said(self, need: Need, place: Subaccount | None) -> bool:
        """Say whether the person has what is needed where it is needed."""
        what, where = need
        if what == ON_THE_ACCOUNT:
            return self.person.at_account
        if what == REACHES:
            return self._reaches(place)
        if where == ACCOUNT:
            return self.person.holds(what, None)
        if where == HERE:
            assert place is not None
            return self.person.holds(what, place)
        if where == THERE:
            assert place is not None
            return self.person.holds(what, self.other(place))
        held = [self.person.holds(what, one) for one in self.everything]
        if where == ANYWHERE:
            return any(held)
        return self.person.at_account and all(held[:2])  # the home is last, and never asked

    def _reaches(self, place: Subaccount | None) -> bool:
        assert place is not None
        if place == self.archived:
            return self.person.at_account and not self.person.home
        return place.pk in self.person.reach

    @property
    def everything(self) -> list[Subaccount]:
        """Return every active subaccount, the home last."""
        return [*self.places, self.world.home] if self.world.home else self.places

    # what the browser sees

    def get_page(self, url: str) -> tuple[int, str, str]:
        """Return the answer to looking at ``url``: status, page, and where that was."""
        answer = self.client.get(url, follow=True)
        is_page = answer.headers["Content-Type"].startswith("text/html")  # files lead nowhere
        text = answer.content.decode() if is_page else ""
        return answer.status_code, text, answer.request["PATH_INFO"]

    @cached_property
    def pages(self) -> dict[str, tuple[int, set[str]]]:
        """Return every page that can be reached by links and buttons, with what it leads to.

        Of people, things and acts only those in ``tried`` are opened, and what leads to them: the
        page of the row, and the page on which one chooses the place. There are many more.
        """
        found: dict[str, tuple[int, set[str]]] = {}
        waiting = ["/"]
        opened = self.tried | {url[: url[:-1].rindex("/") + 1] for url in self.tried}
        opened |= {f"{url.partition('/act/')[0]}/change/" for url in self.tried}
        while waiting:
            url = waiting.pop()
            if url in found:
                continue
            status, body, address = self.get_page(url)
            if 'href="?archived=yes"' in body:  # the same list, of what was put away
                body += self.get_page(f"{url}?archived=yes")[1]
            links = {
                urljoin(address, unescape(href)).partition("#")[0].partition("?")[0]
                for href in (*HREF.findall(body), *FORM.findall(body))
                if not href.startswith(("#", "?"))
            }
            links = {one for one in links if one.startswith("/") and not one.startswith(SKIPPED)}
            found[url] = status, links
            waiting += sorted(
                one for one in links - found.keys() if not OF_A_ROW.search(one) or one in opened
            )
        return found

    @cached_property
    def links(self) -> set[str]:
        """Return everything some page leads to."""
        return set().union(*(links for _status, links in self.pages.values()))

    @cached_property
    def before(self) -> list[Any]:
        """Return all rows as they are before anything is tried, and again after."""
        return rows()

    def try_out(self, url: str, data: Any, done: Callable[[], bool]) -> Tried:
        """Post, look, and put everything back."""
        before = self.before
        with transaction.atomic():
            answer = confirmed(self.client, url, data)
            tried = Tried(
                answer.status_code, done(), rows() != before, "errornote" in answer.content.decode()
            )
            transaction.set_rollback(True)
        return tried


@cache
def _tables() -> tuple[str, ...]:
    return tuple(
        model._meta.db_table
        for app in ("teams", "guardian", "auth")
        for model in apps.get_app_config(app).get_models(include_auto_created=True)
        if model._meta.model_name != "permission"
    )


def rows() -> list[Any]:
    """Return all that is stored of tenants, rights and logins; the audit is kept elsewhere."""
    found = []
    with connection.cursor() as cursor:
        for name in _tables():
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(name)} ORDER BY 1")
            found.append(cursor.fetchall())
    return found
