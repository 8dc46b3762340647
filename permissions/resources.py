"""Which models the permissions guard, and how each object finds its place and root.

An application registers its models in ``AppConfig.ready()``; the registry is frozen when Django
has run the last of them, so that no process decides by half of it. Everything that is asked of an
object (``can``, ``visible``, the admin) finds here which permission an action needs and which
foreign keys lead to its subaccount and account.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.apps.registry import Apps
from django.core.exceptions import (
    FieldDoesNotExist,
    ImproperlyConfigured,
    ObjectDoesNotExist,
)
from django.db import models

from permissions.catalogue import Catalogue
from permissions.constraints import CompositeForeignKey
from permissions.policy import TOP


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A guarded model.

    ``place_path`` and ``root_path`` are ORM paths that end in the identifier of the place and the
    root ("subaccount_id", "board__subaccount__account_id"); ``place_path`` is None for the root
    model itself. ``limited`` names the team mode under which objects are shown only to the teams
    they are shared with, unless the person holds ``unlimited_by``; ``follows`` are foreign keys to
    such objects, of which all must be visible. ``guest`` are the permissions that guest access to
    one object may carry.
    """

    model: type[models.Model]
    label: str
    root_path: str
    place_path: str | None
    actions: Mapping[str, str] = field(default_factory=dict)
    guest: frozenset[str] = frozenset()
    limited: str = ""
    unlimited_by: str = ""
    created_by: str = ""
    follows: tuple[str, ...] = ()

    def locate(self, obj: models.Model) -> tuple[Any, Any]:
        """Return the root and the place of ``obj``."""
        root = _follow(obj, self.root_path)
        place = TOP if self.place_path is None else _follow(obj, self.place_path)
        return root, place


def _follow(obj: Any, path: str) -> Any:
    for name in path.split("__"):
        if obj is None:
            return None
        try:
            obj = getattr(obj, name)
        except ObjectDoesNotExist:  # not saved yet, and not said where it will be
            return None
    return obj


class Registry:
    """All guarded models of a project.

    It is frozen as soon as ``until`` has started up; without ``until``, by ``freeze`` only.
    """

    def __init__(self, *, until: Apps | None = None) -> None:
        self._resources: dict[type[models.Model], Resource] = {}
        self._limitable: dict[str, tuple[tuple[str, Resource], ...]] = {}
        self._until = until
        self._is_frozen = False
        self.catalogue: Catalogue | None = None
        self.root: type[models.Model] | None = None
        self.place: type[models.Model] | None = None
        self.place_to_root = ""

    def use_catalogue(self, catalogue: Catalogue) -> None:
        """Name the project's catalogue; there is one. Raises ImproperlyConfigured for a second."""
        if self.catalogue not in (None, catalogue):
            raise ImproperlyConfigured("A second catalogue: declare all permissions in one.")
        self.catalogue = catalogue

    def use_tenancy(
        self,
        *,
        root: str,
        place: str,
        place_to_root: str,
        place_guest: frozenset[str] = frozenset(),
    ) -> None:
        """Say which model is the root, which the place, and the foreign key between them.

        ``place_guest`` are the permissions that guest access to a whole place may carry.
        """
        self._refuse_late("The tenancy")
        # Begun anew: Django runs ready() again where a test overrides INSTALLED_APPS.
        self._resources, self._limitable = {}, {}
        self.root = apps.get_model(root)
        self.place = apps.get_model(place)
        self.place_to_root = place_to_root
        self._resources[self.root] = Resource(
            model=self.root, label=root.lower(), root_path="pk", place_path=None
        )
        self._resources[self.place] = Resource(
            model=self.place,
            label=place.lower(),
            root_path=f"{place_to_root}_id",
            place_path="pk",
            guest=place_guest,
        )

    def register(
        self,
        model: str | type[models.Model],
        *,
        parent: str,
        actions: Mapping[str, str] | None = None,
        guest: frozenset[str] = frozenset(),
        limited: str = "",
        unlimited_by: str = "",
        created_by: str = "",
        follows: tuple[str, ...] = (),
    ) -> Resource:
        """Guard ``model``; ``parent`` is the foreign-key path that leads to its subaccount.

        ``actions`` maps what is done with an object ("view", "delete", …) to the permission it
        needs. Raises ImproperlyConfigured, naming the remedy, for a late or repeated registration,
        a path that does not lead to a subaccount, and a permission the catalogue does not have.
        """
        model_class = apps.get_model(model) if isinstance(model, str) else model
        name = model_class._meta.label
        self._refuse_late(name)
        if model_class in self._resources:
            raise ImproperlyConfigured(f"{name} is registered twice; remove one of the calls.")
        if self.place is None or self.catalogue is None:
            raise ImproperlyConfigured(
                f"{name} is registered before there is a tenancy; list 'teams' in INSTALLED_APPS "
                "before the app that registers it."
            )
        own_root = self._check_path(model_class, parent)
        for permission in {*(actions or {}).values(), *guest, *filter(None, [unlimited_by])}:
            if permission not in self.catalogue:
                raise ImproperlyConfigured(
                    f"{name} names {str(permission)!r}, which the catalogue does not declare; "
                    "correct the name, or declare it before registering what needs it."
                )
        resource = self._resources[model_class] = Resource(
            model=model_class,
            label=model_class._meta.label_lower,
            root_path=own_root or f"{parent}__{self.place_to_root}_id",
            place_path=f"{parent}_id",
            actions=dict(actions or {}),
            guest=guest,
            limited=limited,
            unlimited_by=unlimited_by,
            created_by=created_by,
            follows=follows,
        )
        from permissions import grants  # noqa: PLC0415  (a cycle: grants asks the registry, which has it purge what hosts delete)

        grants.purge_on_delete(model_class)
        return resource

    def _check_path(self, model: type[models.Model], path: str) -> str:
        """Follow ``path`` to the place; return the model's own key to the root, if it is safe.

        It is where a composite key holds it equal to the root of the place.
        """
        here: Any = model
        for part in path.split("__"):
            try:
                step = here._meta.get_field(part)
                is_key = step.concrete and (step.many_to_one or step.one_to_one)
                here = step.related_model if is_key else None
            except (FieldDoesNotExist, AttributeError):
                here = None
            if here is None:
                raise ImproperlyConfigured(
                    f"{model._meta.label}: parent={path!r} leads nowhere at {part!r}; name the "
                    "foreign keys from the model to its subaccount, joined by '__'."
                )
        if here is not self.place:
            raise ImproperlyConfigured(
                f"{model._meta.label}: parent={path!r} ends at {here._meta.label}, not at "
                f"{self.place._meta.label if self.place else 'a subaccount'}."
            )
        for constraint in model._meta.constraints:
            if (
                isinstance(constraint, CompositeForeignKey)
                and constraint.fields == (self.place_to_root, path)
                and constraint.to_table == self.place._meta.db_table
            ):
                return f"{self.place_to_root}_id"
        return ""

    def of(self, model: type[models.Model] | models.Model) -> Resource:
        """Return the resource of a model or object. Raises KeyError if it is not guarded."""
        model_class = model if isinstance(model, type) else type(model)
        resource = self._resources.get(model_class)
        if resource is None:
            resource = self._resources[model_class._meta.concrete_model or model_class]
        return resource

    def limitable(self, resource: Resource) -> tuple[tuple[str, Resource], ...]:
        """Return what teams can limit about ``resource``: the field, and the resource it names.

        The row itself ("pk") where its model is limited, and each object that it follows.
        """
        found = self._limitable.get(resource.label)
        if found is None:
            parts = [("pk", resource)]
            for name in resource.follows:
                key: Any = resource.model._meta.get_field(name)
                parts.append((key.attname, self.of(key.related_model)))
            found = tuple((field, part) for field, part in parts if part.limited)
            self._limitable[resource.label] = found
        return found

    @property
    def places(self) -> Resource:
        """Return the place model's resource. Raises ImproperlyConfigured without a tenancy."""
        if self.place is None:
            raise ImproperlyConfigured("There is no tenancy; add 'teams' to INSTALLED_APPS.")
        return self.of(self.place)

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._resources.values())

    def __contains__(self, model: object) -> bool:
        if model in self._resources:
            return True
        meta = getattr(model, "_meta", None)
        return meta is not None and meta.concrete_model in self._resources

    @property
    def frozen(self) -> bool:
        """Say whether registrations are refused by now."""
        return self._is_frozen or (self._until is not None and self._until.ready)

    def freeze(self) -> None:
        """Refuse every later registration."""
        self._is_frozen = True

    def _refuse_late(self, name: str) -> None:
        if self.frozen:
            raise ImproperlyConfigured(
                f"{name} is registered too late; call resources.register() in AppConfig.ready()."
            )


registry = Registry(until=apps)
register = registry.register
