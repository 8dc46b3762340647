"""What ``orphaned_grants`` prints."""

from __future__ import annotations

import pytest

from teams import services
from teams.models import Membership
from tests.commands.helpers import run
from tests.services.world import stored, world

pytestmark = pytest.mark.django_db


def test_each_grant_is_a_line_and_nothing_is_written() -> None:
    w = world("emma_hq")
    slug = w.account.slug
    ben, ana, other = w.member("administrator"), w.member("author"), w.member("editor")
    assert "still holds it" in run("orphaned_grants", account=slug).out
    services.change_role(actor=ben.user, membership=ana, role="full")
    services.change_role(actor=w.owner, membership=ben, role="response_only")
    Membership.objects.filter(pk=other.pk).update(given_by=None)
    before = stored()
    header, *rows = run("orphaned_grants", account=slug, format="csv").rows
    assert header[:5] == ["person", "kind", "what", "where", "given_by"]
    assert [row[:5] for row in rows] == [
        [ana.user.username, "role", "Full", "North", ben.user.get_full_name()],
        [other.user.username, "role", "Editor", "North", "nobody on record"],
    ]
    assert "Send mailings" in rows[0][6]
    assert "Response" not in rows[0][6]  # that they hold still
    alone = run("orphaned_grants", account=slug, person=other.user.username, format="json").json
    assert [line["person"] for line in alone] == [other.user.username]
    assert "Full" in run("orphaned_grants", account=slug).out
    assert stored() == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"account": "nonsense"}, "There is no account 'nonsense'."),
        ({"account": ""}, "There is no account ''."),
        ({"account": "a\x00b"}, "There is no account"),
        ({"person": "nobody"}, "There is no login 'nobody'."),
        ({"person": ""}, "There is no login ''."),
        ({"person": "a\x00b"}, "is no user name"),
        ({"format": "xml"}, "There is no format 'xml'"),
    ],
)
def test_wrong_calls_get_a_sentence(options: dict[str, str], said: str) -> None:
    done = run("orphaned_grants", **{"account": world("emma_hq").account.slug, **options})
    assert done.code != 0
    assert said in done.error
