"""Nonsense given to every service: a code and a sentence, never a traceback, nothing written."""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core import signing
from django.db import connection, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone as tz

from permissions.errors import ServiceError
from teams import services
from teams.factories import (
    ContactFactory,
    CustomFieldFactory,
    MailingListFactory,
    MessageTemplateFactory,
    SavedRowFactory,
    SegmentFactory,
    UserFactory,
)
from teams.logins import Logins
from teams.models import (
    AccessReview,
    Account,
    ApiKey,
    Campaign,
    Contact,
    ContactExport,
    ContactImport,
    CustomField,
    Invitation,
    ListMembership,
    MailingList,
    Membership,
    MessageTemplate,
    OwnershipTransfer,
    ReviewLine,
    Role,
    SavedRow,
    Segment,
    Subaccount,
    SubaccountGroup,
    Team,
    Webhook,
    WebhookDelivery,
)
from teams.services import transfers
from teams.services.content import new_row
from teams.services.invitation_mail import MAILED, token_of
from tests.services.mailing import ready
from tests.services.world import World, holds, is_sentence, stored, world
from tests.signing_in import signing_in_with

pytestmark = pytest.mark.django_db

NO_KEY = 10**6
TOO_BIG = 10**30

User = get_user_model()

#: all but the one that carries out another of them and takes it back: see test_previews.py
SERVICES = [name for name in services.__all__ if name != "preview"]


class Cast:
    """Everything the services are called with, and its foreign twin."""

    def __init__(self) -> None:
        self.here, self.there = self.side(), self.side()

    @staticmethod
    def side() -> dict[str, Any]:
        w = world("sailthru")
        emma = world("emma_enterprise")
        guest = w.member("reports_only")
        contact = ContactFactory(subaccount=w.south)
        joined = MailingListFactory(subaccount=w.south, created_by=w.owner)
        ListMembership.objects.create(subaccount=w.south, contact=contact, mailing_list=joined)
        w.member("marketer_limited")
        review = services.start_review(
            actor=w.owner, account=w.account, name="Spring", due_at=tz.now() + timedelta(days=9)
        )
        return {
            "w": w,
            "emma": emma,
            "actor": w.owner,
            "account": w.account,
            "subaccount": w.north,
            "user": UserFactory(),
            "invitee": _only("ana@new.example"),
            "member": w.member("reports_only").user,
            "guest": guest.user,
            "membership": w.member("marketer_limited"),
            "ending": w.member("marketer_limited", ends_at=tz.now() + timedelta(days=9)),
            "api_key": services.create_api_key(
                actor=w.owner, subaccount=w.south, name="Sync", scopes=["access_audience"]
            ).key,
            "pending": _invited(w),
            "old": _sent_long_ago(_invited(w, "old@new.example")),
            "suspended": w.member("marketer_limited", status="suspended"),
            "manager": emma.manager(emma.north),
            "group": SubaccountGroup.objects.create(account=emma.account, name="Coast"),
            "full": emma.member("full"),
            **_told(emma),
            "transfer": services.offer_ownership(
                actor=emma.owner, account=emma.account, heir=emma.member("editor").user
            ),
            "exporter": emma.member("full", toggles=("export_contacts",)),
            "team": w.team(),
            "obj": MailingListFactory(subaccount=w.south, created_by=w.owner),
            "role": w.custom("access_settings"),
            "used_role": w.member(w.custom("access_settings"), w.south).custom_role,
            "archived": w.west,
            "review": review,
            "line": review.lines.filter(kind="role").exclude(person=guest.user).first(),
            "mailing_list": MailingListFactory(subaccount=w.south, created_by=w.owner),
            "put_away": MailingListFactory(subaccount=w.south, archived_at=tz.now()),
            "template": MessageTemplateFactory(
                subaccount=w.south, rows=[new_row("<p>one"), {**new_row("<p>two"), "key": "two"}]
            ),
            "saved": SavedRowFactory(subaccount=w.south),
            "contact": contact,
            "joined": joined,
            "field": CustomFieldFactory(subaccount=w.south, codename="city"),
            "segment": SegmentFactory(subaccount=w.south),
            "campaign": ready(w.south, count=1),
            "scheduled": ready(w.south, status="scheduled", scheduled_at=tz.now()),
            "sending": ready(w.south, status="sending", scheduled_at=tz.now()),
            "letter": ready(w.south),
            "contact_import": _uploaded(w),
            "undoable": ContactImport.objects.create(status="done", created=1, **_asked(w)),
            "contact_export": ContactExport.objects.create(
                status="done",
                file=transfers.keep(ContactExport, io.BytesIO(b"x")),
                **_asked(w),
            ),
        }


def _told(w: World) -> dict[str, Any]:
    """Return a webhook, and a message to it that was given up."""
    hook = Webhook.objects.create(
        account=w.account, name="Mirror", url="https://example.com/", created_by=w.owner
    )
    row = hook.deliveries.create(
        account=w.account, sequence=10_000, action="role.changed", state="failed"
    )
    return {"webhook": hook, "delivery": row}


class Enrolled(Logins):
    """A project where everybody has a second factor."""

    def having_factor(self) -> Any:
        """Find the very login."""
        return Exists(User.objects.filter(pk=OuterRef("pk")))


@pytest.fixture(autouse=True, scope="module")
def enrolled() -> Iterator[None]:
    """Let a second factor be asked of people."""
    with signing_in_with(Enrolled()):
        yield


def _only(address: str) -> Any:
    """Return the one login with that address; both sides invite it."""
    return User.objects.filter(email=address).first() or UserFactory(email=address)


def _invited(w: World, address: str = "ana@new.example") -> Invitation:
    return services.invite_member(
        actor=w.owner, account=w.account, address=address, role="reports_only", subaccount=w.north
    )


def _sent_long_ago(invitation: Invitation) -> Invitation:
    Invitation.objects.filter(pk=invitation.pk).update(sent_at=tz.now() - timedelta(days=1))
    return invitation


def _link(s: dict[str, Any]) -> str:
    return token_of(s["pending"], mailed=True)


def _asked(w: World) -> dict[str, Any]:
    return {"account": w.account, "subaccount": w.south, "created_by": w.owner}


def _uploaded(w: World) -> ContactImport:
    file = io.BytesIO(b"Address\nnew@readers.example\n")
    return services.upload_import(actor=w.owner, subaccount=w.south, file=file, name="a.csv")


def _campaign(s: dict[str, Any]) -> dict[str, Any]:
    return {"actor": s["actor"], "campaign": s["campaign"]}


#: a call of every service that succeeds
GOOD: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "upload_import": lambda s: {
        "actor": s["actor"],
        "subaccount": s["w"].south,
        "file": io.BytesIO(b"Address\nnew@readers.example\n"),
        "name": "people.csv",
        "mailing_list": s["mailing_list"],
        "encoding": "",
    },
    "start_import": lambda s: {
        "actor": s["actor"],
        "contact_import": s["contact_import"],
        "mapping": {"Address": "email"},
        "skips_errors": False,
    },
    "undo_import": lambda s: {"actor": s["actor"], "contact_import": s["undoable"]},
    "export_contacts": lambda s: {
        "actor": s["actor"],
        "subaccount": s["w"].south,
        "mailing_list": s["mailing_list"],
        "segment": None,
    },
    "open_export": lambda s: {"actor": s["actor"], "contact_export": s["contact_export"]},
    "create_api_key": lambda s: {
        "actor": s["actor"],
        "subaccount": s["subaccount"],
        "name": "Sync",
        "scopes": ["access_audience"],
        "expires_at": None,
    },
    "rotate_api_key": lambda s: {
        "actor": s["actor"],
        "key": s["api_key"],
        "overlap": timedelta(hours=1),
    },
    "revoke_api_key": lambda s: {"actor": s["actor"], "key": s["api_key"]},
    "add_member": lambda s: {
        "actor": s["actor"],
        "account": s["account"],
        "user": s["user"],
        "role": s["role"],
        "subaccount": s["subaccount"],
        "managed": (),
        "all_subaccounts": False,
        "groups": (),
        "ends_at": None,
        "consented": True,
    },
    "invite_member": lambda s: {
        "actor": s["actor"],
        "account": s["account"],
        "address": "bea@new.example",
        "role": s["role"],
        "subaccount": s["subaccount"],
        "managed": (),
        "all_subaccounts": False,
        "groups": (),
        "toggles": (),
        "teams": [s["team"]],
        "ends_at": None,
    },
    "resend_invitation": lambda s: {"actor": s["actor"], "invitation": s["old"]},
    "withdraw_invitation": lambda s: {"actor": s["actor"], "invitation": s["pending"]},
    "accept_invitation": lambda s: {"actor": s["invitee"], "token": _link(s)},
    "join": lambda s: {
        "token": token_of(s["old"], mailed=True),
        "first_name": "Old",
        "last_name": "Hand",
        "password": "a long enough one",
    },
    "offer_ownership": lambda s: {
        "actor": s["actor"],
        "account": s["account"],
        "heir": s["member"],
        "owner_leaves": False,
    },
    "withdraw_transfer": lambda s: {"actor": s["emma"].owner, "transfer": s["transfer"]},
    "decline_transfer": lambda s: {"actor": s["transfer"].heir, "transfer": s["transfer"]},
    "accept_ownership": lambda s: {"actor": s["transfer"].heir, "transfer": s["transfer"]},
    "leave": lambda s: {"actor": s["membership"].user, "membership": s["membership"]},
    "leave_account": lambda s: {"actor": s["member"], "account": s["account"]},
    "set_second_factor": lambda s: {
        "actor": s["w"].owner,
        "account": s["account"],
        "classes": ["export"],
    },
    "set_end": lambda s: {"actor": s["actor"], "membership": s["ending"], "ends_at": None},
    "start_review": lambda s: {
        "actor": s["actor"],
        "account": s["account"],
        "name": "Summer",
        "due_at": tz.now() + timedelta(days=9),
        "subaccount": s["subaccount"],
        "permission": "access_audience",
    },
    "refresh_review": lambda s: {"actor": s["actor"], "review": s["review"]},
    "finish_review": lambda s: {
        "actor": s["actor"],
        "review": s["review"],
        "leave_open": True,
    },
    "confirm_line": lambda s: {"actor": s["actor"], "line": s["line"], "reason": "Asked her"},
    "withdraw_line": lambda s: {"actor": s["actor"], "line": s["line"], "reason": "Left"},
    "decide_lines": lambda s: {
        "actor": s["actor"],
        "lines": [s["line"]],
        "decision": "withdrawn",
        "reason": "Left",
    },
    "add_row": lambda s: {
        "actor": s["actor"],
        "content": s["template"],
        "html": "<p>x</p>",
        "position": 0,
    },
    "add_to_team": lambda s: {
        "actor": s["actor"],
        "team": s["team"],
        "user": s["member"],
        "ends_at": None,
    },
    "archive_item": lambda s: {"actor": s["actor"], "obj": s["obj"]},
    "archive_subaccount": lambda s: {"actor": s["actor"], "subaccount": s["subaccount"]},
    "change_list_type": lambda s: {
        "actor": s["actor"],
        "mailing_list": s["mailing_list"],
        "kind": "secondary",
    },
    "change_role": lambda s: {
        "actor": s["actor"],
        "membership": s["membership"],
        "role": s["role"],
    },
    "change_row": lambda s: {**_row(s), "html": "<p>x</p>"},
    "change_text": lambda s: {"actor": s["actor"], "content": s["template"], "text": "x"},
    "create_list": lambda s: {
        "actor": s["actor"],
        "subaccount": s["subaccount"],
        "name": "Readers",
        "kind": "primary",
    },
    "create_subaccount": lambda s: {
        "actor": s["actor"],
        "account": s["account"],
        "name": "East",
        "slug": "east",
    },
    "rename_team": lambda s: {"actor": s["actor"], "team": s["team"], "name": "Loyalty"},
    "archive_team": lambda s: {
        "actor": s["actor"],
        "team": s["team"],
        "replacement": s["w"].team(),
    },
    "set_team_mode": lambda s: {"actor": s["actor"], "account": s["account"], "mode": "lists"},
    "create_team": lambda s: {"actor": s["actor"], "account": s["account"], "name": "Loyalty"},
    "create_role": lambda s: {
        "actor": s["actor"],
        "account": s["account"],
        "name": "Listkeeper",
        "permissions": ["access_audience"],
        "description": "Tidies up",
    },
    "edit_role": lambda s: {
        "actor": s["actor"],
        "role": s["used_role"],
        "name": "Listkeeper",
        "description": "Tidies up",
        "permissions": ["access_audience"],
    },
    "delete_role": lambda s: {
        "actor": s["actor"],
        "role": s["used_role"],
        "replacement": s["role"],
    },
    "create_template": lambda s: {
        "actor": s["actor"],
        "subaccount": s["subaccount"],
        "name": "Letter",
    },
    "delete_list": lambda s: {"actor": s["actor"], "mailing_list": s["mailing_list"]},
    "delete_saved_row": lambda s: {"actor": s["actor"], "saved": s["saved"]},
    "give_guest_access": lambda s: {
        "actor": s["actor"],
        "user": s["guest"],
        "obj": s["obj"],
        "permissions": ["access_audience"],
        "ends_at": None,
    },
    "insert_saved_row": lambda s: {
        "actor": s["actor"],
        "content": s["template"],
        "saved": s["saved"],
        "position": 0,
    },
    "lock_row": lambda s: {**_row(s), "row_locked": True, "contents_locked": False},
    "move_row": lambda s: {**_row(s), "position": 0},
    "purge_item": lambda s: {
        "actor": s["actor"],
        "obj": s["put_away"],
        "confirm": s["put_away"].name,
    },
    "reactivate_member": lambda s: {"actor": s["actor"], "membership": s["suspended"]},
    "remove_from_team": lambda s: {
        "actor": s["actor"],
        "team": s["w"].team(s["member"]),
        "user": s["member"],
    },
    "remove_member": lambda s: {"actor": s["actor"], "membership": s["membership"]},
    "remove_row": lambda s: {**_row(s)},
    "rename_list": lambda s: {
        "actor": s["actor"],
        "mailing_list": s["mailing_list"],
        "name": "Readers",
    },
    "rename_subaccount": lambda s: {
        "actor": s["actor"],
        "subaccount": s["subaccount"],
        "name": "Far North",
    },
    "rename_template": lambda s: {
        "actor": s["actor"],
        "template": s["template"],
        "name": "Letter",
    },
    "restore_item": lambda s: {"actor": s["actor"], "obj": s["put_away"]},
    "restore_subaccount": lambda s: {"actor": s["actor"], "subaccount": s["archived"]},
    "save_row": lambda s: {**_row(s), "name": "Footer"},
    "set_features": lambda s: {
        "actor": s["actor"],
        "subaccount": s["subaccount"],
        "off": ["exports"],
    },
    "set_accent": lambda s: {
        "actor": s["actor"],
        "account": s["account"],
        "accent": "#0c5f73",
    },
    "set_toggle_end": lambda s: {
        "actor": s["emma"].owner,
        "membership": s["exporter"],
        "toggle": "export_contacts",
        "ends_at": tz.now() + timedelta(days=1),
    },
    "set_guest_end": lambda s: {
        "actor": s["actor"],
        "user": s["guest"],
        "obj": _guested(s),
        "ends_at": tz.now() + timedelta(days=1),
    },
    "set_team_end": lambda s: {
        "actor": s["actor"],
        "team": s["w"].team(s["member"]),
        "user": s["member"],
        "ends_at": tz.now() + timedelta(days=1),
    },
    "set_manager_reach": lambda s: {
        "actor": s["emma"].owner,
        "membership": s["manager"],
        "subaccounts": [s["emma"].south],
        "all_subaccounts": False,
        "groups": [s["group"]],
    },
    "create_subaccount_group": lambda s: {
        "actor": s["emma"].owner,
        "account": s["emma"].account,
        "name": "Hills",
        "subaccounts": [s["emma"].south],
    },
    "rename_subaccount_group": lambda s: {
        "actor": s["emma"].owner,
        "group": s["group"],
        "name": "Hills",
    },
    "set_subaccount_group": lambda s: {
        "actor": s["emma"].owner,
        "group": s["group"],
        "subaccounts": [s["emma"].south],
    },
    "delete_subaccount_group": lambda s: {"actor": s["emma"].owner, "group": s["group"]},
    "create_webhook": lambda s: {
        "actor": s["emma"].owner,
        "account": s["emma"].account,
        "name": "Copy",
        "url": "https://example.com/copy",
        "areas": ["people"],
    },
    "edit_webhook": lambda s: {
        "actor": s["emma"].owner,
        "webhook": s["webhook"],
        "name": "Copy",
        "url": "https://example.com/copy",
        "areas": ["people"],
    },
    "renew_webhook_secret": lambda s: {"actor": s["emma"].owner, "webhook": s["webhook"]},
    "switch_webhook": lambda s: {"actor": s["emma"].owner, "webhook": s["webhook"], "on": False},
    "delete_webhook": lambda s: {"actor": s["emma"].owner, "webhook": s["webhook"]},
    "send_webhook_test": lambda s: {"actor": s["emma"].owner, "webhook": s["webhook"]},
    "send_webhook_again": lambda s: {"actor": s["emma"].owner, "delivery": s["delivery"]},
    "set_primary_contact": lambda s: {
        "actor": s["emma"].owner,
        "subaccount": s["emma"].north,
        "membership": s["full"],
    },
    "set_toggles": lambda s: {
        "actor": s["emma"].owner,
        "membership": s["full"],
        "switches": {"export_contacts": True, "billing_page": False},
        "ends_at": None,
    },
    "share_with_team": lambda s: {"actor": s["actor"], "team": s["team"], "obj": s["obj"]},
    "suspend_member": lambda s: {"actor": s["actor"], "membership": s["membership"]},
    "toggle_permission": lambda s: {
        "actor": s["emma"].owner,
        "membership": s["full"],
        "toggle": "export_contacts",
        "on": True,
        "ends_at": None,
    },
    "unshare_with_team": lambda s: {
        "actor": s["actor"],
        "team": s["team"],
        "obj": _shared(s),
    },
    "withdraw_guest_access": lambda s: {
        "actor": s["actor"],
        "user": s["guest"],
        "obj": _guested(s),
        "permissions": ["access_audience"],
    },
    # contacts, their fields, segments
    "add_contact": lambda s: {
        "actor": s["actor"],
        "where": s["mailing_list"],
        "email": "new@readers.example",
        "first_name": "Ana",
        "last_name": "",
        "fields": {"city": "Rome"},
    },
    "edit_contact": lambda s: {
        "actor": s["actor"],
        "contact": s["contact"],
        "email": "other@readers.example",
        "first_name": "Ana",
        "last_name": "Ruiz",
        "fields": {"city": "Rome"},
    },
    "put_on_list": lambda s: {
        "actor": s["actor"],
        "contact": s["contact"],
        "mailing_list": s["mailing_list"],
    },
    "take_off_list": lambda s: {
        "actor": s["actor"],
        "contact": s["contact"],
        "mailing_list": s["joined"],
    },
    "set_subscription": lambda s: {
        "actor": s["actor"],
        "contact": s["contact"],
        "status": "unsubscribed",
    },
    "create_field": lambda s: {
        "actor": s["actor"],
        "subaccount": s["subaccount"],
        "label": "Birthday",
        "kind": "date",
    },
    "rename_field": lambda s: {"actor": s["actor"], "field": s["field"], "label": "Town"},
    "delete_field": lambda s: {"actor": s["actor"], "field": s["field"]},
    "create_segment": lambda s: {
        "actor": s["actor"],
        "subaccount": s["w"].south,
        "name": "From Rome",
        "rules": RULES,
        "mailing_list": s["mailing_list"],
    },
    "edit_segment": lambda s: {
        "actor": s["actor"],
        "segment": s["segment"],
        "name": "From Rome",
        "rules": RULES,
    },
    "set_address_masking": lambda s: {
        "actor": s["actor"],
        "account": s["account"],
        "on": True,
    },
    "create_campaign": lambda s: {
        "actor": s["actor"],
        "subaccount": s["subaccount"],
        "name": "Spring",
    },
    "edit_campaign": lambda s: (
        _campaign(s)
        | {
            "subject": "Spring is here",
            "sender_name": "North",
            "sender_email": "news@north.example",
            "reply_to": "answers@north.example",
        }
    ),
    "rename_campaign": lambda s: _campaign(s) | {"name": "Spring"},
    "set_audience": lambda s: (
        _campaign(s) | {"mailing_list": s["mailing_list"], "segment": s["segment"]}
    ),
    "use_template": lambda s: _campaign(s) | {"template": s["template"]},
    "duplicate_campaign": lambda s: _campaign(s) | {"name": "Spring"},
    "share_campaign": lambda s: _campaign(s) | {"subaccount": s["subaccount"], "name": "Spring"},
    "delete_campaign": _campaign,
    "send_test": _campaign,
    "schedule_campaign": lambda s: _campaign(s) | {"at": tz.now() + timedelta(days=1)},
    "send_campaign": _campaign,
    "unschedule_campaign": lambda s: {"actor": s["actor"], "campaign": s["scheduled"]},
    "stop_campaign": lambda s: {"actor": s["actor"], "campaign": s["sending"]},
}
RULES = {"match": "any", "rules": [{"field": "custom:city", "test": "is", "value": "Rome"}]}


def _row(s: dict[str, Any]) -> dict[str, Any]:
    return {"actor": s["actor"], "content": s["template"], "key": "two"}


def _shared(s: dict[str, Any]) -> Any:
    services.share_with_team(actor=s["actor"], team=s["team"], obj=s["obj"])
    return s["obj"]


def _guested(s: dict[str, Any]) -> Any:
    services.give_guest_access(
        actor=s["actor"], user=s["guest"], obj=s["obj"], permissions=["access_audience"]
    )
    return s["obj"]


ANYTHING = {
    "none": lambda c: None,
    "text": lambda c: "x",
    "number": lambda c: 7,
    "list": lambda c: [],
    "class": lambda c: Account,
}


def _models(model: Any, foreign: str, **own: Callable[[Cast], Any]) -> dict[str, Any]:
    """Return what is no stored object of ``model``, or not one of this account."""

    def gone(c: Cast) -> Any:
        """Return an object as one holds it in hand while somebody else deletes it."""
        found = model(pk=NO_KEY, **{name: value(c) for name, value in own.items()})
        found._state.adding, found._state.db = False, "default"
        return found

    return {
        **ANYTHING,
        "unsaved": lambda c: model(),
        "key alone": lambda c: model(pk=NO_KEY),
        "key too big": lambda c: model(pk=TOO_BIG),
        "gone": gone,
        "foreign": lambda c: c.there[foreign],
    }


def _user(*, foreign: str) -> dict[str, Any]:
    found = _models(User, foreign, username=lambda c: "ghost")
    return found | {
        "anonymous": lambda c: AnonymousUser(),
        "staff": lambda c: UserFactory(is_staff=True),
        "superuser": lambda c: UserFactory(is_superuser=True),
        "inactive": lambda c: UserFactory(is_active=False),
    }


NAMES = {
    **{k: v for k, v in ANYTHING.items() if k != "text"},
    "empty": lambda c: "",
    "blank": lambda c: " \t ",
    "too long": lambda c: "x" * 121,
    "NUL": lambda c: "a\x00b",
    "newline": lambda c: "a\nb",
    "escape": lambda c: "a\x1b[31mb",
    "bidi": lambda c: "a\u202eb",
    "surrogate": lambda c: "a\ud800",
}
ENDS = {
    **{k: v for k, v in ANYTHING.items() if k != "none"},
    "naive": lambda c: datetime(2999, 1, 1),  # noqa: DTZ001  (that is the point)
    "date": lambda c: datetime(2999, 1, 1, tzinfo=UTC).date(),
    "past": lambda c: datetime(2001, 1, 1, tzinfo=UTC),
    "beyond the last year": lambda c: datetime(
        9999, 12, 31, 23, tzinfo=timezone(-timedelta(hours=12))
    ),
}
PLACES = {
    **{k: v for k, v in ANYTHING.items() if k != "list"},
    "list of keys": lambda c: [1],
    "list of none": lambda c: [None],
    "unsaved": lambda c: [Subaccount()],
    "gone": lambda c: [Subaccount(pk=NO_KEY, account=c.here["emma"].account)],
    "key of another account": lambda c: [
        Subaccount(pk=c.there["emma"].north.pk, account=c.here["emma"].account)
    ],
    "foreign": lambda c: [c.there["emma"].north],
}
TRUTH = ANYTHING | {"one": lambda c: 1, "yes": lambda c: "yes"}
ROLES = _models(Role, "role", account=lambda c: c.here["account"]) | {
    "no such role": lambda c: "janitor",
    "the owner's": lambda c: "owner",
    "of another edition": lambda c: "administrator",
    "empty": lambda c: "",
    "NUL": lambda c: "reports_only\x00",
    "case": lambda c: "REPORTS_ONLY",
}
TOGGLES = ANYTHING | {
    "of another edition": lambda c: "sso",
    "of another role": lambda c: "billing_reports",
    "permission": lambda c: "export_pii",
    "NUL": lambda c: "export_contacts\x00",
    "case": lambda c: "Export_Contacts",
    "empty": lambda c: "",
}
SWITCHES = ANYTHING | {
    "of another edition": lambda c: {"export_contacts": True, "sso": True},
    "of another role": lambda c: {"export_contacts": True, "billing_reports": True},
    "of no name": lambda c: {None: True},
    "neither on nor off": lambda c: {"export_contacts": "yes"},
    "a number": lambda c: {"export_contacts": 1},
    "pairs": lambda c: [("export_contacts", True)],
}
GRANTED = ANYTHING | {
    "bare permission": lambda c: "access_audience",
    "none of it": lambda c: (),
    "mixed": lambda c: ["access_audience", "send_campaigns"],
    "unknown": lambda c: ["no_such_permission"],
    "of none": lambda c: [None],
    "of lists": lambda c: [["access_audience"]],
}
OBJECTS = _models(
    MailingList,
    "obj",
    account=lambda c: c.here["account"],
    subaccount=lambda c: c.here["w"].south,
) | {
    "person": lambda c: c.here["user"],
    "account": lambda c: c.here["account"],
    "place that is gone": lambda c: Subaccount(pk=NO_KEY, account=c.here["account"]),
}
LINES = {k: v for k, v in NAMES.items() if k not in ("none", "empty", "blank", "bidi")}


def _in_south(model: Any, foreign: str) -> dict[str, Any]:
    place = {"account": lambda c: c.here["account"], "subaccount": lambda c: c.here["w"].south}
    return _models(model, foreign, **place)


TEXTS = {
    **{k: v for k, v in ANYTHING.items() if k != "text"},
    "NUL": lambda c: "a\x00b",
    "escape": lambda c: "a\x1b[31mb",
    "surrogate": lambda c: "a\ud800",
    "too long": lambda c: "x" * 100_001,
}
POSITIONS = {
    **{k: v for k, v in ANYTHING.items() if k != "none"},
    "before the first": lambda c: -1,
    "huge": lambda c: TOO_BIG,
    "yes": lambda c: True,
}
KEYS = ANYTHING | {"NUL": lambda c: "two\x00", "case": lambda c: "TWO", "bytes": lambda c: b"two"}
ADDRESSES = {
    **ANYTHING,
    "newline": lambda c: "a@readers.example\nBcc: b@readers.example",
    "two": lambda c: "a@readers.example, b@readers.example",
    "with a name": lambda c: "A <a@readers.example>",
}
SUBACCOUNTS = _models(Subaccount, "subaccount", account=lambda c: c.here["account"])
MEMBERSHIPS = _models(
    Membership, "membership", account=lambda c: c.here["account"], user=lambda c: c.here["user"]
)

#: what is wrong for an argument of that name
BAD: dict[str, dict[str, Callable[[Cast], Any]]] = {
    "classes": {k: v for k, v in ANYTHING.items() if k != "list"}
    | {
        "unknown": lambda c: ["nobody"],
        "numbers": lambda c: [1],
        "twice": lambda c: ["export", "export"],
    },
    "actor": _user(foreign="actor"),
    "account": _models(Account, "account", owner=lambda c: c.here["actor"]),
    "subaccount": SUBACCOUNTS,
    "user": _user(foreign="member"),
    "membership": MEMBERSHIPS,
    "team": _models(Team, "team", account=lambda c: c.here["account"]),
    "mode": KEYS | {"nothing": lambda c: "", "unknown": lambda c: "templates"},
    "obj": OBJECTS,
    "role": ROLES,
    # a role for a role, a team for a team: what is wrong for one is wrong for the other
    "replacement": ROLES
    | {"itself": lambda c: c.here["used_role"]}
    | {
        f"a team {key}": value
        for key, value in _models(Team, "team", account=lambda c: c.here["account"]).items()
    },
    "description": {k: v for k, v in NAMES.items() if k not in ("empty", "blank", "too long")}
    | {"too long": lambda c: "x" * 401},
    "toggle": TOGGLES,
    "switches": SWITCHES,
    "on": TRUTH,
    "name": NAMES,
    "off": ANYTHING
    | {
        "unknown": lambda c: ["exports", "campaigns"],
        "numbers": lambda c: [1],
        "bytes": lambda c: b"exports",
        "NUL": lambda c: ["exports\x00"],
        "two in one": lambda c: ["exports pages"],
        "a permission": lambda c: ["export_contacts"],
    },
    "accent": ANYTHING
    | {
        "word": lambda c: "red",
        "short": lambda c: "#fff",
        "pale": lambda c: "#ffff00",
        "not hexadecimal": lambda c: "#gggggg",
        "NUL": lambda c: "#0c5f7\x00",
    },
    "mailing_list": _in_south(MailingList, "mailing_list"),
    "template": _in_south(MessageTemplate, "template"),
    "content": _in_south(MessageTemplate, "template")
    | {"list": lambda c: c.here["mailing_list"], "place": lambda c: c.here["subaccount"]},
    "saved": _in_south(SavedRow, "saved"),
    # the key of a row, and an API key: what is wrong for one is wrong for the other
    "key": KEYS
    | {f"an API key {kind}": value for kind, value in _in_south(ApiKey, "api_key").items()},
    "scopes": ANYTHING
    | {
        "unknown": lambda c: ["access_audience", "no_such_permission"],
        "of none": lambda c: [None],
        "of lists": lambda c: [["access_audience"]],
        "of the account": lambda c: ["manage_theme"],
        "to make keys": lambda c: ["access_audience", "generate_api_keys"],
        "NUL": lambda c: ["access_audience\x00"],
    },
    "expires_at": ENDS,
    "overlap": ANYTHING
    | {
        "negative": lambda c: timedelta(seconds=-1),
        "too long": lambda c: timedelta(days=7, seconds=1),
        "huge": lambda c: timedelta.max,
    },
    "kind": KEYS,
    "html": TEXTS | {"nothing": lambda c: " ", "nothing left": lambda c: "<script>x</script>"},
    "text": TEXTS,
    "position": POSITIONS,
    "row_locked": TRUTH,
    "contents_locked": TRUTH,
    "confirm": KEYS | {"empty": lambda c: ""},
    "slug": {k: v for k, v in NAMES.items() if k != "none"} | {"spaces": lambda c: "a b"},
    "permissions": GRANTED,
    "ends_at": ENDS,
    "consented": TRUTH,
    "address": ADDRESSES
    | {
        "empty": lambda c: "",
        "NUL": lambda c: "a\x00b@new.example",
        "wide": lambda c: "ＡNA@new.example",
        "dotless": lambda c: "mıke@new.example",
        "megabytes": lambda c: "a" * 5_000_000 + "@new.example",
    },
    "toggles": {k: v for k, v in ANYTHING.items() if k != "list"}
    | {
        "not admitted": lambda c: ["export_contacts"],
        "of none": lambda c: [None],
        "of lists": lambda c: [[]],
        "twice": lambda c: ["export_contacts", "export_contacts"],
        "mapping": lambda c: {"export_contacts": True},
    },
    "teams": {k: v for k, v in ANYTHING.items() if k != "list"}
    | {
        "list of keys": lambda c: [1],
        "list of none": lambda c: [None],
        "unsaved": lambda c: [Team()],
        "gone": lambda c: [Team(pk=NO_KEY, account=c.here["account"])],
        "foreign": lambda c: [c.there["team"]],
    },
    "invitation": _models(Invitation, "pending", account=lambda c: c.here["account"]),
    "review": _models(AccessReview, "review", account=lambda c: c.here["account"]),
    "line": _models(
        ReviewLine,
        "line",
        account=lambda c: c.here["account"],
        review=lambda c: c.here["review"],
    ),
    "lines": ANYTHING | {"of none": lambda c: [None], "foreign": lambda c: [c.there["line"]]},
    "decision": KEYS | {"open": lambda c: "open", "gone": lambda c: "gone"},
    "reason": {k: v for k, v in NAMES.items() if k != "too long"}
    | {"too long": lambda c: "x" * 501},
    "due_at": ENDS | {"none": lambda c: None},
    "permission": {k: v for k, v in KEYS.items() if k != "empty"}
    | {"unknown": lambda c: "fly", "of the account": lambda c: "manage_managers"},
    "leave_open": TRUTH,
    "heir": _user(foreign="member"),
    "owner_leaves": TRUTH,
    "transfer": _models(
        OwnershipTransfer,
        "transfer",
        account=lambda c: c.here["account"],
        owner=lambda c: c.here["actor"],
        heir=lambda c: c.here["member"],
    ),
    "token": ANYTHING
    | {
        "empty": lambda c: "",
        "NUL": lambda c: _link(c.here) + "\x00",
        "surrogate": lambda c: "\ud800",
        "cut off": lambda c: _link(c.here)[:-1],
        "unsigned": lambda c: _link(c.here).rpartition(":")[0],
        "bytes": lambda c: _link(c.here).encode(),
        "megabytes": lambda c: _link(c.here) * 10_000,
        "of another": lambda c: signing.dumps([c.here["pending"].pk, "x"], salt=MAILED),
    },
    "password": {k: v for k, v in ANYTHING.items() if k != "text"}
    | {"short": lambda c: "x", "empty": lambda c: "", "common": lambda c: "password123"},
    "managed": PLACES,
    "group": _models(SubaccountGroup, "group", account=lambda c: c.here["emma"].account),
    "groups": {k: v for k, v in ANYTHING.items() if k != "list"}
    | {"of none": lambda c: [None], "foreign": lambda c: [c.there["group"]]},
    "webhook": _models(Webhook, "webhook", account=lambda c: c.here["emma"].account),
    "delivery": _models(
        WebhookDelivery,
        "delivery",
        account=lambda c: c.here["emma"].account,
        webhook=lambda c: c.here["webhook"],
        sequence=lambda c: 7,
    ),
    "url": ANYTHING
    | {
        "empty": lambda c: "",
        "plain": lambda c: "http://example.com/",
        "inside": lambda c: "https://127.0.0.1/",
        "credentials": lambda c: "https://a:b@example.com/",
        "NUL": lambda c: "https://example.com/\x00",
        "newline": lambda c: "https://example.com/\nHost: inside",
        "megabytes": lambda c: "https://example.com/" + "a" * 5_000_000,
    },
    "areas": {k: v for k, v in ANYTHING.items() if k != "list"}
    | {
        "unknown": lambda c: ["billing"],
        "of none": lambda c: [None],
        "of lists": lambda c: [[]],
        "megabytes": lambda c: ["x" * 5_000_000],
    },
    "subaccounts": PLACES,
    "all_subaccounts": TRUTH,
    # contacts, their fields, segments
    "contact_import": _in_south(ContactImport, "contact_import"),
    "contact_export": _in_south(ContactExport, "contact_export"),
    "file": ANYTHING
    | {
        "bytes": lambda c: b"Address\n",
        "of text": lambda c: io.StringIO("Address\n"),
        "of nothing": lambda c: io.BytesIO(),
        "of zeros": lambda c: io.BytesIO(bytes(1000)),
    },
    "encoding": {k: v for k, v in ANYTHING.items() if k != "empty"}
    | {"of Python": lambda c: "rot13", "NUL": lambda c: "cp1252\x00"},
    "mapping": ANYTHING
    | {
        "nothing": lambda c: {},
        "no address": lambda c: {"Address": "first_name"},
        "unknown": lambda c: {"Address": "email", "id": "pk"},
        "of lists": lambda c: {"Address": []},
        "of dictionaries": lambda c: {"Address": {"email": 1}},
        "our own field": lambda c: {"Address": "subaccount_id"},
    },
    "skips_errors": TRUTH,
    "where": _in_south(MailingList, "mailing_list") | {"person": lambda c: c.here["user"]},
    "contact": _in_south(Contact, "contact"),
    "field": _in_south(CustomField, "field"),
    "segment": _in_south(Segment, "segment"),
    "email": ANYTHING
    | {
        "empty": lambda c: "",
        "NUL": lambda c: "a\x00b@readers.example",
        "newline": lambda c: "a@readers.example\nBcc: b@readers.example",
        "two": lambda c: "a@readers.example, b@readers.example",
        "megabytes": lambda c: "a" * 5_000_000 + "@readers.example",
    },
    "first_name": LINES,
    "last_name": LINES,
    "fields": ANYTHING
    | {
        "unknown": lambda c: {"nobody": "x"},
        "NUL": lambda c: {"city": "a\x00b"},
        "nested": lambda c: {"city": {"a": "b"}},
        "of no name": lambda c: {None: "x"},
    },
    "status": ANYTHING | {"subscribed": lambda c: "subscribed", "of lists": lambda c: [[]]},
    "label": NAMES,
    "rules": ANYTHING
    | {
        "nothing": lambda c: {},
        "no rule": lambda c: {"match": "all", "rules": []},
        "of lists": lambda c: {"match": [], "rules": [[]]},
        "of numbers": lambda c: {"match": "all", "rules": [{"field": 1, "test": 2, "value": 3}]},
        "unknown field": lambda c: {
            "match": "all",
            "rules": [{"field": "custom:gone", "test": "is", "value": "x"}],
        },
        "NUL": lambda c: {
            "match": "all",
            "rules": [{"field": "custom:city", "test": "is", "value": "a\x00b"}],
        },
    },
    # campaigns
    "campaign": _in_south(Campaign, "campaign"),
    "subject": LINES | {"none": lambda c: None, "too long": lambda c: "x" * 1_000_000},
    "sender_name": LINES,
    "sender_email": ADDRESSES,
    "reply_to": ADDRESSES,
    "at": ENDS | {"none": lambda c: None},
    "seen": {k: v for k, v in ANYTHING.items() if k != "none"},
}
#: fine for that service: no role in one subaccount, no contact, all of the access, anybody's login,
#: and None for what is to stay
ALLOWED = {
    ("add_member", "user", "foreign"),
    ("archive_team", "replacement", "none"),
    ("archive_team", "replacement", "a team none"),
    ("add_contact", "fields", "none"),
    ("create_segment", "mailing_list", "none"),
    ("upload_import", "mailing_list", "none"),
    ("upload_import", "name", "too long"),
    ("export_contacts", "mailing_list", "none"),
    ("export_contacts", "segment", "none"),
    ("set_audience", "segment", "none"),
    ("share_campaign", "name", "none"),
    ("start_review", "subaccount", "none"),
    ("confirm_line", "reason", "empty"),
    *(("edit_contact", name, "none") for name in ("email", "first_name", "last_name", "fields")),
    *(("edit_segment", name, "none") for name in ("name", "rules")),
    *(("edit_role", name, "none") for name in ("name", "description", "permissions")),
    *(
        (service, "permissions", kind)
        for service in ("create_role", "edit_role")
        for kind in ("list", "none of it", "mixed")
    ),
    ("set_primary_contact", "membership", "none"),
    ("withdraw_guest_access", "permissions", "none"),
    ("withdraw_guest_access", "user", "inactive"),
}
CASES = [
    (service, argument)
    for service in SERVICES
    for argument in inspect.signature(getattr(services, service)).parameters
]


#: services whose account is that of a link, or of one's own role
BY_LINK = ("accept_invitation", "join")

#: services whose good call needs something to be there first, which GOOD writes
PREPARED = (
    "archive_team",
    "remove_from_team",
    "set_guest_end",
    "set_team_end",
    "unshare_with_team",
    "withdraw_guest_access",
)


@pytest.fixture(scope="module")
def untouched(cast: Cast) -> dict[str, Any]:
    """Return what the tables hold before every case."""
    return stored()


@pytest.fixture(scope="module")
def cast(django_db_setup: None, django_db_blocker: Any) -> Iterator[Cast]:
    """Everybody is built once; each case rolls back what it did."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield Cast()
        transaction.set_rollback(True)


def outcome(service: str, arguments: dict[str, Any]) -> ServiceError | None:
    """Call ``service``; constraints that wait for the end of the transaction are asked now."""
    try:
        with transaction.atomic():
            getattr(services, service)(**arguments)
            _ask_constraints()
    except ServiceError as error:
        return error
    return None


def _ask_constraints() -> None:
    """Check what waits for the end of the transaction.

    Not with ``connection.check_constraints()``: on PostgreSQL that puts all constraints off
    afterwards, and to release a savepoint makes it last.
    """
    if connection.vendor == "sqlite":
        connection.check_constraints()
        return
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_every_service_and_argument_is_tried() -> None:
    assert set(GOOD) == set(SERVICES)
    assert set(BY_LINK) <= set(SERVICES)
    for service in SERVICES:
        assert set(inspect.signature(getattr(services, service)).parameters) <= set(BAD)


@pytest.mark.parametrize("service", SERVICES)
def test_the_good_call_is_good(cast: Cast, service: str) -> None:
    """Else the cases below would be refused for another reason."""
    with transaction.atomic():
        error = outcome(service, GOOD[service](cast.here))
        transaction.set_rollback(True)
    assert error is None


@pytest.mark.parametrize(("service", "argument"), CASES)
def test_bad_input(cast: Cast, untouched: dict[str, Any], service: str, argument: str) -> None:
    """All kinds in one test: to open and close one costs more than to ask."""
    wrong = {}
    for kind in BAD[argument]:
        if (service, argument, kind) in ALLOWED:
            continue
        with transaction.atomic():
            arguments = GOOD[service](cast.here)
            arguments[argument] = BAD[argument][kind](cast)
            before = stored() if service in PREPARED else untouched
            try:
                error = outcome(service, arguments)
            except Exception as other:
                wrong[kind] = repr(other)
                error = None
            if error is None:
                wrong.setdefault(kind, "accepted")
            elif error.code in ("ERROR", "INVALID", "REFUSED") or not is_sentence(error.message):
                wrong[kind] = f"{error.code}: {error.message}"
            elif stored() != before:
                wrong[kind] = "refused, but something was written"
            transaction.set_rollback(True)
    assert wrong == {}


@pytest.mark.parametrize("service", SERVICES)
def test_account_with_an_edition_there_is_not(cast: Cast, service: str) -> None:
    """Nobody holds anything there, so it is as good as missing."""
    with transaction.atomic():
        arguments = GOOD[service](cast.here)
        Account.objects.update(edition="emma_imperial")
        before = stored()
        error = outcome(service, arguments)
        after = stored()
        transaction.set_rollback(True)
    assert error is not None
    assert error.code == ("VOID" if service in BY_LINK else "NOT_FOUND")
    # whoever invited holds nothing there now, and that is noted
    assert after == before or service in BY_LINK


def test_role_that_the_edition_no_longer_has() -> None:
    """An unknown role is no right: its holder is denied, and the owner can still take it away."""
    w = world("emma_hq")
    stale = w.member("administrator")
    Membership.objects.filter(pk=stale.pk).update(role="janitor")

    assert not holds(stale.user, "access_campaigns", w.north)
    arguments = {"actor": stale.user, "subaccount": w.north, "name": "Mine"}
    refusal = outcome("rename_subaccount", arguments)
    assert refusal is not None
    assert refusal.code in ("NOT_FOUND", "OUT_OF_SCOPE")
    services.remove_member(actor=w.owner, membership=stale)


@pytest.mark.parametrize("ticked", ["manage_members access_settings", {"access_settings": 1}, 5])
def test_custom_role_whose_ticks_are_no_list_gives_nothing(ticked: Any) -> None:
    w = world("sailthru")
    role = w.custom()
    Role.objects.filter(pk=role.pk).update(permissions=ticked)
    member = w.member(role)

    assert not holds(member.user, "access_settings", w.north)


def _world() -> World:
    return world("emma_hq")


def test_actor_is_asked_for_by_name() -> None:
    """Every subject is keyword-only, so that two people cannot be mixed up."""
    for service in SERVICES:
        parameters = inspect.signature(getattr(services, service)).parameters.values()
        assert {p.kind for p in parameters} == {inspect.Parameter.KEYWORD_ONLY}
        # who joins has no login yet: the link is the right
        assert next(iter(parameters)).name == ("token" if service == "join" else "actor")


@pytest.mark.parametrize("name", ["Zoë’s", "Café\u00a0Bar", "👩\u200d🍳 Kitchen", "日本語"])
def test_names_of_all_languages_are_names(name: str) -> None:
    w = _world()
    made = services.create_subaccount(actor=w.owner, account=w.account, name=name)
    assert Subaccount.objects.get(pk=made.pk).name == name


@pytest.mark.parametrize(
    ("one", "other"), [("Straße", "STRASSE"), ("\u212aiosk", "kiosk"), ("Ärger", "äRGER")]
)
def test_names_that_differ_in_case_only_get_an_answer(one: str, other: str) -> None:
    """Whatever a database takes for the same name, the service says so and does not fall over."""
    w = _world()
    services.create_subaccount(actor=w.owner, account=w.account, name=one, slug="one")
    arguments = {"actor": w.owner, "account": w.account, "name": other, "slug": "other"}
    error = outcome("create_subaccount", arguments)
    assert error is None or error.code == "ALREADY_USED"
