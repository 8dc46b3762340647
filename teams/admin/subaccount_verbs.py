"""Verbs about subaccounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from teams import services
from teams.admin.base import ConsoleVerb
from teams.admin.forms import NameForm
from teams.models import Subaccount


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
        """Refuse without the right to."""
        if not self.desk.offers.may_create_subaccount():
            return (
                "You cannot create a subaccount: it needs Create subaccounts in "
                f"{self.desk.account.name}, which you do not hold."
            )
        return ""

    def consequence(self) -> Sequence[str]:
        """Say who will be able to work in it."""
        limit = self.desk.edition.max_active_subaccounts
        lines = [
            "The new subaccount is empty. Whoever manages all current and future subaccounts "
            "manages it at once; everybody else has to be added.",
        ]
        if limit is not None:
            lines.append(f"{self.desk.edition.label} allows {limit} active subaccounts.")
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


class Archive(SubaccountVerb):
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
        count = self.obj.memberships.values("user").distinct().count()
        people = "1 person with a role" if count == 1 else f"{count} people with a role"
        return (
            f"{people} in it can no longer open it, and nothing in it can be sent or changed.",
            "Nothing is deleted: people, roles, lists and campaigns come back when it is restored.",
            "It no longer counts towards the number of active subaccounts.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return self.title()

    def run(self, data: Mapping[str, Any]) -> str:
        """Archive it."""
        services.archive_subaccount(actor=self.actor, subaccount=self.obj)
        return f"{self.obj.name} is archived."


class Restore(SubaccountVerb):
    """Bring it back."""

    name = "restore"
    label = _("Restore…")

    def refusal(self) -> str:
        """Refuse without the right to."""
        if not self.obj.is_archived:
            return f"{self.obj.name} is not archived."
        return _may_archive(self, "restore")

    def title(self) -> str:
        """Return the heading."""
        return f"Restore {self.obj.name}"

    def consequence(self) -> Sequence[str]:
        """Say who gets it back."""
        return (
            "Everybody who still has a role in it can work there again, with the same rights.",
            "It counts towards the number of active subaccounts again.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return self.title()

    def run(self, data: Mapping[str, Any]) -> str:
        """Restore it."""
        services.restore_subaccount(actor=self.actor, subaccount=self.obj)
        return f"{self.obj.name} is active again."


def _may_archive(verb: SubaccountVerb, act: str) -> str:
    if verb.desk.offers.may_archive(verb.obj):
        return ""
    return (
        f"You cannot {act} {verb.obj.name}: it needs Archive subaccounts in "
        f"{verb.desk.account.name}, which you do not hold."
    )


SUBACCOUNT_VERBS = (Create, Rename, Archive, Restore)
