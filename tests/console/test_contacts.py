"""Contacts, fields and segments in the console: what is shown, found, offered, and masked."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.test import Client

from permissions import grants
from teams import services
from teams.factories import (
    ContactFactory,
    CustomFieldFactory,
    MailingListFactory,
    MembershipFactory,
    SegmentFactory,
)
from teams.models import Account, Contact, ListMembership, Segment

CONTACTS, SEGMENTS = "/teams/contact/", "/teams/segment/"
TOKEN = re.compile(r'name="(csrfmiddlewaretoken|token)" value="[^"]*"')
BY_ADDRESS = {
    "match": "all",
    "rules": [{"field": "email", "test": "starts_with", "value": "quince"}],
}


def add(place: Any, *lists: Any, **values: Any) -> Contact:
    contact = ContactFactory(subaccount=place, **values)
    for found in lists:
        ListMembership.objects.create(subaccount=place, contact=contact, mailing_list=found)
    return contact


def mask(world: Any) -> None:
    Account.objects.filter(pk=world.account.pk).update(masks_addresses=True)


def text(answer: Any) -> str:
    assert answer.status_code == 200
    return TOKEN.sub("", answer.content.decode())


def shown(client: Client, query: str = "") -> set[str]:
    """Return the names on the list of contacts."""
    answer = client.get(f"{CONTACTS}{query}")
    assert answer.status_code == 200
    return {contact.first_name for contact in answer.context["cl"].result_list}


@pytest.fixture
def filled(world: Any) -> Any:
    """Return the account with three contacts in north and one in south."""
    north, south = world.places["north"], world.places["south"]
    news = world.rows["mailinglist"]
    world.rows["ana"] = add(north, news, first_name="Ana", email="quince@fig.example")
    world.rows["leo"] = add(north, first_name="Leo", email="plum@fig.example")
    add(north, first_name="Bea", email="pear@fig.example", status="unsubscribed")
    world.rows["south"] = add(south, first_name="Noah", email="quince@kiwi.example")
    world.rows["segment"] = SegmentFactory(
        pk=77_000_001, subaccount=north, name="Quinces", rules=BY_ADDRESS
    )
    return world


# the list


def test_the_list_shows_what_is_seen_and_in_use(filled: Any) -> None:
    add(filled.places["north"], first_name="Old", archived_at=filled.account.created_at)
    assert shown(filled.client("full")) == {"Ana", "Leo", "Bea"}
    assert shown(filled.client("owner")) == {"Ana", "Leo", "Bea", "Noah"}
    assert shown(filled.client("full"), "?archived=yes") == {"Old"}
    assert filled.client("author").get(CONTACTS).status_code == 403


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?q=an", {"Ana"}),
        ("?q=quince", {"Ana"}),
        ("?q=ana+fig", {"Ana"}),
        ("?q=%00", {"Ana", "Leo", "Bea"}),
        ("?state=unsubscribed", {"Bea"}),
        ("?list={list}", {"Ana"}),
        ("?segment={segment}", {"Ana"}),
        ("?list=987654", set()),
        ("?segment=987654", set()),
        ("?list=abc", set()),
        ("?list={list}&segment={segment}&state=unsubscribed", set()),
    ],
)
def test_the_list_is_searched_and_filtered(filled: Any, query: str, names: set[str]) -> None:
    keys = {"list": filled.rows["mailinglist"].pk, "segment": filled.rows["segment"].pk}
    assert shown(filled.client("full"), query.format(**keys)) == names


def test_filters_offer_what_is_of_the_place_and_seen(filled: Any) -> None:
    MailingListFactory(subaccount=filled.places["south"], name="Southern")
    old = filled.account.created_at
    MailingListFactory(subaccount=filled.places["north"], name="Old", archived_at=old)
    one = text(filled.client("full").get(CONTACTS))
    assert "Newsletter" in one
    assert "Southern" not in one
    assert ">Old<" not in one
    # of all subaccounts there may be thousands: none is offered until one place is chosen
    assert "By mailing list" not in text(filled.client("owner").get(CONTACTS))
    asked = f"{CONTACTS}?place={filled.places['south'].pk}"
    assert "Southern" in text(filled.client("owner").get(asked))


def test_teams_hide_contacts_lists_and_what_leads_to_them(sailthru: Any) -> None:
    owner, team = sailthru["owner"], sailthru["team"]
    limited = sailthru["seat"]
    limited.role = "marketer_limited"
    limited.save()
    services.add_to_team(actor=owner, team=team, user=sailthru["member"])
    news = sailthru["mailinglist"]
    grants.give(permission="access_audience", obj=news, group=team.group, granted_by=owner)
    secret = MailingListFactory(subaccount=sailthru["place"], name="Secret", created_by=owner)
    seen = add(sailthru["place"], news, secret, first_name="Seen")
    unseen = add(sailthru["place"], secret, first_name="Unseen")
    SegmentFactory(subaccount=sailthru["place"], mailing_list=secret, name="Covert")
    client = Client()
    client.force_login(sailthru["member"])
    assert shown(client) == {"Seen"}
    assert shown(client, f"?list={secret.pk}") == shown(client, "?list=987654") == set()
    page = text(client.get(f"{CONTACTS}{seen.pk}/change/"))
    assert "Newsletter" in page
    assert "Secret" not in page
    missing = client.get(f"{CONTACTS}987654/change/").content
    assert client.get(f"{CONTACTS}{unseen.pk}/change/").content == missing
    assert "Covert" not in text(client.get(SEGMENTS))
    form = text(client.get(f"{CONTACTS}act/add/{sailthru['place'].pk}/"))
    assert "No list" not in form
    assert "Secret" not in form


def test_a_guest_of_a_list_works_with_its_contacts_and_no_others(filled: Any) -> None:
    services.give_guest_access(
        actor=filled.people["owner"],
        user=_member(filled, "south"),
        obj=filled.rows["mailinglist"],
        permissions=["access_audience", "view_contacts", "add_contacts"],
    )
    client = Client()
    client.force_login(filled.people["visitor"])
    assert shown(client) == {"Ana"}
    place = filled.places["north"].pk
    data = {"mailing_list": filled.rows["mailinglist"].pk, "email": "new@fig.example"}
    answer = client.post(f"{CONTACTS}act/add/{place}/", {**data, "first_name": "New"})
    assert answer.status_code == 302
    assert shown(client) == {"Ana", "New"}
    answer = client.post(f"{CONTACTS}act/add/{place}/", {**data, "mailing_list": ""})
    assert "errornote" in text(answer) or "errorlist" in text(answer)
    assert client.get(f"{CONTACTS}{filled.rows['leo'].pk}/change/").status_code == 404


def _member(world: Any, place: str) -> Any:
    seat = MembershipFactory(account=world.account, subaccount=world.places[place], role="author")
    world.people["visitor"] = seat.user
    return seat.user


# one contact


def test_the_page_shows_fields_lists_and_how_they_unsubscribed(filled: Any) -> None:
    CustomFieldFactory(subaccount=filled.places["north"], codename="city", label="City")
    contact = filled.rows["ana"]
    Contact.objects.filter(pk=contact.pk).update(fields={"city": "Rome", "gone": "Hidden"})
    services.set_subscription(actor=filled.people["owner"], contact=contact, status="unsubscribed")
    page = text(filled.client("full").get(f"{CONTACTS}{contact.pk}/change/"))
    for word in ("quince@fig.example", "City", "Rome", "Newsletter", "Only they themselves"):
        assert word in page
    assert "Hidden" not in page


def test_editing_posts_names_and_fields(filled: Any) -> None:
    CustomFieldFactory(
        subaccount=filled.places["north"], codename="vip", label="VIP", kind="yes_no"
    )
    contact = filled.rows["ana"]
    url = f"{CONTACTS}{contact.pk}/act/edit/"
    data = {"email": "fig@fig.example", "first_name": "Ann", "last_name": "", "own_vip": "yes"}
    assert filled.client("full").post(url, data).status_code == 302
    contact.refresh_from_db()
    assert (contact.email, contact.first_name) == ("fig@fig.example", "Ann")
    assert contact.fields == {"vip": True}
    wrong = filled.client("full").post(url, {**data, "own_nothing": "x"})
    assert "There is no such field" in text(wrong)


def test_many_go_onto_a_list_or_none(filled: Any) -> None:
    client, news = filled.client("owner"), filled.rows["mailinglist"]
    keys = [filled.rows[name].pk for name in ("leo", "south")]
    client.post(CONTACTS, {"action": "put", ACTION_CHECKBOX_NAME: keys})
    url = f"{CONTACTS}bulk/put/"
    page = text(
        client.post(url, {ACTION_CHECKBOX_NAME: keys, "mailing_list": news.pk, "preview": "1"})
    )
    assert "Is of South, where Newsletter is not." in page
    keys = keys[:1]
    answer = client.post(url, {ACTION_CHECKBOX_NAME: keys, "mailing_list": news.pk, "preview": "1"})
    sent = {
        ACTION_CHECKBOX_NAME: keys,
        "mailing_list": news.pk,
        "confirm": "1",
        "shown": answer.context["shown"],
    }
    assert client.post(url, sent).status_code == 302
    assert shown(client, f"?list={news.pk}") == {"Ana", "Leo"}
    forged = client.post(url, {**sent, "mailing_list": 987654, "preview": "1", "confirm": ""})
    assert "There is no such list" in text(forged)


# masking


PAGES = (
    CONTACTS,
    f"{CONTACTS}?q=ana",
    f"{CONTACTS}{{ana}}/change/",
    f"{CONTACTS}{{ana}}/act/edit/",
    f"{CONTACTS}{{ana}}/act/put/",
    f"{CONTACTS}{{ana}}/act/take/{{list}}/",
    f"{CONTACTS}{{ana}}/act/unsubscribe/",
    f"{CONTACTS}{{ana}}/act/archive/",
    f"{SEGMENTS}{{segment}}/change/",
    f"{SEGMENTS}act/build/{{north}}/?match=all&field=first_name&test=is&value=Ana&do=show",
    "/",
)


def keys_of(world: Any) -> dict[str, Any]:
    return {
        "ana": world.rows["ana"].pk,
        "list": world.rows["mailinglist"].pk,
        "segment": world.rows["segment"].pk,
        "north": world.places["north"].pk,
    }


@pytest.mark.parametrize("page", PAGES)
def test_no_page_shows_an_address_behind_the_mask(filled: Any, page: str) -> None:
    url = page.format(**keys_of(filled))
    mask(filled)
    answer = filled.client("full").get(url)
    assert answer.status_code in (200, 403)
    assert b"quince" not in answer.content
    assert b"fig.example" not in answer.content


def test_there_are_addresses_to_mask(filled: Any) -> None:
    """Else the test above would say nothing."""
    client = filled.client("full")
    found = [b"quince" in client.get(url.format(**keys_of(filled))).content for url in PAGES]
    assert found.count(True) >= 4


def test_who_may_take_addresses_out_sees_them(filled: Any) -> None:
    mask(filled)
    services.toggle_permission(
        actor=filled.people["owner"],
        membership=filled.seats["full"],
        toggle="export_contacts",
        on=True,
    )
    for who in ("owner", "full"):
        assert "quince@fig.example" in text(filled.client(who).get(CONTACTS))
        assert shown(filled.client(who), "?q=quince") >= {"Ana"}


@pytest.mark.parametrize(
    ("hit", "miss"),
    [
        ("?q=quince", "?q=mincey"),
        ("?q=fig.example", "?q=xyz.example"),
        ("?segment={segment}", "?segment=987654"),
    ],
)
def test_behind_the_mask_a_list_answers_a_hit_as_a_miss(filled: Any, hit: str, miss: str) -> None:
    mask(filled)
    client = filled.client("full")
    bodies = []
    for query in (hit, miss):
        asked = query.format(**keys_of(filled))
        bodies.append(text(client.get(f"{CONTACTS}{asked}")).replace(asked.split("=")[1], "#"))
    assert bodies[0] == bodies[1]


@pytest.mark.parametrize("masking", [True, False])
def test_there_is_no_order_by_address(filled: Any, masking: bool) -> None:
    """For nobody, so that there is nothing to decide."""
    if masking:
        mask(filled)
    client = filled.client("full")
    assert client.get(CONTACTS).context["cl"].list_display[2].__name__ == "address_cell"
    orders = [
        [row.pk for row in client.get(f"{CONTACTS}?o={n}").context["cl"].result_list]
        for n in ("2", "-2", "")
    ]
    assert orders[0] == orders[1] == orders[2]


def test_behind_the_mask_adding_and_changing_answer_alike(filled: Any) -> None:
    mask(filled)
    client, keys = filled.client("full"), keys_of(filled)
    page = client.get(CONTACTS)
    assert b"act/add/" not in page.content
    answers = {}
    for email in ("plum@fig.example", "mango@fig.example"):
        added = client.post(
            f"{CONTACTS}act/add/{keys['north']}/", {"email": email, "mailing_list": keys["list"]}
        )
        changed = client.post(
            f"{CONTACTS}{keys['ana']}/act/edit/", {"email": email, "first_name": "A"}
        )
        assert {added.status_code, changed.status_code} == {403}
        answers[email] = [
            TOKEN.sub("", a.content.decode()).replace(a["X-Request-ID"], "")
            for a in (added, changed)
        ]
    one, other = answers.values()
    assert one == other
    assert "mango@" not in "".join(one)


HIDDEN = "kiwi@melon.example"


@pytest.fixture
def hidden(filled: Any) -> Any:
    """Return a contact whose name and field hold an address that is not their own, masked."""
    CustomFieldFactory(subaccount=filled.places["north"], codename="note", label="Note")
    made = add(
        filled.places["north"],
        filled.rows["mailinglist"],
        first_name=HIDDEN,
        last_name="Grey",
        fields={"note": f"write to {HIDDEN}"},
    )
    mask(filled)
    return made


@pytest.mark.parametrize(
    "page",
    [
        "",
        "?q=grey",
        "{pk}/change/",
        "{pk}/act/edit/",
        "{pk}/act/put/",
        "{pk}/act/unsubscribe/",
        "{pk}/act/archive/",
    ],
)
def test_behind_the_mask_no_page_shows_an_address_in_a_name_or_field(
    filled: Any, hidden: Any, page: str
) -> None:
    url = f"{CONTACTS}{page.format(pk=hidden.pk)}"
    answer = filled.client("full").get(url)
    assert answer.status_code in (200, 403)
    assert b"kiwi" not in answer.content
    assert b"melon" not in answer.content
    Account.objects.filter(pk=filled.account.pk).update(masks_addresses=False)
    assert b"kiwi" in filled.client("full").get(url).content


def test_behind_the_mask_the_page_says_that_an_address_is_left_out(
    filled: Any, hidden: Any
) -> None:
    url = f"{CONTACTS}{hidden.pk}/"
    page = text(filled.client("full").get(f"{url}change/"))
    assert f"Contact {hidden.pk}" in page
    assert "(address left out)" in page
    assert 'placeholder="(address left out)"' in text(filled.client("full").get(f"{url}act/edit/"))
    assert HIDDEN in text(filled.client("owner").get(f"{url}act/edit/"))


def test_saving_what_is_not_shown_keeps_it_and_typing_replaces_it(filled: Any, hidden: Any) -> None:
    url, client = f"{CONTACTS}{hidden.pk}/act/edit/", filled.client("full")
    data = {"first_name": "", "last_name": "Green", "own_note": ""}
    assert client.post(url, data).status_code == 302
    hidden.refresh_from_db()
    assert (hidden.first_name, hidden.last_name) == (HIDDEN, "Green")
    assert hidden.fields == {"note": f"write to {HIDDEN}"}
    data = {"first_name": "Kim", "last_name": "", "own_note": "none"}
    assert client.post(url, data).status_code == 302
    hidden.refresh_from_db()
    assert (hidden.first_name, hidden.last_name) == ("Kim", "")
    assert hidden.fields == {"note": "none"}


@pytest.mark.parametrize(
    "term", ["kiwi", "kiwi@melon", "melon", "@", "kiwi\uff20melon", "%40", "grey"]
)
def test_behind_the_mask_no_search_finds_an_address_in_a_name(
    filled: Any, hidden: Any, term: str
) -> None:
    assert HIDDEN not in shown(filled.client("full"), f"?{urlencode({'q': term})}")
    assert HIDDEN in shown(filled.client("owner"), "?q=kiwi%40melon")


def test_behind_the_mask_the_order_tells_nothing_of_an_address_in_a_name(
    filled: Any, hidden: Any
) -> None:
    client, orders = filled.client("full"), []
    for name in ("aaa@fig.example", "zzz@fig.example"):
        Contact.objects.filter(pk=hidden.pk).update(last_name=name)
        rows = client.get(f"{CONTACTS}?o=1").context["cl"].result_list
        orders.append([row.pk for row in rows])
    assert orders[0] == orders[1]


@pytest.mark.parametrize("field", ["first_name", "custom:note"])
@pytest.mark.parametrize(
    ("test", "value"), [("contains", "kiwi"), ("lacks", "mincey"), ("is_filled", "")]
)
def test_behind_the_mask_no_rule_finds_an_address_in_a_name_or_field(
    filled: Any, hidden: Any, field: str, test: str, value: str
) -> None:
    place = filled.places["north"]
    query = urlencode({"match": "all", "field": field, "test": test, "value": value, "do": "show"})
    url, link = f"{SEGMENTS}act/build/{place.pk}/?{query}", f"{CONTACTS}{hidden.pk}/change/"
    assert link not in text(filled.client("full").get(url))
    assert link in text(filled.client("owner").get(url))
    rules = {"match": "all", "rules": [{"field": field, "test": test, "value": value}]}
    segment = SegmentFactory(subaccount=place, rules=rules)
    assert HIDDEN not in shown(filled.client("full"), f"?segment={segment.pk}")
    assert HIDDEN in shown(filled.client("owner"), f"?segment={segment.pk}")


@pytest.mark.parametrize("value", ["kiwi@", "kiwi\uff20melon", "kiwi%40melon", "kiwi&#64;melon"])
def test_behind_the_mask_no_rule_looks_for_an_address_elsewhere(
    filled: Any, hidden: Any, value: str
) -> None:
    place, client = filled.places["north"], filled.client("full")
    rule = {"field": "first_name", "test": "starts_with", "value": value}
    query = urlencode({"match": "all", **rule, "do": "show"})
    page = text(client.get(f"{SEGMENTS}act/build/{place.pk}/?{query}"))
    assert "Addresses are not shown to you here" in page
    assert "contacts match" not in page
    segment = SegmentFactory(subaccount=place, rules={"match": "all", "rules": [rule]})
    assert client.get(f"{SEGMENTS}{segment.pk}/act/edit/").status_code == 403
    page = text(client.get(f"{SEGMENTS}{segment.pk}/change/"))
    assert "(not shown)" in page
    assert "kiwi" not in page


def test_behind_the_mask_no_rule_is_about_addresses(filled: Any) -> None:
    mask(filled)
    client = filled.client("full")
    url = f"{SEGMENTS}act/build/{filled.places['north'].pk}/?match=all&do=show"
    bodies = [
        text(client.get(f"{url}&field=email&test=starts_with&value={value}"))
        for value in ("quince", "mincey")
    ]
    assert bodies[0] == bodies[1]
    assert "Addresses are not shown to you here" in bodies[0]
    assert "contacts match" not in bodies[0]
    assert 'value="email"' not in text(client.get(url)).split('id="new"')[1]
    segment = filled.rows["segment"].pk
    assert client.get(f"{SEGMENTS}{segment}/act/edit/").status_code == 403
    assert "(not shown)" in text(client.get(f"{SEGMENTS}{segment}/change/"))


def test_search_over_several_subaccounts_looks_at_open_addresses_only(filled: Any) -> None:
    """The manager may take addresses out of north, and not of south."""
    mask(filled)
    user = filled.people["full"]
    MembershipFactory(
        account=filled.account, subaccount=filled.places["south"], user=user, role="full"
    )
    services.toggle_permission(
        actor=filled.people["owner"],
        membership=filled.seats["full"],
        toggle="export_contacts",
        on=True,
    )
    client = filled.client("full")
    assert shown(client) == {"Ana", "Leo", "Bea", "Noah"}
    assert shown(client, "?q=quince") == {"Ana"}
    page = text(client.get(CONTACTS))
    assert "quince@fig.example" in page
    assert "quince@kiwi.example" not in page
    assert "q•••@k•••" in page


# the audience builder


def build(world: Any, *rules: tuple[str, str, str], **more: str) -> str:
    parts = "".join(f"&field={f}&test={t}&value={v}" for f, t, v in rules)
    extra = "".join(f"&{name}={value}" for name, value in more.items())
    key = world.places["north"].pk
    return f"{SEGMENTS}act/build/{key}/?match={more.pop('match', 'all')}{parts}{extra}"


def test_rules_are_added_and_removed_without_script(filled: Any) -> None:
    client = filled.client("full")
    page = client.get(build(filled, new="first_name", do="add"))
    assert [r.rule.field for r in page.context["verb"].draft.rows] == ["first_name"]
    assert "rule-problem" not in text(page)  # it is new, and need not be right yet
    two = (("first_name", "is", "Ana"), ("status", "is", "subscribed"))
    page = client.get(build(filled, *two, remove="0"))
    assert [r.rule.field for r in page.context["verb"].draft.rows] == ["status"]
    assert "2 contacts match" in text(page)


def test_the_builder_counts_what_the_reader_sees(filled: Any) -> None:
    page = text(filled.client("full").get(build(filled, ("email", "contains", "fig"), do="show")))
    assert "3 contacts match" in page
    assert "Noah" not in page


@pytest.mark.parametrize(
    "query",
    [
        "?match=most",
        "?match=all&field=email",
        "?match=all&field=nothing&test=is&value=x&do=show",
        "?match=all&field=custom:0&test=is&value=x&do=show",
        "?match=all&field=first_name&test=regex&value=.*&do=show",
        "?match=all&field=first_name&test=is&value=%00&do=show",
        "?match=all&new=password&do=add",
        "?match=all&remove=99999999999999999999",
        "?match=all&remove=%D9%A1",
        "?list=987654&match=all&field=first_name&test=is&value=" + "x" * 5000,
        "?match=all" + "&field=first_name&test=is&value=x" * 60,
    ],
)
def test_nonsense_in_the_address_counts_nothing(filled: Any, query: str) -> None:
    answer = filled.client("full").get(f"{SEGMENTS}act/build/{filled.places['north'].pk}/{query}")
    assert "match</h2>" not in text(answer)


def test_rules_are_saved_from_the_builder(filled: Any) -> None:
    client = filled.client("full")
    rules = (("first_name", "is", "Ana"),)
    page = client.get(build(filled, *rules, do="show"))
    save = page.context["verb"].save_url
    query = build(filled, *rules).partition("?")[2]
    form = client.get(f"{save}?{query}").context["form"]
    data = {"name": "Anas", "rules": form["rules"].value(), "mailing_list": ""}
    answer = client.post(save, data)
    made = Segment.objects.get(name="Anas")
    assert answer.headers["Location"].endswith(f"{SEGMENTS}{made.pk}/change/")
    assert made.rules["rules"] == [{"field": "first_name", "test": "is", "value": "Ana"}]
    assert shown(client, f"?segment={made.pk}") == {"Ana"}
    for broken in ("", "[", "[" * 9000, '{"match": 7}', "null"):
        again = client.post(save, {**data, "name": "Broken", "rules": broken})
        assert "errornote" in text(again)
    assert not Segment.objects.filter(name="Broken").exists()


def test_nothing_is_saved_by_looking(filled: Any) -> None:
    url = f"{SEGMENTS}act/build/{filled.places['north'].pk}/"
    answer = filled.client("full").post(url, {"rules": "{}"})
    assert "Nothing is saved here" in text(answer)


# the switch


def test_the_owner_switches_masking_on_the_page_of_the_account(world: Any) -> None:
    client, url = world.client("owner"), f"/teams/account/{world.account.pk}/"
    assert "act/masking/" in text(client.get(f"{url}change/"))
    for on in (True, False):
        data = {"on": "on"} if on else {}
        assert client.post(f"{url}act/masking/", data).status_code == 302
        assert Account.objects.get(pk=world.account.pk).masks_addresses is on
    assert world.client("manager").get(f"{url}act/masking/").status_code in (403, 404)
