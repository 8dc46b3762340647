"""A file of people to bring in: its columns, its rows, and what the names in a row stand for.

Nothing here writes. A name stands for what whoever brings the file could choose on a page; what is
out of their sight reads like what is not there.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime, time
from functools import cached_property
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.utils import timezone

from permissions.errors import Invalid, NotFound
from permissions.lookups import NEVER
from permissions.policy import FUTURE, TOP, sources_at
from permissions.policy.delegate import Code, Refusal
from teams import logins, selectors
from teams.catalogue import CATALOGUE, MANAGE_TEAMS
from teams.csv_files import Record, opened, unguarded
from teams.models import Account, Membership, Role, Subaccount, Team
from teams.services.base import changing
from teams.services.change import Change
from teams.services.gates import RoleLike
from teams.services.inputs import same_name
from teams.services.senders import clean_address

ACT = "invite people from a file"
EVERY = "all"
REQUIRED = ("address", "role")
SHOWN = 60


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it is written: ``line`` of the file, then the columns, each as text.

    ``subaccount`` is a short name, empty for the account; ``manages`` short names, or "all";
    ``switches`` codenames; ``teams`` names; lists are separated by ";". ``ends`` is a date, which
    counts to its end, or a date and time. ``problem`` says what cannot be read of it.
    """

    line: int
    address: str = ""
    role: str = ""
    subaccount: str = ""
    manages: str = ""
    switches: str = ""
    teams: str = ""
    ends: str = ""
    problem: str = ""

    def as_list(self) -> list[Any]:
        """Return the values in their order, ready for JSON."""
        return list(asdict(self).values())


COLUMNS = tuple(f.name for f in fields(Row) if f.name not in ("line", "problem"))


def read(file: Any, encoding: str = "", *, limit: int) -> list[Row]:
    """Return the rows of a CSV file (binary, able to seek).

    Raises Invalid: what ``csv_files.opened`` raises, UNKNOWN_COLUMN, COLUMNS, EMPTY, TOO_MANY for
    more than ``limit`` rows.
    """
    with opened(file, encoding) as sheet:
        columns = _columns(sheet.headings)
        rows: list[Row] = []
        for record in sheet.rows:
            if len(rows) == limit:
                raise Invalid(
                    f"The file has more than {limit:,} rows, as many as are read at once here.",
                    code="TOO_MANY",
                )
            rows.append(_row(columns, record))
    if not rows:
        raise Invalid("The file has a heading line and nothing below it.", code="EMPTY")
    return rows


def _columns(headings: Sequence[str]) -> list[str]:
    found = [heading.casefold() for heading in headings]
    if unknown := [one for one, name in zip(headings, found, strict=True) if name not in COLUMNS]:
        raise Invalid(
            f"The file has columns that are not known here: {listed(map(shown, unknown))}. Leave "
            f"them out; known are {listed(COLUMNS)}.",
            code="UNKNOWN_COLUMN",
        )
    if len(set(found)) != len(found):
        raise Invalid("Two columns have the same heading. Leave one of them out.", code="COLUMNS")
    if lacking := [name for name in REQUIRED if name not in found]:
        raise Invalid(
            f"The file has no column {listed(lacking)}. Name the columns in its first line.",
            code="COLUMNS",
        )
    return found


def _row(columns: Sequence[str], record: Record) -> Row:
    cells = [unicodedata.normalize("NFC", unguarded(cell)).strip() for cell in record.cells]
    problem = ""
    if any(cells[len(columns) :]):
        problem = "The row has more cells than there are headings. Check its separators."
    values = dict(zip(columns, cells, strict=False))
    return Row(line=record.line, problem=problem, **values)


def listed(names: Iterable[object]) -> str:
    """Return "a", "a and b" or "a, b and c"."""
    found = [str(name) for name in names]
    return " and ".join([", ".join(found[:-1]), found[-1]] if len(found) > 1 else found)


def shown(text: str, limit: int = SHOWN) -> str:
    """Return what a file says in a form that may stand in a sentence: printable, and short."""
    plain = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return plain if len(plain) <= limit else f"{plain[:limit]}…"


def parts(text: str) -> list[str]:
    """Return what stands between the semicolons, each once."""
    return list(dict.fromkeys(part for one in text.split(";") if (part := one.strip())))


def read_end(text: str) -> datetime | None:
    """Return the moment that ``text`` names, in the project's time zone unless it names one.

    A date means the end of that day. Raises Invalid (NOT_A_DATE).
    """
    if not text:
        return None
    try:
        try:
            moment = datetime.combine(date.fromisoformat(text), time(23, 59, 59))
        except ValueError:
            moment = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(
            f"“{shown(text)}” is no date. Write it like 2027-05-31 or 2027-05-31T18:00.",
            code="NOT_A_DATE",
        ) from None
    if timezone.is_aware(moment):
        return moment
    return timezone.make_aware(moment, timezone.get_default_timezone())


@dataclass(frozen=True, slots=True)
class Asked:
    """What a row asks for, with names resolved; what it all amounts to is left to the services."""

    address: str
    role: RoleLike
    role_label: str
    subaccount: Subaccount | None
    managed: tuple[Subaccount, ...]
    all_subaccounts: bool
    toggles: tuple[str, ...]
    teams: tuple[Team, ...]
    ends_at: datetime | None

    @property
    def seat(self) -> dict[str, Any]:
        """Return what ``add_member`` and ``invite_member`` take of it alike."""
        return {
            "role": self.role,
            "subaccount": self.subaccount,
            "managed": list(self.managed),
            "all_subaccounts": self.all_subaccounts,
            "ends_at": self.ends_at,
        }

    @property
    def codename(self) -> str:
        """Return the built-in role, empty for a custom one."""
        return self.role if isinstance(self.role, str) else ""

    @property
    def custom(self) -> Role | None:
        """Return the custom role, if it is one."""
        return self.role if isinstance(self.role, Role) else None


@contextmanager
def open_intake(actor: Any, account: Any) -> Iterator[Intake]:
    """Lock the account and yield what ``actor`` may name in rows for it.

    Raises NotFound for an account that is not theirs, Refused if they manage nobody in it.
    """
    with changing(actor, account, act=ACT) as change:
        _require_managing(change)
        yield Intake(change)


def _require_managing(change: Change) -> None:
    """Refuse whoever may change nobody's membership, before a name is looked up for them."""
    edition = change.edition

    def holds(needed: Iterable[str], place: Any) -> bool:
        return all(sources_at(change.standing, change.root, p, place) for p in needed)

    at_account = all(CATALOGUE[p].level == TOP for p in edition.changes_account)
    if at_account and holds(edition.changes_account, TOP):
        return
    if any(holds(edition.changes_subaccount, place) for place in change.universe | {FUTURE}):
        return
    own = {p for p in change.universe if any(p in h.reach for h in change.standing.holdings)}
    places = frozenset(own or {FUTURE})
    lacking = {(str(permission), ""): places for permission in edition.changes_subaccount}
    change.refuse(Refusal(Code.OUT_OF_SCOPE, lacking), ACT)


class Intake:
    """Names as they are known to one person in one account, each looked up once."""

    def __init__(self, change: Change) -> None:
        self.change = change
        self.actor: Any = change.actor
        self.account: Account = change.account
        self.edition = change.edition
        self._profile = change.profile
        self._places: dict[str, Subaccount | None] = {}

    def ask(self, row: Row) -> Asked:
        """Return what ``row`` asks for. Raises Invalid or NotFound saying what is wrong with it."""
        if row.problem:
            raise Invalid(row.problem, code="COLUMNS")
        address = clean_address(row.address, "The address").lower()
        if not address:
            raise Invalid(
                "The address is empty. Fill it in, or remove the row from the file.", code="EMPTY"
            )
        role, label = self._role(row.role)
        managed = parts(row.manages)
        every = [name.casefold() for name in managed] == [EVERY]
        if not row.subaccount and not managed:
            raise Invalid(
                f"A role on the whole account manages subaccounts: write their short names, or "
                f"“{EVERY}”, into the column manages. Or write one into the column subaccount.",
                code="REACH",
            )
        return Asked(
            address=address,
            role=role,
            role_label=label,
            subaccount=self._place(row.subaccount) if row.subaccount else None,
            managed=() if every else tuple(self._place(name) for name in managed),
            all_subaccounts=every,
            toggles=tuple(self._toggle(name) for name in parts(row.switches)),
            teams=tuple(self._team(name) for name in parts(row.teams)),
            ends_at=read_end(row.ends),
        )

    def _role(self, name: str) -> tuple[RoleLike, str]:
        built_in = [
            (spec.codename, str(spec.label))
            for spec in self.edition.roles
            if same_name(name, spec.codename) or same_name(name, str(spec.label))
        ]
        custom = [(role, role.name) for role in self._custom if same_name(name, role.name)]
        found: list[tuple[RoleLike, str]] = [*built_in, *custom]
        if len(found) == 1:
            return found[0]
        if found:
            raise Invalid(
                f"Two roles are called “{shown(name)}”. Give one of them another name.",
                code="AMBIGUOUS",
            )
        known = ", ".join(spec.codename for spec in self.edition.roles)
        own = ", or a role of your own by its name" if self.edition.custom_roles else ""
        raise Invalid(
            f"There is no role “{shown(name)}” in {self.account.name}. Choose one of {known}{own}.",
            code="UNKNOWN_ROLE",
        )

    @cached_property
    def _custom(self) -> list[Role]:
        return list(selectors.custom_roles_of(self.account))

    def _place(self, name: str) -> Subaccount:
        if name not in self._places:
            rows = selectors.subaccounts_of(self.actor).filter(account=self.account, slug=name)
            self._places[name] = rows.first()
        found = self._places[name]
        if found is None:
            raise NotFound(
                f"There is no subaccount “{shown(name)}” among those you work in. Write its short "
                "name."
            )
        return found

    def _toggle(self, name: str) -> str:
        known = [toggle.codename for toggle in self.edition.toggles]
        if name not in known:
            raise Invalid(
                f"{self.edition.label} has no switch “{shown(name)}”; it has "
                f"{', '.join(known) or 'none'}.",
                code="UNKNOWN_TOGGLE",
            )
        return name

    def _team(self, name: str) -> Team:
        found = next((team for team in self._teams if same_name(team.name, name)), None)
        if found is None:
            raise NotFound(f"There is no team “{shown(name)}” among those you may choose.")
        return found

    @cached_property
    def _teams(self) -> list[Team]:
        """Return the teams of the account, to whoever puts people into teams somewhere."""
        if not self._profile.scope(self.account.pk, MANAGE_TEAMS):
            return []
        return list(selectors.teams_of(self.account))

    # who is here, as far as the actor sees

    @cached_property
    def _seen(self) -> Q:
        return Q(account=self.account) & selectors.membership_condition(self._profile, self.actor)

    @cached_property
    def _people(self) -> QuerySet[Any]:
        people = Q(pk=self.actor.pk) | Q(
            pk__in=Membership.objects.filter(self._seen).values("user_id")
        )
        if selectors.sees_account_people(self._profile, self.account.pk):
            people |= Q(pk=self.account.owner_id)
        return get_user_model()._default_manager.filter(people)

    def person(self, address: str) -> Any:
        """Return the person of this account whom the actor sees and whose address it is, or None.

        The same queries are made whoever has the address, or nobody.
        """
        holder = logins.current().find(address)
        own = Q(**{f"{self._people.model.get_email_field_name()}__iexact": address})
        own |= NEVER if holder is None else Q(pk=holder.pk)
        found = list(self._people.filter(own).order_by("pk")[:2])
        if holder in found:
            return holder
        if len(found) > 1:
            raise Invalid(
                "Two people here have this address. Add them on the page of people instead.",
                code="AMBIGUOUS",
            )
        return found[0] if found else None

    def memberships(self, person: Any, asked: Asked) -> list[Membership]:
        """Return what the actor sees of the roles of ``person`` that stand in the way of another
        one at the place: any of them, or where roles add up the same one."""
        rows = Membership.objects.filter(self._seen, user=person, subaccount=asked.subaccount)
        if self.edition.roles_add_up:
            rows = rows.filter(role=asked.codename, custom_role=asked.custom)
        return list(rows.select_related("custom_role", "subaccount", "user"))


__all__ = ["COLUMNS", "Asked", "Intake", "Row", "listed", "open_intake", "read", "shown"]
