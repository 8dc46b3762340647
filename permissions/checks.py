"""System checks: what would silently weaken the decisions is said at start-up, with the remedy."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.db import DatabaseError
from django.db.models import Q

from permissions import grants
from permissions.resources import registry

BACKEND = "permissions.backend.PermissionBackend"
MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"


def check_settings(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """Check the settings on which the decisions depend."""
    found: list[CheckMessage] = []
    backends = list(settings.AUTHENTICATION_BACKENDS)
    if not backends or backends[0] != BACKEND:
        found.append(
            Error(
                "PermissionBackend is not the first authentication backend.",
                hint=f"List {BACKEND!r} first: a later one is never asked about a denied right.",
                id="permissions.E001",
            )
        )
    if getattr(settings, "ANONYMOUS_USER_NAME", "AnonymousUser") is not None:
        found.append(
            Error(
                "django-guardian keeps an anonymous user who could be given rights.",
                hint="Set ANONYMOUS_USER_NAME = None.",
                id="permissions.E002",
            )
        )
    if any("guardian" in path for path in backends):
        found.append(
            Error(
                "guardian's own backend answers from recorded grants, past roles and ceilings.",
                hint="Remove it from AUTHENTICATION_BACKENDS; grants are read by ours.",
                id="permissions.E003",
            )
        )
    return found


def check_resources(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """Check that guarded models can hold their grants."""
    found: list[CheckMessage] = []
    if registry.catalogue is None:
        found.append(
            Error(
                "No catalogue of permissions is declared.",
                hint="Add 'teams' to INSTALLED_APPS, or call registry.use_catalogue() yourself.",
                id="permissions.E004",
            )
        )
    for resource in registry:
        direct = {
            grants.is_direct(table)
            for table in (grants.user_table(resource.model), grants.group_table(resource.model))
        }
        if len(direct) > 1:
            found.append(
                Error(
                    f"{resource.model._meta.label} has a grant table for people or for teams only.",
                    hint="Add the other one: guardian falls back to its generic table silently.",
                    obj=resource.model,
                    id="permissions.E005",
                )
            )
        if resource.limited and direct != {True}:
            found.append(
                Error(
                    f"{resource.model._meta.label} is limited by teams, which have no grant table "
                    "of its own to share it in.",
                    hint="Add a UserGrant and a GroupGrant with a foreign key to it, or drop "
                    "limited= where it is registered.",
                    obj=resource.model,
                    id="permissions.E006",
                )
            )
    return found


def check_model_level_permissions(
    app_configs: Any, databases: Any = None, **_: Any
) -> list[CheckMessage]:
    """Check that no tenant holds a catalogued permission on a whole model."""
    found: list[CheckMessage] = []
    if registry.catalogue is None:
        return found
    label = registry.catalogue.app_label
    names = list(registry.catalogue.by_codename)
    rows = get_user_model()._default_manager.filter(
        Q(user_permissions__content_type__app_label=label, user_permissions__codename__in=names)
        | Q(
            groups__permissions__content_type__app_label=label,
            groups__permissions__codename__in=names,
        )
    )
    for alias in databases or ():
        try:
            holders = rows.using(alias).distinct().count()
        except DatabaseError:
            continue  # not migrated yet
        if holders:
            found.append(
                CheckWarning(
                    f"{holders} logins hold catalogued permissions at model level.",
                    hint="Remove them: they have no effect here, and mislead whoever reads them.",
                    id="permissions.W001",
                )
            )
    return found


def install() -> None:
    """Let Django ask all of these; called once, in ``AppConfig.ready``."""
    register(check_settings, Tags.security)
    register(check_resources, Tags.models)
    register(check_model_level_permissions, Tags.database)
