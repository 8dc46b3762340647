"""The only door to django-guardian: what one person or one team may do on one object.

guardian stores a grant in a table with a foreign key to the object where such a table exists (ours
have one) and in its generic table otherwise (a host's models). Rights inherited from a role are
*not* here; ask ``permissions.access`` for what somebody may really do.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, cast

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Permission as PermissionRow
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Concat
from django.db.models.signals import post_delete
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from guardian.models import (
    GroupObjectPermission,
    GroupObjectPermissionBase,
    UserObjectPermission,
    UserObjectPermissionBase,
)

from permissions.catalogue import ACCOUNT
from permissions.errors import Invalid
from permissions.lookups import InArray
from permissions.resources import Registry, registry


class Given(models.Model):
    """Who gave something, when, and until when."""

    granted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("given by"),
    )
    granted_at = models.DateTimeField(_("given at"), default=timezone.now)
    ends_at = models.DateTimeField(_("ends at"), null=True, blank=True)

    class Meta:
        abstract = True


class UserGrant(Given, UserObjectPermissionBase):
    """Abstract table of grants to one person; a subclass adds ``content_object``."""

    class Meta(UserObjectPermissionBase.Meta):
        abstract = True


class GroupGrant(Given, GroupObjectPermissionBase):
    """Abstract table of grants to one team's group; a subclass adds ``content_object``."""

    class Meta(GroupObjectPermissionBase.Meta):
        abstract = True


def user_table(model: Any) -> type[models.Model]:
    """Return the table that holds grants to people on objects of ``model``."""
    return _table(model, UserObjectPermissionBase, UserObjectPermission)


def group_table(model: Any) -> type[models.Model]:
    """Return the table that holds grants to teams on objects of ``model``."""
    return _table(model, GroupObjectPermissionBase, GroupObjectPermission)


def _table(model: Any, base: type[models.Model], generic: type[models.Model]) -> type[models.Model]:
    """Return what guardian would, without a query: system checks ask before there are tables."""
    concrete = model._meta.concrete_model
    for relation in concrete._meta.related_objects:
        table = relation.related_model
        if (
            issubclass(table, base)
            and relation.field.name == "content_object"
            and relation.model is concrete
            and getattr(table, "enabled", True)
        ):
            return cast("type[models.Model]", table)
    return generic


def is_direct(table: type[models.Model]) -> bool:
    """Say whether ``table`` has a foreign key to its object, so that none is left behind."""
    return table not in (UserObjectPermission, GroupObjectPermission)


def permission_row(permission: str, model: type[models.Model]) -> PermissionRow:
    """Return the row guardian needs for ``permission`` on ``model``; never kept, ids may change."""
    content_type = ContentType.objects.get_for_model(model, for_concrete_model=True)
    return PermissionRow.objects.get(codename=permission, content_type=content_type)


def _key(table: type[models.Model], obj: models.Model) -> dict[str, Any]:
    if is_direct(table):
        return {"content_object": obj}
    return {
        "content_type": ContentType.objects.get_for_model(obj, for_concrete_model=True),
        "object_pk": str(obj.pk),
    }


def give(
    *,
    permission: str,
    obj: models.Model,
    user: Any = None,
    group: Any = None,
    **extra: Any,
) -> models.Model:
    """Record a grant to ``user`` or ``group``, exactly one of them; repeating it changes nothing.

    ``extra`` are further columns of a direct table (granted_by, ends_at, membership). Raises
    Invalid for an end date where the table has no place for one: it would never end.
    """
    who = {"user": user} if group is None else {"group": group}
    table = user_table(obj) if group is None else group_table(obj)
    if extra.get("ends_at") is not None:
        require_end_date(table, obj)
    given = extra if is_direct(table) else {}
    row, _created = table._default_manager.get_or_create(
        permission=permission_row(permission, type(obj)),
        **who,
        **_key(table, obj),
        defaults=given,
    )
    return row


def require_end_date(table: type[models.Model], obj: models.Model) -> None:
    """Raise Invalid (NO_END_DATE) unless ``table``, of grants on ``obj``, has end dates."""
    if not is_direct(table):
        raise Invalid(
            f"Access to a {obj._meta.verbose_name} cannot end by itself. Leave the end date out, "
            "or give the model a grant table of its own.",
            code="NO_END_DATE",
        )


def withdraw(*, permission: str, obj: models.Model, user: Any = None, group: Any = None) -> int:
    """Delete a grant; return how many rows there were (0 or 1)."""
    table = user_table(obj) if group is None else group_table(obj)
    who = {"user": user} if group is None else {"group": group}
    count, _by_model = table._default_manager.filter(
        permission__codename=permission, **who, **_key(table, obj)
    ).delete()
    return count


def grants_on(obj: models.Model) -> QuerySet[Any]:
    """Return the recorded grants to people on ``obj``."""
    table = user_table(obj)
    return table._default_manager.filter(**_key(table, obj)).select_related("permission", "user")


def groups_on(obj: models.Model) -> QuerySet[Any]:
    """Return the recorded grants to teams on ``obj``."""
    table = group_table(obj)
    return table._default_manager.filter(**_key(table, obj)).select_related("permission", "group")


def active(now: Any) -> Q:
    """Return the condition that a grant has not ended at ``now``."""
    return Q(ends_at__isnull=True) | Q(ends_at__gt=now)


def shared_keys(model: type[models.Model], groups: Collection[int]) -> QuerySet[Any]:
    """Return the keys of the objects of ``model`` on which one of ``groups`` has a grant."""
    rows, key = _given_to(model, groups)
    return rows.values_list(key, flat=True)


def shares(model: type[models.Model], groups: Collection[int]) -> QuerySet[Any]:
    """Return (group, key) of the objects of ``model`` on which each of ``groups`` has a grant."""
    rows, key = _given_to(model, groups)
    return rows.values_list("group_id", key)


def _given_to(model: type[models.Model], groups: Collection[int]) -> tuple[QuerySet[Any], str]:
    table = group_table(model)
    rows = table._default_manager.filter(InArray("group_id", groups))
    if is_direct(table):
        return rows, "content_object_id"
    rows = rows.filter(content_type=ContentType.objects.get_for_model(model))
    # the generic table keeps keys as text, which PostgreSQL compares with no other type
    return rows.annotate(key=Cast("object_pk", model._meta.pk)), "key"


def hand_over(model: type[models.Model], *, group: Any, to: Any = None, **extra: Any) -> None:
    """Take from ``group`` all it was given on objects of ``model``, and give it to the group
    ``to``, if there is one. ``extra`` are further columns of a direct table (granted_by)."""
    table = group_table(model)
    rows = table._default_manager.filter(group=group)
    columns = ["permission_id", "content_object_id"]
    if not is_direct(table):
        content_type = ContentType.objects.get_for_model(model, for_concrete_model=True)
        rows = rows.filter(content_type=content_type)
        columns, extra = ["permission_id", "content_type_id", "object_pk"], {}
    given = set(rows.values_list(*columns))
    rows.delete()
    if to is not None:
        given -= set(table._default_manager.filter(group=to).values_list(*columns))
        table._default_manager.bulk_create(
            table(group=to, **dict(zip(columns, values, strict=True)), **extra) for values in given
        )


def generic_rows(whose: Q) -> QuerySet[Any]:
    """Return what people were given on a host's own models, with ``target`` ("app.model")."""
    target = Concat(
        "content_type__app_label", Value("."), "content_type__model", output_field=TextField()
    )
    return UserObjectPermission.objects.filter(whose).annotate(target=target)


def create_permission_rows(using: str, resources: Registry = registry) -> int:
    """Create, once, the rows guardian refers to: each permission on the models it is asked on.

    Returns how many were missing. Called after ``migrate`` rather than declared in
    ``Meta.permissions``, so that a host's own catalogue never writes a migration into our apps.
    """
    catalogue = resources.catalogue
    if catalogue is None:
        return 0
    wanted: list[PermissionRow] = []
    for resource in resources:
        content_type = ContentType.objects.db_manager(using).get_for_model(resource.model)
        is_root = resource.place_path is None
        known = set(
            PermissionRow.objects.using(using)
            .filter(content_type=content_type)
            .values_list("codename", flat=True)
        )
        # an account-level membership carries its toggles on the account, of both levels
        wanted += [
            PermissionRow(
                content_type=content_type,
                codename=str(permission),
                name=str(permission.label)[:255],
            )
            for permission in catalogue
            if permission not in known and (is_root or permission.level != ACCOUNT)
        ]
    PermissionRow.objects.using(using).bulk_create(wanted, ignore_conflicts=True)
    return len(wanted)


def purge_on_delete(model: type[models.Model]) -> None:
    """See to it that the generic grants of a host's object go when the object does.

    A direct table needs no help; and a listener on every model would cost all of them Django's
    fast deletes.
    """
    if is_direct(user_table(model)) and is_direct(group_table(model)):
        return
    proxies = [m for m in apps.get_models() if m._meta.concrete_model is model]
    for sender in {model, *proxies}:
        post_delete.connect(_purge, sender=sender, dispatch_uid=f"permissions.purge.{sender}")


def _purge(sender: type[models.Model], instance: models.Model, using: str, **_: Any) -> None:
    content_type = ContentType.objects.db_manager(using).get_for_model(sender)
    for table in (UserObjectPermission, GroupObjectPermission):
        table.objects.using(using).filter(
            content_type=content_type, object_pk=str(instance.pk)
        ).delete()


def withdraw_all(
    *, user: Any, root: models.Model, where: Callable[[Any], bool] = lambda _obj: True
) -> list[tuple[Any, str]]:
    """Delete what ``user`` was given on guarded objects of ``root`` for which ``where`` is true.

    Returns each object with the codename. A grant that carries a ``membership`` belongs to that
    and is left alone.
    """
    withdrawn: list[tuple[Any, str]] = []
    for resource in registry:
        table = user_table(resource.model)
        rows: Any = table._default_manager.filter(user=user).select_related("permission")
        if any(f.name == "membership" for f in table._meta.concrete_fields):
            rows = rows.filter(membership=None)
        path = "pk" if resource.place_path is None else resource.root_path
        if is_direct(table):
            found: list[Any] = list(rows.filter(**{f"content_object__{path}": root.pk}))
        else:
            rows = rows.filter(content_type=ContentType.objects.get_for_model(resource.model))
            # not compared in the database: its text of a UUID may not be ours
            keys = list(rows.values_list("object_pk", flat=True))
            inside = resource.model._base_manager.filter(pk__in=keys, **{path: root.pk})
            objects = {str(obj.pk): obj for obj in inside}
            found = [row for row in rows if row.object_pk in objects]
        for row in found:
            obj = row.content_object
            if where(obj):
                withdrawn.append((obj, row.permission.codename))
                row.delete()
    return withdrawn
