"""Rules over contacts: what may stand in them, what they say, and the condition they make.

Pure: nothing here asks the database. One builder makes the condition for lists, counts, campaigns
and exports, on every database the same (SQLite ignores the case of ASCII letters only).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db.models import Case, DecimalField, F, Q, TextField, Value, When
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce
from django.db.models.lookups import (
    Exact,
    GreaterThan,
    IContains,
    IEndsWith,
    IExact,
    IStartsWith,
    LessThan,
    Regex,
)
from django.utils import timezone

from permissions.errors import Invalid
from permissions.lookups import NEVER
from teams.addresses import MAY_HOLD, reaches_for_address
from teams.models import Contact, CustomField
from teams.services.fields import FRACTION, IS_NUMBER, NUMBER, WHOLE, clean_line, clean_value

Kind = CustomField.Kind
#: kinds that only built-in fields have
STATE: Final = "state"
MOMENT: Final = "moment"

#: nobody reads more rules than this, and each is a condition the database must try on every row
MOST_RULES = 20
VALUE_LIMIT = 200
CUSTOM = "custom:"
ADDRESS = "email"
NAMES = ("first_name", "last_name")
#: how the codename of a custom field is written: never digits alone, which JSON takes as a position
CODENAME = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")

#: what every contact has, with the kind of its values
BUILT_IN: Mapping[str, tuple[str, str]] = {
    "first_name": ("First name", Kind.TEXT),
    "last_name": ("Last name", Kind.TEXT),
    ADDRESS: ("Address", Kind.TEXT),
    "status": ("State", STATE),
    "created_at": ("Added", MOMENT),
}
EMPTY, FILLED = "is_empty", "is_filled"
#: the tests that ask for no value
ALONE = frozenset({EMPTY, FILLED})
TESTS: Mapping[str, str] = {
    "is": "is",
    "is_not": "is not",
    "contains": "contains",
    "lacks": "does not contain",
    "starts_with": "starts with",
    "ends_with": "ends with",
    "more_than": "is more than",
    "less_than": "is less than",
    "before": "is before",
    "after": "is after",
    FILLED: "is filled in",
    EMPTY: "is empty",
}
_TEXT = ("is", "is_not", "contains", "lacks", "starts_with", "ends_with", FILLED, EMPTY)
TESTS_OF: Mapping[str, tuple[str, ...]] = {
    Kind.TEXT: _TEXT,
    Kind.NUMBER: ("is", "is_not", "more_than", "less_than", FILLED, EMPTY),
    Kind.DATE: ("is", "before", "after", FILLED, EMPTY),
    Kind.YES_NO: ("is", FILLED, EMPTY),
    STATE: ("is", "is_not"),
    MOMENT: ("is", "before", "after"),
}
MATCHES: Mapping[str, str] = {"all": "All rules", "any": "Any rule"}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: a field ("email", "custom:city"), a test, and the value as text."""

    field: str
    test: str
    value: str = ""

    @property
    def codename(self) -> str:
        """Return the codename of the custom field it is about, or nothing."""
        return self.field.removeprefix(CUSTOM) if self.field.startswith(CUSTOM) else ""

    @property
    def uses_address(self) -> bool:
        """Say whether it looks at the address, or for one in what else is known of a contact."""
        return self.field == ADDRESS or reaches_for_address(self.value)


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules of which all or any must be met."""

    match: str
    rules: tuple[Rule, ...]

    @property
    def use_address(self) -> bool:
        """Say whether any of them looks at the address, or for one."""
        return any(rule.uses_address for rule in self.rules)

    @property
    def stored(self) -> dict[str, Any]:
        """Return them in the shape of ``Segment.rules``."""
        rows = [{"field": r.field, "test": r.test, "value": r.value} for r in self.rules]
        return {"match": self.match, "rules": rows}


# what may stand there


def read_rules(stored: Any) -> Rules:
    """Return rules in the shape of ``Segment.rules``. Raises Invalid (WRONG_TYPE, UNKNOWN_TEST,
    NO_RULES, TOO_MANY) for any other shape; what they are about is not looked at."""
    if not isinstance(stored, Mapping) or stored.get("match") not in tuple(MATCHES):
        raise Invalid("Choose whether all rules or any rule must be met.", code="WRONG_TYPE")
    rows = stored.get("rules")
    if not isinstance(rows, list | tuple):
        raise Invalid("The rules must be a list.", code="WRONG_TYPE")
    if not rows:
        raise Invalid("There is no rule yet. Add one.", code="NO_RULES")
    if len(rows) > MOST_RULES:
        raise Invalid(f"At most {MOST_RULES} rules fit into one segment.", code="TOO_MANY")
    return Rules(str(stored["match"]), tuple(_read_rule(row) for row in rows))


def rules_of(stored: Any) -> Rules | None:
    """Return what ``read_rules`` returns, or None for rules that cannot be read."""
    try:
        return read_rules(stored)
    except Invalid:
        return None


def _read_rule(row: Any) -> Rule:
    parts = {**row} if isinstance(row, Mapping) else {}
    rule = Rule(parts.get("field", ""), parts.get("test", ""), parts.get("value", ""))
    if not all(isinstance(part, str) for part in (rule.field, rule.test, rule.value)):
        raise Invalid("Each rule is a field, a test and a value, all text.", code="WRONG_TYPE")
    if rule.test not in TESTS:
        raise Invalid("There is no such test. Choose another one.", code="UNKNOWN_TEST")
    if rule.field not in BUILT_IN and not CODENAME.match(rule.codename):
        raise Invalid("There is no such field. Choose another one.", code="UNKNOWN_FIELD")
    return rule


def clean_rules(stored: Any, known: Mapping[str, CustomField]) -> Rules:
    """Return rules of which every one can be met in a subaccount with the fields ``known``.

    Values come back as they are stored: numbers, dates, yes or no written one way. Raises Invalid:
    what ``read_rules`` and ``clean_value`` raise, UNKNOWN_FIELD, UNKNOWN_TEST, NO_VALUE.
    """
    found = read_rules(stored)
    return Rules(found.match, tuple(clean_rule(rule, known) for rule in found.rules))


def clean_rule(rule: Rule, known: Mapping[str, CustomField]) -> Rule:
    """Return one rule, cleaned (see ``clean_rules``)."""
    label, kind = field_of(rule.field, known)
    if rule.test not in TESTS_OF[kind]:
        raise Invalid(f"{label} cannot be tested so. Choose another test.", code="UNKNOWN_TEST")
    if rule.test in ALONE:
        return Rule(rule.field, rule.test)
    what = f"The value for {label}"
    text = clean_line(rule.value, what, limit=VALUE_LIMIT)
    if not text:
        raise Invalid(f"{what} is empty. Type what to look for.", code="NO_VALUE")
    if kind == STATE:
        if text not in Contact.Status.values:
            raise Invalid(f"{what} is no state. Choose one.", code="NO_VALUE")
        return Rule(rule.field, rule.test, text)
    value = clean_value(Kind.DATE if kind == MOMENT else kind, text, what)
    if isinstance(value, bool):  # compared as JSON writes it
        value = "true" if value else "false"
    return Rule(rule.field, rule.test, str(value))


def field_of(field: str, known: Mapping[str, CustomField]) -> tuple[str, str]:
    """Return (label, kind) of a field. Raises Invalid (UNKNOWN_FIELD)."""
    if field in BUILT_IN:
        return BUILT_IN[field]
    custom = known.get(field.removeprefix(CUSTOM)) if field.startswith(CUSTOM) else None
    if custom is None:
        raise Invalid(
            "A rule is about a field that this subaccount does not have. Remove the rule.",
            code="UNKNOWN_FIELD",
        )
    return custom.label, custom.kind


# the condition


def condition(rules: Rules) -> Q:
    """Return the condition on contacts that ``rules``, read or cleaned, make.

    A value that does not fit its test finds nothing.
    """
    parts = [_condition(rule) for rule in rules.rules]
    found = parts[0]
    for part in parts[1:]:
        found = found & part if rules.match == "all" else found | part
    return found


def without_addresses(rules: Rules) -> Q:
    """Return the condition on contacts that no name or value ``rules`` look at holds an address;
    an empty one if they look at none."""
    found = Q()
    for rule in rules.rules:
        if rule.codename or rule.field in NAMES:
            found &= ~Q(Regex(_text(rule), MAY_HOLD))
    return found


def _text(rule: Rule) -> Any:
    """Return what a rule looks at, as text; "" for none."""
    if not rule.codename:
        return F(rule.field)
    stored = KeyTextTransform(rule.codename, "fields")
    return Coalesce(stored, Value(""), output_field=TextField())


def _condition(rule: Rule) -> Q:
    if rule.field == "created_at":
        return _added(rule)
    text = _text(rule)
    if rule.test in ("more_than", "less_than"):
        return _compared(text, rule)
    return _WORDED[rule.test](text, rule.value)


_WORDED: Mapping[str, Callable[[Any, str], Q]] = {
    "is": lambda text, value: Q(IExact(text, value)),
    "is_not": lambda text, value: ~Q(IExact(text, value)),
    "contains": lambda text, value: Q(IContains(text, value)),
    "lacks": lambda text, value: ~Q(IContains(text, value)),
    "starts_with": lambda text, value: Q(IStartsWith(text, value)),
    "ends_with": lambda text, value: Q(IEndsWith(text, value)),
    # dates are written so that they sort as text; what is empty is neither before nor after
    "before": lambda text, value: Q(LessThan(text, value)) & ~Q(Exact(text, "")),
    "after": lambda text, value: Q(GreaterThan(text, value)),
    FILLED: lambda text, value: ~Q(Exact(text, "")),
    EMPTY: lambda text, value: Q(Exact(text, "")),
}


def _compared(text: Any, rule: Rule) -> Q:
    """Compare as numbers; what is stored but is no number would be an error on PostgreSQL."""
    if not IS_NUMBER.match(rule.value):
        return NEVER
    exact = DecimalField(max_digits=WHOLE + FRACTION, decimal_places=FRACTION)
    number = Case(When(Q(Regex(text, NUMBER)), then=Cast(text, exact)), output_field=exact)
    test = GreaterThan if rule.test == "more_than" else LessThan
    return Q(test(number, Decimal(rule.value)))


def _added(rule: Rule) -> Q:
    try:
        day = timezone.make_aware(datetime.combine(date.fromisoformat(rule.value), time.min))
        following = day + timedelta(days=1)
    except (ValueError, OverflowError):
        return NEVER
    match rule.test:
        case "is":
            return Q(created_at__gte=day, created_at__lt=following)
        case "before":
            return Q(created_at__lt=day)
        case "after":
            return Q(created_at__gte=following)
        case _:
            return NEVER
