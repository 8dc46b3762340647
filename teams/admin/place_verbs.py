"""Verbs about where a person works: how far a role reaches, and one more place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from permissions.admin import VerbForm, row_of
from permissions.audit import label_of
from teams import selectors, services
from teams.admin import words
from teams.admin.adding import ACCOUNT, adding_of, key_of
from teams.admin.base import ConsoleVerb
from teams.admin.forms import EndField, OfferedField, OfferedSet, chosen_from, offer, role_of
from teams.admin.group_filters import offered_groups
from teams.admin.member_verbs import MembershipVerb
from teams.admin.persons import people_in
from teams.editions.spec import ALL, AT_HOME, SOME
from teams.models import Subaccount, SubaccountGroup


class ReachForm(VerbForm):
    """All subaccounts, or chosen ones."""

    reach = OfferedField(label="Manages")
    managed = OfferedSet(label="Chosen subaccounts", required=False)
    groups = OfferedSet(label="Chosen groups", required=False)

    def prepare(self, verb: Any) -> None:
        """Offer active subaccounts the actor works in, and groups that hold any."""
        prepare_reach(self, verb, verb.spec_reaches())
        self.fields["reach"].initial = ALL if verb.part.all_subaccounts else SOME
        if "managed" in self.fields:  # not where the role leaves nothing to choose
            chosen = [str(row.subaccount_id) for row in verb.part.reach.all()]
            self.fields["managed"].initial = chosen
        if "groups" in self.fields:
            grouped = [str(row.group_id) for row in verb.part.managed_groups.all()]
            self.fields["groups"].initial = grouped


def prepare_reach(form: VerbForm, verb: Any, reaches: frozenset[str]) -> None:
    """Offer the reaches a role may have, and the subaccounts to choose from."""
    groups = verb.desk.once(offered_groups) if SOME in reaches and "groups" in form.fields else []
    chosen = "subaccounts and groups" if groups else "subaccounts"
    labels = {ALL: "All current and future subaccounts", SOME: f"Only the {chosen} chosen below"}
    offered = [(kind, label) for kind, label in labels.items() if kind in reaches]
    if AT_HOME in reaches:
        offered.append((SOME, f"The workspace of {verb.desk.account.name}"))
    offer(form, "reach", list(dict.fromkeys(offered)))
    places = [p for p in verb.desk.active if SOME in reaches or p.is_home]
    offer(form, "managed", [(str(p.pk), p.name) for p in places])
    if groups:
        offer(form, "groups", groups)
        form.fields[
            "groups"
        ].help_text = "Whoever manages a group manages what is in it at any time."
    else:
        form.fields.pop("groups", None)
    if SOME not in reaches and AT_HOME not in reaches:
        del form.fields["managed"]
    elif SOME not in reaches:
        form.fields["managed"].initial = [str(p.pk) for p in places]


def reach_of(verb: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the reach that was posted, as the services take it."""
    if data.get("reach") == ALL:
        return {"all_subaccounts": True}
    own = selectors.subaccounts_of(verb.actor).filter(account=verb.desk.account)
    found = {"managed": chosen_from(own, data.get("managed") or (), "subaccount")}
    if asked := data.get("groups"):
        groups = selectors.groups_of(verb.actor).filter(account=verb.desk.account)
        found["groups"] = chosen_from(groups, asked, "group")
    return found


class SetReach(MembershipVerb):
    """Say which subaccounts a manager manages."""

    name = "reach"
    label = _("Choose subaccounts…")
    form_class = ReachForm

    def spec_reaches(self) -> frozenset[str]:
        """Return how far the role may reach."""
        if not self.part.role:
            return frozenset({ALL})
        spec = self.desk.edition.find_role(self.part.role)
        return spec.reaches if spec else frozenset()

    def refusal(self) -> str:
        """Refuse for roles that reach one place only, or that always reach all."""
        if not self.part.is_account_level or len(self.spec_reaches()) < 2:
            return f"{self.role_name} reaches {self.place}; there is nothing to choose."
        return super().refusal()

    def title(self) -> str:
        """Return the heading."""
        return f"Which subaccounts {self.name_of} manages"

    def consequence(self) -> Sequence[str]:
        """Say what is lost and gained."""
        return (
            f"{self.name_of} is {self.role_name} of {words.within(self.place)} now. Subaccounts "
            "that are no longer chosen are out of reach from the next click.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return "Save subaccounts"

    def run(self, data: Mapping[str, Any]) -> str:
        """Set it."""
        reach = reach_of(self, data)
        chosen, groups = list(reach.get("managed", ())), list(reach.get("groups", ()))
        if "managed" in reach:
            # what was not offered (archived, or out of the actor's sight) was not taken away
            offered = [place.pk for place in self.desk.active]
            kept = Subaccount.objects.filter(managing_memberships=self.part)
            chosen += kept.exclude(pk__in=offered)
            seen = [key for key, _name in self.desk.once(offered_groups)]
            others = SubaccountGroup.objects.filter(managing__membership=self.part)
            groups += others.exclude(pk__in=seen)
        changed = services.set_manager_reach(
            actor=self.actor,
            membership=self.part,
            subaccounts=chosen,
            all_subaccounts=reach.get("all_subaccounts", False),
            groups=groups,
        )
        return f"{self.name_of} manages {words.within(words.place_label(self.desk, changed))} now."


class AddForm(VerbForm):
    """A role in the chosen place, and until when."""

    role = OfferedField(label="Role")
    reach = OfferedField(label="Manages")
    managed = OfferedSet(label="Chosen subaccounts", required=False)
    groups = OfferedSet(label="Chosen groups", required=False)
    ends_at = EndField()

    def prepare(self, verb: Any) -> None:
        """Offer the roles the services would let the actor give there."""
        place = verb.subaccount
        roles = verb.desk.offers.roles(subaccount=place, person=verb.person)
        offer(self, "role", roles)
        if place is not None:
            del self.fields["reach"], self.fields["managed"], self.fields["groups"]
            return
        specs = [role for role in verb.desk.edition.roles if role.codename in dict(roles)]
        reaches = frozenset[str]().union(*(spec.reaches for spec in specs)) or frozenset({ALL})
        prepare_reach(self, verb, reaches)


class Placing(ConsoleVerb):
    """A verb that asks for a subaccount or the account itself first."""

    choose = True

    @property
    def person(self) -> Any:
        """Return who is added, None where the form asks for somebody."""
        return None

    def find(self, key: str) -> Any:
        """Return the subaccount, or the account itself."""
        if key == ACCOUNT:
            return ACCOUNT
        own = selectors.subaccounts_of(self.actor).filter(account=self.desk.account)
        return row_of(own, key)

    def key(self) -> str:
        """Return how the address names the place."""
        return ACCOUNT if self.part == ACCOUNT else str(self.part.pk)

    @property
    def subaccount(self) -> Any:
        """Return the chosen subaccount, None for the account itself."""
        return None if self.part == ACCOUNT else self.part

    @property
    def place_name(self) -> str:
        """Return the place's name."""
        return self.desk.account.name if self.part == ACCOUNT else self.part.name

    def add(self, person: Any, data: Mapping[str, Any]) -> str:
        """Give ``person`` the posted role in the chosen place."""
        reach = reach_of(self, data) if self.subaccount is None else {}
        membership = services.add_member(
            actor=self.actor,
            account=self.desk.account,
            user=person,
            role=role_of(self.desk.account, data["role"]),
            subaccount=self.subaccount,
            ends_at=data["ends_at"],
            **reach,
        )
        role = words.role_label(self.desk, membership)
        return f"{label_of(person)} is {role} of {self.place_name} now."


class AddPlace(Placing):
    """Give the person a role in one more place."""

    name = "add"
    label = _("Add to a place…")
    form_class = AddForm

    @property
    def person(self) -> Any:
        """Return the person the page is about."""
        return self.obj

    def prompt(self) -> str:
        """Return the heading of the first page."""
        return f"Where should {label_of(self.obj)} work?"

    def options(self) -> Sequence[tuple[str, str, str]]:
        """Return the places where the actor may add this person."""
        adding = adding_of(self.desk)
        taken = adding.taken.get(self.obj.pk, set())
        return [
            (ACCOUNT, self.desk.account.name, "A role that reaches several subaccounts")
            if place is None
            else (
                str(place.pk),
                place.name,
                "Has a role there already" if place.pk in taken else "",
            )
            for place in adding.places_for(self.obj)
        ]

    def refusal(self) -> str:
        """Refuse for oneself, for the owner, and where there is nowhere to add them."""
        if self.obj.pk == self.actor.pk:
            return "You cannot add yourself: nobody changes their own rights."
        if self.obj.pk == self.desk.account.owner_id:
            return "You cannot add the owner: the owner holds everything already."
        if not adding_of(self.desk).places_for(self.obj):
            return (
                f"You cannot add {label_of(self.obj)} anywhere: there is no place left where you "
                "give roles and they are below you."
            )
        if self.part is not None and self.key() not in {key for key, _, _ in self.options()}:
            return (
                f"You cannot add {label_of(self.obj)} to {self.place_name}: there is no role in it "
                "that you may give."
            )
        return ""

    def title(self) -> str:
        """Return the heading."""
        return f"Add {label_of(self.obj)} to {self.place_name}"

    def consequence(self) -> Sequence[str]:
        """Say what the person gets."""
        return (
            f"{label_of(self.obj)} holds what the role allows in {self.place_name} from the next "
            "click. Roles you may not give are left out.",
        )

    def run(self, data: Mapping[str, Any]) -> str:
        """Add."""
        return self.add(self.obj, data)


class AddPersonForm(AddForm):
    """Somebody of the account, and a role in the chosen place."""

    person = OfferedField(label="Person")
    field_order = ("person", "role", "reach", "managed", "groups", "ends_at")

    def prepare(self, verb: Any) -> None:
        """Offer the people who may be added there."""
        super().prepare(verb)
        people = adding_of(verb.desk).people(verb.subaccount and verb.subaccount.pk)
        offer(
            self,
            "person",
            [(str(p.pk), f"{label_of(p)}, {p.email or p.get_username()}") for p in people],
        )


class AddPerson(Placing):
    """Give somebody the actor sees a role in a place: the place first, then the person."""

    name = "add-person"
    label = _("Add person")
    on_list = True
    is_primary = True
    form_class = AddPersonForm

    def prompt(self) -> str:
        """Return the heading of the first page."""
        return "Where should the person work?"

    def options(self) -> Sequence[tuple[str, str, str]]:
        """Return the places where somebody may be added, and how many could be."""
        adding = adding_of(self.desk)
        found = []
        for place in adding.places:
            if count := len(adding.keys(key_of(place))):
                note = f"{count} {'person' if count == 1 else 'people'} could be added"
                key, name = (ACCOUNT, self.desk.account.name)
                if place is not None:
                    key, name = str(place.pk), place.name
                found.append((key, name, note))
        return found

    def refusal(self) -> str:
        """Refuse where there is nobody to add, there or anywhere."""
        adding = adding_of(self.desk)
        if self.part is None:
            if adding.leads_somewhere():
                return ""
            return "You cannot add anybody: nobody you see could be given a role by you."
        key = self.subaccount and self.subaccount.pk
        if key not in {key_of(place) for place in adding.places}:
            return f"You cannot add people to {self.place_name}: there is no role you may give."
        if not adding.keys(key):
            return f"Everybody you see already has a role in {self.place_name}."
        return ""

    def title(self) -> str:
        """Return the heading."""
        return f"Add a person to {self.place_name}"

    def consequence(self) -> Sequence[str]:
        """Say what the person gets."""
        return (
            f"The person holds what the role allows in {self.place_name} from the next click. "
            "People and roles beyond you are left out.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return "Add person"

    def run(self, data: Mapping[str, Any]) -> str:
        """Add."""
        found = chosen_from(people_in(self.desk), [data["person"]], "person")
        return self.add(found[0], data)


PLACE_VERBS = (AddPerson, AddPlace, SetReach)
