"""What the page of roles shows: the matrix or a part of it, or two of its columns compared."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict
from django.urls import reverse
from django.utils.http import urlencode

from teams import selectors
from teams.admin import comparison, holders, matrix
from teams.admin.desk import Desk
from teams.admin.matrix import Area, Head
from teams.admin.role_pages import creating, head_url
from teams.admin.role_verbs import people

#: custom roles shown as columns; a comparison takes any of them
CUSTOM_SHOWN = 20
LONGEST = 100


def roles_context(desk: Desk, query: QueryDict) -> dict[str, Any]:
    """Return what the template reads, for any ``query`` whatever.

    ``area`` and ``q`` leave rows out, ``compare`` and ``with`` name two columns, and ``lines`` as
    "all" keeps those in which the two do not differ.
    """
    area, text = query.get("area", ""), _text(query)
    heads = matrix.heads(desk.edition, selectors.custom_roles_of(desk.account))
    built_in = [head for head in heads if head.custom is None]
    shown = heads[: len(built_in) + CUSTOM_SHOWN]
    pair, refusal = _pair(desk, heads, query)
    whole = matrix.areas(desk.edition.codename)
    context: dict[str, Any] = {
        "title": "Roles and permissions",
        "subtitle": _subtitle(desk),
        "choices": [(one.codename, one.label) for one in whole],
        "total": _size(whole),
        "built_in": built_in,
        "custom": heads[len(built_in) :],
        "left_out": len(heads) - len(shown),
        "new_url": _new_url(desk),
        "custom_url": reverse("console:teams_role_changelist") if heads[len(built_in) :] else "",
        "area": area,
        "q": text,
        "is_narrowed": bool(area or text),
        "selects": [
            (name, label, query.get(name, ""))
            for name, label in (("compare", "Compare"), ("with", "with"))
        ],
    }
    if refusal:
        return context | {"empty": refusal}
    rows = matrix.narrowed(matrix.table(desk.edition, pair or shown), area=area, text=text)
    if not rows:
        return context | {"empty": _nothing(desk, area in {"", *(a.codename for a in whole)})}
    columns = [(head, head_url(head), _held(desk, head)) for head in pair or shown]
    context |= {"heads": columns, "areas": rows, "found": _size(rows)}
    if pair is None:
        return context
    kept = {"area": area, "q": text, "compare": pair[0].key, "with": pair[1].key}
    return context | _comparison(rows, pair, kept, everything=query.get("lines") == "all")


def _comparison(
    rows: list[Area], pair: tuple[Head, Head], kept: dict[str, str], *, everything: bool
) -> dict[str, Any]:
    rows = comparison.compared(rows, pair)
    differing = comparison.differences(rows)
    kept = {name: value for name, value in kept.items() if value}
    return {
        "pair": pair,
        "areas": rows if everything else differing,
        "differing": _size(differing),
        "tally": comparison.tally(rows),
        "shows_all_lines": everything,
        "other_lines": urlencode(kept if everything else {**kept, "lines": "all"}),
    }


def _pair(desk: Desk, heads: list[Head], query: QueryDict) -> tuple[Any, str]:
    """Return the two columns asked for, or why there is nothing to compare; both may be empty."""
    asked = [query.get("compare", ""), query.get("with", "")]
    if not any(asked):
        return None, ""
    known = {head.key: head for head in heads}
    found = [known.get(key) for key in asked]
    if any(key and head is None for key, head in zip(asked, found, strict=True)):
        return None, f"There is no such role in {desk.account.name}. Choose two from the lists."
    one, other = found
    if one is None or other is None:
        return None, "Nothing is compared yet. Choose two roles."
    if one is other:
        return None, f"{one.name} is one role. Choose another one to compare it with."
    return (one, other), ""


def _held(desk: Desk, head: Head) -> str:
    count = holders.count(desk, head)
    return "" if count is None else people(count)


def _new_url(desk: Desk) -> str:
    """Return where a role is made; empty for whoever may not."""
    if desk.edition.custom_roles is None:
        return ""
    verb = creating(desk.request)
    return "" if verb.closed_because() else verb.url


def _text(query: QueryDict) -> str:
    # a null character is not allowed in a page; what stands for it is found nowhere either
    return query.get("q", "").replace("\0", "\N{REPLACEMENT CHARACTER}").strip()[:LONGEST]


def _size(areas: Any) -> int:
    return sum(len(area.rows) for area in areas)


def _subtitle(desk: Desk) -> str:
    custom = "; custom roles are this account's own" if desk.edition.custom_roles else ""
    return (
        f"What each role may do in {desk.account.name}. Edition {desk.edition.label}: "
        f"built-in roles are read-only{custom}."
    )


def _nothing(desk: Desk, is_area: bool) -> str:
    if not is_area:
        return f"{desk.edition.label} has no such area, so there is no permission to show."
    return f"No permission of {desk.edition.label} has these words in its name or its notes."
