"""The colour of an account: who may choose it, which may be chosen, and what follows from it."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from permissions.models import AuditEvent
from teams import services
from teams.colours import (
    DARK_SURFACES,
    LEGIBLE,
    LIGHT_SURFACES,
    WHITE,
    as_hex,
    contrast,
    parse,
    stylesheet,
    tokens,
)
from teams.factories import UserFactory
from tests.services.world import EDITIONS, EMMA, missing, refused, world

COLOURS = [
    colour
    for colour in itertools.product(range(0, 256, 51), repeat=3)
    if contrast(colour, WHITE) >= LEGIBLE
]


@pytest.mark.parametrize("edition", EDITIONS)
def test_whoever_runs_the_account_gives_it_a_colour_and_takes_it_away(
    db: Any, edition: str
) -> None:
    w = world(edition)
    made = services.set_accent(actor=w.owner, account=w.account, accent=" #7A00CC ")
    assert made.accent == "#7a00cc"
    services.set_accent(actor=w.owner, account=w.account, accent="")
    w.account.refresh_from_db()
    assert w.account.accent == ""
    events = AuditEvent.objects.filter(action="account.themed").order_by("sequence")
    assert [event.data for event in events] == [
        {"before": "", "after": "#7a00cc"},
        {"before": "#7a00cc", "after": ""},
    ]


def test_the_same_colour_again_is_no_event(db: Any) -> None:
    w = world("emma_hq")
    for _ in range(2):
        services.set_accent(actor=w.owner, account=w.account, accent="#123456")
    assert AuditEvent.objects.filter(action="account.themed").count() == 1


@pytest.mark.parametrize("edition", EMMA)
def test_managers_and_members_choose_no_colour(db: Any, edition: str) -> None:
    w = world(edition)
    for membership in (w.manager(), w.manager(w.north), w.member("full")):
        with refused("OUT_OF_SCOPE") as caught:
            services.set_accent(actor=membership.user, account=w.account, accent="#123456")
        assert missing(caught) == {("manage_theme", w.account.name)}


def test_a_stranger_finds_no_account(db: Any) -> None:
    w = world("emma_hq")
    for stranger in (UserFactory(), world("emma_hq").owner):
        with refused("NOT_FOUND"):
            services.set_accent(actor=stranger, account=w.account, accent="#123456")


@pytest.mark.parametrize(
    "accent",
    [
        "red",
        "#12345",
        "#1234567",
        "#12345g",
        "#１２３４５６",
        "#123456;}",
        "url(x)",
        "\0",
        "#123456\0",
        " ",
        None,
        7,
        b"#123456",
    ],
)
def test_what_is_no_colour_is_refused(db: Any, accent: Any) -> None:
    w = world("emma_hq")
    with refused("NOT_A_COLOUR"):
        services.set_accent(actor=w.owner, account=w.account, accent=accent)


def test_contrast_is_that_of_the_published_formula() -> None:
    assert contrast((0, 0, 0), WHITE) == pytest.approx(21)
    assert contrast(WHITE, WHITE) == pytest.approx(1)
    # the pair everybody quotes: the lightest grey that passes, and the next one that does not
    assert contrast((0x76, 0x76, 0x76), WHITE) == pytest.approx(4.54, abs=0.005)
    assert contrast((0x77, 0x77, 0x77), WHITE) == pytest.approx(4.48, abs=0.005)
    assert contrast((1, 2, 3), (9, 8, 7)) == contrast((9, 8, 7), (1, 2, 3))


def test_the_limit_lies_between_two_greys(db: Any) -> None:
    w = world("emma_hq")
    assert services.set_accent(actor=w.owner, account=w.account, accent="#767676").accent
    with refused("LOW_CONTRAST") as caught:
        services.set_accent(actor=w.owner, account=w.account, accent="#777777")
    assert "4.4 to 1" in caught.value.message
    for light in ("#ffffff", "#ffff00", "#00ff00", "#ff8800"):
        with refused("LOW_CONTRAST"):
            services.set_accent(actor=w.owner, account=w.account, accent=light)


def test_every_colour_that_is_let_in_is_readable_on_light_and_on_dark_pages() -> None:
    assert len(COLOURS) > 60
    for colour in COLOURS:
        found = tokens(colour)
        for number, surfaces in enumerate((LIGHT_SURFACES, DARK_SURFACES)):
            shade = {name: pair[number] for name, pair in found.items()}
            for surface in surfaces:
                assert contrast(shade["accent"], surface) >= LEGIBLE, as_hex(colour)
                assert contrast(shade["accent-strong"], surface) >= LEGIBLE, as_hex(colour)
            assert contrast(shade["accent-strong"], shade["accent-soft"]) >= LEGIBLE
            assert contrast(shade["on-accent"], shade["accent"]) >= LEGIBLE
            assert contrast(shade["on-accent"], shade["accent-strong"]) >= LEGIBLE
        assert contrast(WHITE, found["brand"][0]) >= LEGIBLE


def test_the_style_sheet_sets_the_five_tokens_and_nothing_else() -> None:
    sheet = stylesheet((0x7A, 0x00, 0xCC))
    names = [line.split(":")[0].strip() for line in sheet.splitlines()[1:-1]]
    assert names == ["--brand", "--accent", "--accent-strong", "--accent-soft", "--on-accent"]
    assert "#7a00cc" in sheet
    assert parse("7a00cc") == parse("#7A00CC") == (0x7A, 0x00, 0xCC)
