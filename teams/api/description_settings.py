"""What stands above the document of the API. Plain data, which settings may read."""

from __future__ import annotations

from typing import Any

DESCRIPTION = """\
What a key may do in its subaccount: the key's scopes, as far as whoever created it holds them at
this moment. Send it as `Authorization: Bearer sak_…` and nowhere else.

Every address ends with a slash. What is sent and answered is JSON in UTF-8, up to 256 KB of it.
Every answer bears an `X-Request-ID`; the account's record names what was changed by it.

**Errors** are problem details (RFC 9457). `code` is for programs, `detail` for people; a refusal
(403) names what is `missing`, and 422 names each field in `errors`. What is foreign, missing or
malformed gets the same 404. A key that was revoked or has expired is answered as one that never
was (401); one that sleeps says why (403).

**Lists** come in pages: follow `next` until it is null. Parameters that a list does not know are
refused, and so are fields that a body does not have.

**Repeating.** A POST that makes or sends something takes an `Idempotency-Key`: a name of your own,
a new one for each call. The call is carried out once within 24 hours; repeated, it answers as
before with `Idempotent-Replayed: true`.

* The same call is the same address with the same body, byte by byte, by the same API key. Under a
  name that stood for another call it is refused: 422 `KEY_REUSED`.
* Another API key has names of its own, and so has the one that replaces yours: finish what you
  repeat before you change over.
* What was refused, or failed, is not kept: repeated, it is judged anew.
* While the first call is still being carried out, the second gets 409 `IN_FLIGHT` with
  `Retry-After`.
* If the key may not read any more what the first answer showed, or it is gone: 409
  `DONE_ALREADY`. Nothing is done twice.
* After 24 hours the name is forgotten, and the call is carried out anew.

PATCH and DELETE say how things shall be and may be repeated as they are; they read no such name.

**Addresses of contacts** are given to keys with `export_pii`. Others get the MD5 of the trimmed,
lower-cased address, and `(address left out)` where a name or field holds one.

**How often.** Calls are counted per key and per account and minute, refused ones too.
`RateLimit-Limit` says how many a key may make, `RateLimit-Remaining` how many are left,
`RateLimit-Reset` for how many seconds; too many get 429 with `Retry-After`.
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
        "teams.api.description.name_ids",
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
