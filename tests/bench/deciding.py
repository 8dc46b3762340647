"""What one decision costs, and who-can-do-this."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model
from django.test import override_settings

from permissions import access
from teams.catalogue import ACCESS_AUDIENCE
from teams.models import MailingList
from teams.who import who_can
from tests.bench import stock
from tests.bench.measure import in_turns, queries_of, ratio
from tests.bench.personas import Persona
from tests.bench.plan import Plan
from tests.bench.reading import SLOW_ROUNDS, Budget
from tests.bench.stock import Stock, as_it_comes

PERMISSION = f"teams.{ACCESS_AUDIENCE}"
#: calls that take microseconds are timed by the thousand
MANY_CALLS = 2_000
DECISIONS = 1_000
MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"


class AlwaysYes:
    """What a backend costs that knows the answer."""

    def authenticate(self, request: Any, **credentials: Any) -> None:
        """Sign nobody in."""

    def has_perm(self, user: Any, perm: str, obj: Any = None) -> bool:
        """Say yes."""
        return True


def _with_backend(path: str, ask: Callable[[], Any]) -> Callable[[], Any]:
    """Return ``ask`` repeated many times with the backend at ``path`` before Django's own."""

    def run() -> None:
        with override_settings(AUTHENTICATION_BACKENDS=[path, MODEL_BACKEND]):
            for _ in range(MANY_CALLS):
                ask()

    return run


def decide(persona: Persona, budget: Budget) -> dict[str, Any]:
    """Return microseconds of one decision about a list the person sees, and against always-yes."""
    user: Any = get_user_model()._default_manager.get(pk=persona.key)
    obj = persona.by_hand().order_by("pk").first()

    def ask() -> bool:
        return bool(user.has_perm(PERMISSION, obj))

    def cold() -> None:
        with access.unit_of_work():
            access.can(user, ACCESS_AUDIENCE, obj)

    with access.unit_of_work():
        if not ask():
            raise AssertionError(f"{persona.name} holds nothing on {obj}")
        warm = in_turns(
            {
                "has_perm": _with_backend("permissions.backend.PermissionBackend", ask),
                "always_yes": _with_backend(f"{__name__}.AlwaysYes", ask),
                "can": lambda: [access.can(user, ACCESS_AUDIENCE, obj) for _ in range(MANY_CALLS)],
                "allows": lambda: [
                    access.allows(user, ACCESS_AUDIENCE, obj) for _ in range(MANY_CALLS)
                ],
            },
            rounds=budget.rounds,
            budget=budget.seconds,
        )
    alone = in_turns({"cold": cold}, rounds=budget.rounds, budget=budget.seconds)
    micro = {f"{name}_us": round(1e6 * s / MANY_CALLS, 3) for name, s in warm.items()}
    return {
        "persona": persona.name,
        **micro,
        "can_cold_us": round(1e6 * alone["cold"], 1),
        "has_perm_to_always_yes": round(ratio(warm["has_perm"], warm["always_yes"]), 3),
    }


def decide_against_stock(persona: Persona, shadows: Stock, budget: Budget) -> dict[str, Any]:
    """Return one warm check and a thousand decisions, half of them yes, against guardian's."""
    user: Any = get_user_model()._default_manager.get(pk=persona.key)
    shadow = shadows.users[persona.key]
    half = min(DECISIONS, MailingList.objects.count() // 10) // 2
    seen = list(persona.by_hand().order_by("pk")[:half])
    others = list(MailingList.objects.exclude(persona.ideal).order_by("pk")[:half])
    objects = seen + others

    def ours() -> list[bool]:
        with access.unit_of_work():
            return [user.has_perm(PERMISSION, obj) for obj in objects]

    def guardian() -> list[bool]:
        with as_it_comes():
            return [stock.check(shadow, obj) for obj in objects]

    def prefetched() -> list[bool]:
        with as_it_comes():
            return stock.check_prefetched(shadow, objects)

    def one_of_ours() -> None:
        for _ in range(MANY_CALLS):
            user.has_perm(PERMISSION, seen[0])

    def one_of_guardian() -> None:
        with as_it_comes():
            stock.check(shadow, seen[0])

    if not ours() == guardian() == prefetched():
        raise AssertionError("guardian's rows say something else than the memberships")
    many = in_turns(
        {"ours": ours, "guardian": guardian, "prefetched": prefetched},
        rounds=SLOW_ROUNDS,
        budget=budget.seconds,
        warm_up=1,
    )
    with access.unit_of_work():
        one = in_turns(
            {"ours": one_of_ours, "guardian": one_of_guardian},
            rounds=budget.rounds,
            budget=budget.seconds,
        )
    one["ours"] /= MANY_CALLS
    return {
        "persona": persona.name,
        "decisions": len(objects),
        "one_ours_us": round(1e6 * one["ours"], 3),
        "one_guardian_us": round(1e6 * one["guardian"], 1),
        "one_faster": round(ratio(one["guardian"], one["ours"]), 1),
        "many_ours_ms": round(1000 * many["ours"], 3),
        "many_guardian_ms": round(1000 * many["guardian"], 1),
        "many_prefetched_ms": round(1000 * many["prefetched"], 2),
        "many_faster": round(ratio(many["guardian"], many["ours"]), 1),
        "guardian_queries_per_check": queries_of(one_of_guardian),
    }


def who(plan: Plan, shadows: Stock, budget: Budget) -> dict[str, Any]:
    """Return who-can-do-this on a list of an ordinary subaccount, against guardian's answer."""
    first, twin = MailingList.objects.filter(subaccount=plan.typical).order_by("pk")[:2]
    people = len(who_can(ACCESS_AUDIENCE, first))
    shadows.hold(twin, people)

    def guardian() -> Any:
        with as_it_comes():
            return stock.people_with(twin)

    if len(guardian()) < people:
        raise AssertionError("guardian finds fewer people than there are")
    taken = in_turns(
        {"ours": lambda: who_can(ACCESS_AUDIENCE, first), "guardian": guardian},
        rounds=SLOW_ROUNDS,
        budget=budget.seconds,
        warm_up=1,
    )
    return {
        "people": people,
        "queries": queries_of(lambda: who_can(ACCESS_AUDIENCE, first)),
        "ours_ms": round(1000 * taken["ours"], 2),
        "guardian_ms": round(1000 * taken["guardian"], 1),
        "guardian_queries": queries_of(guardian),
        "faster": round(ratio(taken["guardian"], taken["ours"]), 1),
    }
