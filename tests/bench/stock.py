"""The same rights as stock django-guardian stores them: a generic row per person and list.

Kept apart by shadow logins, which have the rows and no membership, so that the people measured
have profiles without them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from guardian.backends import ObjectPermissionBackend
from guardian.core import ObjectPermissionChecker
from guardian.models import UserObjectPermission
from guardian.shortcuts import get_objects_for_user, get_users_with_perms

from permissions import grants
from teams.catalogue import ACCESS_AUDIENCE
from teams.models import MailingList
from teams.models.grants import MailingListGroupGrant, MailingListUserGrant
from tests.bench.load import finish, load
from tests.bench.personas import Persona

PERMISSION = f"teams.{ACCESS_AUDIENCE}"


@contextmanager
def as_it_comes() -> Iterator[None]:
    """Let guardian find its generic tables, as it does for whoever declares none of their own."""
    tables: tuple[Any, ...] = (MailingListUserGrant, MailingListGroupGrant)
    for table in tables:
        table.enabled = False
    try:
        yield
    finally:
        for table in tables:
            del table.enabled


class Stock:
    """Shadow logins with guardian's rows."""

    def __init__(self) -> None:
        self.users: dict[int, Any] = {}
        self.crowd: list[Any] = []
        self.rows = 0

    def shadow(self, personas: list[Persona]) -> None:
        """Write a row per list each of ``personas`` sees, for a login of its own."""
        user: Any = get_user_model()
        seen = {p.key: list(p.by_hand().values_list("pk", flat=True)) for p in personas}
        made = user.objects.bulk_create(
            user(username=f"shadow{key}", email=f"shadow{key}@people.example") for key in seen
        )
        self.users = dict(zip(seen, made, strict=True))
        self._write((self.users[key].pk, str(n)) for key, lists in seen.items() for n in lists)

    def hold(self, obj: MailingList, count: int) -> None:
        """Write a row on ``obj`` for each of ``count`` further logins."""
        user: Any = get_user_model()
        self.crowd = user.objects.bulk_create(
            user(username=f"holder{n}", email=f"holder{n}@people.example") for n in range(count)
        )
        self._write((holder.pk, str(obj.pk)) for holder in self.crowd)

    def _write(self, pairs: Iterator[tuple[int, str]]) -> None:
        permission = grants.permission_row(ACCESS_AUDIENCE, MailingList)
        content_type = ContentType.objects.get_for_model(MailingList)
        rows = ((user, key, permission.pk, content_type.pk) for user, key in pairs)
        columns = ("user_id", "object_pk", "permission_id", "content_type_id")
        self.rows += load(UserObjectPermission, columns, rows)
        finish([])


def check(user: Any, obj: MailingList) -> bool:
    """Ask guardian's backend, as ``user.has_perm`` would."""
    return bool(ObjectPermissionBackend().has_perm(user, PERMISSION, obj))


def check_prefetched(user: Any, objects: list[MailingList]) -> list[bool]:
    """Ask guardian about many objects at once, in the way it recommends."""
    checker = ObjectPermissionChecker(user)
    checker.prefetch_perms(objects)
    return [checker.has_perm(ACCESS_AUDIENCE, obj) for obj in objects]


def objects_for(user: Any) -> Any:
    """Return the lists guardian finds for ``user``."""
    # the codename alone: with the label guardian wants it to be unique in the app
    return get_objects_for_user(user, str(ACCESS_AUDIENCE), MailingList, accept_global_perms=False)


def people_with(obj: MailingList) -> Any:
    """Return everybody who holds something on ``obj``, with what: guardian's answer to who."""
    return get_users_with_perms(obj, attach_perms=True)
