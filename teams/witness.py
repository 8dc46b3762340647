"""An independent checker: do the recorded rows and the edition's data bear a decision out?

It shares nothing with what gathers rows and decides (``permissions.policy`` and ``profile``,
``teams.provider``). What roles hold (``teams.rights``), what a second factor is asked for, what is
switched off or read-only, and where an object lies (the registry) it reads with the same functions,
so a mistake there it repeats: those stand against the sources in ``tests/truth``. Rows are read one
by one, whenever they are needed: it is to be right, not quick.
"""

from collections.abc import Iterator
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q
from django.utils import timezone

from permissions import access, grants
from permissions.resources import Resource, registry
from teams import catalogue, editions, factors, features, models, read_only, rights


def flaw(user: Any, permission: str, obj: Any, decision: access.Decision) -> str:
    """Return what is untrue of ``decision``, made with all of ``user``'s rights; "" for nothing."""
    if permission not in catalogue.CATALOGUE or registry.find(type(obj)) is None:
        return "" if decision.reason == "unknown_permission" else "nobody can be asked that"
    case, named = _Case(user, obj), {(source.kind, source.row) for source in decision.sources}
    against, awake = case.against(permission)
    if decision.allowed:
        is_true = named and named <= awake and not against and decision.reason == "allowed"
        return "" if is_true else "what it names does not give it"
    if (decision.reason, decision.detail) not in against:
        return f"{decision.reason} is not why" if against else "it is held"
    missing = (case.root, case.place, access.DEPENDS[decision.reason], decision.detail)
    return "" if decision.missing == (access.Lack(permission, *missing),) else "not what is missing"


class _Case:
    def __init__(self, user: Any, obj: Any) -> None:
        self.user, self.obj, self.resource = user.pk, obj, registry.of(obj)
        self.root, self.place = self.resource.locate(obj)
        self.account = models.Account.objects.get(pk=self.root)
        self.at = self.account.subaccounts.filter(pk__in={self.place} - {"account"}).first()
        self.kind = "account" if not self.at else "home" if self.at.is_home else "subaccount"
        self.edition, self.now = editions.get(self.account.edition), timezone.now()
        self.runs = Q(ends_at=None) | Q(ends_at__gt=self.now)
        seats = models.Membership.objects.filter(self.runs, account=self.root, user=self.user)
        roles = ["", *(role.codename for role in self.edition.roles)]
        self.seats = list(seats.filter(role__in=roles, status="active"))
        self.owns = self.account.owner_id == self.user
        people = get_user_model()._default_manager.filter(pk=self.user)
        self.is_on = getattr(people.first(), "is_active", True)
        self.asked = factors.asked_of(people, self.account.second_factor)

    def given(self, p: str) -> Iterator[tuple[str, tuple[str, Any], str, bool]]:
        """Yield the person's rows that name ``p`` here: kind, row, unmet condition, it sleeps."""
        always = self.asked.everybody or p in self.asked.permissions
        if self.owns and p in (cells := rights.owner_bundle(self.account.edition)[self.kind]):
            unmet = self.unmet(cells[p], None)
            yield "owner", ("teams.account", self.root), unmet, always or self.asked.owner
        for seat in self.seats:
            wide, reach = seat.subaccount_id is None, {seat.subaccount_id, *seat.reach_keys}
            if not (self.place in reach or (wide and (seat.all_subaccounts or not self.at))):
                continue
            sleeps = always or (wide and self.asked.at_account) or seat.role in self.asked.roles
            cells = rights.bundle_of(self.edition, seat)[self.kind]
            if p in cells:
                yield "role", ("teams.membership", seat.pk), self.unmet(cells[p], seat), sleeps
            table: Any = models.AccountUserGrant if wide else models.SubaccountUserGrant
            for row in table.objects.filter(self.runs, membership=seat, permission__codename=p):
                if rights.admits(self.edition, seat.role, p):
                    yield "toggle", (table._meta.label_lower, row.pk), "", sleeps
        things = [(registry.places, [self.place]), (self.resource, [self.obj.pk])]
        if self.resource.through:
            things.append((self.resource.link.resource, [*self.resource.link.linked(self.obj)]))
        for part, keys in things if self.at and (self.seats or self.owns) else ():
            for key in keys if p in part.guest else ():
                rows = grants.grants_on(part.model(pk=key)).filter(user=self.user)
                for row in rows.filter(permission__codename=p):
                    belongs, ends = getattr(row, "membership", None), getattr(row, "ends_at", None)
                    if belongs is None and (ends is None or ends > self.now):
                        yield "guest", (row._meta.label_lower, row.pk), "", always

    def unmet(self, condition: str, seat: Any) -> str:
        """Return ``condition``, unless it is true here or there is none."""
        direct = self.at is not None and self.at.billed_directly and not self.at.is_home
        active = {place.pk for place in self.account.subaccounts.filter(archived_at=None)}
        covers = bool(seat and (seat.all_subaccounts or (active and active <= {*seat.reach_keys})))
        met = {"single_bill": self.account.single_bill and not direct, "all_subaccounts": covers}
        return "" if (met | {"": True, "reseller": self.account.reseller})[condition] else condition

    def against(self, p: str, *, look: bool = True) -> tuple[set[tuple[str, str]], set[Any]]:
        """Return every reason, with its detail, for which ``p`` is not held here, and the rows that
        give it; with ``look`` asking what teams hide."""
        given = list(self.given(p))
        account, at, level = self.account, self.at, catalogue.CATALOGUE[p].level
        frozen = read_only.withheld(account.read_only_because).get(p, "")
        awake = {(kind, row) for kind, row, unmet, sleeps in given if not (unmet or sleeps)}
        own = any(k == "guest" and row[0] != "teams.subaccountusergrant" for k, row in awake)
        found: dict[tuple[str, str], Any] = {
            ("inactive_login", ""): not self.is_on,
            ("no_membership", ""): not (self.is_on and (self.seats or self.owns)),
            ("absent_in_edition", ""): p not in self.edition.permissions,
            ("withheld", frozen): bool(frozen),
            ("withheld", "switched_off"): p in features.switched_off(at.features_off if at else ""),
            ("withheld", "teams_off"): p in self.edition.teams_only and account.team_mode == "off",
            ("wrong_level", level): (level == "account") != (at is None),
            ("archived", ""): at is not None and at.archived_at,
            ("second_factor_missing", ""): not awake and any(not row[2] for row in given),
            ("not_held", ""): not given,
            ("not_visible_to_teams", ""): look and awake and not own and not self.seen(),
        }
        unmet = {("condition_not_met", row[2]) for row in given if row[2] and not awake}
        return unmet | {reason for reason, holds in found.items() if holds}, awake

    def seen(self) -> bool:
        """Say whether teams leave the object visible, and what it uses."""
        limits = self.account.team_mode.split("_and_") if self.edition.has_teams else []
        parts = [(p, [getattr(self.obj, name)]) for name, p in registry.limitable(self.resource)]
        if self.resource.through:
            parts.append((self.resource.link.resource, [*self.resource.link.linked(self.obj)]))
        for part, keys in parts:
            shown = any(k is None or self.shared(part, k) for k in keys)
            limited = not shown and part.limited in limits
            if limited and self.against(part.unlimited_by, look=False)[0]:
                return False
        return True

    def shared(self, part: Resource, key: Any) -> bool:
        """Say whether one of the person's teams has it, or none has what they created."""
        rows, given = part.model._base_manager.filter(pk=key), grants.groups_on(part.model(pk=key))
        teams = models.TeamMembership.objects.filter(self.runs, user=self.user)
        foreign = given.exists() and teams.filter(team__account=self.root).exists()
        is_own = part.created_by and rows.filter(**{part.created_by: self.user}).exists()
        mine = given.filter(group__in=teams.values("team__group"))
        return mine.exists() or (bool(is_own) and not foreign)
