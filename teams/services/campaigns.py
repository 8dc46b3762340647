"""Writing campaigns: everything about a draft, and what is left to change afterwards.

Nothing here sends or leads to sending (see ``sending``): who may create campaigns writes them,
who may send settles who gets them.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from permissions.errors import Invalid, NotFound
from teams import flow
from teams.catalogue import (
    ACCESS_CAMPAIGNS,
    CHANGE_PUBLISHED_CAMPAIGNS,
    CREATE_CAMPAIGNS,
    DELETE_CAMPAIGNS,
    SHARE_CAMPAIGNS,
)
from teams.models import Campaign, MailingList, MessageTemplate, Segment, Subaccount
from teams.services.archive import remove
from teams.services.base import service
from teams.services.content import clean_rows, judge_rows
from teams.services.inputs import expect
from teams.services.items import (
    NAME_LIMIT,
    Work,
    at_work,
    clean_name,
    free_slug,
    refuse_put_away,
)
from teams.services.masking import require_addresses
from teams.services.segments import uses_address
from teams.services.senders import SENDER_LIMIT, SUBJECT_LIMIT, clean_address, clean_line


@service
def create_campaign(*, actor: Any, subaccount: Any, name: Any) -> Campaign:
    """Return a new, empty draft in ``subaccount``. Raises Refused or Invalid."""
    where = expect(subaccount, Subaccount, "The subaccount")
    with at_work(actor, where, CREATE_CAMPAIGNS, act="create campaigns") as work:
        return _add(work, clean_name(work, Campaign, name))


@service
def edit_campaign(
    *,
    actor: Any,
    campaign: Any,
    subject: Any,
    sender_name: Any,
    sender_email: Any,
    reply_to: Any = "",
) -> Campaign:
    """Say what a draft is about and whom it comes from; any of it may be left empty.

    Raises Refused, or Invalid: NOT_A_DRAFT, NOT_TEXT for what would break out of a header,
    NOT_AN_ADDRESS.
    """
    act = "edit this campaign"
    with at_work(actor, _expect(campaign), CREATE_CAMPAIGNS, act=act) as work:
        found = work.obj
        flow.refuse_settled(found)
        found.subject = clean_line(subject, "The subject", SUBJECT_LIMIT)
        found.sender_name = clean_line(sender_name, "The sender", SENDER_LIMIT)
        found.sender_email = clean_address(sender_email, "The sender's address")
        found.reply_to = clean_address(reply_to, "The address for replies")
        found.save(update_fields=["subject", "sender_name", "sender_email", "reply_to"])
        work.record("campaign.edited", found, about=found.subject)
        return found


@service
def rename_campaign(*, actor: Any, campaign: Any, name: Any) -> Campaign:
    """Give a campaign another name: a draft's needs the right to create, a sent one's to change
    after sending. Raises Refused, or Invalid: NOT_A_DRAFT while it is on its way."""
    found = _expect(campaign)
    with at_work(actor, found, act="rename this campaign") as work:
        found = work.obj
        is_sent = found.status == Campaign.Status.SENT
        work.require(CHANGE_PUBLISHED_CAMPAIGNS if is_sent else CREATE_CAMPAIGNS)
        flow.refuse_archived(found)
        if not is_sent:
            flow.refuse_settled(found)
        before, found.name = found.name, clean_name(work, Campaign, name, but=found.pk)
        found.save(update_fields=["name"])
        work.record("campaign.renamed", found, before=before, after=found.name)
        return found


@service
def set_audience(*, actor: Any, campaign: Any, mailing_list: Any, segment: Any = None) -> Campaign:
    """Say to which list a draft goes, or to which segment of it; None takes the audience away.

    Both must be seen by the actor and lie in the campaign's subaccount; a segment is of that list
    or of the whole subaccount. One about addresses needs sight of addresses: that anybody gets the
    campaign would tell of one. Raises NotFound, Refused, or Invalid: ARCHIVED, OTHER_LIST,
    NOT_A_DRAFT.
    """
    act = "choose the audience of this campaign"
    with at_work(actor, _expect(campaign), CREATE_CAMPAIGNS, act=act) as work:
        found = work.obj
        flow.refuse_settled(found)
        chosen = _choose(work, MailingList, mailing_list, found.mailing_list_id)
        part = _choose(work, Segment, segment, found.segment_id)
        refuse_telling(work, part)
        if part is not None and chosen is None:
            raise Invalid("A segment is part of a list. Choose the list too.", code="NO_LIST")
        if part is not None and chosen is not None:
            refuse_other_list(part, chosen)
        found.mailing_list, found.segment = chosen, part
        found.save(update_fields=["mailing_list", "segment"])
        work.record("campaign.addressed", found, mailing_list=_key(chosen), segment=_key(part))
        return found


def refuse_telling(work: Work[Campaign], segment: Segment | None) -> None:
    """Refuse a segment about addresses to whoever sees them masked. Raises OutOfScope."""
    if segment is not None and uses_address(segment):
        require_addresses(work)


def refuse_other_list(segment: Segment, mailing_list: MailingList) -> None:
    """Raise Invalid (OTHER_LIST) for a segment of another list."""
    if segment.mailing_list_id not in (None, mailing_list.pk):
        raise Invalid(
            "That is a segment of another list. Choose one of the same list, or of all contacts.",
            code="OTHER_LIST",
        )


@service
def use_template(*, actor: Any, campaign: Any, template: Any) -> Campaign:
    """Begin the content of a draft anew from ``template``: its rows and text are copied.

    What is done to the template afterwards changes nothing here. Raises NotFound for a template
    the actor does not see, Refused, or Invalid: ARCHIVED, NOT_A_DRAFT.
    """
    wanted = expect(template, MessageTemplate, "The template")
    act = "choose the template of this campaign"
    with at_work(actor, _expect(campaign), CREATE_CAMPAIGNS, act=act) as work:
        found = work.obj
        flow.refuse_settled(found)
        chosen = _choose(work, MessageTemplate, wanted, None)
        for permission in judge_rows(found.rows, [], work.allows):
            work.require(permission)  # every row there was goes, locked ones as well
        found.template, found.rows = chosen, clean_rows(chosen.rows)
        found.text = chosen.text
        found.save(update_fields=["template", "rows", "text"])
        work.record("campaign.laid_out", found, template=chosen.pk)
        return found


@service
def duplicate_campaign(*, actor: Any, campaign: Any, name: Any) -> Campaign:
    """Return a draft with the same content, sender and audience, under another name.

    Needs the right to create in the subaccount too: a guest of one campaign makes no others. A
    list, segment or template that was archived meanwhile is left out. Raises Refused or Invalid.
    """
    with at_work(actor, _expect(campaign), CREATE_CAMPAIGNS, act="copy this campaign") as work:
        if not work.allows(CREATE_CAMPAIGNS, work.subaccount):
            raise work.refusal(
                CREATE_CAMPAIGNS, "it needs {label} in {place}, which you do not hold there"
            )
        old = work.obj
        kept = {
            field: obj if (obj := getattr(old, field)) and not obj.is_archived else None
            for field in ("mailing_list", "segment", "template")
        }
        if kept["mailing_list"] is None:
            kept["segment"] = None
        return _add(
            work,
            clean_name(work, Campaign, name),
            copied=old.pk,
            sender_name=old.sender_name,
            sender_email=old.sender_email,
            reply_to=old.reply_to,
            **_content(old),
            **kept,
        )


@service
def share_campaign(*, actor: Any, campaign: Any, subaccount: Any, name: Any = None) -> Campaign:
    """Return a draft of ``campaign``'s content in another subaccount of the same account.

    Needs the right to share in both. Only subject, rows and text go along: audience, sender and
    template are the other client's own business. Raises Refused or Invalid: SAME_PLACE.
    """
    target = expect(subaccount, Subaccount, "The subaccount")
    needed = (ACCESS_CAMPAIGNS, SHARE_CAMPAIGNS)
    with at_work(actor, _expect(campaign), *needed, act="share this campaign") as work:
        old = work.obj
        if target.account_id != work.account.pk:
            raise NotFound("There is no such subaccount.")
        work.require(SHARE_CAMPAIGNS, target)
        if target.pk == work.subaccount.pk:
            raise Invalid(f"{old} is in {target} already. Copy it instead.", code="SAME_PLACE")
        there = dataclasses.replace(work, subaccount=target)
        made = _add(
            there,
            clean_name(there, Campaign, old.name if name is None else name),
            shared_from=work.subaccount.pk,
            **_content(old),
        )
        work.record("campaign.shared", old, to=target.pk, copy=made.pk)
        return made


@service
def delete_campaign(*, actor: Any, campaign: Any) -> None:
    """Remove a draft for good.

    Raises Refused, or Invalid: IN_USE while it is on its way (unscheduling needs the right to
    send), IS_RECORD for what was sent to anybody, which can be archived.
    """
    with at_work(actor, _expect(campaign), DELETE_CAMPAIGNS, act="delete this campaign") as work:
        found = work.obj
        if found.status in Campaign.ON_ITS_WAY:
            raise Invalid(
                f"{found} is on its way, so that it cannot be deleted. Unschedule or stop it "
                "first, which needs the right to send.",
                code="IN_USE",
            )
        if found.status == Campaign.Status.SENT or found.deliveries.exists():
            raise Invalid(
                f"{found} was sent, and people may ask about it. Archive it instead.",
                code="IS_RECORD",
            )
        remove(work, found)


# what they share


def _expect(campaign: Any) -> Campaign:
    return expect(campaign, Campaign, "The campaign")


def _key(obj: Any) -> Any:
    return None if obj is None else obj.pk


def _content(old: Campaign) -> dict[str, Any]:
    return {"subject": old.subject, "rows": clean_rows(old.rows), "text": old.text}


def _add(work: Work[Any], name: str, *, copied: Any = None, **values: Any) -> Campaign:
    """Add a draft to the subaccount of ``work``."""
    shared_from = values.pop("shared_from", None)
    made = Campaign.objects.create(
        account=work.account,
        subaccount=work.subaccount,
        name=name,
        slug=free_slug(work, Campaign, name),
        created_by=work.actor,
        **values,
    )
    about = {"copy_of": copied, "shared_from": shared_from}
    known = {key: value for key, value in about.items() if value is not None}
    work.record("campaign.created", made, **known)
    return made


def _choose(work: Work[Campaign], model: type[Any], obj: Any, current: Any) -> Any:
    """Return what was chosen of ``model``, if the actor may see it there, or None for none.

    What the campaign has already needs no second look: a guest of this one campaign keeps it.
    """
    if obj is None:
        return None
    kind = str(model._meta.verbose_name)
    found = expect(obj, model, f"The {kind}")
    if found.subaccount_id != work.subaccount.pk:
        raise NotFound(f"There is no such {kind}.")
    if found.pk != current:
        work.require(CREATE_CAMPAIGNS, found)
        refuse_put_away(found)
    return found


def copy_name(name: str) -> str:
    """Return a name to propose for a copy."""
    return f"Copy of {name}"[:NAME_LIMIT]
