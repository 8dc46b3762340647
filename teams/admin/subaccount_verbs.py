"""Verbs about subaccounts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from permissions.admin import VerbForm
from teams import services
from teams.admin import words
from teams.admin.archiving import archive_lines, restore_lines, room
from teams.admin.base import ConsoleVerb
from teams.admin.forms import NameForm, OfferedSet, offer
from teams.admin.previews import AboutThing, PreviewedVerb
from teams.features import FEATURES, features_of, off_in
from teams.limits import Countable
from teams.models import Subaccount
from teams.services.previews import people_of


class SubaccountVerb(ConsoleVerb):
    """A verb about one subaccount."""

    obj: Subaccount


class Create(ConsoleVerb):
    """Make a subaccount."""

    name = "create"
    label = _("Add subaccount")
    on_list = True
    is_primary = True
    form_class = NameForm

    def refusal(self) -> str:
        """Refuse without the right to, and while the limit is used up."""
        if not self.desk.offers.may_create_subaccount():
            return (
                "You cannot create a subaccount: it needs Create subaccounts in "
                f"{self.desk.account.name}, which you do not hold."
            )
        ceiling = self.desk.offers.ceiling()
        return f"You cannot create a subaccount: {ceiling}" if ceiling else ""

    def consequence(self) -> Sequence[str]:
        """Say who will be able to work in it."""
        limit = self.desk.offers.limit(Countable.SUBACCOUNTS)
        lines = [
            "The new subaccount is empty. Whoever manages all current and future subaccounts "
            "manages it at once; everybody else has to be added.",
        ]
        if limit is not None:
            count = self.desk.offers.active_subaccounts()
            lines.append(room(limit, count, count + 1))
        return lines

    def run(self, data: Mapping[str, Any]) -> str:
        """Create it."""
        made = services.create_subaccount(
            actor=self.actor, account=self.desk.account, name=data["name"]
        )
        return f"{made.name} was created."


class Rename(SubaccountVerb):
    """Give another name."""

    name = "rename"
    label = _("Rename…")
    form_class = NameForm

    def refusal(self) -> str:
        """Refuse without the right to, and for an archived one."""
        if self.obj.is_archived:
            return f"{self.obj.name} is archived. Restore it first."
        if not self.desk.offers.may_rename(self.obj):
            return (
                f"You cannot rename {self.obj.name}: it needs Change subaccount settings there, "
                "which you do not hold."
            )
        return ""

    def title(self) -> str:
        """Return the heading."""
        return f"Rename {self.obj.name}"

    def consequence(self) -> Sequence[str]:
        """Say what stays."""
        return (f"Only the name changes. The short name stays {self.obj.slug}.",)

    def button(self) -> str:
        """Return what the button says."""
        return "Rename subaccount"

    def run(self, data: Mapping[str, Any]) -> str:
        """Rename it."""
        before = self.obj.name
        made = services.rename_subaccount(actor=self.actor, subaccount=self.obj, name=data["name"])
        return f"{before} is called {made.name} now."


class Archive(AboutThing):
    """Make it inert."""

    name = "archive"
    label = _("Archive…")
    is_danger = True

    def refusal(self) -> str:
        """Refuse without the right to."""
        if self.obj.is_archived:
            return f"{self.obj.name} is archived already."
        return _may_archive(self, "archive")

    def title(self) -> str:
        """Return the heading."""
        return f"Archive {self.obj.name}"

    def consequence(self) -> Sequence[str]:
        """Say who loses sight of it, and what stays."""
        return archive_lines(self.desk, self.obj)

    def button(self) -> str:
        """Return what the button says."""
        return self.title()

    def run(self, data: Mapping[str, Any]) -> str:
        """Archive it."""
        services.archive_subaccount(actor=self.actor, subaccount=self.obj)
        return f"{self.obj.name} is archived."


class Restore(AboutThing):
    """Bring it back."""

    name = "restore"
    label = _("Restore…")

    def refusal(self) -> str:
        """Refuse without the right to, and while the limit is used up."""
        if not self.obj.is_archived:
            return f"{self.obj.name} is not archived."
        if refusal := _may_archive(self, "restore"):
            return refusal
        ceiling = self.desk.offers.ceiling()
        return f"You cannot restore {self.obj.name}: {ceiling}" if ceiling else ""

    def title(self) -> str:
        """Return the heading."""
        return f"Restore {self.obj.name}"

    def consequence(self) -> Sequence[str]:
        """Say who gets it back."""
        return restore_lines(self.desk, self.obj)

    def button(self) -> str:
        """Return what the button says."""
        return self.title()

    def run(self, data: Mapping[str, Any]) -> str:
        """Restore it."""
        services.restore_subaccount(actor=self.actor, subaccount=self.obj)
        return f"{self.obj.name} is active again."


def _may_archive(verb: Archive | Restore, act: str) -> str:
    if verb.desk.offers.may_archive(verb.obj):
        return ""
    return (
        f"You cannot {act} {verb.obj.name}: it needs Archive subaccounts in "
        f"{verb.desk.account.name}, which you do not hold."
    )


class FeaturesForm(VerbForm):
    """The features that are there for everybody entitled."""

    on = OfferedSet(label="Switched on", required=False)

    def prepare(self, verb: Any) -> None:
        """Tick what is on now."""
        names = list(features_of(verb.desk.edition))
        offer(self, "on", [(name, FEATURES[name].label) for name in names])
        self.fields["on"].initial = [name for name in names if name not in off_in(verb.obj)]


class Features(PreviewedVerb):
    """Switch features off and on, for everybody there."""

    name = "features"
    label = _("Features…")
    form_class = FeaturesForm
    obj: Subaccount

    def touched(self) -> Collection[Any] | None:
        """Return whoever reaches the subaccount."""
        return people_of(self.desk.account, {"subaccount": self.obj})

    def refusal(self) -> str:
        """Refuse without the right to, and for an archived one."""
        if self.obj.is_archived:
            return f"{self.obj.name} is archived. Restore it first."
        if not self.desk.offers.may_set_features(self.obj):
            return (
                f"You cannot change the features of {self.obj.name}: it needs Turn features on "
                "and off there, which you do not hold."
            )
        return ""

    def title(self) -> str:
        """Return the heading."""
        return f"Features of {self.obj.name}"

    def consequence(self) -> Sequence[str]:
        """Say whom it concerns, and what is kept."""
        return (
            f"What you switch off nobody has in {self.obj.name}, the "
            f"{self.desk.edition.owner_label} included.",
            "Roles and optional permissions stay as they are and count again once it is switched "
            "on. To switch something on, you must hold all of it there.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return "Save features"

    def run(self, data: Mapping[str, Any]) -> str:
        """Switch what differs; what is posted and not offered is left to the service to refuse."""
        offered = list(features_of(self.desk.edition))
        unknown = [name for name in data["on"] if name not in offered]
        off = [name for name in offered if name not in data["on"]]
        saved = services.set_features(actor=self.actor, subaccount=self.obj, off=[*off, *unknown])
        labels = [str(FEATURES[name].label) for name in off_in(saved)]
        return f"Switched off in {saved.name}: {words.listed(labels) or 'nothing'}."


SUBACCOUNT_VERBS = (Create, Rename, Features, Archive, Restore)
