"""Groups of subaccounts on the console: their page, the reach form, filters and bulk verbs."""

from __future__ import annotations

from typing import Any

import pytest

from permissions import access
from teams import services
from teams.factories import CampaignFactory, MailingListFactory, MembershipFactory, UserFactory
from teams.models import ManagedGroup, SubaccountGroup
from tests.console.helpers import confirmed
from tests.console.test_bulk import choose, confirm, hidden, statuses

PEOPLE = "/auth/user/"
GROUPS = "/teams/subaccountgroup/"


@pytest.fixture
def coast(world: Any) -> SubaccountGroup:
    """Return a group of north and south."""
    return services.create_subaccount_group(
        actor=world.people["owner"],
        account=world.account,
        name="Coast",
        subaccounts=[world.places["north"], world.places["south"]],
    )


def give(world: Any, *groups: SubaccountGroup) -> Any:
    """Let the manager reach ``groups`` and nothing else."""
    seat = world.seats["manager"]
    services.set_manager_reach(actor=world.people["owner"], membership=seat, groups=groups)
    access.forget()
    return seat


def names(page: Any) -> set[str]:
    """Return what a list shows."""
    return {str(row) for row in page.context["cl"].result_list}


def offered(page: Any, parameter: str) -> dict[str, str]:
    """Return what a filter of a list offers, by what is shown."""
    spec = next(f for f in page.context["cl"].filter_specs if f.parameter_name == parameter)
    return dict(map(reversed, spec.lookup_choices))


def test_a_group_is_made_filled_with_a_preview_and_deleted(world: Any) -> None:
    owner, places = world.client("owner"), world.places
    done = owner.post(
        f"{GROUPS}act/create/", {"name": "Coast", "subaccounts": [places["north"].pk]}, follow=True
    )
    assert "The group Coast was created." in done.content.decode()
    coast = SubaccountGroup.objects.get()
    give(world, coast)
    url, both = f"{GROUPS}{coast.pk}/act/set/", [places["north"].pk, places["south"].pk]
    asked = owner.post(url, {"subaccounts": both})
    shown = asked.context["preview"]
    assert (shown.gaining, shown.losing) == (1, 0)
    assert "Save group" in asked.content.decode()
    assert coast.contents.count() == 1
    done = owner.post(url, {"subaccounts": both, "previewed": shown.digest}, follow=True)
    assert "The group Coast holds 2 subaccounts now." in done.content.decode()
    page = owner.get(f"{GROUPS}{coast.pk}/change/").content.decode()
    assert "Tom Becker" in page
    assert f"{GROUPS}{coast.pk}/act/delete/" not in page  # while somebody manages it
    assert owner.get(f"{GROUPS}{coast.pk}/act/delete/").status_code == 403
    refused = owner.post(f"{GROUPS}{coast.pk}/act/delete/").content.decode()
    assert "Coast is managed by Tom Becker. Change what they manage first." in refused
    give(world)
    assert owner.post(f"{GROUPS}{coast.pk}/act/delete/").status_code == 302
    assert not SubaccountGroup.objects.exists()


def test_nobody_else_has_the_page(world: Any, coast: SubaccountGroup) -> None:
    give(world, coast)
    for who in ("manager", "administrator", "author"):
        client = world.client(who)
        assert client.get(GROUPS).status_code in (403, 404)
        for act in ("act/set/", "act/rename/", "act/delete/", "change/"):
            assert client.get(f"{GROUPS}{coast.pk}/{act}").status_code == 404


def test_the_reach_form_offers_groups(world: Any, coast: SubaccountGroup) -> None:
    owner, seat = world.client("owner"), world.seats["manager"]
    url = f"{PEOPLE}{seat.user_id}/act/reach/{seat.pk}/"
    before = owner.get(url)
    place = seat.reach.get().subaccount.name  # as it is written
    assert f"of {place} now." in before.content.decode()
    form = before.context["form"]
    assert form.fields["groups"].choices == [(str(coast.pk), "Coast")]
    assert form.fields["groups"].initial == []
    chosen = {"reach": "some", "managed": [], "groups": [coast.pk]}
    done = confirmed(owner, url, chosen, follow=True)
    assert "manages 2 subaccounts now." in done.content.decode()
    assert owner.get(url).context["form"].fields["groups"].initial == [str(coast.pk)]
    # both tabs of what the person effectively holds, and the place they are found at
    page = owner.get(f"{PEOPLE}{seat.user_id}/change/")
    assert {"North", "South"} <= {label for _key, label in page.context["tabs"]}
    found = owner.get(PEOPLE, {"place": world.places["south"].pk})
    assert seat.user in set(found.context["cl"].result_list)
    south = owner.get(f"/teams/subaccount/{world.places['south'].pk}/change/").content.decode()
    assert "Tom Becker" in south
    # an empty group, and one of another account, are offered to nobody and found by nobody
    empty = SubaccountGroup.objects.create(account=world.account, name="Empty")
    foreign = SubaccountGroup.objects.create(account=world.rival["account"], name="Xanadu coast")
    assert len(owner.get(url).context["form"].fields["groups"].choices) == 1
    for key in (foreign.pk, 987_654_321, "abc"):
        asked = owner.post(url, {"reach": "some", "groups": [key]})
        assert asked.status_code in {200, 404}
        assert "Xanadu" not in asked.content.decode()
    ManagedGroup.objects.create(account=world.account, membership=seat, group=empty)
    confirmed(owner, url, {"reach": "some", "managed": [world.places["north"].pk]})
    # what was offered and not ticked is gone, what was not offered stays
    assert [row.group for row in seat.managed_groups.all()] == [empty]
    make = f"{PEOPLE}{world.people['full'].pk}/act/add/account/"
    owner.post(make, {"role": "manager", "reach": "some", "groups": [coast.pk], "ends_at": ""})
    row = world.people["full"].memberships.get(subaccount=None)
    assert row.reach_keys == sorted(p.pk for n, p in world.places.items() if n != "east")


def test_filters_show_the_readers_part_of_a_group(world: Any, coast: SubaccountGroup) -> None:
    places, owner = world.places, world.client("owner")
    services.create_subaccount_group(
        actor=world.people["owner"], account=world.account, name="Hidden",
        subaccounts=[places["east"]],
    )  # fmt: skip
    SubaccountGroup.objects.create(account=world.account, name="Empty")
    for name in ("south", "east"):
        MailingListFactory(subaccount=places[name], name=f"List of {name}")
        CampaignFactory(subaccount=places[name], name=f"Campaign of {name}")
    away = MembershipFactory(
        account=world.account, subaccount=places["south"], role="full",
        user=UserFactory(first_name="Away", last_name="South"),
    ).user  # fmt: skip
    everything = {"group": coast.pk}
    assert names(owner.get("/teams/subaccount/", everything)) == {"North", "South"}
    assert names(owner.get("/teams/mailinglist/", everything)) == {"Newsletter", "List of south"}
    assert "Campaign of east" not in names(owner.get("/teams/campaign/", everything))
    assert away in set(owner.get(PEOPLE, everything).context["cl"].result_list)
    assert set(offered(owner.get(PEOPLE), "group")) == {"Coast", "Hidden"}
    # the manager of north sees of the group what is theirs, and no group without
    manager = world.client("manager")
    services.give_guest_access(
        actor=world.people["owner"], user=world.people["manager"],
        obj=MailingListFactory(subaccount=places["south"], name="Lent"),
        permissions=["access_audience"],
    )  # fmt: skip
    for url, shown in (
        ("/teams/subaccount/", {"North"}),
        ("/teams/mailinglist/", {"Newsletter"}),
    ):
        page = manager.get(url, everything)
        assert set(offered(page, "group")) == {"Coast"}
        assert names(page) == shown
        for key in (SubaccountGroup.objects.get(name="Hidden").pk, 987_654_321, "abc", "01"):
            assert names(manager.get(url, {"group": key})) == set()
    assert "Lent" in names(manager.get("/teams/mailinglist/"))
    assert away not in set(manager.get(PEOPLE, everything).context["cl"].result_list)


def test_bulk_verbs_take_a_group_as_a_place(world: Any, coast: SubaccountGroup) -> None:
    owner, full = world.client("owner"), world.people["full"]
    there = {
        name: MembershipFactory(
            account=world.account, subaccount=world.places[name], user=full, role="author"
        )
        for name in ("south", "east")
    }
    page = choose(owner, "suspend", full)
    choices = dict(page.context["form"].fields["place"].choices)
    assert choices[f"group:{coast.pk}"] == "Subaccounts in the group Coast"
    foreign = SubaccountGroup.objects.create(account=world.rival["account"], name="Xanadu")
    for key in (foreign.pk, 987_654_321, "abc", ""):
        answer = confirm(owner, "suspend", page, place=f"group:{key}")
        assert "There is no such place among those you may choose." in answer.content.decode()
    place = f"group:{coast.pk}"
    page = owner.post(f"{PEOPLE}bulk/suspend/", {**hidden(page), "place": place, "preview": "1"})
    confirm(owner, "suspend", page, place=place)
    assert statuses(world, "full") == ["suspended"]
    found = {name: type(row).objects.get(pk=row.pk).status for name, row in there.items()}
    assert found == {"south": "suspended", "east": "active"}
    # a group that holds none of the places is no choice
    other = choose(owner, "suspend", world.people["author"])
    services.set_subaccount_group(
        actor=world.people["owner"], group=coast, subaccounts=[world.places["east"]]
    )
    other = choose(owner, "suspend", world.people["author"])
    assert f"group:{coast.pk}" not in dict(other.context["form"].fields["place"].choices)
