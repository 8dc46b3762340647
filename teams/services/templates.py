"""Message templates: create and rename. What stands in them is written by ``services.rows``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from teams.catalogue import ACCESS_CONTENT
from teams.models import MessageTemplate, Subaccount
from teams.services.base import service
from teams.services.content import Row
from teams.services.inputs import expect
from teams.services.items import (
    Work,
    at_work,
    clean_name,
    free_slug,
    give_to_own_teams,
    refuse_put_away,
)


@service
def create_template(*, actor: Any, subaccount: Subaccount, name: str) -> MessageTemplate:
    """Create an empty template; where teams limit its creator, it goes to all of their teams.

    Raises Refused, or Invalid: ALREADY_USED, and what is wrong with the name.
    """
    subaccount = expect(subaccount, Subaccount, "The subaccount")
    with at_work(actor, subaccount, ACCESS_CONTENT, act="create a template") as work:
        return put_template(work, clean_name(work, MessageTemplate, name))


def put_template(work: Work[Subaccount], name: str, rows: Sequence[Row] = ()) -> MessageTemplate:
    """Put a template of clean ``rows`` into the subaccount of ``work``, under a free ``name``; who
    may do that has been asked. Where teams limit its creator, it goes to all of their teams."""
    made = MessageTemplate.objects.create(
        account=work.account,
        subaccount=work.subaccount,
        slug=free_slug(work, MessageTemplate, name),
        name=name,
        rows=list(rows),
        created_by=work.actor,
    )
    teams = give_to_own_teams(work, made)
    work.record("messagetemplate.created", made, name=name, teams=teams)
    return made


@service
def rename_template(*, actor: Any, template: MessageTemplate, name: str) -> MessageTemplate:
    """Give a template another name; its short name stays. Raises Refused or Invalid."""
    template = expect(template, MessageTemplate, "The template")
    with at_work(actor, template, ACCESS_CONTENT, act=f"rename {template}") as work:
        own = work.obj
        refuse_put_away(own)
        before, own.name = own.name, clean_name(work, MessageTemplate, name, but=own.pk)
        own.save(update_fields=["name"])
        work.record("messagetemplate.renamed", own, before=before, after=own.name)
    return own
