"""What is written into the statement about people, and what stays a parameter of it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db.models import QuerySet

from teams.facts import _composed

pytestmark = pytest.mark.django_db


def composed(**kept: Any) -> tuple[str, tuple[Any, ...]]:
    """Return the statement about logins with these values."""
    logins: QuerySet[Any] = get_user_model()._default_manager.filter(**kept).values("pk")
    return _composed("default", logins, "ffff")


def test_words_are_written_out() -> None:
    sql, params = composed(first_name="owned", last_name="user.second_factor")

    assert params == ()
    assert "'owned'" in sql
    assert "'user.second_factor'" in sql


@pytest.mark.parametrize("value", ["it's", "100%s", "A", "two words", "né", "a\n", "9", "'"])
def test_whatever_else_stays_a_parameter(value: str) -> None:
    sql, params = composed(first_name=value)

    assert params == (value,)
    assert "%s" in sql


def test_the_stand_in_stays_a_parameter_though_it_is_a_word() -> None:
    _sql, params = composed(first_name="ffff", last_name="eeee")

    assert params == ("ffff",)
