"""Where the console asks for a permission: how one gets there, and how one sees that it worked.

A record says what is needed as ways, each a list of needs: one way suffices, all needs of it have
to be met. The people and things it is tried on are chosen so that everything else is given: the
lowest role that can be given, a team that sees nothing, a permission everybody holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from permissions import grants
from permissions.models import AuditEvent
from teams.catalogue import (
    ACCESS_AUDIENCE,
    ACCESS_CAMPAIGNS,
    ACCESS_CONTENT,
    ACCESS_RESPONSE,
    ACCESS_SETTINGS,
    ADD_CONTACTS,
    ARCHIVE_SUBACCOUNTS,
    ASSIGN_TEAM_RESOURCES,
    CHANGE_PUBLISHED_CAMPAIGNS,
    CREATE_CAMPAIGNS,
    CREATE_SUBACCOUNTS,
    DELETE_CAMPAIGNS,
    EXPORT_CONTACTS,
    MANAGE_ADMINISTRATORS,
    MANAGE_MANAGERS,
    MANAGE_MEMBERS,
    MANAGE_ROLES,
    MANAGE_SUBACCOUNT_SETTINGS,
    MANAGE_TEAMS,
    MANAGE_THEME,
    SEND_CAMPAIGNS,
    SHARE_CAMPAIGNS,
    TEST_CAMPAIGNS,
    VIEW_PARENT_USERS,
)
from teams.models import (
    Account,
    Campaign,
    ContactExport,
    ContactImport,
    Membership,
    Subaccount,
    SubaccountUserGrant,
    TeamMembership,
)
from tests.console.truth_stage import (
    ACCOUNT,
    ANYWHERE,
    EVERYWHERE,
    HERE,
    ON_THE_ACCOUNT,
    REACHES,
    THERE,
    Need,
    Stage,
)

Place = Subaccount | None
Way = tuple[Need, ...]

EMMA = ("emma_corporate", "emma_enterprise", "emma_hq")
ALL = (*EMMA, "constant_contact", "sailthru")

# where a record is tried
PLACES, EVERY_PLACE, FIRST = "both places", "both places and the home", "the first place"
WHOLE, ARCHIVED = "the account", "the archived place"

PEOPLE, SUBACCOUNTS = "/auth/user/", "/teams/subaccount/"


@dataclass(frozen=True, kw_only=True)
class Surface:
    """One page or act of the console.

    ``ways`` are what the tables must say for it to be there; ``unlike`` replaces them in single
    editions; in editions that are not among ``editions`` nobody has it, and where there is no such
    thing to try it on it is not tried (``tried_in``). An area names the page it
    is entered from (``menu``); an act says what is posted and how one sees that it was done.
    """

    name: str
    at: str
    url: Callable[[Stage, Any], str]
    ways: tuple[Way, ...]
    unlike: Mapping[str, tuple[Way, ...]] = field(default_factory=dict)
    editions: tuple[str, ...] = ALL
    tried_in: tuple[str, ...] = ALL
    menu: str = ""
    data: Callable[[Stage, Any], dict[str, Any]] = lambda stage, place: {}
    done: Callable[[Stage, Any], bool] | None = None
    answers: int = 302
    why: str = ""

    def ways_in(self, edition: str) -> tuple[Way, ...]:
        """Return what is needed in ``edition``; no way at all where it is not known."""
        if edition not in self.editions:
            return ()
        return self.unlike.get(edition, self.ways)

    def permissions_in(self, edition: str) -> set[str]:
        """Return every permission it asks for in ``edition``."""
        needed = {what for way in self.ways_in(edition) for what, _where in way}
        return {str(what) for what in needed if not what.startswith("(")}

    @property
    def permissions(self) -> set[str]:
        """Return every permission it asks for in some edition."""
        return set().union(*(self.permissions_in(edition) for edition in self.editions))

    @property
    def depends_on_reach(self) -> bool:
        """Say whether it matters how far a role reaches, and not only whether."""
        return any(
            where in (THERE, EVERYWHERE) or what == REACHES
            for way in self.ways
            for what, where in way
        )

    @property
    def verb(self) -> tuple[str, str]:
        """Return the admin and the verb an act is, told by its name; empty for a page."""
        model, _, verb = self.name.partition(": ")
        return model, verb.partition(",")[0]

    def allowed(self, stage: Stage, place: Place) -> bool:
        """Say whether the tables give it to the person on ``stage``."""
        return any(
            all(stage.said(need, place) for need in way) for way in self.ways_in(stage.edition)
        )

    def targets(self, stage: Stage) -> list[Place]:
        """Return where it is tried; one place stands for both to whoever reaches both alike."""
        if stage.edition not in self.tried_in:
            return []
        both = stage.places[:1] if stage.person.everywhere else stage.places
        return {
            PLACES: lambda: [*both],
            EVERY_PLACE: lambda: [*both, *stage.everything[2:]],
            FIRST: lambda: stage.places[:1],
            WHOLE: lambda: [None],
            ARCHIVED: lambda: [stage.archived],
        }[self.at]()


def needs(*found: Need) -> tuple[Way, ...]:
    """Return the one way that has all of these needs."""
    return (found,)


# pages


def _changelist(kind: str) -> Callable[[Stage, Any], str]:
    return lambda stage, place: f"/teams/{kind}/"


def _thing(kind: str, rest: str = "change/") -> Callable[[Stage, Any], str]:
    return lambda stage, place: f"/teams/{kind}/{stage.get(kind, place).pk}/{rest}"


def _person(name: str, rest: str = "change/") -> Callable[[Stage, Any], str]:
    return lambda stage, place: f"{PEOPLE}{stage.get(name, place).user.pk}/{rest}"


def _subaccount(rest: str = "change/") -> Callable[[Stage, Any], str]:
    return lambda stage, place: f"{SUBACCOUNTS}{place.pk}/{rest}"


SEES_PEOPLE: tuple[Way, ...] = (
    ((MANAGE_MEMBERS, ANYWHERE),),
    ((MANAGE_ROLES, ANYWHERE),),
    ((MANAGE_TEAMS, ANYWHERE),),
    ((MANAGE_MANAGERS, ACCOUNT),),
    ((VIEW_PARENT_USERS, ACCOUNT),),
)
SEES_A_PERSON: tuple[Way, ...] = (
    ((MANAGE_MEMBERS, HERE),),
    ((MANAGE_ROLES, HERE),),
    ((MANAGE_TEAMS, HERE),),
    ((VIEW_PARENT_USERS, ACCOUNT), (REACHES, HERE)),
)
SEES_MANAGERS: tuple[Way, ...] = (
    ((MANAGE_MANAGERS, ACCOUNT),),
    ((VIEW_PARENT_USERS, ACCOUNT),),
    ((MANAGE_MEMBERS, EVERYWHERE),),
)
ENTERS_SUBACCOUNTS: tuple[Way, ...] = (
    ((ON_THE_ACCOUNT, ACCOUNT),),
    ((ACCESS_SETTINGS, ANYWHERE),),
    ((MANAGE_SUBACCOUNT_SETTINGS, ANYWHERE),),
    ((CREATE_SUBACCOUNTS, ACCOUNT),),
    *SEES_PEOPLE,
)

AREAS = (
    ("mailinglist", ACCESS_AUDIENCE),
    ("messagetemplate", ACCESS_CONTENT),
    ("campaign", ACCESS_CAMPAIGNS),
    ("result", ACCESS_RESPONSE),
)

#: carried by whoever asked for it alone: the stage holds some of the person's own
OWN = (("contactimport", ADD_CONTACTS), ("contactexport", EXPORT_CONTACTS))

PAGES = (
    *(
        Surface(
            name=f"{kind} list",
            at=WHOLE,
            url=_changelist(kind),
            menu="/",
            ways=needs((permission, ANYWHERE)),
        )
        for kind, permission in (*AREAS, *OWN)
    ),
    *(
        Surface(
            name=f"{kind} page",
            at=EVERY_PLACE,
            url=_thing(kind),
            menu=f"/teams/{kind}/",
            ways=needs((permission, HERE)),
        )
        for kind, permission in (*AREAS, *OWN)
    ),
    Surface(
        name="people list",
        at=WHOLE,
        url=lambda stage, place: PEOPLE,
        menu="/",
        ways=SEES_PEOPLE,
    ),
    Surface(
        name="person page",
        at=PLACES,
        url=_person("low"),
        menu=PEOPLE,
        ways=SEES_A_PERSON,
    ),
    Surface(
        name="person page, on the account",
        at=WHOLE,
        url=_person("boss"),
        menu=PEOPLE,
        ways=SEES_MANAGERS,
    ),
    Surface(
        name="subaccount list",
        at=WHOLE,
        url=lambda stage, place: SUBACCOUNTS,
        menu="/",
        ways=ENTERS_SUBACCOUNTS,
    ),
    Surface(
        name="subaccount page",
        at=EVERY_PLACE,
        url=_subaccount(),
        menu=SUBACCOUNTS,
        ways=tuple((*way, (REACHES, HERE)) for way in ENTERS_SUBACCOUNTS),
    ),
)

# the account's own settings


def _settings(rest: str) -> Callable[[Stage, Any], str]:
    return lambda stage, place: f"/teams/account/{stage.account.pk}/{rest}"


def _accent(colour: str) -> Callable[[Stage, Any], bool]:
    return lambda stage, place: Account.objects.get(pk=stage.account.pk).accent == colour


ON_THE_THEME = (
    Surface(
        name="account settings",
        at=WHOLE,
        url=lambda stage, place: "/teams/account/",
        menu="/",
        ways=needs((MANAGE_THEME, ACCOUNT)),
    ),
    Surface(
        name="account: colour",
        at=WHOLE,
        url=_settings("act/colour/"),
        ways=needs((MANAGE_THEME, ACCOUNT)),
        data=lambda stage, place: {"accent": "#0a5c36"},
        done=_accent("#0a5c36"),
    ),
    Surface(
        name="account: standard",
        at=WHOLE,
        url=_settings("act/standard/"),
        ways=needs((MANAGE_THEME, ACCOUNT)),
        done=_accent(""),
    ),
)

# acts upon people of one subaccount, all of the lowest role: rank and coverage are given

MANAGES: tuple[Way, ...] = needs((MANAGE_MEMBERS, HERE))
GIVES_ROLES: tuple[Way, ...] = needs((MANAGE_MEMBERS, HERE), (MANAGE_ROLES, HERE))
BOTH: tuple[Way, ...] = needs((MANAGE_MEMBERS, HERE), (MANAGE_MEMBERS, THERE))
BOTH_ROLES: tuple[Way, ...] = needs(
    (MANAGE_MEMBERS, HERE), (MANAGE_MEMBERS, THERE), (MANAGE_ROLES, HERE)
)
CANNOT_SEE = "whoever is added has a role elsewhere, and must be seen there to be chosen"


def _seat(name: str, verb: str) -> Callable[[Stage, Any], str]:
    def url(stage: Stage, place: Place) -> str:
        row = stage.get(name, place)
        return f"{PEOPLE}{row.user.pk}/act/{verb}/{row.pk}/"

    return url


def _now(stage: Stage, name: str, place: Place) -> Membership | None:
    return Membership.objects.filter(pk=stage.get(name, place).pk).first()


def _status(name: str, status: str) -> Callable[[Stage, Any], bool]:
    def done(stage: Stage, place: Place) -> bool:
        row = _now(stage, name, place)
        return row is not None and row.status == status

    return done


def _removed(name: str) -> Callable[[Stage, Any], bool]:
    return lambda stage, place: _now(stage, name, place) is None


def _has_next_role(stage: Stage, place: Place) -> bool:
    row = _now(stage, "low", place)
    assert row is not None
    return stage.next_role in (row.role, f"custom:{row.custom_role_id}")


def _switched(name: str, count: int) -> Callable[[Stage, Any], bool]:
    return lambda stage, place: stage.get(name, place).subaccount_toggles.count() == count


def _added(name: str) -> Callable[[Stage, Any], bool]:
    def done(stage: Stage, place: Any) -> bool:
        user = stage.get(name, stage.other(place)).user
        return Membership.objects.filter(user=user, subaccount=place).exists()

    return done


def _is_guest(obj: str) -> Callable[[Stage, Any], bool]:
    def done(stage: Stage, place: Any) -> bool:
        user = stage.get("low", stage.other(place)).user
        target = stage.get(obj, place) if obj else place
        return bool(grants.grants_on(target).filter(user=user).exists())

    return done


def _withdrawn(stage: Stage, place: Any) -> bool:
    user = stage.get("guest", place).user
    return not SubaccountUserGrant.objects.filter(user=user, content_object=place).exists()


def _guest_key(stage: Stage, place: Any) -> str:
    user = stage.get("guest", place).user
    return f"{PEOPLE}{user.pk}/act/withdraw/teams.subaccount:{place.pk}/"


ON_PEOPLE = (
    Surface(
        name="user: suspend",
        at=PLACES,
        url=_seat("low", "suspend"),
        ways=MANAGES,
        done=_status("low", "suspended"),
    ),
    Surface(
        name="user: suspend, a peer",
        at=PLACES,
        url=_seat("peer", "suspend"),
        ways=needs((MANAGE_MEMBERS, HERE), (MANAGE_ADMINISTRATORS, HERE)),
        tried_in=("emma_corporate", "emma_hq"),
        done=_status("peer", "suspended"),
        why="an Administrator, the only role whose holders may be let manage each other",
    ),
    Surface(
        name="user: reactivate",
        at=PLACES,
        url=_seat("asleep", "reactivate"),
        ways=MANAGES,
        unlike={"sailthru": GIVES_ROLES},
        done=_status("asleep", "active"),
        why="the role comes back, which is giving it",
    ),
    Surface(
        name="user: remove",
        at=PLACES,
        url=_seat("low", "remove"),
        ways=MANAGES,
        done=_removed("low"),
    ),
    Surface(
        name="user: role",
        at=PLACES,
        url=_seat("low", "role"),
        ways=MANAGES,
        unlike={"sailthru": GIVES_ROLES},
        data=lambda stage, place: {"role": stage.next_role},
        done=_has_next_role,
        why="to the next role up, in Sailthru to a custom one with nothing ticked",
    ),
    Surface(
        name="user: switch, off",
        at=PLACES,
        url=_seat("on", "switch"),
        ways=MANAGES,
        editions=EMMA,
        data=lambda stage, place: {"shown": ["export_contacts"]},
        done=_switched("on", 0),
        why="switching off needs nothing but the right to manage that person",
    ),
    Surface(
        name="user: switch, on",
        at=PLACES,
        url=_seat("off", "switch"),
        ways=needs((MANAGE_MEMBERS, HERE), (EXPORT_CONTACTS, HERE)),
        editions=EMMA,
        data=lambda stage, place: {"shown": ["export_contacts"], "on": ["export_contacts"]},
        done=_switched("off", 3),
        why="whoever switches on holds what they switch on; a manager of Corporate may lack it",
    ),
    Surface(
        name="user: add",
        at=PLACES,
        url=lambda stage, place: _person("low", f"act/add/{place.pk}/")(stage, stage.other(place)),
        ways=BOTH,
        unlike={"sailthru": BOTH_ROLES},
        data=lambda stage, place: {"role": stage.lowest},
        done=_added("low"),
        why=CANNOT_SEE,
    ),
    Surface(
        name="user: guest",
        at=PLACES,
        url=lambda stage, place: _person("low", f"act/guest/{place.pk}/")(
            stage, stage.other(place)
        ),
        ways=BOTH,
        data=lambda stage, place: {"permissions": ["access_response"]},
        done=_is_guest(""),
        why=CANNOT_SEE,
    ),
    Surface(
        name="user: withdraw",
        at=PLACES,
        url=_guest_key,
        ways=BOTH,
        done=_withdrawn,
        why=CANNOT_SEE,
    ),
    Surface(
        name="user: join",
        at=PLACES,
        url=_person("low", "act/join/"),
        ways=needs((MANAGE_TEAMS, HERE)),
        editions=("sailthru",),
        data=lambda stage, place: {"team": stage.spare.pk},
        done=lambda stage, place: TeamMembership.objects.filter(
            user=stage.get("low", place).user, team=stage.spare
        ).exists(),
        why="into a team that sees nothing, so that nothing else is given",
    ),
    Surface(
        name="user: leave",
        at=PLACES,
        url=lambda stage, place: _person("joined", f"act/leave/{stage.get('in_team', place).pk}/")(
            stage, place
        ),
        ways=needs((MANAGE_TEAMS, HERE)),
        editions=("sailthru",),
        done=lambda stage, place: (
            not TeamMembership.objects.filter(pk=stage.get("in_team", place).pk).exists()
        ),
    ),
)

# acts upon people on the account

BOSSES: tuple[Way, ...] = needs((MANAGE_MANAGERS, ACCOUNT))
BOSSES_SAILTHRU = {"sailthru": needs((MANAGE_MEMBERS, EVERYWHERE))}
BOSS_ROLES_SAILTHRU = {"sailthru": needs((MANAGE_MEMBERS, EVERYWHERE), (MANAGE_ROLES, EVERYWHERE))}


def _account_role(stage: Stage, place: Place) -> dict[str, Any]:
    if stage.edition in EMMA:
        return {"role": "manager", "reach": "some", "managed": [stage.places[0].pk]}
    if stage.world.home is not None:
        return {"role": stage.lowest, "reach": "some", "managed": [stage.world.home.pk]}
    return {"role": stage.lowest, "reach": "all"}


ON_MANAGERS = (
    Surface(
        name="user: suspend, on the account",
        at=WHOLE,
        url=_seat("boss", "suspend"),
        ways=BOSSES,
        unlike=BOSSES_SAILTHRU,
        done=_status("boss", "suspended"),
    ),
    Surface(
        name="user: reactivate, on the account",
        at=WHOLE,
        url=_seat("boss_asleep", "reactivate"),
        ways=BOSSES,
        unlike=BOSS_ROLES_SAILTHRU,
        done=_status("boss_asleep", "active"),
    ),
    Surface(
        name="user: remove, on the account",
        at=WHOLE,
        url=_seat("boss", "remove"),
        ways=BOSSES,
        unlike=BOSSES_SAILTHRU,
        done=_removed("boss"),
    ),
    Surface(
        name="user: reach",
        at=WHOLE,
        url=_seat("boss", "reach"),
        ways=BOSSES,
        editions=EMMA,
        data=lambda stage, place: {"reach": "some", "managed": []},
        done=lambda stage, place: not stage.get("boss", None).reach.exists(),
        why="to no subaccount at all: nothing is given, so nothing has to be held",
    ),
    Surface(
        name="user: add, on the account",
        at=FIRST,
        url=_person("low", "act/add/account/"),
        ways=needs((MANAGE_MANAGERS, ACCOUNT), (REACHES, HERE)),
        unlike=BOSS_ROLES_SAILTHRU,
        data=_account_role,
        done=lambda stage, place: Membership.objects.filter(
            user=stage.get("low", place).user, subaccount=None
        ).exists(),
        why="a manager of the place where the person works and is seen",
    ),
)

# acts upon subaccounts, and on what is in them


def _has_contact(stage: Stage, place: Place) -> bool:
    row = _now(stage, "peer", place)
    return row is not None and row.is_primary_contact


def _stored(place: Any) -> Subaccount:
    return Subaccount.objects.get(pk=place.pk)


ON_SUBACCOUNTS = (
    Surface(
        name="subaccount: create",
        at=WHOLE,
        url=lambda stage, place: f"{SUBACCOUNTS}act/create/",
        ways=needs((CREATE_SUBACCOUNTS, ACCOUNT)),
        data=lambda stage, place: {"name": "West"},
        done=lambda stage, place: stage.account.subaccounts.filter(name="West").exists(),
    ),
    Surface(
        name="subaccount: rename",
        at=EVERY_PLACE,
        url=_subaccount("act/rename/"),
        ways=needs((MANAGE_SUBACCOUNT_SETTINGS, HERE)),
        data=lambda stage, place: {"name": "Elsewhere"},
        done=lambda stage, place: _stored(place).name == "Elsewhere",
    ),
    Surface(
        name="subaccount: archive",
        at=PLACES,
        url=_subaccount("act/archive/"),
        ways=needs((ARCHIVE_SUBACCOUNTS, ACCOUNT), (REACHES, HERE)),
        done=lambda stage, place: _stored(place).is_archived,
    ),
    Surface(
        name="subaccount: restore",
        at=ARCHIVED,
        url=_subaccount("act/restore/"),
        ways=needs((ARCHIVE_SUBACCOUNTS, ACCOUNT), (REACHES, HERE)),
        done=lambda stage, place: not _stored(place).is_archived,
    ),
    Surface(
        name="subaccount: add",
        at=PLACES,
        url=_subaccount("act/add/"),
        ways=BOTH,
        unlike={"sailthru": BOTH_ROLES},
        data=lambda stage, place: {
            "person": stage.get("low", stage.other(place)).user.pk,
            "role": stage.lowest,
        },
        done=_added("low"),
        why=CANNOT_SEE,
    ),
    Surface(
        name="subaccount: guest",
        at=PLACES,
        url=_subaccount("act/guest/"),
        ways=BOTH,
        data=lambda stage, place: {
            "person": stage.get("low", stage.other(place)).user.pk,
            "permissions": ["access_response"],
        },
        done=_is_guest(""),
        why=CANNOT_SEE,
    ),
    Surface(
        name="subaccount: withdraw",
        at=PLACES,
        url=lambda stage, place: (
            f"{SUBACCOUNTS}{place.pk}/act/withdraw/{stage.get('guest', place).user.pk}/"
        ),
        ways=MANAGES,
        done=_withdrawn,
        why="the guest is named on the page of what they visit, wherever they work",
    ),
    Surface(
        name="subaccount: contact",
        at=PLACES,
        url=_subaccount("act/contact/"),
        ways=MANAGES,
        editions=("emma_enterprise",),
        data=lambda stage, place: {
            "member": stage.get("peer" if stage.edition in EMMA else "low", place).pk
        },
        done=_has_contact,
    ),
)

ON_THINGS = (
    *(
        Surface(
            name=f"{kind}: guest",
            at=PLACES,
            url=_thing(kind, "act/guest/"),
            ways=needs((permission, HERE), (MANAGE_MEMBERS, HERE), (MANAGE_MEMBERS, THERE)),
            data=lambda stage, place, permission=permission: {
                "person": stage.get("low", stage.other(place)).user.pk,
                "permissions": [str(permission)],
            },
            done=_is_guest(kind),
            why=CANNOT_SEE,
        )
        for kind, permission in AREAS[:3]
    ),
    *(
        Surface(
            name=f"{kind}: withdraw",
            at=PLACES,
            url=lambda stage, place, kind=kind: (
                f"{_thing(kind, 'act/withdraw/')(stage, place)}{stage.get('guest', place).user.pk}/"
            ),
            ways=needs((permission, HERE), (MANAGE_MEMBERS, HERE)),
            done=lambda stage, place, kind=kind: (
                not grants.grants_on(stage.get(kind, place))
                .filter(user=stage.get("guest", place).user)
                .exists()
            ),
            why="the guest is named on the page of what they visit, wherever they work",
        )
        for kind, permission in AREAS[:3]
    ),
    *(
        Surface(
            name=f"{kind}: share",
            at=PLACES,
            url=_thing(kind, "act/share/"),
            ways=needs((permission, HERE), (ASSIGN_TEAM_RESOURCES, HERE)),
            editions=("sailthru",),
            data=lambda stage, place: {"team": stage.spare.pk},
            done=lambda stage, place, kind=kind: (
                grants.groups_on(stage.get(kind, place)).filter(group=stage.spare.group).exists()
            ),
            why="with a team that nobody is in, so that nobody comes to see more",
        )
        for kind, permission in AREAS[:2]
    ),
    *(
        Surface(
            name=f"{kind}: unshare",
            at=PLACES,
            url=lambda stage, place, kind=kind: (
                f"{_thing(kind, 'act/unshare/')(stage, place)}{stage.sharing.pk}/"
            ),
            ways=needs((permission, HERE), (ASSIGN_TEAM_RESOURCES, HERE)),
            editions=("sailthru",),
            done=lambda stage, place, kind=kind: (
                not grants.groups_on(stage.get(kind, place))
                .filter(group=stage.sharing.group)
                .exists()
            ),
        )
        for kind, permission in AREAS[:2]
    ),
)

# campaigns: what is written, what is sent

CAMPAIGNS = "/teams/campaign/"


def _on(name: str, rest: str) -> Callable[[Stage, Any], str]:
    return lambda stage, place: f"{CAMPAIGNS}{stage.get(name, place).pk}/act/{rest}/"


def _campaign(stage: Stage, name: str, place: Any) -> Campaign | None:
    return Campaign.objects.filter(pk=stage.get(name, place).pk).first()


def _is(key: str, /, **values: Any) -> Callable[[Stage, Any], bool]:
    """Say that a campaign is there with these values."""
    return lambda stage, place: Campaign.objects.filter(
        pk=stage.get(key, place).pk, **values
    ).exists()


def _is_new(name: str, *, there: bool = False) -> Callable[[Stage, Any], bool]:
    """Say that a campaign of that name is in the place, or in the other one."""

    def done(stage: Stage, place: Any) -> bool:
        where = stage.other(place) if there else place
        return Campaign.objects.filter(subaccount=where, name=name).exists()

    return done


def _tested(stage: Stage, place: Any) -> bool:
    subject = f"teams.campaign:{stage.get('draft', place).pk}"
    return AuditEvent.objects.filter(action="campaign.tested", subject_ref=subject).exists()


def _in_days(days: int) -> datetime:
    return timezone.now() + timedelta(days=days)


def _at(days: int) -> dict[str, Any]:
    return {"at": _in_days(days).strftime("%Y-%m-%dT%H:%M")}


WRITES = needs((ACCESS_CAMPAIGNS, HERE), (CREATE_CAMPAIGNS, HERE))
SENDS = needs((ACCESS_CAMPAIGNS, HERE), (SEND_CAMPAIGNS, HERE))

ON_CAMPAIGNS = (
    Surface(
        name="campaign: create",
        at=PLACES,
        url=lambda stage, place: f"{CAMPAIGNS}act/create/{place.pk}/",
        ways=WRITES,
        data=lambda stage, place: {"name": "Fresh"},
        done=_is_new("Fresh"),
    ),
    Surface(
        name="campaign: edit",
        at=PLACES,
        url=_on("draft", "edit"),
        ways=WRITES,
        data=lambda stage, place: {"subject": "Fresh"},
        done=_is("draft", subject="Fresh"),
    ),
    Surface(
        name="campaign: audience",
        at=PLACES,
        url=_on("draft", "audience"),
        ways=WRITES,
        done=_is("draft", mailing_list=None),
        why="taken away, for whoever works on campaigns need not see any list",
    ),
    Surface(
        name="campaign: template",
        at=PLACES,
        url=_on("draft", "template"),
        ways=WRITES,
        data=lambda stage, place: {"template": stage.get("messagetemplate", place).pk},
        done=_is("draft", template__isnull=False),
    ),
    Surface(
        name="campaign: add-row",
        at=PLACES,
        url=_on("draft", "add-row"),
        ways=WRITES,
        data=lambda stage, place: {"html": "<p>Fresh</p>", "position": "1"},
        done=lambda stage, place: len(stage_rows(stage, place)) == 2,
    ),
    Surface(
        name="campaign: text",
        at=PLACES,
        url=_on("draft", "text"),
        ways=WRITES,
        data=lambda stage, place: {"text": "Fresh"},
        done=_is("draft", text="Fresh"),
    ),
    Surface(
        name="campaign: rename",
        at=PLACES,
        url=_on("draft", "rename"),
        ways=WRITES,
        data=lambda stage, place: {"name": "Fresh"},
        done=_is("draft", name="Fresh"),
    ),
    Surface(
        name="campaign: rename, after sending",
        at=PLACES,
        url=_on("result", "rename"),
        ways=needs((ACCESS_CAMPAIGNS, HERE), (CHANGE_PUBLISHED_CAMPAIGNS, HERE)),
        data=lambda stage, place: {"name": "Fresh"},
        done=_is("result", name="Fresh"),
    ),
    Surface(
        name="campaign: copy",
        at=PLACES,
        url=_on("result", "copy"),
        ways=WRITES,
        data=lambda stage, place: {"name": "Fresh"},
        done=_is_new("Fresh"),
    ),
    Surface(
        name="campaign: share",
        at=PLACES,
        url=_on("draft", "share"),
        ways=needs((ACCESS_CAMPAIGNS, HERE), (SHARE_CAMPAIGNS, HERE), (SHARE_CAMPAIGNS, THERE)),
        data=lambda stage, place: {"subaccount": stage.other(place).pk, "name": "Fresh"},
        done=_is_new("Fresh", there=True),
    ),
    Surface(
        name="campaign: delete",
        at=PLACES,
        url=_on("draft", "delete"),
        ways=needs((ACCESS_CAMPAIGNS, HERE), (DELETE_CAMPAIGNS, HERE)),
        done=lambda stage, place: _campaign(stage, "draft", place) is None,
    ),
    Surface(
        name="campaign: test",
        at=PLACES,
        url=_on("draft", "test"),
        ways=needs((ACCESS_CAMPAIGNS, HERE), (TEST_CAMPAIGNS, HERE)),
        done=_tested,
    ),
    Surface(
        name="campaign: send",
        at=PLACES,
        url=_on("draft", "send"),
        ways=SENDS,
        done=_is("draft", status="scheduled"),
        why="the worker does the rest",
    ),
    Surface(
        name="campaign: schedule",
        at=PLACES,
        url=_on("draft", "schedule"),
        ways=SENDS,
        data=lambda stage, place: _at(30),
        done=_is("draft", status="scheduled"),
    ),
    Surface(
        name="campaign: reschedule",
        at=PLACES,
        url=_on("scheduled", "reschedule"),
        ways=SENDS,
        data=lambda stage, place: _at(30),
        done=_is("scheduled", scheduled_at__gt=_in_days(20)),
    ),
    Surface(
        name="campaign: unschedule",
        at=PLACES,
        url=_on("scheduled", "unschedule"),
        ways=SENDS,
        done=_is("scheduled", status="draft"),
    ),
)


def stage_rows(stage: Stage, place: Any) -> list[Any]:
    """Return the rows of the draft as they are now."""
    found = _campaign(stage, "draft", place)
    return [] if found is None else found.rows


# contacts in and out


def _file() -> Any:
    return SimpleUploadedFile("new.csv", b"Address\nnew@readers.example\n")


def _uploaded(stage: Stage, place: Any) -> bool:
    return ContactImport.objects.filter(subaccount=place, original_name="new.csv").exists()


def _exported(stage: Stage, place: Any) -> bool:
    known = stage.get("contactexport", place).pk
    return ContactExport.objects.filter(subaccount=place, status="done", pk__gt=known).exists()


def _import_is(name: str, status: str) -> Callable[[Stage, Any], bool]:
    return lambda stage, place: (
        ContactImport.objects.get(pk=stage.get(name, place).pk).status == status
    )


def _gone(name: str) -> Callable[[Stage, Any], bool]:
    def done(stage: Stage, place: Any) -> bool:
        row = stage.get(name, place)
        return not type(row)._default_manager.filter(pk=row.pk).exists()

    return done


def _own(name: str, kind: str, verb: str) -> Callable[[Stage, Any], str]:
    return lambda stage, place: f"/teams/{kind}/{stage.get(name, place).pk}/act/{verb}/"


ON_FILES = (
    Surface(
        name="contactimport: upload",
        at=PLACES,
        url=lambda stage, place: f"/teams/contactimport/act/upload/{place.pk}/",
        ways=needs((ADD_CONTACTS, HERE)),
        data=lambda stage, place: {
            "file": _file(),
            "mailing_list": stage.get("mailinglist", place).pk,
        },
        done=_uploaded,
        why="onto a list, as whoever teams limit must",
    ),
    Surface(
        name="contactimport: start",
        at=PLACES,
        url=_own("contactimport", "contactimport", "start"),
        ways=needs((ADD_CONTACTS, HERE)),
        data=lambda stage, place: {"column_0": "email"},
        done=_import_is("contactimport", "waiting"),
    ),
    Surface(
        name="contactimport: discard",
        at=PLACES,
        url=_own("contactimport", "contactimport", "discard"),
        ways=needs((ADD_CONTACTS, HERE)),
        done=_gone("contactimport"),
    ),
    Surface(
        name="contactimport: undo",
        at=PLACES,
        url=_own("imported", "contactimport", "undo"),
        ways=needs((ADD_CONTACTS, HERE)),
        done=_import_is("imported", "undoing"),
    ),
    Surface(
        name="contactexport: export",
        at=PLACES,
        url=lambda stage, place: f"/teams/contactexport/act/export/{place.pk}/",
        ways=needs((EXPORT_CONTACTS, HERE)),
        data=lambda stage, place: {"what": ""},
        done=_exported,
        answers=200,
        why="a small one is the answer itself; of addresses in it, see test_transfers.py",
    ),
    Surface(
        name="contactexport: remove",
        at=PLACES,
        url=_own("contactexport", "contactexport", "remove"),
        ways=needs((EXPORT_CONTACTS, HERE)),
        done=_gone("contactexport"),
    ),
    Surface(
        name="mailinglist: import",
        at=PLACES,
        url=_thing("mailinglist", "act/import/"),
        ways=needs((ACCESS_AUDIENCE, HERE), (ADD_CONTACTS, HERE)),
        data=lambda stage, place: {"file": _file()},
        done=_uploaded,
    ),
    Surface(
        name="mailinglist: export",
        at=PLACES,
        url=_thing("mailinglist", "act/export/"),
        ways=needs((ACCESS_AUDIENCE, HERE), (EXPORT_CONTACTS, HERE)),
        done=_exported,
        answers=200,
    ),
)

ACTS = (
    *ON_FILES,
    *ON_CAMPAIGNS,
    *ON_THE_THEME,
    *ON_PEOPLE,
    *ON_MANAGERS,
    *ON_SUBACCOUNTS,
    *ON_THINGS,
)
SURFACES = (*PAGES, *ACTS)

#: verbs of the console that no record tries, and why
UNTRIED: Mapping[tuple[str, str], str] = {
    (
        "user",
        "add-person",
    ): "adds to a place as the verb of the subaccount does, see test_people.py",
    **{
        (kind, "continue"): "offered for a job that stands still, see test_transfers.py"
        for kind, _permission in OWN
    },
    **{
        ("campaign", verb): "asks what campaign: add-row asks, and of locks what a template's does"
        for verb in (
            *("insert-row", "edit-row", "move-up", "move-down"),
            *("lock-row", "save-row", "remove-row"),
        )
    },
}
