"""A right that was taken away here is gone at the next check everywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connection

from teams import services
from teams.factories import AccountFactory, MembershipFactory, SubaccountFactory
from teams.models import Membership

ROOT = Path(__file__).parents[2]

#: a process of its own that answers one question per line, each as a unit of work like a request
OTHER_PROCESS = """
import sys
import django
django.setup()
from django.contrib.auth import get_user_model
from permissions import access
from teams.models import Subaccount

user = get_user_model().objects.get(pk=sys.argv[1])  # read once, like a session kept alive
subaccount = Subaccount.objects.get(pk=sys.argv[2])
for permission in sys.stdin:
    with access.unit_of_work():
        decision = access.can(user, permission.strip(), subaccount)
        listed = access.visible(Subaccount.objects.all(), user, permission.strip()).exists()
    print(decision.reason, listed, flush=True)
"""


def url_of_test_database() -> str:
    """Return the address of the database the tests use, for another process."""
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()


class Other:
    """The other process."""

    def __init__(self, *arguments: object, program: str = OTHER_PROCESS) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, *map(str, arguments)],
            cwd=ROOT,
            env=os.environ
            | {
                "DATABASE_URL": url_of_test_database(),
                "DJANGO_SETTINGS_MODULE": "config.settings.test",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, permission: str) -> tuple[str, str]:
        """Return why it is allowed or denied there, and whether the list shows it."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{permission}\n")
        self.process.stdin.flush()
        reason, listed = self.process.stdout.readline().split()
        return reason, listed

    def close(self) -> None:
        """End it, and see it gone."""
        self.process.communicate(timeout=30)


@pytest.fixture
def member() -> Membership:
    account = AccountFactory(edition="emma_hq")
    subaccount = SubaccountFactory(account=account)
    return MembershipFactory(account=account, subaccount=subaccount, role="full")


@pytest.fixture
def other(member: Membership) -> Iterator[Other]:
    process = Other(member.user_id, member.subaccount_id)
    yield process
    process.close()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_another_process_denies_at_the_next_check(member: Membership, other: Other) -> None:
    owner = member.account.owner
    assert other.ask("send_campaigns") == ("allowed", "True")
    assert other.ask("export_contacts") == ("not_held", "False")

    services.toggle_permission(actor=owner, membership=member, toggle="export_contacts", on=True)
    assert other.ask("export_contacts") == ("allowed", "True")
    services.toggle_permission(actor=owner, membership=member, toggle="export_contacts", on=False)
    assert other.ask("export_contacts") == ("not_held", "False")

    services.change_role(actor=owner, membership=member, role="author")
    assert other.ask("send_campaigns") == ("not_held", "False")
    assert other.ask("create_campaigns") == ("allowed", "True")

    services.suspend_member(actor=owner, membership=member)
    assert other.ask("create_campaigns") == ("no_membership", "False")
    services.reactivate_member(actor=owner, membership=member)
    assert other.ask("create_campaigns") == ("allowed", "True")

    services.remove_member(actor=owner, membership=member)
    assert other.ask("create_campaigns") == ("no_membership", "False")


#: the same for an API key: found by its text and asked what a call by it may do
OTHER_BY_KEY = """
import sys
import django
django.setup()
from permissions import access
from teams import keys

for permission in sys.stdin:
    with access.unit_of_work():
        key = keys.find(sys.argv[1])
        reason = keys.why_dead(key)
        if not reason:
            with keys.acting(key):
                reason = access.can(key.created_by, permission.strip(), key.subaccount).reason
    print("dead" if " " in reason else reason, "-", flush=True)
"""


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_key_dies_in_another_process_with_its_creators_rights_and_when_revoked() -> None:
    account = AccountFactory(edition="emma_corporate")
    subaccount = SubaccountFactory(account=account)
    seat = MembershipFactory(account=account, subaccount=subaccount, role="administrator")
    asked = {"subaccount": subaccount, "name": "Sync", "scopes": ["send_campaigns"]}
    made = services.create_api_key(actor=seat.user, **asked)
    other = Other(made.text, program=OTHER_BY_KEY)
    try:
        assert other.ask("send_campaigns")[0] == "allowed"
        assert other.ask("access_campaigns")[0] == "not_held"
        services.change_role(actor=account.owner, membership=seat, role="author")
        assert other.ask("send_campaigns")[0] == "not_held"
        services.suspend_member(actor=account.owner, membership=seat)
        assert other.ask("send_campaigns")[0] == "dead"
        services.reactivate_member(actor=account.owner, membership=seat)
        services.change_role(actor=account.owner, membership=seat, role="administrator")
        assert other.ask("send_campaigns")[0] == "allowed"
        services.revoke_api_key(actor=seat.user, key=made.key)
        assert other.ask("send_campaigns")[0] == "dead"
    finally:
        other.close()
