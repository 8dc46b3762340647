"""Features of a subaccount in the console: switched off, shown as off, and absent where off."""

from __future__ import annotations

from typing import Any

import pytest

from teams import services
from teams.editions import get
from teams.features import features_of
from teams.models import Subaccount
from tests.console.test_ends import body

ALL = list(features_of(get("emma_hq")))


def at(world: Any, rest: str = "act/features/") -> str:
    return f"/teams/subaccount/{world.places['north'].pk}/{rest}"


def off(world: Any) -> str:
    return str(Subaccount.objects.get(pk=world.places["north"].pk).features_off)


def test_features_are_switched_off_after_a_look_at_who_loses(world: Any) -> None:
    client = world.client("manager")
    assert "Features All switched on" in body(client.get(at(world, "change/")))
    form = client.get(at(world))
    assert form.context["form"]["on"].initial == ALL
    kept = [name for name in ALL if name != "automation"]
    looked = client.post(at(world), {"on": kept})
    assert "Loses: Automation" in body(looked)
    assert off(world) == ""
    posted = {"on": kept, "previewed": looked.context["preview"].digest}
    assert "Switched off in North: Automation." in body(client.post(at(world), posted, follow=True))
    assert off(world) == "automation"
    assert "Switched off here: Automation" in body(client.get(at(world, "change/")))
    assert "Nobody has it here" in body(world.client("administrator").get(at(world, "change/")))


def test_the_form_is_for_those_who_may(world: Any) -> None:
    may = {}
    for who in world.people:
        client = world.client(who)
        may[who] = client.get(at(world)).status_code
        if may[who] != 200:
            assert client.post(at(world), {"on": []}).status_code == may[who]
            assert at(world) not in client.get(at(world, "change/")).content.decode()
    assert {who for who, status in may.items() if status == 200} == {"owner", "manager"}
    assert off(world) == ""
    client = world.client("owner")
    client.force_login(world.rival["owner"])
    assert client.get(at(world)).status_code == 404
    posted = world.client("owner").post(at(world), {"on": [*ALL, "nonsense"]})
    assert "There is no feature" in body(posted)
    services.archive_subaccount(actor=world.people["owner"], subaccount=world.places["north"])
    assert world.client("owner").get(at(world)).status_code == 403


def test_a_closed_area_is_absent_and_says_why(world: Any) -> None:
    owner, north = world.people["owner"], world.places["north"]
    services.toggle_permission(
        actor=owner, membership=world.seats["full"], toggle="export_contacts", on=True
    )
    exports, full = "/teams/contactexport/", world.client("full")
    assert exports in full.get("/").content.decode()
    services.set_features(actor=owner, subaccount=north, off=["exports"])
    assert exports not in full.get("/").content.decode()
    assert full.get(exports).status_code == 403
    assert full.get(f"{exports}act/export/{north.pk}/").status_code in (403, 404)
    # the owner has other subaccounts to export
    assert exports in world.client("owner").get("/").content.decode()
    assert world.client("owner").get(f"{exports}act/export/{north.pk}/").status_code in (403, 404)
    person = f"/auth/user/{world.people['full'].pk}/change/"
    shown = body(world.client("owner").get(f"{person}?place={north.pk}&why=export_contacts"))
    assert "Switched off in this subaccount" in shown
    assert "Tom Becker" in shown


def test_a_locked_switch_names_the_feature_first(world: Any) -> None:
    services.set_features(
        actor=world.people["owner"], subaccount=world.places["north"], off=["exports"]
    )
    person = f"/auth/user/{world.people['full'].pk}/change/"
    for who in ("owner", "administrator", "manager"):
        shown = body(world.client(who).get(person))
        assert "A feature is switched off in North, so nobody has this there." in shown, who


@pytest.mark.parametrize("value", ["", "x" * 300, "exports\x00"])
def test_nonsense_is_a_sentence(world: Any, value: str) -> None:
    answer = world.client("owner").post(at(world), {"on": [value]})
    assert answer.status_code == 200
    assert off(world) == ""
