"""What stands above the document of the API. Plain data, which settings may read."""

from __future__ import annotations

from typing import Any

DESCRIPTION = """\
What a key may do in its subaccount: the key's scopes, as far as whoever created it holds them at
this moment. Send it as `Authorization: Bearer sak_…` and nowhere else.

**Errors** are problem details (RFC 9457). `code` is for programs, `detail` for people; a refusal
(403) names what is `missing`, and 422 names each field in `errors`. What is foreign, missing or
malformed gets the same 404.

**Lists** come in pages: follow `next` until it is null. Parameters that a list does not know are
refused, and so are fields that a body does not have.

**Repeating.** A POST with an `Idempotency-Key` is carried out once within 24 hours; repeated, it
answers as before with `Idempotent-Replayed: true`, as long as the key may still read that.

**Addresses of contacts** are given to keys with `export_pii`. Others get the MD5 of the trimmed,
lower-cased address, and `(address left out)` where a name or field holds one.

**How often.** Calls are counted per key and per account and minute; too many get 429 with
`Retry-After`.
"""
SETTINGS: dict[str, Any] = {
    "TITLE": "Subaccounts",
    "DESCRIPTION": DESCRIPTION,
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SORT_OPERATIONS": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "teams.api.description.close_bodies",
    ],
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "CampaignState": "teams.models.Campaign.Status",
        "ContactState": "teams.models.Contact.Status",
        "InvitationState": "teams.models.Invitation.Status",
        "MembershipState": "teams.models.Membership.Status",
        "ListType": "teams.models.MailingList.Kind",
    },
    "TAGS": [
        {"name": "Key", "description": "What the key is, and what it may do."},
        {"name": "Members", "description": "Who has a role in the subaccount."},
        {"name": "Invitations", "description": "Who has been asked to come."},
        {"name": "Lists", "description": "Mailing lists."},
        {"name": "Contacts", "description": "Subscribers."},
        {"name": "Campaigns", "description": "Mailings, from the draft to what came of them."},
    ],
}
