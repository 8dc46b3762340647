"""What a hostile tenant tries. Each attack goes over one admin of one site with one browser.

The surfaces are found by looking at the admins themselves: a new model, verb, action, filter,
inline or field is attacked without being named here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

from django.apps import apps
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from teams.models import Campaign
from tests.hostile import workshop
from tests.hostile.arena import (
    FAR,
    MALFORMED,
    MISSING,
    SITES,
    TERM,
    Arena,
    Probe,
    base_of,
    undone,
)

Attack = Callable[[Arena, Probe, str, Any], None]

UNDECLARED = (
    "password__startswith=pbkdf2",
    "last_login__gt=2020-01-01",
    "is_superuser__exact=1",
    "name__startswith=n",
    "name__regex=.",
    "id__in=1,2,3",
    "pk__gte=1",
    "account__owner__email__startswith=a",
    "subaccount__account__name__startswith=X",
    "memberships__account__owner__email__startswith=a",
    "_connector=OR",
    "__class__=x",
    "_to_field=slug",
    "a\x00b=1",
)
#: longer than SQLite takes as a pattern
LONG = "x" * 60_000
#: malformed keys as a form or a parameter carries them
SHAPES = ("abc", "01", "\u0661", "1" * 40)
TEXTS = ("<script>alert(1)</script>", "a\x00b", "x" * 1_000_000, "\u202e\ufeff")
ODD = (
    {"o": "1.-2"},
    {"o": "999"},
    {"o": "abc"},
    {"p": "0"},
    {"p": "-1"},
    {"p": "9" * 30},
    {"p": "abc"},
    {"all": ""},
    {"_facets": "True"},
    {"_popup": "1"},
    {"_changelist_filters": "q=x"},
    {"e": "1"},
    {"q": "\x00"},
    {"q": LONG},
    {"q": '"a b" -c'},
)


def may_open(arena: Arena, probe: Probe, admin: Any) -> bool:
    """Say whether the list is open to the person; it is asked, not assumed."""
    return bool(probe.get(base_of(admin.admin_site, admin)).status_code == 200)


def object_paths(admin: Any) -> Iterator[str]:
    """Yield every address below an object, by what comes after its key."""
    yield from ("", "change/", "delete/", "history/", "change/?_popup=1", "password/")
    for verb in admin.verbs:
        if not verb.on_list:
            yield f"act/{verb.name}/"
            yield f"act/{verb.name}/1/"
    for pattern in admin.get_urls():  # what an admin adds, such as a download
        if own := re.fullmatch(r"<str:object_id>/(\w+/)", str(pattern.pattern)):
            yield own[1]


def identifiers(arena: Arena, probe: Probe, site: str, admin: Any) -> None:
    """Ask for foreign, hidden and malformed rows, in every address, reading and writing."""
    base = base_of(SITES[site], admin)
    # an area that is closed to somebody may say so before it looks which row is asked for
    shut = {*probe.shut, *({403} if probe.get(base).status_code == 403 else ())}
    for rest in object_paths(admin):
        for ask in (probe.get, probe.post):
            missing = ask(f"{base}{MISSING}/{rest}")
            if missing.status_code not in shut:
                probe.find(f"{base}{MISSING}/{rest}: {missing.status_code} for a missing row")
            if ask == probe.post and not probe.is_first and rest.count("/") > 2:
                continue  # verbs find their row before they look at how they are asked
            shapes = MALFORMED if ask == probe.get and rest == "change/" else MALFORMED[:1]
            if rest == "change/" and ask == probe.get:
                shapes += aliases(arena.trio(admin.model).own.pk)
            shapes = shapes if 302 not in probe.shut else ()  # the door repeats the address
            for key in (*arena.real_keys(probe.who, admin.model), *shapes):
                answer = ask(f"{base}{key}/{rest}")
                probe.alike(f"{ask.__name__} {base}*/{rest}", missing, MISSING, answer, key)
    own = probe.get(f"{base}{arena.trio(admin.model).own.pk}/change/")
    if probe.get(f"{base}{arena.trio(admin.model).own.pk}/history/").status_code == 200:
        probe.find(f"{base}: there is a stock history")
    stray = probe.get(f"{base}{arena.trio(admin.model).own.pk}/change/?_to_field=name")
    if stray.status_code == 200:
        probe.find(f"{base}: rows are found by other fields than their key")
    if may_open(arena, probe, admin) and own.status_code != 200 and probe.who == "owner":
        probe.find(f"{base}: the owner does not see their own row, so nothing was tried")
    probe.touched.add(f"model {site} {admin.opts.label_lower}")


def aliases(key: int) -> tuple[str, ...]:
    """Return other ways to write a key of one's own, which name nothing all the same."""
    arabic = "".join(chr(0x660 + int(digit)) for digit in str(key))
    return quote(arabic), f"0{key}", f"%2B{key}", f"{key}%20", f"{key}.0"


def parts(arena: Arena, probe: Probe, site: str, admin: Any) -> None:
    """Ask for verbs that are not there, and for foreign, missing and malformed parts of a row."""
    base = base_of(SITES[site], admin)
    own = arena.trio(admin.model).own.pk
    for rest in ("act/nonsense/", f"{own}/act/nonsense/", f"{own}/act/nonsense/1/"):
        for answer in (probe.get(f"{base}{rest}"), probe.post(f"{base}{rest}")):
            if answer.status_code not in probe.shut:
                probe.find(f"{base}{rest}: {answer.status_code} for a verb that is not there")
    for verb in admin.verbs:
        if not (verb.is_part or verb.choose):
            continue
        probe.touched.add(f"verb {site} {admin.opts.label_lower} {verb.name}")
        url = f"{base}act/{verb.name}/" if verb.on_list else f"{base}{own}/act/{verb.name}/"
        for ask in (probe.get, probe.post):
            missing = ask(f"{url}{MISSING}/")
            if missing.status_code not in probe.shut:
                probe.find(f"{url}{MISSING}/: {missing.status_code} for a missing part")
            labelled = (f"teams.mailinglist:{FAR + 6}", f"teams.subaccount:{FAR + 3}")
            keys = probe.forged if ask == probe.get else probe.forged[:2]
            for key in (*keys, *labelled, *SHAPES[: 1 + probe.is_first]):
                probe.alike(url, missing, MISSING, ask(f"{url}{key}/"), key)


def lists(arena: Arena, probe: Probe, site: str, admin: Any) -> None:
    """Filter, search, order and page for what is not one's own."""
    base = base_of(SITES[site], admin)
    is_open = may_open(arena, probe, admin)
    probe.get(base, q=TERM)
    for odd in ODD if probe.is_first else ODD[:4]:
        probe.get(base, **odd)
    for query in UNDECLARED:
        answer = probe.get(f"{base}?{query}")
        if is_open and answer.status_code != 400:
            probe.find(f"{base}?{query}: {answer.status_code}, an undeclared lookup")
    for parameter in filters_of(admin):
        missing = probe.get(base, **{parameter: str(MISSING)})
        shown = missing.context["cl"].result_count if missing.status_code == 200 else 0
        if shown and not parameter.endswith("__isnull"):
            probe.find(f"{base}?{parameter}={MISSING}: a value that is not there finds rows")
        shapes = () if parameter.endswith("__isnull") or not probe.is_first else SHAPES[:2]
        for key in (*probe.forged[:3], *shapes):
            answer = probe.get(base, **{parameter: str(key)})
            probe.alike(f"{base}?{parameter}=", missing, MISSING, answer, key)
        probe.touched.add(f"filter {site} {admin.opts.label_lower} {parameter}")


def filters_of(admin: Any) -> list[str]:
    """Return the parameters of the filters of a list."""
    from permissions.admin.filters import accepted

    found: set[str] = set()
    for item in admin.list_filter:
        found |= accepted(item, admin.model)
    return sorted(found)


def actions(arena: Arena, probe: Probe, site: str, admin: Any) -> None:
    """Choose rows that are not there among those that are, and actions that are not offered."""
    base = base_of(SITES[site], admin)
    trio = arena.trio(admin.model)
    names = [*offered_actions(admin), "delete_selected", "nonsense"]
    is_open = may_open(arena, probe, admin)
    # whoever is offered no action at all finds the list again, whatever they chose
    has_menu = b'name="action"' in probe.get(base).content
    for name in names:
        for extra in ({}, {"select_across": "1"}):

            def choose(*keys: Any, name: str = name, extra: dict[str, str] = extra) -> Any:
                return probe.post(base, {"action": name, ACTION_CHECKBOX_NAME: keys, **extra})

            before = arena.digest()
            missing = choose(trio.own.pk, MISSING)
            if has_menu and name in offered_actions(admin) and missing.status_code != 404:
                probe.find(f"{base} {name}: a choice with a missing row is accepted")
            if is_open and name not in offered_actions(admin):
                own = choose(trio.own.pk)
                shown = {template.name for template in own.templates}
                if "admin/delete_selected_confirmation.html" in shown:
                    probe.find(f"{base} {name}: an action that is not offered is there")
            shapes = SHAPES if probe.is_first else SHAPES[:1]
            for key in (*arena.real_keys(probe.who, admin.model), *shapes):
                probe.alike(f"{base} {name}", missing, MISSING, choose(trio.own.pk, key), key)
            if arena.digest() != before:
                probe.find(f"{base} {name}: a row of the rival was changed")
        if name in {verb.name for verb in admin.bulk_verbs}:
            _confirmations(arena, probe, admin, f"{base}bulk/{name}/")
        probe.touched.add(f"action {site} {admin.opts.label_lower} {name}")


def _confirmations(arena: Arena, probe: Probe, admin: Any, url: str) -> None:
    """Confirm a bulk verb for rows that are not there, without having been asked."""
    own, before = arena.trio(admin.model).own.pk, arena.digest()
    probe.get(url)
    for button in ("confirm", "preview", "without"):

        def press(*keys: Any, button: str = button) -> Any:
            return probe.post(url, {ACTION_CHECKBOX_NAME: keys, button: "1", "place": "every"})

        missing = press(own, MISSING)
        if missing.status_code not in probe.shut:
            probe.find(f"{url} {button}: a choice with a missing row is accepted")
        for key in (*arena.real_keys(probe.who, admin.model), *SHAPES):
            probe.alike(f"{url} {button}", missing, MISSING, press(own, key), key)
    if arena.digest() != before:
        probe.find(f"{url}: a row of the rival was changed")


def offered_actions(admin: Any) -> list[str]:
    """Return the names of everything a list can do with chosen rows."""
    names = [getattr(action, "__name__", str(action)) for action in admin.actions or ()]
    return names + [verb.name for verb in getattr(admin, "bulk_verbs", ())]


def forged_choices(arena: Arena, probe: Probe, site: str, admin: Any) -> None:
    """Post keys that were not offered in every choice of every verb."""
    base = base_of(SITES[site], admin)
    own = arena.trio(admin.model).own.pk
    for verb in admin.verbs:
        probe.touched.add(f"verb {site} {admin.opts.label_lower} {verb.name}")
        for url in forms_of(arena, probe, base, own, verb):
            page = probe.get(url)
            form = (page.context or {}).get("form") if page.status_code == 200 else None
            if form is None:
                continue
            filled = first_choices(form)
            for name, item in form.fields.items():
                if not hasattr(item, "choices"):
                    continue
                before = arena.digest()
                missing = probe.post(url, {**filled, name: str(MISSING)})
                for key in (*probe.forged, *(SHAPES[1:3] if probe.is_first else ())):
                    answer = probe.post(url, {**filled, name: str(key)})
                    probe.alike(f"{url} {name}", missing, MISSING, answer, key)
                if arena.digest() != before:
                    probe.find(f"{url} {name}: a row of the rival was changed")


def forms_of(arena: Arena, probe: Probe, base: str, own: Any, verb: Any) -> list[str]:
    """Return the addresses at which ``verb`` shows its form: for a verb with parts, of two."""
    start = f"{base}act/{verb.name}/" if verb.on_list else f"{base}{own}/act/{verb.name}/"
    if not (verb.is_part or verb.choose):
        return [start]
    found: dict[str, None] = {}
    for page in (probe.get(f"{base}{own}/change/"), probe.get(start)):
        if page.status_code == 200:
            for part in page.content.decode().split(start)[1:]:
                key = part.split("/", 1)[0]
                if key and key.isprintable() and '"' not in key and len(key) < 60:
                    found[f"{start}{key}/"] = None
    return list(found)[:2]


def first_choices(form: Any) -> dict[str, Any]:
    """Fill a form with what it begins with, or the first thing it offers."""
    filled: dict[str, Any] = {}
    for name, item in form.fields.items():
        offered = [value for value, _ in getattr(item, "choices", ()) if value != ""]
        filled[name] = form.get_initial_for_field(item, name) or (offered[:1] or [""])[0]
    return filled


def related_rows(arena: Arena, probe: Probe, site: str, admin: Any) -> None:
    """Put foreign keys into the fields of the stock forms, when reading and when writing."""
    base = base_of(SITES[site], admin)
    own = arena.trio(admin.model).own
    for url in (f"{base}add/", f"{base}{own.pk}/change/"):
        page = probe.get(url)
        form = (page.context or {}).get("adminform") if page.status_code == 200 else None
        if form is None:
            probe.post(url, {"name": "Stolen", "post": "yes"})
            continue
        filled = stock_values(page)
        for name, item in form.form.fields.items():
            model = getattr(getattr(item, "queryset", None), "model", None)
            if model is None:
                continue
            missing, shown = (
                probe.post(url, {**filled, name: MISSING}),
                probe.get(url, **{name: MISSING}),
            )
            trio = arena.trio(model)
            hidden = [trio.hidden.pk] if probe.who in arena.local else []
            for key in (trio.foreign.pk, *hidden):
                answer = probe.post(url, {**filled, name: key})
                probe.alike(f"{url} {name}", missing, MISSING, answer, key)
                # an error elsewhere shows the form again, with what was typed named by its widget
                probe.post(url, {**filled, name: key, "name": ""})
                again = probe.get(url, **{name: key})
                probe.alike(f"{url}?{name}=", shown, MISSING, again, key)
        _mass(arena, probe, url, filled, own)
        _midway(arena, probe, url, filled)


def stock_values(page: Any) -> dict[str, Any]:
    """Return what the stock form on ``page`` would post as it stands."""
    form = page.context["adminform"].form
    filled = {
        name: form.get_initial_for_field(item, name) or "" for name, item in form.fields.items()
    }
    for name, item in form.fields.items():
        rows = getattr(item, "queryset", None)
        if filled[name] == "" and rows is not None and item.required:
            filled[name] = getattr(rows.first(), "pk", "")
        elif filled[name] == "" and item.required:
            filled[name] = "fresh"
    for inline in page.context["inline_admin_formsets"]:
        formset = inline.formset
        total = formset.management_form.initial
        filled |= {f"{formset.prefix}-{key}": value for key, value in total.items()}
        filled[f"{formset.prefix}-TOTAL_FORMS"] = len(formset.initial_forms)
        for row in formset.initial_forms:
            for name, item in row.fields.items():
                filled[row.add_prefix(name)] = row.get_initial_for_field(item, name) or ""
    return {key: getattr(value, "pk", value) for key, value in filled.items()}


STRAY = {
    "account": FAR + 2,
    "owner": FAR + 1,
    "created_by": FAR + 4,
    "status": "sent",
    "archived_at": "2026-01-01",
    "is_staff": "on",
    "is_superuser": "on",
    "user_permissions": "1",
    "groups": "1",
    "role": "owner",
    "hash": "x",
}


def _mass(arena: Arena, probe: Probe, url: str, filled: dict[str, Any], own: Any) -> None:
    """Post fields that the form does not have; nothing of them may arrive."""
    model = type(own)
    kept = [
        f.attname for f in model._meta.concrete_fields if f.name in STRAY and f.name not in filled
    ]
    before = model._default_manager.filter(pk=own.pk).values(*kept).get() if kept else {}
    known = set(model._default_manager.values_list("pk", flat=True))
    with undone():
        probe.send(url, {**filled, **STRAY})
        rows = model._default_manager.count()
        probe.send(url, {**filled, "slug": "copied", "_saveasnew": "1"})
        if "change" in url and model._default_manager.count() != rows:
            probe.find(f"{url}: a copy was made")
        if LogEntry.objects.exists():
            probe.find(f"{url}: stock history was written")
        after = model._default_manager.filter(pk=own.pk).values(*kept).get() if kept else {}
        if after != before:
            probe.find(f"{url}: fields that are not on the form were written: {after}")
        made = model._default_manager.exclude(pk__in=known).values(*kept).first()
        if kept and made and any(value and value in STRAY.values() for value in made.values()):
            probe.find(f"{url}: a row was made with fields that are not on the form: {made}")


def _midway(arena: Arena, probe: Probe, url: str, filled: dict[str, Any]) -> None:
    """Lose one's rights while the form is looked at: what follows must not be written."""
    person = arena.people.get(probe.who)
    if person is None or not person.memberships.exists():
        return
    with undone():
        before = _rows(Campaign)
        workshop.MIDWAY.append(lambda: person.memberships.update(status="suspended"))
        try:
            probe.send(url, {**filled, "name": "Too late"})
        finally:
            workshop.MIDWAY.clear()
        if _rows(Campaign) != before:
            probe.find(f"{url}: written although the right was lost on the way")


def reparenting(arena: Arena, probe: Probe, site: str, admin: Any) -> None:
    """Move a row of one's own to where it does not belong."""
    base = base_of(SITES[site], admin)
    trio = arena.trio(admin.model)
    url = f"{base}{trio.own.pk}/change/"
    page = probe.get(url)
    if page.status_code != 200 or not (page.context or {}).get("adminform"):
        return
    filled = stock_values(page)
    place = arena.trio(apps.get_model("teams.Subaccount"))
    for key in (place.hidden.pk, place.foreign.pk, MISSING):
        with undone():
            probe.send(url, {**filled, "subaccount": key, "place": key})
            now = type(trio.own)._default_manager.get(pk=trio.own.pk)
            if getattr(now, "subaccount_id", None) != getattr(trio.own, "subaccount_id", None):
                probe.find(f"{url}: moved to {key}")


def inlines(arena: Arena, probe: Probe, site: str, admin: Any) -> None:
    """Tamper with the rows of inlines: keys of others' rows, parents, deletion, hidden places."""
    base = base_of(SITES[site], admin)
    trio = arena.trio(admin.model)
    url = f"{base}{trio.own.pk}/change/"
    page = probe.get(url)
    groups = (page.context or {}).get("inline_admin_formsets") if page.status_code == 200 else None
    for group in groups or ():
        model, prefix = group.formset.model, group.formset.prefix
        name = type(group.opts).__name__
        probe.touched.add(f"inline {site} {admin.opts.label_lower} {name}")
        rows = arena.trio(model)
        filled = stock_values(page)
        count = int(filled[f"{prefix}-INITIAL_FORMS"])
        others = [rows.foreign, *([rows.hidden] if probe.who in arena.local else [])]
        with undone():
            before = _rows(model)
            for other in others:
                tries = [
                    {f"{prefix}-0-id": other.pk, f"{prefix}-0-name": "Stolen"},
                    {f"{prefix}-0-id": other.pk, f"{prefix}-0-DELETE": "on"},
                    {
                        f"{prefix}-TOTAL_FORMS": 1,
                        f"{prefix}-INITIAL_FORMS": 1,
                        f"{prefix}-0-id": other.pk,
                        f"{prefix}-0-name": "Stolen",
                        f"{prefix}-0-slug": "stolen",
                    },
                ]
                for attempt in tries:
                    probe.send(url, {**filled, **attempt})
            place = arena.trio(apps.get_model("teams.Subaccount"))
            for key in (place.foreign.pk, place.hidden.pk):
                fresh = {
                    f"{prefix}-TOTAL_FORMS": count + 1,
                    f"{prefix}-{count}-subaccount": key,
                    f"{prefix}-{count}-name": "Smuggled",
                    f"{prefix}-{count}-slug": "smuggled",
                }
                probe.send(url, {**filled, **fresh})
            if not group.has_delete_permission and count:
                probe.send(url, {**filled, f"{prefix}-0-DELETE": "on"})
            if not group.has_change_permission and count:
                probe.send(url, {**filled, f"{prefix}-0-name": "Stolen"})
            after = _rows(model)
            if after != before:
                probe.find(f"{url} {prefix}: rows were written: {set(after) ^ set(before)}")


def _rows(model: Any) -> list[tuple[Any, ...]]:
    fields = [
        f.attname for f in model._meta.concrete_fields if f.name in {"id", "name", "subaccount"}
    ]
    return list(model._default_manager.order_by("pk").values_list(*fields))


def deletion(arena: Arena, probe: Probe, site: str, admin: Any) -> None:
    """Look at what a delete page names, and delete without the right to."""
    base = base_of(SITES[site], admin)
    own = arena.trio(admin.model).own
    page = probe.get(f"{base}{own.pk}/delete/")
    hidden = arena.trio(apps.get_model("teams.Campaign")).own
    if (
        page.status_code == 200
        and admin.model is not type(hidden)
        and hidden.name in page.content.decode()
    ):
        probe.find(f"{base}: the delete page names rows that hang on the row")
    with undone():
        answer = probe.send(f"{base}{own.pk}/delete/", {"post": "yes"})
        gone = not type(own)._default_manager.filter(pk=own.pk).exists()
        if gone and answer.status_code != 302:
            probe.find(f"{base}: deleted, and answered {answer.status_code}")
        if gone and not admin.delete_permission:
            probe.find(f"{base}: deleted through a page that is closed")


def autocomplete(arena: Arena, probe: Probe, site: str, admin: Any) -> None:
    """Ask for choices of every related field of the model, with and without words."""
    url = reverse(f"{SITES[site].name}:autocomplete")
    for item in admin.model._meta.get_fields():
        if not item.is_relation or item.auto_created:
            continue
        for term in ("", TERM, "\x00", "a" * 5000):
            answer = probe.get(
                url,
                app_label=admin.opts.app_label,
                model_name=admin.opts.model_name,
                field_name=item.name,
                term=term,
            )
            if answer.status_code != 200:
                continue
            found = {row["id"] for row in answer.json()["results"]}
            if any(int(key) >= FAR for key in found):
                probe.find(f"autocomplete {item}: offers rows of the rival")
            model = item.related_model
            if probe.who in arena.local and str(arena.trio(model).hidden.pk) in found:
                probe.find(f"autocomplete {item}: offers rows out of reach")


def texts(arena: Arena, probe: Probe, site: str, admin: Any) -> None:
    """Send mark-up, zero bytes and megabytes in every text of every verb."""
    if not probe.is_first:
        return  # the same fields, read by the same code
    base = base_of(SITES[site], admin)
    own = arena.trio(admin.model).own.pk
    for verb in admin.verbs:
        for url in forms_of(arena, probe, base, own, verb):
            page = probe.get(url)
            form = (page.context or {}).get("form") if page.status_code == 200 else None
            if form is None:
                continue
            for name, item in form.fields.items():
                if hasattr(item, "choices"):
                    continue
                for text in (
                    "<script>alert(1)</script>",
                    "a\x00b",
                    "x" * 1_000_000,
                    "\u202e\ufeff",
                ):
                    with undone():
                        answer = probe.send(url, {**first_choices(form), name: text}, follow=True)
                    if b"<script>alert(1)" in answer.content:
                        probe.find(f"{url} {name}: mark-up comes back as mark-up")


ATTACKS: dict[str, Attack] = {
    "identifiers": identifiers,
    "parts": parts,
    "lists": lists,
    "actions": actions,
    "forged_choices": forged_choices,
    "related_rows": related_rows,
    "reparenting": reparenting,
    "inlines": inlines,
    "deletion": deletion,
    "autocomplete": autocomplete,
    "texts": texts,
}


def pages(arena: Arena, probe: Probe, site: str) -> None:
    """Open every page of a site that is about no row, and choose places that are not one's own."""
    for pattern in SITES[site].urls[0]:
        name = getattr(pattern, "name", None)
        if name is None or "<" in str(pattern.pattern) or "(?P" in str(pattern.pattern):
            continue
        url = reverse(f"{SITES[site].name}:{name}")
        probe.get(url)
        if name != "logout":
            probe.post(url)
    for app in ("teams", "auth"):
        probe.get(f"{reverse(f'{SITES[site].name}:index')}{app}/")
    way_out = probe.get(f"{reverse(f'{SITES[site].name}:index')}r/1/{FAR + 3}/")
    if way_out.wsgi_request.resolver_match is not None:
        probe.find(f"{site}: there is a way to any object's own page")
    if site == "console":
        missing = probe.get(reverse("console:role", args=[MISSING]))
        for key in (*arena.foreign_keys, f"custom:{FAR + 8}", *MALFORMED[:1]):
            answer = probe.get(reverse("console:role", args=[key]))
            probe.alike("console:role", missing, MISSING, answer, key)
        _billing(arena, probe)
        _files(arena, probe)
        url = reverse("console:scope")
        probe.get(url, q=TERM)
        probe.get(url, q=TERM, part="1")
        for name in ("place", "account"):
            missing = probe.post(url, {name: MISSING})
            own = arena.trio(apps.get_model("teams.Subaccount"))
            hidden = [own.hidden.pk] if probe.who in arena.local and name == "place" else []
            for key in (*arena.foreign_keys, *hidden, *MALFORMED):
                answer = probe.post(url, {name: key, "next": "//evil.example"})
                probe.alike(f"{url} {name}", missing, MISSING, answer, key)
        for evil in ("//evil.example", "https:evil.example", "/\\evil.example", "javascript:x"):
            answer = probe.post(url, {"place": "", "next": evil})
            if "evil" in answer.get("Location", "") or "javascript" in answer.get("Location", ""):
                probe.find(f"{url}: leads to {evil}")


def _billing(arena: Arena, probe: Probe) -> None:
    """Ask for the billing of foreign, hidden and malformed subaccounts, and for odd months."""
    places = arena.trio(apps.get_model("teams.Subaccount"))
    hidden = [places.hidden.pk] if probe.who in arena.local else []
    shapes = () if 302 in probe.shut else MALFORMED if probe.is_first else MALFORMED[:1]
    keys = (places.foreign.pk, *hidden, *shapes)
    pages = (reverse("console:billing_place", args=["*"]), reverse("console:billing_usage"))
    probe.get(reverse("console:billing_place", args=[places.own.pk]))
    for page in pages:
        missing = _asked(probe, page, MISSING)
        for key in keys:
            probe.alike(page, missing, MISSING, _asked(probe, page, key), key)
    for name in ("billing", "billing_activity", "billing_usage", "billing_places"):
        for query in ({"month": "2026-13"}, {"month": "\x00"}, {"page": "9" * 30}, {"of": "x"}):
            probe.get(reverse(f"console:{name}"), **query)


def _asked(probe: Probe, page: str, key: Any) -> Any:
    """Open ``page`` about the subaccount ``key``, named in the path or behind it."""
    if "*" in page:
        return probe.get(page.replace("*", str(key)))
    return probe.get(f"{page}?place={key}")


def _files(arena: Arena, probe: Probe) -> None:
    """Ask for invoices and credit notes, as files, that are not one's own."""
    for name in ("invoice_pdf", "credit_note_pdf"):
        missing = probe.get(reverse(f"console:{name}", args=[MISSING]))
        for key in (*arena.foreign_keys, *MALFORMED[:2]):
            answer = probe.get(reverse(f"console:{name}", args=[key]))
            probe.alike(f"console:{name}", missing, MISSING, answer, key)
    own = arena.trio(apps.get_model("teams.AccessReview"))
    missing = probe.get(reverse("console:review_report", args=[MISSING, "csv"]))
    # none of them is finished: there is no report of one's own either
    for key in (own.own.pk, *arena.foreign_keys, *MALFORMED[:2]):
        answer = probe.get(reverse("console:review_report", args=[key, "csv"]))
        probe.alike("console:review_report", missing, MISSING, answer, key)


def assault(arena: Arena, probe: Probe, site: str, admin: Any, *names: str) -> Probe:
    """Run the named attacks, or all, and check that nothing of the rival has changed."""
    before = arena.digest()
    for name in names or ATTACKS:
        ATTACKS[name](arena, probe, site, admin)
    if arena.digest() != before:
        probe.find("a row of the rival was changed")
    return probe


__all__ = ["ATTACKS", "assault", "pages"]
