"""Where the console asks for a permission: how one gets there, and how one sees that it worked.

A record says what is needed as ways, each a list of needs: one way suffices, all needs of it have
to be met. The people and things it is tried on are chosen so that everything else is given: the
lowest role that can be given, a team that sees nothing, a permission everybody holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from permissions import grants
from teams.catalogue import (
    ACCESS_AUDIENCE,
    ACCESS_CAMPAIGNS,
    ACCESS_CONTENT,
    ACCESS_RESPONSE,
    ACCESS_SETTINGS,
    ARCHIVE_SUBACCOUNTS,
    ASSIGN_TEAM_RESOURCES,
    CREATE_SUBACCOUNTS,
    EXPORT_CONTACTS,
    MANAGE_ACCOUNT_SETTINGS,
    MANAGE_ADMINISTRATORS,
    MANAGE_FEATURES,
    MANAGE_MANAGERS,
    MANAGE_MEMBERS,
    MANAGE_ROLES,
    MANAGE_SUBACCOUNT_SETTINGS,
    MANAGE_TEAMS,
    MANAGE_THEME,
    USE_API_TEST,
    VIEW_PARENT_USERS,
)
from teams.models import (
    Account,
    Invitation,
    Membership,
    Role,
    Subaccount,
    SubaccountUserGrant,
    TeamMembership,
    Webhook,
)
from tests.console import truth_billing, truth_campaigns, truth_keys, truth_transfers
from tests.console.truth_contacts import ON_CONTACTS
from tests.console.truth_contacts import PAGES as CONTACT_PAGES
from tests.console.truth_content import ON_CONTENT
from tests.console.truth_content import PAGES as CONTENT_PAGES
from tests.console.truth_record import (
    ARCHIVED,
    EMMA,
    EVERY_PLACE,
    FIRST,
    PEOPLE,
    PLACES,
    SUBACCOUNTS,
    WHOLE,
    Place,
    Surface,
    Way,
    changelist,
    needs,
    person,
    subaccount,
    thing,
)
from tests.console.truth_stage import (
    ACCOUNT,
    ANYWHERE,
    EVERYWHERE,
    HERE,
    ON_THE_ACCOUNT,
    REACHES,
    THERE,
    Stage,
)

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
#: of people in subaccounts; of those at account level alone nothing is told
SEES_THE_PAST: tuple[Way, ...] = (
    ((MANAGE_MEMBERS, ANYWHERE),),
    ((MANAGE_ROLES, ANYWHERE),),
    ((MANAGE_TEAMS, ANYWHERE),),
    ((VIEW_PARENT_USERS, ACCOUNT),),
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

PAGES = (
    *(
        Surface(
            name=f"{kind} list",
            at=WHOLE,
            url=changelist(kind),
            menu="/",
            ways=needs((permission, ANYWHERE)),
        )
        for kind, permission in AREAS
    ),
    *(
        Surface(
            name=f"{kind} page",
            at=EVERY_PLACE,
            url=thing(kind),
            menu=f"/teams/{kind}/",
            ways=needs((permission, HERE)),
        )
        for kind, permission in AREAS
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
        url=person("low"),
        menu=PEOPLE,
        ways=SEES_A_PERSON,
    ),
    Surface(
        name="person page, on the account",
        at=WHOLE,
        url=person("boss"),
        menu=PEOPLE,
        ways=SEES_MANAGERS,
    ),
    Surface(
        name="who had access",
        at=WHOLE,
        url=lambda stage, place: "/history/access/",
        menu="/history/",
        ways=SEES_THE_PAST,
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
        url=subaccount(),
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
        ways=(((MANAGE_THEME, ACCOUNT),), ((MANAGE_ACCOUNT_SETTINGS, ACCOUNT),)),
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


def _ends(stage: Stage, place: Place) -> bool:
    row = _now(stage, "low", place)
    return row is not None and row.ends_at is not None


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
        name="user: end",
        at=PLACES,
        url=_seat("low", "end"),
        ways=MANAGES,
        data=lambda stage, place: {"ends_at": "2099-12-31"},
        done=_ends,
        why="an end where there was none is earlier, and needs no more than managing that person",
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
        url=lambda stage, place: person("low", f"act/add/{place.pk}/")(stage, stage.other(place)),
        ways=BOTH,
        unlike={"sailthru": BOTH_ROLES},
        data=lambda stage, place: {"role": stage.lowest},
        done=_added("low"),
        why=CANNOT_SEE,
    ),
    Surface(
        name="user: guest",
        at=PLACES,
        url=lambda stage, place: person("low", f"act/guest/{place.pk}/")(stage, stage.other(place)),
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
        url=person("low", "act/join/"),
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
        url=lambda stage, place: person("joined", f"act/leave/{stage.get('in_team', place).pk}/")(
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
        url=person("low", "act/add/account/"),
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


GROUPS = "/teams/subaccountgroup/"
RUNS_THE_ACCOUNT = needs((MANAGE_ACCOUNT_SETTINGS, ACCOUNT))


def _group(act: str) -> Any:
    """Return the address of a page about the group, which nobody manages."""
    return lambda stage, place: f"{GROUPS}{stage.get('group', None).pk}/{act}"


def _in_group(stage: Stage) -> set[Any]:
    return set(stage.get("group", None).contents.values_list("subaccount_id", flat=True))


ON_GROUPS = (
    Surface(
        name="group list",
        at=WHOLE,
        url=lambda stage, place: GROUPS,
        menu="/",
        ways=RUNS_THE_ACCOUNT,
    ),
    Surface(
        name="group page",
        at=WHOLE,
        url=_group("change/"),
        menu=GROUPS,
        ways=RUNS_THE_ACCOUNT,
    ),
    Surface(
        name="subaccountgroup: create",
        at=WHOLE,
        url=lambda stage, place: f"{GROUPS}act/create/",
        ways=RUNS_THE_ACCOUNT,
        data=lambda stage, place: {"name": "Hills", "subaccounts": [stage.world.south.pk]},
        done=lambda stage, place: stage.account.subaccount_groups.filter(name="Hills").exists(),
    ),
    Surface(
        name="subaccountgroup: rename",
        at=WHOLE,
        url=_group("act/rename/"),
        ways=RUNS_THE_ACCOUNT,
        data=lambda stage, place: {"name": "Sea"},
        done=lambda stage, place: stage.account.subaccount_groups.filter(name="Sea").exists(),
    ),
    Surface(
        name="subaccountgroup: set",
        at=WHOLE,
        url=_group("act/set/"),
        ways=RUNS_THE_ACCOUNT,
        data=lambda stage, place: {"subaccounts": [stage.world.south.pk]},
        done=lambda stage, place: _in_group(stage) == {stage.world.south.pk},
    ),
    Surface(
        name="subaccountgroup: delete",
        at=WHOLE,
        url=_group("act/delete/"),
        ways=RUNS_THE_ACCOUNT,
        done=lambda stage, place: not stage.account.subaccount_groups.exists(),
    ),
)
WEBHOOKS = "/teams/webhook/"
TOLD = {"name": "Copy", "url": "https://example.com/copy", "areas": ["people"]}


def _hook(name: str, act: str) -> Any:
    return lambda stage, place: f"{WEBHOOKS}{stage.get(name, None).pk}/{act}"


def _message(stage: Stage, place: Any) -> str:
    hook = stage.get("webhook", None)
    return f"{WEBHOOKS}{hook.pk}/act/again/{hook.deliveries.get(sequence=10_000).pk}/"


def _hook_is(which: str, **fields: Any) -> Callable[[Stage, Any], bool]:
    """Say whether the webhook is so now."""
    return lambda stage, place: Webhook.objects.filter(
        pk=stage.get(which, None).pk, **fields
    ).exists()


ON_WEBHOOKS = (
    Surface(
        name="webhook list",
        at=WHOLE,
        url=lambda stage, place: WEBHOOKS,
        menu="/",
        ways=RUNS_THE_ACCOUNT,
    ),
    Surface(
        name="webhook page",
        at=WHOLE,
        url=_hook("webhook", "change/"),
        menu=WEBHOOKS,
        ways=RUNS_THE_ACCOUNT,
    ),
    Surface(
        name="webhook: create",
        at=WHOLE,
        url=lambda stage, place: f"{WEBHOOKS}act/create/",
        ways=RUNS_THE_ACCOUNT,
        data=lambda stage, place: TOLD,
        done=lambda stage, place: stage.account.webhooks.filter(name="Copy").exists(),
    ),
    Surface(
        name="webhook: edit",
        at=WHOLE,
        url=_hook("webhook", "act/edit/"),
        ways=RUNS_THE_ACCOUNT,
        data=lambda stage, place: TOLD,
        done=_hook_is("webhook", name="Copy"),
    ),
    Surface(
        name="webhook: test",
        at=WHOLE,
        url=_hook("webhook", "act/test/"),
        ways=RUNS_THE_ACCOUNT,
        done=_hook_is("webhook", deliveries__action="webhook.tested"),
    ),
    Surface(
        name="webhook: off",
        at=WHOLE,
        url=_hook("webhook", "act/off/"),
        ways=RUNS_THE_ACCOUNT,
        done=_hook_is("webhook", disabled_at__isnull=False),
    ),
    Surface(
        name="webhook: on",
        at=WHOLE,
        url=_hook("webhook off", "act/on/"),
        ways=RUNS_THE_ACCOUNT,
        done=_hook_is("webhook off", disabled_at=None),
    ),
    Surface(
        name="webhook: renew",
        at=WHOLE,
        url=_hook("webhook", "act/renew/"),
        ways=RUNS_THE_ACCOUNT,
        done=_hook_is("webhook", version=2),
    ),
    Surface(
        name="webhook: again",
        at=WHOLE,
        url=_message,
        ways=RUNS_THE_ACCOUNT,
        done=_hook_is("webhook", deliveries__state="waiting"),
    ),
    Surface(
        name="webhook: delete",
        at=WHOLE,
        url=_hook("webhook", "act/delete/"),
        ways=RUNS_THE_ACCOUNT,
        done=lambda stage, place: not stage.account.webhooks.filter(name="webhook").exists(),
    ),
)
ON_SUBACCOUNTS = (
    *ON_GROUPS,
    *ON_WEBHOOKS,
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
        url=subaccount("act/rename/"),
        ways=needs((MANAGE_SUBACCOUNT_SETTINGS, HERE)),
        data=lambda stage, place: {"name": "Elsewhere"},
        done=lambda stage, place: _stored(place).name == "Elsewhere",
    ),
    Surface(
        name="features of a subaccount",
        at=PLACES,
        url=subaccount("act/features/"),
        ways=needs((MANAGE_FEATURES, HERE)),
    ),
    Surface(
        name="subaccount: archive",
        at=PLACES,
        url=subaccount("act/archive/"),
        ways=needs((ARCHIVE_SUBACCOUNTS, ACCOUNT), (REACHES, HERE)),
        done=lambda stage, place: _stored(place).is_archived,
    ),
    Surface(
        name="subaccount: restore",
        at=ARCHIVED,
        url=subaccount("act/restore/"),
        ways=needs((ARCHIVE_SUBACCOUNTS, ACCOUNT), (REACHES, HERE)),
        done=lambda stage, place: not _stored(place).is_archived,
    ),
    Surface(
        name="subaccount: add",
        at=PLACES,
        url=subaccount("act/add/"),
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
        url=subaccount("act/guest/"),
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
        url=subaccount("act/contact/"),
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
            url=thing(kind, "act/guest/"),
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
                f"{thing(kind, 'act/withdraw/')(stage, place)}{stage.get('guest', place).user.pk}/"
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
            url=thing(kind, "act/share/"),
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
                f"{thing(kind, 'act/unshare/')(stage, place)}{stage.sharing.pk}/"
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

# invitations, all to the lowest role: rank and coverage are given

INVITED = "newcomer@people.example"
INVITES: tuple[Way, ...] = (
    ((MANAGE_MEMBERS, ANYWHERE),),
    ((MANAGE_MANAGERS, ACCOUNT),),
)


def _invited(stage: Stage, place: Place) -> bool:
    return Invitation.objects.filter(address=INVITED, subaccount=place).exists()


def _invitation(stage: Stage, place: Place) -> Invitation:
    return Invitation.objects.get(pk=stage.get("invitation", place).pk)


INVITATION_PAGES = (
    Surface(
        name="access reviews",
        at=WHOLE,
        url=changelist("accessreview"),
        menu="/",
        ways=INVITES,
    ),
    Surface(
        name="team list",
        at=WHOLE,
        url=lambda stage, place: "/teams/team/",
        menu="/",
        ways=(((MANAGE_TEAMS, ANYWHERE),), ((ASSIGN_TEAM_RESOURCES, ANYWHERE),)),
        editions=("sailthru",),
    ),
    Surface(
        name="invitation list",
        at=WHOLE,
        url=changelist("invitation"),
        menu="/",
        ways=INVITES,
    ),
    Surface(
        name="invitation page",
        at=PLACES,
        url=thing("invitation"),
        menu="/teams/invitation/",
        ways=MANAGES,
    ),
    Surface(
        name="invitation link",
        at=PLACES,
        url=thing("invitation", "link/"),
        ways=MANAGES,
    ),
)

ON_INVITATIONS = (
    Surface(
        name="subaccount: invite",
        at=PLACES,
        url=subaccount("act/invite/"),
        ways=MANAGES,
        unlike={"sailthru": GIVES_ROLES},
        data=lambda stage, place: {"address": INVITED, "role": stage.lowest},
        done=_invited,
    ),
    Surface(
        name="user: invite",
        at=PLACES,
        url=lambda stage, place: f"{PEOPLE}act/invite/{place.pk}/",
        ways=MANAGES,
        unlike={"sailthru": GIVES_ROLES},
        data=lambda stage, place: {"address": INVITED, "role": stage.lowest},
        done=_invited,
    ),
    Surface(
        name="user: invite, to the account",
        at=WHOLE,
        url=lambda stage, place: f"{PEOPLE}act/invite/account/",
        ways=needs((MANAGE_MANAGERS, ACCOUNT)),
        unlike=BOSS_ROLES_SAILTHRU,
        data=lambda stage, place: {"address": INVITED, **_account_role(stage, place)},
        done=_invited,
    ),
    Surface(
        name="invitation: resend",
        at=PLACES,
        url=thing("invitation", "act/resend/"),
        ways=MANAGES,
        unlike={"sailthru": GIVES_ROLES},
        done=lambda stage, place: (
            _invitation(stage, place).nonce != stage.get("invitation", place).nonce
        ),
        why="the role is offered anew, which is giving it",
    ),
    Surface(
        name="invitation: withdraw",
        at=PLACES,
        url=thing("invitation", "act/withdraw/"),
        ways=MANAGES,
        done=lambda stage, place: _invitation(stage, place).status == "withdrawn",
    ),
)

# calls of the API, tried as oneself

API_PAGES = (
    Surface(
        name="API test",
        at=WHOLE,
        url=lambda stage, place: "/api-test/",
        menu="/",
        ways=needs((USE_API_TEST, ANYWHERE)),
    ),
)

# the account's own roles: of one that nobody holds, so that whom one may manage plays no part


def _role(rest: str) -> Callable[[Stage, Any], str]:
    return lambda stage, place: f"/teams/role/{stage.next_role.partition(':')[2]}/{rest}"


def _roles(stage: Stage, **fields: Any) -> bool:
    return Role.objects.filter(account=stage.account, **fields).exists()


ROLE_PAGES = (
    Surface(
        name="role list",
        at=WHOLE,
        url=changelist("role"),
        menu="/roles/",
        ways=((),),
        tried_in=("sailthru",),
        why="everybody in the account may know what its roles give",
    ),
    Surface(
        name="role page",
        at=WHOLE,
        url=_role("change/"),
        menu="/roles/",
        ways=((),),
        tried_in=("sailthru",),
        why="the same",
    ),
)
ON_ROLES = (
    Surface(
        name="role: create",
        at=WHOLE,
        url=lambda stage, place: "/teams/role/act/create/",
        ways=needs((MANAGE_ROLES, ANYWHERE)),
        tried_in=("sailthru",),
        data=lambda stage, place: {"name": "Another"},
        done=lambda stage, place: _roles(stage, name="Another"),
    ),
    Surface(
        name="role: edit",
        at=WHOLE,
        url=_role("act/edit/"),
        ways=needs((MANAGE_ROLES, ANYWHERE)),
        tried_in=("sailthru",),
        data=lambda stage, place: {"name": "Still nothing"},
        done=lambda stage, place: _roles(stage, name="Still nothing"),
    ),
    Surface(
        name="role: delete",
        at=WHOLE,
        url=_role("act/delete/"),
        ways=needs((MANAGE_ROLES, ANYWHERE)),
        tried_in=("sailthru",),
        done=lambda stage, place: not _roles(stage, name="Nothing ticked"),
    ),
)

ACTS = (
    *ON_ROLES,
    *ON_INVITATIONS,
    *truth_transfers.ON_FILES,
    *truth_keys.ON_KEYS,
    *ON_THE_THEME,
    *ON_PEOPLE,
    *ON_MANAGERS,
    *ON_SUBACCOUNTS,
    *ON_THINGS,
    *ON_CONTENT,
    *ON_CONTACTS,
    *truth_campaigns.ON_CAMPAIGNS,
    *truth_billing.CONTENT[1:],
)
SURFACES = (
    *PAGES,
    *ROLE_PAGES,
    *API_PAGES,
    *INVITATION_PAGES,
    *CONTENT_PAGES,
    *CONTACT_PAGES,
    *truth_transfers.PAGES,
    *truth_keys.PAGES,
    *truth_billing.PAGES,
    *truth_billing.CONTENT[:1],
    *ACTS,
)

#: verbs of the console that no record tries, and why
UNTRIED: Mapping[tuple[str, str], str] = {
    ("user", "add-person"): "adds as the verb of the subaccount does, see test_people.py",
    ("user", "invite-file"): "does what each row may, see test_newcomers.py",
    ("invitation", "invite"): "the verb of People, offered on the list of invitations too",
    ("account", "second-factor"): "asks for what masking asks for, see test_factors.py",
    ("user", "switch-end"): "the gate of the switch, see test_ends.py",
    ("user", "team-end"): "the gate of the team, see test_ends.py",
    ("user", "withdraw-grant"): "removes, switches off, withdraws, takes out: test_orphans.py",
    **{
        (kind, "guest-end"): "the gate of guest access, see test_ends.py"
        for kind in ("user", "subaccount", "mailinglist", "messagetemplate", "campaign")
    },
    **{
        ("accessreview", name): "asks what changing people asks, see test_reviews.py"
        for name in ("start", "refresh", "finish")
    },
    ("subaccount", "features"): "shows who loses first, see test_features.py",
    ("account", "transfer"): "the owner only, see test_ownership.py",
    ("account", "withdraw-transfer"): "the owner only, see test_ownership.py",
    ("account", "teams"): "asks for what masking asks for, see test_teams.py",
    **{
        ("team", name): "the service of the person's or the thing's own page, see test_teams.py"
        for name in ("create", "add-people", "give", "rename", "archive", "take-out", "end", "take")
    },
    ("segment", "build"): "saves nothing: a page, tried as such",
    **truth_billing.UNTRIED,
    **truth_campaigns.UNTRIED,
    **truth_transfers.UNTRIED,
}
