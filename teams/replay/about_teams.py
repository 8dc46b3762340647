"""What events of teams do, and of what teams limit: lists and templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from permissions.models import AuditEvent
from teams.replay.handling import on, subject_of, thing_of
from teams.replay.state import Crew, End, State, Thing, moment

# what teams may limit, and what somebody may be a guest of


@on("mailinglist.created", "messagetemplate.created")
def _thing_created(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    kind, _, actor = event.actor_ref.partition(":")
    thing = thing_of(event)
    state.things[thing] = Thing(data["subaccount"], actor if "." in kind else None)
    for team in state.teams.values():
        if team.name in data["teams"]:
            team.things.add(thing)


@on(
    "mailinglist.purged",
    "mailinglist.deleted",
    "messagetemplate.purged",
    "campaign.purged",
)
def _thing_gone(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    thing = thing_of(event)
    state.things.pop(thing, None)
    for key in [key for key in state.guests if key[1] == thing]:
        del state.guests[key]
    for team in state.teams.values():
        team.things.discard(thing)


# teams


@on("team.created")
def _team_created(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.teams[subject_of(event)] = Crew(data["name"], data.get("group"))


@on("team.renamed")
def _team_renamed(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.teams[subject_of(event)].name = data["after"]


@on("team.joined")
def _team_joined(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.teams[subject_of(event)].people[data["user"]] = moment(data["ends_at"])


@on("team.end_changed")
def _team_end(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    people = state.teams[subject_of(event)].people
    people[data["user"]]  # is in it
    people[data["user"]] = moment(data["after"])


@on("team.left", "team.pruned")
def _team_left(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    del state.teams[subject_of(event)].people[data["user"]]


@on("team.given")
def _team_given(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.teams[data["team"]].things.add(thing_of(event))


@on("team.withdrawn")
def _team_withdrawn(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    state.teams[data["team"]].things.remove(thing_of(event))


@on("team.archived")
def _team_archived(state: State, event: AuditEvent, data: Mapping[str, Any]) -> None:
    """Its people and its things go to the other team; who is in both stays until the later end."""
    old = state.teams.pop(subject_of(event))
    if data["replacement"] is None:
        return
    into = state.teams[data["replacement"]]
    into.things |= old.things
    for user, end in old.people.items():
        into.people[user] = _later(end, into.people[user]) if user in into.people else end


def _later(one: End, other: End) -> End:
    return None if one is None or other is None else max(one, other)
