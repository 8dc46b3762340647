"""The rules of segments: what may stand in them, and whom they find, on every database alike."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from permissions.errors import Invalid
from teams.factories import ContactFactory, MailingListFactory, SubaccountFactory
from teams.models import Contact, CustomField, ListMembership, Segment
from teams.services import fields, rules, segments

KNOWN = {
    "city": CustomField(codename="city", label="City", kind="text"),
    "visits": CustomField(codename="visits", label="Visits", kind="number"),
    "birthday": CustomField(codename="birthday", label="Birthday", kind="date"),
    "member": CustomField(codename="member", label="Member", kind="yes_no"),
}
ANA = {"city": "São Paulo", "visits": "12.5", "birthday": "1990-05-01", "member": True}
LEO = {"city": "paris", "visits": "9", "birthday": "2001-12-31", "member": False}


@pytest.fixture
def people(db: Any) -> Any:
    place = SubaccountFactory()
    made = {
        "ana": (
            "Ana",
            "ana@north.example",
            ANA,
            "subscribed",
            datetime(2026, 1, 31, 12, tzinfo=UTC),
        ),
        "leo": ("Leo", "leo@south.example", LEO, "unsubscribed", datetime(2026, 2, 1, tzinfo=UTC)),
        "bea": ("", "100%@north.example", {}, "subscribed", datetime(2026, 3, 1, tzinfo=UTC)),
    }
    for name, (first, email, values, status, added) in made.items():
        ContactFactory(
            subaccount=place,
            first_name=first,
            last_name=name,
            email=email,
            fields=values,
            status=status,
            created_at=added,
        )
    return place


def found(*wanted: tuple[str, str, str], match: str = "all") -> set[str]:
    rows = [{"field": f, "test": t, "value": v} for f, t, v in wanted]
    cleaned = rules.clean_rules({"match": match, "rules": rows}, KNOWN)
    return set(
        segments.matching(cleaned, Contact.objects.all()).values_list("last_name", flat=True)
    )


@pytest.mark.parametrize(
    ("field", "test", "value", "who"),
    [
        ("first_name", "is", "ANA", {"ana"}),
        ("first_name", "is_not", "ana", {"leo", "bea"}),
        ("first_name", "is_empty", "", {"bea"}),
        ("first_name", "is_filled", "", {"ana", "leo"}),
        ("email", "ends_with", "@North.example", {"ana", "bea"}),
        ("email", "starts_with", "100%", {"bea"}),
        ("email", "contains", "%", {"bea"}),
        ("email", "lacks", "north", {"leo"}),
        ("status", "is", "unsubscribed", {"leo"}),
        ("status", "is_not", "unsubscribed", {"ana", "bea"}),
        ("created_at", "is", "2026-01-31", {"ana"}),
        ("created_at", "before", "2026-02-01", {"ana"}),
        ("created_at", "after", "2026-01-31", {"leo", "bea"}),
        ("custom:city", "is", "São Paulo", {"ana"}),
        ("custom:city", "is_not", "Paris", {"ana", "bea"}),
        ("custom:city", "contains", "PAR", {"leo"}),
        ("custom:city", "is_empty", "", {"bea"}),
        ("custom:visits", "is", "12.50", {"ana"}),
        ("custom:visits", "more_than", "9", {"ana"}),
        ("custom:visits", "more_than", "-1", {"ana", "leo"}),
        ("custom:visits", "less_than", "10", {"leo"}),
        ("custom:birthday", "before", "2000-01-01", {"ana"}),
        ("custom:birthday", "after", "1990-05-01", {"leo"}),
        ("custom:birthday", "is", "1990-05-01", {"ana"}),
        ("custom:member", "is", "yes", {"ana"}),
        ("custom:member", "is", "no", {"leo"}),
        ("custom:member", "is_empty", "", {"bea"}),
    ],
)
def test_a_rule_finds_whom_it_says(
    people: Any, field: str, test: str, value: str, who: set[str]
) -> None:
    assert found((field, test, value)) == who


def test_all_rules_or_any_rule(people: Any) -> None:
    pair = (("custom:member", "is", "yes"), ("custom:city", "is", "paris"))
    assert found(*pair) == set()
    assert found(*pair, match="any") == {"ana", "leo"}


def test_every_test_of_every_kind_is_tried_here() -> None:
    # a new test without a line above would go unseen on one of the databases
    listed = {(m[0], m[1]) for m in test_a_rule_finds_whom_it_says.pytestmark[0].args[1]}
    kinds = {rules.field_of(f, KNOWN)[1]: f for f, _test in listed}
    assert set(kinds) == set(rules.TESTS_OF)
    assert {test for _f, test in listed} == set(rules.TESTS)


def test_a_segment_keeps_to_its_subaccount_and_its_list(people: Any) -> None:
    elsewhere = ContactFactory(first_name="Ana")
    mailing_list = MailingListFactory(subaccount=people)
    segment = Segment(
        subaccount=people,
        rules={"match": "any", "rules": [{"field": "first_name", "test": "is_filled"}]},
    )
    everybody = Contact.objects.all()
    matched = segments.matching(segment, everybody)
    assert set(matched.values_list("last_name", flat=True)) == {"ana", "leo"}
    assert elsewhere not in matched
    segment.mailing_list = mailing_list
    assert not segments.matching(segment, everybody).exists()
    leo = Contact.objects.get(last_name="leo")
    ListMembership.objects.create(subaccount=people, contact=leo, mailing_list=mailing_list)
    assert list(segments.matching(segment, everybody)) == [leo]


@pytest.mark.parametrize(
    "stored",
    [
        {},
        [],
        None,
        {"match": "all", "rules": []},
        {"match": "none", "rules": [{"field": "email", "test": "is", "value": "a"}]},
        {"match": "all", "rules": [{"field": "email", "test": "regex", "value": "a"}]},
        {"match": "all", "rules": [{"field": "password", "test": "is", "value": "a"}]},
        {"match": "all", "rules": [{"field": "custom:0", "test": "is", "value": "a"}]},
        {"match": "all", "rules": [{"field": "custom:a__b'", "test": "is", "value": "a"}]},
        {"match": "all", "rules": [{"field": ["email"], "test": "is", "value": "a"}]},
        {"match": "all", "rules": ["email"]},
    ],
)
def test_stored_rules_that_cannot_be_read_match_nobody(people: Any, stored: Any) -> None:
    segment = Segment(subaccount=people, rules=stored)
    assert not segments.matching(segment, Contact.objects.all()).exists()
    assert segments.uses_address(segment)


@pytest.mark.parametrize(
    ("field", "test", "value"),
    [
        ("custom:visits", "more_than", "many"),
        ("custom:visits", "less_than", "1e5"),
        ("created_at", "before", "soon"),
        ("created_at", "after", "9999-12-31"),
        ("created_at", "contains", "2026"),
    ],
)
def test_a_stored_value_that_fits_no_test_finds_nobody(
    people: Any, field: str, test: str, value: str
) -> None:
    row = {"field": field, "test": test, "value": value}
    segment = Segment(subaccount=people, rules={"match": "all", "rules": [row]})
    assert not segments.matching(segment, Contact.objects.all()).exists()


def test_what_is_no_number_is_neither_more_nor_less(people: Any) -> None:
    Contact.objects.filter(last_name="leo").update(fields={"visits": "a lot"})
    assert found(("custom:visits", "less_than", "100")) == {"ana"}


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"field": "custom:gone", "test": "is", "value": "x"}, "UNKNOWN_FIELD"),
        ({"field": "custom:visits", "test": "contains", "value": "1"}, "UNKNOWN_TEST"),
        ({"field": "status", "test": "is_empty"}, "UNKNOWN_TEST"),
        ({"field": "status", "test": "is", "value": "bounced"}, "NO_VALUE"),
        ({"field": "custom:visits", "test": "is", "value": "ten"}, "NOT_A_NUMBER"),
        ({"field": "custom:birthday", "test": "is", "value": "1.5.1990"}, "NOT_A_DATE"),
        ({"field": "custom:member", "test": "is", "value": "maybe"}, "NOT_YES_OR_NO"),
        ({"field": "first_name", "test": "is", "value": "  "}, "NO_VALUE"),
        ({"field": "first_name", "test": "is", "value": "a\x00b"}, "NOT_TEXT"),
        ({"field": "first_name", "test": "is", "value": "a" * 201}, "TOO_LONG"),
        ({"field": "first_name", "test": "is", "value": 7}, "WRONG_TYPE"),
        ({"field": "first_name", "test": "sounds_like", "value": "a"}, "UNKNOWN_TEST"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(row: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as caught:
        rules.clean_rules({"match": "all", "rules": [row]}, KNOWN)
    assert caught.value.code == code


def test_there_are_only_so_many_rules() -> None:
    row = {"field": "first_name", "test": "is", "value": "a"}
    rules.clean_rules({"match": "any", "rules": [row] * rules.MOST_RULES}, KNOWN)
    with pytest.raises(Invalid) as caught:
        rules.clean_rules({"match": "any", "rules": [row] * (rules.MOST_RULES + 1)}, KNOWN)
    assert caught.value.code == "TOO_MANY"


def test_cleaning_twice_changes_nothing() -> None:
    rows = [
        {"field": "custom:member", "test": "is", "value": "Yes"},
        {"field": "custom:visits", "test": "is", "value": "007.10"},
    ]
    once = rules.clean_rules({"match": "all", "rules": rows}, KNOWN)
    assert [rule.value for rule in once.rules] == ["true", "7.1"]
    assert rules.clean_rules(once.stored, KNOWN) == once


# values


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("text", "  Ana ", "Ana"),
        ("text", "", None),
        ("number", "007", "7"),
        ("number", "-0.0", "0"),
        ("number", "12.50", "12.5"),
        ("number", "100", "100"),
        ("date", "2026-02-28", "2026-02-28"),
        ("yes_no", "YES", True),
        ("yes_no", "0", False),
        ("yes_no", True, True),
        ("yes_no", " ", None),
    ],
)
def test_a_value_is_written_one_way(kind: str, text: Any, value: Any) -> None:
    assert fields.clean_value(kind, text) == value


@pytest.mark.parametrize(
    ("kind", "text", "code"),
    [
        ("text", "a\x00b", "NOT_TEXT"),
        ("text", "a\nb", "NOT_TEXT"),
        ("text", "a" * 501, "TOO_LONG"),
        ("text", "a" * 10_000_000, "TOO_LONG"),
        ("text", 7, "WRONG_TYPE"),
        ("text", True, "WRONG_TYPE"),
        ("number", "1e999999999", "NOT_A_NUMBER"),
        ("number", "NaN", "NOT_A_NUMBER"),
        ("number", "1,5", "NOT_A_NUMBER"),
        ("number", "١٢", "NOT_A_NUMBER"),
        ("number", "1" * 40, "NOT_A_NUMBER"),
        ("date", "2026-02-30", "NOT_A_DATE"),
        ("date", "20260228", "NOT_A_DATE"),
        ("date", "0001-01-01", "NOT_A_DATE"),
        ("date", "9999-12-31", "NOT_A_DATE"),
        ("yes_no", "perhaps", "NOT_YES_OR_NO"),
    ],
)
def test_a_value_of_another_kind_is_refused(kind: str, text: Any, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        fields.clean_value(kind, text)
    assert caught.value.code == code


def test_fields_are_cleaned_by_their_kinds_and_named_in_errors() -> None:
    values = {"city": " Rome ", "visits": "", "member": "no"}
    assert fields.clean_fields(KNOWN, values) == {"city": "Rome", "member": False}
    with pytest.raises(Invalid, match="Visits must be a number"):
        fields.clean_fields(KNOWN, {"visits": "x"})
    for wrong, code in (({"gone": "x"}, "UNKNOWN_FIELD"), ([], "WRONG_TYPE")):
        with pytest.raises(Invalid) as caught:
            fields.clean_fields(KNOWN, wrong)
        assert caught.value.code == code
