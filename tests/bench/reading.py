"""What looking at a list costs: a page, a count, and the profile both need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from permissions import access
from tests.bench import stock
from tests.bench.measure import in_turns, ratio
from tests.bench.personas import UNFILTERED, Persona, page
from tests.bench.plan import MEMBER_1, MEMBER_3, OWNER, PAGE, STRANGER
from tests.bench.stock import Stock, as_it_comes

#: for whom guardian's rows are written: few enough to be worth the wait
SHADOWED = (OWNER, MEMBER_3, MEMBER_1, STRANGER)
#: guardian takes seconds where others take milliseconds
SLOW_ROUNDS = 3


@dataclass(frozen=True)
class Budget:
    """How often to repeat, and how many seconds one comparison may take."""

    rounds: int
    seconds: float


def read(persona: Persona, budget: Budget) -> dict[str, Any]:
    """Return milliseconds and ratios of one person's page, count, and both with the profile."""
    unfiltered, by_hand = persona.by_hand(UNFILTERED), persona.by_hand()

    def ours() -> None:
        with access.unit_of_work():
            page(persona.ours(), PAGE)
            persona.ours().count()

    def hand(condition: Any) -> None:
        page(persona.by_hand(condition), PAGE)
        persona.by_hand(condition).count()

    with access.unit_of_work():
        access.profile_of(persona.user)
        pages = in_turns(
            {
                "ours": lambda: page(persona.ours(), PAGE),
                "by_hand": lambda: page(persona.by_hand(), PAGE),
                "by_ids": lambda: page(persona.by_hand(persona.by_ids), PAGE),
                "unfiltered": lambda: page(unfiltered, PAGE),
            },
            rounds=budget.rounds,
            budget=budget.seconds,
        )
        counts = in_turns(
            {
                "ours": lambda: persona.ours().count(),
                "by_hand": lambda: persona.by_hand().count(),
                "by_ids": lambda: persona.by_hand(persona.by_ids).count(),
                "unfiltered": unfiltered.count,
            },
            rounds=budget.rounds,
            budget=budget.seconds,
        )
    totals = in_turns(
        {
            "ours": ours,
            "by_hand": lambda: hand(persona.ideal),
            "by_ids": lambda: hand(persona.by_ids),
            "profile": lambda: access.profile_of(persona.user, fresh=True),
        },
        rounds=budget.rounds,
        budget=budget.seconds,
    )
    profile = totals.pop("profile")
    return {
        "persona": persona.name,
        "subaccounts": persona.scope,
        "rows": by_hand.count(),
        "profile_ms": _ms(profile),
        "page": _against(pages),
        "count": _against(counts),
        "total": _against(totals),
    }


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 3)


def _against(taken: dict[str, float]) -> dict[str, float]:
    """Return milliseconds of each, and ours as a multiple of every other."""
    found = {f"{name}_ms": _ms(seconds) for name, seconds in taken.items()}
    for name, seconds in taken.items():
        if name != "ours":
            found[f"to_{name}"] = round(ratio(taken["ours"], seconds), 3)
    return found


def read_stock(personas: list[Persona], shadows: Stock, budget: Budget) -> list[dict[str, Any]]:
    """Return what the same page and count take by ``get_objects_for_user``."""
    found = []
    for persona in personas:
        user = shadows.users[persona.key]

        def ours(persona: Persona = persona) -> None:
            with access.unit_of_work():
                page(persona.ours(), PAGE)
                persona.ours().count()

        def guardian(user: Any = user) -> None:
            with as_it_comes():
                rows = stock.objects_for(user)
                page(rows, PAGE)
                rows.count()

        taken = in_turns(
            {"ours": ours, "guardian": guardian},
            rounds=SLOW_ROUNDS,
            budget=budget.seconds,
            warm_up=1,
        )
        found.append({"persona": persona.name, "page_and_count": _against(taken)})
    return found
