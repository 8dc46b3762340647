"""The document of the API: valid, complete, and true of what is answered."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import schemathesis
import yaml
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from django.urls import resolve
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks as of_openapi

from config.wsgi import application
from teams import keys
from teams.api.document import NothingHere
from teams.api.urls import urlpatterns
from teams.catalogue import ACCESS_AUDIENCE, VIEW_CONTACTS
from teams.factories import (
    CampaignFactory,
    ContactFactory,
    InvitationFactory,
    MailingListFactory,
)
from tests.api.caller import ROOT, caller, problem
from tests.services.world import World, world

#: examples of each operation, by persona; make api tries more
EXAMPLES = {"owner": 2, "narrow": 1, "author": 1, "dead": 1, "none": 1}
DEEP = int(os.environ.get("API_EXAMPLES", "60"))
CHECKS = (
    not_a_server_error,
    of_openapi.status_code_conformance,
    of_openapi.content_type_conformance,
    of_openapi.response_schema_conformance,
    of_openapi.negative_data_rejection,
)


@pytest.mark.once
def test_the_document_is_valid_and_nothing_in_it_is_guessed(tmp_path: Any) -> None:
    call_command(
        "spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "api.yaml")
    )


@pytest.mark.once
def test_anybody_reads_the_document_as_json_and_yaml() -> None:
    answer = Client().get(f"{ROOT}schema/")
    said = answer.json()

    assert yaml.safe_load(Client().get(f"{ROOT}schema/?format=yaml").content) == said
    assert said["servers"] == [{"url": "/api/v1"}]
    routes = {str(one.pattern) for one in urlpatterns if getattr(one, "name", None)} - {"schema/"}
    assert set(said["paths"]) == {"/" + route.replace("<int:pk>", "{id}") for route in routes}


@pytest.mark.once
@pytest.mark.parametrize("form", ["json", "yaml"])
def test_whoever_has_the_document_is_not_sent_it_again(form: str) -> None:
    path = f"{ROOT}schema/?format={form}"
    first = Client().get(path)
    assert (first["Content-Type"], first["Cache-Control"]) == (
        f"application/{form}",
        "public, no-cache",
    )

    again = Client().get(path, headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    assert Client().get(path, headers={"If-None-Match": '"other"'}).content == first.content
    head = Client().head(path)
    assert (head.status_code, head.content, head["ETag"]) == (200, b"", first["ETag"])


@pytest.mark.once
@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("get", "schema/?format=xml", 400, "BAD_PARAMETER"),
        ("get", "schema/?version=2", 400, "UNKNOWN_PARAMETER"),
        ("get", "schema/?key=sak_aaaaaaaaaa_x", 400, "KEY_IN_ADDRESS"),
        ("post", "schema/", 405, "METHOD_NOT_ALLOWED"),
    ],
)
def test_the_document_refuses_what_every_address_does(
    method: str, path: str, status: int, code: str
) -> None:
    problem(getattr(Client(), method)(ROOT + path), status, code)


@pytest.mark.once
def test_every_operation_says_who_may_call_and_what_may_go_wrong() -> None:
    said = Client().get(f"{ROOT}schema/").json()
    for path in said["paths"].values():
        for operation in path.values():
            assert operation["security"] == [{"ApiKey": []}], operation["operationId"]
            assert operation["summary"]
            assert operation["tags"]
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    assert set(answer["content"]) == {"application/problem+json"}


def personas(one: World) -> dict[str, str]:
    """Return keys of those whose reach differs most."""
    everything = keys.scopes_for(one.owner, one.north)
    author = one.member("author").user
    return {
        "owner": caller(one.north).text,
        "narrow": caller(one.north, scopes=[ACCESS_AUDIENCE, VIEW_CONTACTS]).text,
        "author": caller(one.north, author, scopes=everything).text,
        "dead": keys.issue().text,
        "none": "",
    }


def furnished() -> World:
    """Return an account with something of everything."""
    one = world("emma_hq")
    for place in (one.north, one.south):
        found = MailingListFactory(subaccount=place)
        ContactFactory(subaccount=place)
        CampaignFactory(subaccount=place, mailing_list=found)
        InvitationFactory(account=one.account, subaccount=place)
    one.member("editor")
    return one


@contextmanager
def kept_connection() -> Iterator[None]:
    """Leave the test its connection, and so its transaction, as Django's own client does."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in signals:
            signal.connect(close_old_connections)


def try_all(examples: Mapping[str, int]) -> Counter[str]:
    """Call every operation as each persona; return how many calls there were, by persona."""
    with kept_connection():
        return _try_all(furnished(), examples)


def _try_all(one: World, examples: Mapping[str, int]) -> Counter[str]:
    counted = Counter[str]()
    schema = schemathesis.openapi.from_wsgi(f"{ROOT}schema/", application)
    for name, text in personas(one).items():
        headers = {"Authorization": f"Bearer {text}"} if text else {}
        for found in schema.get_all_operations():
            operation: Any = found.ok()

            tried = trial(operation, name, headers, counted)
            settings(
                max_examples=examples[name],
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=list(HealthCheck),
            )(given(case=operation.as_strategy())(tried))()
    return counted


def trial(operation: Any, name: str, headers: dict[str, str], counted: Counter[str]) -> Any:
    """Return the test of one call of ``operation`` as the persona ``name``."""

    def call(case: Any) -> None:
        answer = case.call(headers=headers)
        counted[name] += 1
        case.validate_response(answer, checks=CHECKS, headers=headers)
        if name in ("dead", "none"):
            path = unquote(urlsplit(answer.request.url).path).removeprefix(ROOT)
            leads: Any = resolve(f"/{path}", urlconf="teams.api.urls").func
            nowhere = getattr(leads, "cls", None) is NothingHere  # such as a key below zero
            assert answer.status_code in ((400, 404) if nowhere else (400, 401, 413)), path

    return call


@pytest.mark.once
@pytest.mark.django_db
def test_nothing_answers_what_the_document_does_not_say(
    settings: Any, record_property: Any
) -> None:
    settings.API_CALLS_PER_MINUTE = 10**6
    counted = try_all(EXAMPLES)

    assert set(counted) == set(EXAMPLES)
    record_property("schemathesis calls", sum(counted.values()))


@pytest.mark.deep
@pytest.mark.django_db
def test_nothing_answers_what_the_document_does_not_say_at_length(
    settings: Any, record_property: Any
) -> None:
    settings.API_CALLS_PER_MINUTE = 10**6
    for name, number in try_all(dict.fromkeys(EXAMPLES, DEEP)).items():
        record_property(f"schemathesis calls as {name}", number)
