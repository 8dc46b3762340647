"""Which fields each person's forms have, in every verb and every stock form: a golden set.

A field that appears or goes is a decision: look at the difference, then write the set anew with
``UPDATE_GOLDEN=1 pytest tests/hostile/test_fields.py``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.arena import INSIDE, Arena, Probe, admins, base_of
from tests.hostile.attacks import SITES, forms_of

pytestmark = [pytest.mark.once, pytest.mark.django_db]

GOLDEN = Path(__file__).parent / "golden"
CASES = [(edition, who) for edition, people in INSIDE.items() for who in people]


def fields_of(arena: Arena, who: str) -> dict[str, list[str]]:
    """Return the fields of every form that is open to ``who``, by site, model and page."""
    probe = Probe(arena, who)
    found: dict[str, set[str]] = {}
    for site, admin in admins():
        base, own = base_of(SITES[site], admin), arena.trio(admin.model).own.pk
        for verb in admin.verbs:
            for url in forms_of(arena, probe, base, own, verb):
                page = probe.get(url)
                form = (page.context or {}).get("form") if page.status_code == 200 else None
                if form is not None:
                    name = f"{site} {admin.opts.model_name} {verb.name}"
                    found.setdefault(name, set()).update(form.fields or {"(none)"})
        for page_name in ("add", "change"):
            url = f"{base}add/" if page_name == "add" else f"{base}{own}/change/"
            page = probe.get(url)
            form = (page.context or {}).get("adminform") if page.status_code == 200 else None
            if form is not None:
                name = f"{site} {admin.opts.model_name} {page_name}"
                found[name] = set(form.form.fields) or {"(none)"}
    return {name: sorted(fields) for name, fields in sorted(found.items())}


@pytest.mark.parametrize(("shared_arena", "who"), CASES, indirect=["shared_arena"])
def test_forms_have_the_fields_they_should_have(shared_arena: Arena, who: str) -> None:
    path = GOLDEN / f"{shared_arena.account.edition}-{who}.json"
    found = fields_of(shared_arena, who)
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(json.dumps(found, indent=1) + "\n")
    assert found == json.loads(path.read_text())


def test_every_golden_set_belongs_to_somebody(db: Any) -> None:
    # asks for the database: shared arenas rely on it, also where this file runs alone
    names = {path.stem for path in GOLDEN.glob("*.json")}
    assert names == {f"{edition}-{who}" for edition, who in CASES}
