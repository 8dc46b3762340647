"""Rules that are being put together on a page: read from its address, shown again as a form.

Everything is in the address, so the page needs no script: a rule is added and removed by asking
for the page again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.http import QueryDict

from permissions.errors import Invalid
from teams.admin.desk import Desk
from teams.catalogue import VIEW_CONTACTS
from teams.models import Contact, CustomField
from teams.services.masking import masks
from teams.services.rules import (
    ADDRESS,
    ALONE,
    BUILT_IN,
    CUSTOM,
    MATCHES,
    MOMENT,
    MOST_RULES,
    STATE,
    TESTS,
    TESTS_OF,
    Rule,
    Rules,
    clean_rule,
    field_of,
    rules_of,
)

Kind = CustomField.Kind
Choice = tuple[str, str]
FLAGS = (("true", "Yes"), ("false", "No"))
STATES = tuple((status.value, str(status.label)) for status in Contact.Status)
INPUTS = {Kind.DATE: "date", MOMENT: "date"}


class Row(NamedTuple):
    """One rule as a row of the form."""

    number: int
    rule: Rule
    label: str
    tests: Sequence[Choice]
    choices: Sequence[Choice]
    input_type: str
    is_numeric: bool
    problem: str


def sees_addresses(desk: Desk, place: Any) -> bool:
    """Say whether the reader may ask about addresses in the subaccount ``place``."""
    return desk.holds(VIEW_CONTACTS, place) and not masks(desk.account, desk.profile, place)


@dataclass
class Draft:
    """Rules on the way, with what is wrong with them."""

    known: Mapping[str, CustomField]
    with_address: bool
    match: str = "all"
    rules: list[Rule] = field(default_factory=list)
    problem: str = ""
    #: whether the last rule was added just now, and needs not be right yet
    is_fresh: bool = False

    def read(self, data: QueryDict) -> None:
        """Read the address of the page."""
        self.match = data.get("match", "all")
        parts = [data.getlist(name) for name in ("field", "test", "value")]
        if self.match not in MATCHES or len({len(part) for part in parts}) > 1:
            self.match, self.problem = "all", "The rules in the address are incomplete. Begin anew."
            return
        self.rules = [Rule(*row) for row in zip(*parts, strict=True)][: MOST_RULES + 1]
        removed = data.get("remove", "")
        if removed.isascii() and removed.isdigit() and int(removed[:4]) < len(self.rules):
            del self.rules[int(removed[:4])]
        wanted = data.get("new", "")
        if data.get("do") == "add":
            if wanted in dict(self.offered):
                kind = field_of(wanted, self.known)[1]
                self.rules.append(Rule(wanted, TESTS_OF[kind][0]))
                self.is_fresh = True
            else:
                self.problem = "Choose what the rule is about."
        if len(self.rules) > MOST_RULES:
            self.rules, self.is_fresh = self.rules[:MOST_RULES], False
            self.problem = f"At most {MOST_RULES} rules fit into one segment."

    def read_stored(self, stored: Any) -> None:
        """Read rules in the shape of ``Segment.rules``."""
        found = rules_of(stored)
        if found is None:
            self.problem = "The rules cannot be read. Put them together anew."
        else:
            self.match, self.rules = found.match, list(found.rules)

    @property
    def offered(self) -> list[Choice]:
        """Return what a rule may be about."""
        built_in = [(name, label) for name, (label, _kind) in BUILT_IN.items()]
        own = [(f"{CUSTOM}{name}", one.label) for name, one in self.known.items()]
        return [pair for pair in built_in if self.with_address or pair[0] != ADDRESS] + own

    def clean(self, rule: Rule) -> Rule:
        """Return one rule cleaned. Raises Invalid, also for one about addresses not shown."""
        if rule.uses_address and not self.with_address:
            raise Invalid(
                "Addresses are not shown to you here, so no rule can be about them or look for "
                "one. Remove it.",
                code="MASKED",
            )
        return clean_rule(rule, self.known)

    @property
    def rows(self) -> list[Row]:
        """Return the rules as rows of the form."""
        return [self._row(number, rule) for number, rule in enumerate(self.rules)]

    def _row(self, number: int, rule: Rule) -> Row:
        problem = ""
        try:
            rule = self.clean(rule)
        except Invalid as error:
            is_new = self.is_fresh and number == len(self.rules) - 1
            problem = "" if is_new else error.message
        if rule.uses_address and not self.with_address:
            rule = Rule(rule.field, rule.test)  # what it looks for is an address
        try:
            label, kind = field_of(rule.field, self.known)
        except Invalid:
            label, kind = "Unknown field", Kind.TEXT
        return Row(
            number=number,
            rule=rule,
            label=label,
            tests=[(name, TESTS[name]) for name in TESTS_OF[kind]],
            choices={STATE: STATES, Kind.YES_NO: FLAGS}.get(kind, ()),
            input_type=INPUTS.get(kind, "text"),
            is_numeric=kind == Kind.NUMBER,
            problem=problem,
        )

    @property
    def cleaned(self) -> Rules | None:
        """Return the rules if all of them are right, else None."""
        if self.problem or not self.rules:
            return None
        try:
            return Rules(self.match, tuple(self.clean(rule) for rule in self.rules))
        except Invalid:
            return None

    @property
    def as_json(self) -> str:
        """Return the rules in the shape of ``Segment.rules``, as the form carries them."""
        found = self.cleaned
        return json.dumps(found.stored) if found else ""

    @property
    def text(self) -> str:
        """Return the rules in words."""
        link = " and " if self.match == "all" else " or "
        return link.join(self.sentence(rule) for rule in self.rules)

    def sentence(self, rule: Rule) -> str:
        """Return one rule in words; an address only for whoever sees addresses."""
        try:
            label, kind = field_of(rule.field, self.known)
        except Invalid:
            label, kind = "A field that is gone", Kind.TEXT
        test = TESTS.get(rule.test, "is")
        if rule.test in ALONE:
            return f"{label} {test}"
        if rule.uses_address and not self.with_address:
            return f"{label} {test} (not shown)"
        word = dict(STATES if kind == STATE else FLAGS).get(rule.value, rule.value)
        return f"{label} {test} {word}"


def rules_from(text: str) -> Any:
    """Return what a posted form carries as rules; None for what is no JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
