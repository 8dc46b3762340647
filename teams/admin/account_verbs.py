"""Verbs about the account itself: its colour, its masks, second factors, and its teams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from permissions.admin import VerbForm
from permissions.audit import label_of
from permissions.errors import Invalid
from teams import services
from teams.admin import words
from teams.admin.base import ConsoleVerb
from teams.admin.forms import OfferedField, OfferedSet, offer
from teams.admin.persons import open_people
from teams.admin.previews import PreviewedVerb
from teams.catalogue import MANAGE_ACCOUNT_SETTINGS, MANAGE_THEME
from teams.factors import CLASSES, has_factors
from teams.models import Account
from teams.models.account import TeamMode
from teams.services.team_mode import refuse_while_needed
from teams.sleepers import Sleeper, preview

#: what --brand is in console.css
STANDARD = "#0c5f73"
#: what teams limit, in words
LIMITED: list[tuple[str, str]] = [
    (TeamMode.OFF, "Nothing"),
    (TeamMode.LISTS, "Mailing lists"),
    (TeamMode.LISTS_AND_TEMPLATES, "Mailing lists and templates"),
]
#: people named of those who would lose something; the others are counted
NAMED = 5


class ColourForm(VerbForm):
    """One colour; the service judges it."""

    accent = forms.CharField(
        label="Colour",
        strip=False,
        widget=forms.TextInput(attrs={"type": "color"}),
        help_text=(
            "Of buttons, links and the logo. White has to be readable on it, so light colours "
            "are refused; for dark pages a lighter shade is derived."
        ),
    )

    def prepare(self, verb: Any) -> None:
        """Begin with the colour it has."""
        self.fields["accent"].initial = verb.obj.accent or STANDARD


class ColourVerb(ConsoleVerb):
    """A verb about the colour."""

    obj: Account

    def refusal(self) -> str:
        """Refuse without the right to."""
        if not self.desk.holds(MANAGE_THEME):
            return (
                f"You cannot change the colour of {self.obj.name}: it needs Change account theme, "
                "which you do not hold."
            )
        return ""


class ChangeColour(ColourVerb):
    """Choose a colour."""

    name = "colour"
    label = _("Change colour…")
    is_primary = True
    form_class = ColourForm

    def title(self) -> str:
        """Return the heading."""
        return f"Colour of {self.obj.name}"

    def consequence(self) -> Sequence[str]:
        """Say who sees it."""
        return ("Everybody who works in the account sees it from their next page on.",)

    def button(self) -> str:
        """Return what the button says."""
        return "Save colour"

    def run(self, data: Mapping[str, Any]) -> str:
        """Set it."""
        made = services.set_accent(actor=self.actor, account=self.obj, accent=data["accent"])
        return f"The colour of {made.name} is {made.accent} now."


class StandardColour(ColourVerb):
    """Go back to the product's own colour."""

    name = "standard"
    label = _("Use the standard colour…")

    def refusal(self) -> str:
        """Refuse if it is so already."""
        return super().refusal() or (
            "" if self.obj.accent else "It is the standard colour already."
        )

    def consequence(self) -> Sequence[str]:
        """Say what is lost."""
        return (f"The colour {self.obj.accent} is given up for the standard one.",)

    def button(self) -> str:
        """Return what the button says."""
        return "Use the standard colour"

    def run(self, data: Mapping[str, Any]) -> str:
        """Reset it."""
        made = services.set_accent(actor=self.actor, account=self.obj, accent="")
        return f"{made.name} has the standard colour again."


class MaskForm(VerbForm):
    """One switch."""

    on = forms.BooleanField(
        label="Mask addresses on pages",
        required=False,
        widget=forms.CheckboxInput(attrs={"role": "switch", "class": "switch"}),
        help_text=(
            "People without Addresses in exports see j•••@e••• on every page, and cannot search, "
            "filter or add contacts by address."
        ),
    )

    def prepare(self, verb: Any) -> None:
        """Begin with what is so."""
        self.fields["on"].initial = verb.obj.masks_addresses


class MaskAddresses(ConsoleVerb):
    """Mask addresses on pages too, or show them again."""

    name = "masking"
    label = _("Change…")
    form_class = MaskForm
    obj: Account

    def refusal(self) -> str:
        """Refuse without the right to."""
        if self.desk.holds(MANAGE_ACCOUNT_SETTINGS):
            return ""
        return (
            f"You cannot change what {self.obj.name} shows of addresses: it needs Change account "
            "settings, which you do not hold."
        )

    def title(self) -> str:
        """Return the heading."""
        return "Addresses on pages"

    def consequence(self) -> Sequence[str]:
        """Say what it does not change."""
        return (
            "Files never hold addresses for people without Addresses in exports; this is about "
            "pages.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return "Save setting"

    def run(self, data: Mapping[str, Any]) -> str:
        """Switch it."""
        made = services.set_address_masking(actor=self.actor, account=self.obj, on=data["on"])
        return f"Addresses are {'masked' if made.masks_addresses else 'shown'} on pages."


class FactorForm(VerbForm):
    """A box for each class."""

    classes = OfferedSet(
        label="Ask a second factor of",
        required=False,
        help_text="Without one, what stands here sleeps. It wakes as soon as it is set up.",
    )

    def prepare(self, verb: Any) -> None:
        """Offer the classes, and begin with those it asks."""
        offer(self, "classes", [(one.codename, str(one.label)) for one in CLASSES.values()])
        self.fields["classes"].initial = verb.obj.second_factor


def _counted(count: int) -> str:
    return "1 permission" if count == 1 else f"{count} permissions"


class AskSecondFactor(ConsoleVerb):
    """Choose of whom a second factor is asked."""

    name = "second-factor"
    label = _("Change…")
    form_class = FactorForm
    needs_recent = True  # an open window is not enough to ask it of fewer people
    obj: Account

    def refusal(self) -> str:
        """Refuse where there is none to have, and without the right to."""
        if not has_factors():
            return "You cannot ask a second factor of anybody: nobody can set one up here."
        if self.desk.holds(MANAGE_ACCOUNT_SETTINGS):
            return ""
        return (
            f"You cannot change whom {self.obj.name} asks a second factor of: it needs Change "
            "account settings, which you do not hold."
        )

    def title(self) -> str:
        """Return the heading."""
        return f"Second factor in {self.obj.name}"

    def consequence(self) -> Sequence[str]:
        """Say, for each class, who would lose what until they enrol, by name as far as the actor
        sees people."""
        found = preview(self.obj)
        named = open_people(self.desk, {s.person.pk for rows in found.values() for s in rows})
        lines = [self._line(str(CLASSES[name].label), found[name], named) for name in found]
        own = any(row.person == self.actor for rows in found.values() for row in rows)
        return [*self._cure(), *lines] if own else lines

    def _cure(self) -> list[SafeString]:
        """Lead an actor without one to where it is set up: what would put their own to sleep is
        refused."""
        if not self.desk.factor_url:
            return []
        return [
            format_html(
                'You have no second factor yourself. <a href="{}">Set up a second factor</a> '
                "before you ask it of a group you are in.",
                self.desk.factor_url,
            )
        ]

    @staticmethod
    def _line(label: str, rows: Sequence[Sleeper], named: set[Any]) -> str:
        what = label.partition(":")[0]
        if not rows:
            return f"{what}: nobody would lose anything."
        known = [row for row in rows if row.person.pk in named][:NAMED]
        shown = [f"{label_of(row.person)} ({_counted(row.count)})" for row in known]
        if more := len(rows) - len(known):
            shown.append(f"{more} more")
        return f"{what}: {words.listed(shown)} would lose that until they set up a second factor."

    def button(self) -> str:
        """Return what the button says."""
        return "Save setting"

    def run(self, data: Mapping[str, Any]) -> str:
        """Set it."""
        made = services.set_second_factor(
            actor=self.actor, account=self.obj, classes=data["classes"]
        )
        count = len(made.second_factor)
        if not count:
            return f"{made.name} asks a second factor of nobody."
        return f"{made.name} asks a second factor of {count} of {len(CLASSES)} groups."


class ModeForm(VerbForm):
    """What teams limit."""

    mode = OfferedField(label="Teams limit", widget=forms.RadioSelect)

    def prepare(self, verb: Any) -> None:
        """Begin with what is so."""
        field: Any = self.fields["mode"]
        field.choices = LIMITED
        field.initial = verb.obj.team_mode


class ChangeTeamMode(PreviewedVerb):
    """Say what teams limit."""

    name = "teams"
    label = _("Change…")
    form_class = ModeForm
    obj: Account

    def refusal(self) -> str:
        """Refuse where there are no teams, and without the right to."""
        if not self.desk.edition.has_teams:
            return f"{self.desk.edition.label} has no teams."
        if self.desk.holds(MANAGE_ACCOUNT_SETTINGS):
            return ""
        return (
            f"You cannot change what teams limit in {self.obj.name}: it needs Change account "
            "settings, which you do not hold."
        )

    def title(self) -> str:
        """Return the heading."""
        return f"Teams in {self.obj.name}"

    def consequence(self) -> Sequence[str]:
        """Say what being limited means, and why teams cannot be switched off now."""
        lines = [
            "People without Assign team resources see, of what is limited, only what is shared "
            "with one of their teams or theirs alone. You see first who gains and who loses."
        ]
        if self.obj.team_mode != TeamMode.OFF:
            try:
                refuse_while_needed(self.obj, self.desk.edition)
            except Invalid as error:
                lines.append(f"Teams cannot be switched off now: {error.message}")
        return lines

    def button(self) -> str:
        """Return what the button says."""
        return "Save setting"

    def run(self, data: Mapping[str, Any]) -> str:
        """Set it."""
        made = services.set_team_mode(actor=self.actor, account=self.obj, mode=data["mode"])
        return f"Teams limit {dict(LIMITED)[made.team_mode].lower()} in {made.name}."
