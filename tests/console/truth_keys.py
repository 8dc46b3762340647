"""API keys, as ``truth_surfaces`` records them.

What an edition asks before (a primary contact, an Administrator) is met on the stage; that it
closes the door where it is not, to the owner too, is in ``test_api_keys.py``.
"""

from __future__ import annotations

from typing import Any

from teams.catalogue import GENERATE_API_KEYS
from teams.models import ApiKey
from tests.console.truth_record import EVERY_PLACE, PLACES, WHOLE, Surface, changelist, needs, thing
from tests.console.truth_stage import ANYWHERE, HERE, Stage

PAGES = (
    Surface(
        name="apikey list",
        at=WHOLE,
        url=changelist("apikey"),
        menu="/",
        ways=needs((GENERATE_API_KEYS, ANYWHERE)),
    ),
    Surface(
        name="apikey page",
        at=EVERY_PLACE,
        url=thing("apikey"),
        menu="/teams/apikey/",
        ways=needs((GENERATE_API_KEYS, HERE)),
    ),
)


def _stored(name: str, stage: Stage, place: Any) -> ApiKey:
    return ApiKey.objects.get(pk=stage.get(name, place).pk)


ON_KEYS = (
    Surface(
        name="apikey: create",
        at=PLACES,
        url=lambda stage, place: f"/teams/apikey/act/create/{place.pk}/",
        ways=needs((GENERATE_API_KEYS, HERE)),
        data=lambda stage, place: {
            "name": "Newer",
            "scopes": ["access_campaigns"],
            "expires": "30",
        },
        done=lambda stage, place: ApiKey.objects.filter(subaccount=place, name="Newer").exists(),
        answers=200,
        why="the page that shows it is the answer itself",
    ),
    Surface(
        name="apikey: rotate",
        at=PLACES,
        url=lambda stage, place: f"/teams/apikey/{stage.get('old_apikey', place).pk}/act/rotate/",
        ways=needs((GENERATE_API_KEYS, HERE)),
        data=lambda stage, place: {"overlap": "24"},
        done=lambda stage, place: bool(_stored("old_apikey", stage, place).replaced_by_id),
        answers=200,
    ),
    Surface(
        name="apikey: revoke",
        at=PLACES,
        url=lambda stage, place: f"/teams/apikey/{stage.get('spare_apikey', place).pk}/act/revoke/",
        ways=needs((GENERATE_API_KEYS, HERE)),
        done=lambda stage, place: bool(_stored("spare_apikey", stage, place).revoked_at),
    ),
)
