"""The page of a webhook says what can be done next, and only that."""

from __future__ import annotations

from typing import Any

import pytest

from teams import services
from tests.console.test_ends import body

pytestmark = pytest.mark.once


def test_a_webhook_that_is_off_offers_no_test(world: Any) -> None:
    owner = world.people["owner"]
    hook = services.create_webhook(
        actor=owner, account=world.account, name="Log", url="https://hooks.example.com/access"
    )
    client, page = world.client("owner"), f"/teams/webhook/{hook.pk}/change/"
    assert "Nothing was sent yet. Send it a test." in body(client.get(page))
    services.switch_webhook(actor=owner, webhook=hook, on=False)
    assert "Nothing was sent yet. Switch it on." in body(client.get(page))
