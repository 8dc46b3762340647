"""A second factor that is asked: what sleeps without one, for whom, and who may change that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db.models import Expression, Q

from permissions import access, resources
from permissions.models import AuditEvent
from permissions.policy import TOP, Denial, atoms, covers, decide
from teams import provider, services
from teams.catalogue import CATALOGUE
from teams.editions import get
from teams.explain import explain
from teams.factories import CampaignFactory, MailingListFactory
from teams.factors import CLASSES, DEFAULT, demand_of, starting_classes
from teams.models import Account, Campaign, MailingList, Subaccount
from teams.services.glance import Glance
from teams.sleepers import asleep_among, preview
from teams.who import who_can
from tests.services.world import EDITIONS, World, holds, refused, world
from tests.signing_in import GroupLogins, enrol, signing_in_with

pytestmark = pytest.mark.django_db

EXPORT = CLASSES["export"].permissions
KEYS = CLASSES["keys"].permissions
BILLING = CLASSES["billing"].permissions
ADMINISTRATORS = ("administrator", "account_admin")
#: what is asked of lists as well: each is a query
LISTED = (
    *EXPORT, *KEYS, "access_campaigns", "access_audience", "manage_members", "view_invoices",
    "manage_account_settings",
)  # fmt: skip


@pytest.fixture(autouse=True)
def sign_in() -> Iterator[None]:
    """Let people have second factors."""
    with signing_in_with(GroupLogins()):
        yield


def asks(w: World, *classes: str) -> None:
    """Let the account ask a second factor of ``classes``, no rights checked."""
    Account.objects.filter(pk=w.account.pk).update(second_factor=list(classes))
    w.account.refresh_from_db()


def crew(w: World) -> dict[str, Any]:
    """Return somebody in every role there is, at each level it is held at, and the owner."""
    people = {"owner": w.owner}
    for role in w.edition.roles:
        if role.subaccount_level:
            people[f"{role.codename}@north"] = w.member(role.codename).user
        if role.account_level:
            reach = () if "all" in role.reaches else (w.home or w.north,)
            people[f"{role.codename}@account"] = w.manager(*reach, role=role.codename).user
    return people


def sleeps(codename: str, who: str, permission: str) -> bool:
    """Say, going by the words of the declaration, whether ``permission`` of ``who`` sleeps."""
    role, _, level = who.partition("@")
    match codename:
        case "everybody":
            return True
        case "owners":
            return who == "owner"
        case "managers":
            return level == "account"
        case "administrators":
            return role in ADMINISTRATORS and who != "owner"
        case "export":
            return permission in ("export_contacts", "export_pii", "run_partner_exports")
        case "keys":
            return permission == "generate_api_keys"
        case _:
            return permission in BILLING


def objects(w: World) -> list[Any]:
    """Return something of each kind that permissions are asked of."""
    made = [CampaignFactory(subaccount=w.north), MailingListFactory(subaccount=w.north)]
    return [w.account, w.north, w.south, *([w.home] if w.home else []), *made]


def held(user: Any, things: list[Any]) -> set[tuple[str, Any]]:
    """Return what ``can`` allows; every other way of asking has to say the same."""
    found = set()
    with access.unit_of_work():
        profile = access.profile_of(user)
        for permission in map(str, CATALOGUE):
            seen = {
                (type(row), row.pk)
                for model in (Account, Subaccount, Campaign, MailingList)
                if permission in LISTED
                for row in access.visible(model._default_manager.all(), user, permission)
            }
            for thing in things:
                resource = resources.registry.of(thing)
                answer = access.can(user, permission, thing)
                if permission in LISTED:
                    assert access.allows(user, permission, thing) is answer.allowed
                    assert user.has_perm(f"teams.{permission}", thing) is answer.allowed
                    assert ((type(thing), thing.pk) in seen) is answer.allowed, (permission, thing)
                root, place = resource.locate(thing)
                tenant = profile.tenants[root]
                if not isinstance(thing, Campaign | MailingList):  # teams may hide those
                    outcome = decide(tenant.standing, tenant.root, permission, place)
                    assert outcome.allowed is answer.allowed
                if answer.allowed:
                    found.add((permission, thing))
    return found


@pytest.mark.parametrize("edition", EDITIONS)
def test_each_class_puts_to_sleep_what_it_names_and_nothing_else(edition: str) -> None:
    w = world(edition)
    people, things = crew(w), objects(w)
    before = {who: held(user, things) for who, user in people.items()}
    for codename in CLASSES:
        asks(w, codename)
        for who, user in people.items():
            awake = {(p, o) for p, o in before[who] if not sleeps(codename, who, p)}
            assert held(user, things) == awake, (codename, who)
            recorded = provider.load_profile(user, recorded=True).tenants[w.account.pk]
            assert not recorded.standing.asleep
    for user in people.values():
        enrol(user)
    asks(w, *CLASSES)
    assert {who: held(user, things) for who, user in people.items()} == before


@pytest.mark.parametrize("edition", EDITIONS)
def test_what_sleeps_is_said_to_sleep(edition: str) -> None:
    w = world(edition)
    asks(w, *DEFAULT)
    for permission in sorted(get(edition).permissions):
        obj = w.account if permission.level == TOP else w.north
        answer = access.can(w.owner, permission, obj)
        enrolled = provider.load_profile(w.owner, recorded=True)
        would = enrolled.decide(permission, resources.registry.of(obj), obj)
        expected = Denial.SECOND_FACTOR if would.allowed else would.denial
        assert (answer.allowed, answer.reason) == (False, expected)
    export = CATALOGUE["export_contacts"]
    found = explain(w.owner, export, w.north)
    assert found.sentence.endswith("Sleeps until a second factor is set up.")
    assert found.as_json()["reason"] == "second_factor_missing"
    assert found.missing[0]["who_could_give_it"] == []
    enrol(w.owner)
    assert explain(w.owner, export, w.north).decision.allowed


def test_all_ways_to_load_people_agree() -> None:
    w = world("emma_hq")
    asks(w, "managers", "export")
    people = [*crew(w).values(), enrol(w.member("administrator").user)]
    together = provider.load_profiles([user.pk for user in people])
    for user in people:
        alone = provider.load_profile(user).tenants[w.account.pk]
        assert together[user.pk].tenants[w.account.pk].standing == alone.standing
    able = {one.person for one in who_can("export_contacts", w.north)}
    assert able == {user for user in people if holds(user, "export_contacts", w.north)}
    assert able == {people[-1]}


def test_a_toggle_sleeps_with_its_role_and_a_permission_whatever_gives_it() -> None:
    w = world("emma_hq")
    editor = w.member("editor", toggles=("export_contacts",)).user
    manager = w.manager(w.north, toggles=("subaccounts",)).user
    assert holds(editor, "export_contacts", w.north)
    assert holds(manager, "create_subaccounts", w.account)
    asks(w, "export", "managers")
    assert not holds(editor, "export_contacts", w.north)
    assert holds(editor, "access_campaigns", w.north)
    assert not holds(manager, "create_subaccounts", w.account)


def test_guest_access_sleeps_only_where_everybody_is_asked() -> None:
    w = world("emma_hq")
    guest = w.member("author", w.south).user
    lists = [MailingListFactory(subaccount=w.north) for _ in range(2)]
    services.give_guest_access(
        actor=w.owner, user=guest, obj=lists[0], permissions=["access_audience"]
    )
    for classes, sees in ((DEFAULT, True), (("everybody",), False)):
        asks(w, *classes)
        rows = access.visible(MailingList.objects.filter(pk=lists[0].pk), guest, "access_audience")
        assert rows.exists() is sees
        answer = access.can(guest, "access_audience", lists[0])
        assert answer.allowed is sees
        assert access.allows(guest, "access_audience", lists[0]) is sees
        profile = access.profile_of(guest)
        assert profile.is_guest(w.account.pk, "access_audience", "teams.mailinglist") is sees
        assert [one.person == guest for one in who_can("access_audience", lists[0])].count(
            True
        ) == int(sees)
    assert answer.reason == Denial.SECOND_FACTOR
    assert access.can(guest, "access_audience", lists[1]).reason == Denial.NOT_HELD


def test_an_account_asks_for_itself_only() -> None:
    w, other = world("emma_hq"), world("emma_hq")
    user = w.member("full").user
    other.member("full", user=user)
    asks(w, "everybody")
    assert not holds(user, "access_campaigns", w.north)
    assert holds(user, "access_campaigns", other.north)


def test_where_there_are_no_second_factors_nothing_sleeps() -> None:
    w = world("emma_hq")
    asks(w, *CLASSES)
    assert not holds(w.owner, "export_contacts", w.north)
    with signing_in_with(type("Plain", (GroupLogins,), {"having_factor": lambda _self: None})()):
        assert holds(w.owner, "export_contacts", w.north)
        assert starting_classes() == []
    assert not holds(w.owner, "export_contacts", w.north)
    assert starting_classes() == list(DEFAULT)
    assert "everybody" not in DEFAULT
    assert set(DEFAULT) == CLASSES.keys() - {"everybody"}


class Named(GroupLogins):
    """Second factors as a condition over several rows of the login."""

    def having_factor(self) -> Expression | Any:
        return Q(groups__name="one") | Q(username__endswith=".safe")


def test_a_condition_that_joins_rows_counts_each_login_once(
    django_assert_num_queries: Any,
) -> None:
    w = world("emma_hq")
    asks(w, "everybody")
    users = [w.member("full").user for _ in range(2)]
    enrol(users[0])
    users[0].groups.create(name="one")
    with signing_in_with(Named()):
        with django_assert_num_queries(1):
            profile = provider.load_profile(users[0])
        standings = [profile.tenants[w.account.pk].standing]
        standings.append(provider.load_profile(users[1]).tenants[w.account.pk].standing)
    assert [bool(standing.asleep) for standing in standings] == [False, True]


@pytest.mark.parametrize("stored", ["[]", "{}", '"x"', '["nobody"]', "null", "[1]"])
def test_what_names_no_class_asks_nothing(stored: str) -> None:
    assert demand_of(stored) is None


# delegation: nobody passes on what sleeps, and what sleeps is still theirs


def test_whose_rights_sleep_gives_nothing_and_manages_nobody() -> None:
    w = world("emma_hq")
    manager, author = w.manager().user, w.member("author")
    newcomer = w.member("author", w.south).user
    asks(w, "managers")
    with refused("OUT_OF_SCOPE") as caught:
        services.add_member(
            actor=manager, account=w.account, user=newcomer, role="author", subaccount=w.north
        )
    assert "which sleeps until you set up a second factor." in caught.value.message
    with refused("OUT_OF_SCOPE"):
        services.change_role(actor=manager, membership=author, role="editor")
    with refused("OUT_OF_SCOPE"):
        services.remove_member(actor=manager, membership=author)
    enrol(manager)
    services.change_role(actor=manager, membership=author, role="editor")


def test_a_permission_that_sleeps_is_not_passed_on() -> None:
    w = world("emma_hq")
    manager, editor = w.manager().user, w.member("editor")
    asks(w, "export")
    with refused("OUT_OF_SCOPE"):
        services.toggle_permission(
            actor=manager, membership=editor, toggle="export_contacts", on=True
        )
    enrol(manager)
    services.toggle_permission(actor=manager, membership=editor, toggle="export_contacts", on=True)


def test_what_sleeps_of_somebody_counts_as_theirs() -> None:
    """Rank and coverage are those they have when they wake."""
    w = world("emma_hq")
    administrator = enrol(w.member("administrator", w.south).user)
    seat = w.member("author", w.south, user=w.manager().user)
    asks(w, "managers")
    with refused("RANK_TOO_HIGH"):
        services.change_role(actor=administrator, membership=seat, role="editor")
    services.change_role(actor=administrator, membership=w.member("author", w.south), role="editor")


def test_what_is_given_to_somebody_whose_rights_sleep_is_judged_in_full() -> None:
    """It wakes when they enrol, so whoever gives it has to hold it."""
    w = world("emma_hq")
    manager, editor = enrol(w.manager().user), w.member("editor")
    south = enrol(w.manager(w.south).user)
    asks(w, "everybody")
    for actor, code in ((south, "OUT_OF_SCOPE"), (editor.user, "OUT_OF_SCOPE")):
        with refused(code):
            services.toggle_permission(
                actor=actor, membership=editor, toggle="export_contacts", on=True
            )
    services.toggle_permission(actor=manager, membership=editor, toggle="export_contacts", on=True)
    assert not holds(editor.user, "export_contacts", w.north)
    enrol(editor.user)
    assert holds(editor.user, "export_contacts", w.north)


def test_where_coverage_decides_what_sleeps_is_covered_too() -> None:
    """Sailthru has no ranks: whoever has more is above, also while the rest of it sleeps."""
    w = world("sailthru")
    base = ("access_settings", "access_audience")
    actor = enrol(w.member("account_admin").user)
    poor = w.custom(*base)
    rich = w.member(w.custom(*base, "export_pii"))
    change = Glance.open(actor, w.account, access.profile_of(actor))
    assert change is not None
    asks(w, "export")
    held = {
        permission
        for holding in change.recorded_of(rich.user).holdings
        for given in holding.rights.values()
        for permission in given
    }
    assert "export_pii" in held
    assert not holds(rich.user, "export_pii", w.north)
    lacking = covers(
        atoms(change.standing_of(w.member(poor).user).holdings, change.root, change.universe),
        atoms(change.recorded_of(rich.user).holdings, change.root, change.universe),
    )
    assert ("export_pii", "") in lacking


def test_nobody_touches_an_owner_whose_rights_sleep() -> None:
    w = world("emma_hq")
    asks(w, "owners")
    manager, author = enrol(w.manager().user), w.member("author")
    with refused("OUT_OF_SCOPE") as caught:
        services.remove_member(actor=w.owner, membership=author)
    assert "sleeps until" in caught.value.message
    tenant = access.profile_of(w.owner).tenants[w.account.pk]
    assert tenant.standing.is_owner
    assert not tenant.standing.acts_as_owner
    with refused("OWNER"):
        services.add_member(
            actor=manager, account=w.account, user=w.owner, role="author", subaccount=w.north
        )


# the setting


@pytest.mark.parametrize("edition", EDITIONS)
def test_the_owner_sets_it_and_it_is_on_record(edition: str) -> None:
    w = world(edition)
    owner = enrol(w.owner)
    services.set_second_factor(actor=owner, account=w.account, classes=["export", "owners"])
    w.account.refresh_from_db()
    assert w.account.second_factor == ["owners", "export"]
    services.set_second_factor(actor=owner, account=w.account, classes=("export", "owners"))
    services.set_second_factor(actor=owner, account=w.account, classes=[])
    events = AuditEvent.objects.filter(action="second_factor.changed").order_by("sequence")
    assert [event.data for event in events] == [
        {"before": [], "after": ["owners", "export"]},
        {"before": ["owners", "export"], "after": []},
    ]


@pytest.mark.parametrize(
    ("classes", "code"),
    [
        ("owners", "WRONG_TYPE"),
        (None, "WRONG_TYPE"),
        ([1], "WRONG_TYPE"),
        (["owners", []], "WRONG_TYPE"),
        (["boss"], "UNKNOWN_CLASS"),
        (["owners", ""], "UNKNOWN_CLASS"),
        (["owners", "owners"], "DUPLICATE"),
    ],
)
def test_anything_else_is_refused_with_a_sentence(classes: Any, code: str) -> None:
    w = world("emma_hq")
    enrol(w.owner)
    with refused(code):
        services.set_second_factor(actor=w.owner, account=w.account, classes=classes)


def test_it_needs_the_right_awake_and_a_place_there() -> None:
    w, other = world("emma_hq"), world("emma_hq")
    for user in (enrol(w.manager().user), enrol(w.member("administrator").user)):
        with refused("OUT_OF_SCOPE"):
            services.set_second_factor(actor=user, account=w.account, classes=["owners"])
    stranger = enrol(other.owner)
    with refused("NOT_FOUND"):
        services.set_second_factor(actor=stranger, account=w.account, classes=["owners"])
    asks(w, "owners")
    with refused("OUT_OF_SCOPE"):
        services.set_second_factor(actor=w.owner, account=w.account, classes=[])


def test_nobody_changes_what_sleeps_of_their_own_without_a_second_factor() -> None:
    w = world("emma_hq")
    for classes in (["everybody"], ["owners"], ["export"]):
        with refused("OWN_FACTOR") as caught:
            services.set_second_factor(actor=w.owner, account=w.account, classes=classes)
        assert caught.value.message.startswith("Set up your own second factor first")
    services.set_second_factor(actor=w.owner, account=w.account, classes=["managers"])
    asks(w, "export")
    with refused("OWN_FACTOR"):  # nor lifts it from themselves
        services.set_second_factor(actor=w.owner, account=w.account, classes=[])
    services.set_second_factor(actor=w.owner, account=w.account, classes=["export", "managers"])
    enrol(w.owner)
    services.set_second_factor(actor=w.owner, account=w.account, classes=["everybody"])


def test_it_is_refused_where_nobody_can_have_one() -> None:
    w = world("emma_hq")
    with (
        signing_in_with(type("Plain", (GroupLogins,), {"having_factor": lambda _self: None})()),
        refused("NO_FACTORS"),
    ):
        services.set_second_factor(actor=w.owner, account=w.account, classes=["managers"])


# who has none


def test_who_would_lose_what_is_known_before(django_assert_max_num_queries: Any) -> None:
    w = world("emma_hq")
    manager, safe = w.manager().user, enrol(w.manager().user)
    editor = w.member("editor", toggles=("export_contacts",)).user
    away = w.manager(status="suspended").user
    for asked in ((), ("everybody",)):
        asks(w, *asked)
        with django_assert_max_num_queries(2):
            found = preview(w.account)
        names = {codename: {one.person for one in rows} for codename, rows in found.items()}
        assert names["everybody"] == {w.owner, manager, editor}
        assert names["owners"] == {w.owner}
        assert names["managers"] == {manager}
        assert names["administrators"] == set()
        assert names["export"] == {w.owner, manager, editor}
        assert not {safe, away} & names["everybody"]
        (mine,) = (one for one in found["export"] if one.person == editor)
        assert mine.count == len(w.edition.role("editor").optional["export_contacts"] & EXPORT)
    people = get_user_model().objects.all()
    asks(w, "export")
    assert asleep_among(w.account, people) == {w.owner.pk, manager.pk, editor.pk}
    asks(w)
    assert asleep_among(w.account, people) == set()
