"""What the verbs about things in a subaccount share: a permission each, and where to make them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpResponse
from django.urls import reverse

from permissions import access
from permissions.admin import row_of
from teams import selectors
from teams.admin.base import ConsoleVerb
from teams.admin.desk import Place
from teams.catalogue import CATALOGUE


def lacks(permission: str, act: str, place: str) -> str:
    """Return the sentence for somebody who does not hold ``permission`` in ``place``."""
    label = CATALOGUE[permission].label
    return f"You cannot {act}: it needs {label} in {place}, which you do not hold there."


class WorkVerb(ConsoleVerb):
    """A verb about one list, template or the like that asks ``permission`` of it.

    ``act`` completes the sentence "You cannot …", with the name to follow.
    """

    permission: str = ""
    act = ""
    on_archived = False

    def needed(self) -> str:
        """Return the permission it asks."""
        return self.permission

    def refusal(self) -> str:
        """Refuse without the permission, for what is put away, and for what is in the way."""
        if not access.allows(self.actor, self.needed(), self.obj):
            return lacks(self.needed(), f"{self.act} {self.obj}", self.obj.subaccount.name)
        if self.obj.is_archived and not self.on_archived:
            return f"{self.obj} is archived. Restore it first."
        return self.obstacle()

    def obstacle(self) -> str:
        """Return what is in the way besides rights; empty if nothing is."""
        return ""


class PlacedWork(ConsoleVerb):
    """Do something in a subaccount: where first, unless there is only one place for it."""

    permission: str = ""
    on_list = True
    choose = True
    is_primary = True
    #: what is made, as in "add a mailing list"
    noun = ""

    def places(self) -> list[Place]:
        """Return the subaccounts in which the actor may make one."""
        return [place for place in self.desk.active if self.is_open(place.pk)]

    def find(self, key: str) -> Any:
        """Return the subaccount, if the actor works there."""
        rows = selectors.subaccounts_of(self.actor).filter(account=self.desk.account)
        return row_of(rows.filter(archived_at=None), key)

    def link(self, part: str = "") -> str:
        """Lead to the form at once where there is nothing to choose: one place, or one chosen.

        Told from what is known already: every list has this link, and there may be thousands.
        """
        if not part:
            reach = self.desk.reach
            only = next(iter(reach)) if reach is not None and len(reach) == 1 else None
            key = self.desk.place.pk if self.desk.place is not None else only
            part = str(key) if key is not None and self.is_open(key) else ""
        return super().link(part)

    def is_open(self, place: Any = None) -> bool:
        """Say whether the actor may make one in ``place``, or anywhere."""
        return self.desk.holds(self.permission, place)

    def prompt(self) -> str:
        """Return the heading of the page that asks for the place."""
        return f"Where should the {self.noun} be?"

    def options(self) -> Sequence[tuple[str, str, str]]:
        """Return the places."""
        return [(str(place.pk), place.name, "") for place in self.places()]

    def refusal(self) -> str:
        """Refuse where the actor may not make one, there or anywhere."""
        if self.is_open(None if self.part is None else self.part.pk):
            return ""
        where = "any subaccount" if self.part is None else self.part.name
        return lacks(self.permission, f"add a {self.noun}", where)

    def title(self) -> str:
        """Return the heading."""
        return f"Add a {self.noun} to {self.part.name}" if self.part else f"Add a {self.noun}"

    def button(self) -> str:
        """Return what the button says."""
        return f"Add {self.noun}"


class CreateWork(PlacedWork):
    """Make something in a subaccount, and go to its page."""

    made: Any = None

    def run(self, data: Mapping[str, Any]) -> str | HttpResponse:
        """Make it."""
        self.made = self.make(data)
        return f"{self.made} was added to {self.part.name}."

    @abstractmethod
    def make(self, data: Mapping[str, Any]) -> Any:
        """Call the service and return what it made."""

    def next_url(self) -> str:
        """Go to the page of what was made."""
        meta = self.admin.opts
        name = f"{self.admin.admin_site.name}:{meta.app_label}_{meta.model_name}_change"
        return reverse(name, args=[self.made.pk])
