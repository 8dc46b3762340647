"""Coming: what somebody does with the link of an invitation.

What was offered is given by the services that give it to people who are here already, with whoever
offered it as the actor, who may have lost the right since.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from permissions import access, audit
from permissions.audit import label_of
from permissions.errors import (
    AlreadyUsed,
    Invalid,
    LimitReached,
    NotFound,
    ReadOnlyAccount,
    Refused,
)
from teams import logins
from teams.models import Account, Invitation, Membership
from teams.services import invitation_mail
from teams.services.base import in_person, service
from teams.services.change import root_key
from teams.services.inputs import clean_text, expect_user
from teams.services.invitation_limits import space_out, throttle
from teams.services.invitations import described, settle
from teams.services.people import add_member
from teams.services.sharing import add_to_team, set_team_end
from teams.services.toggles import toggle_permission

NAME_LIMIT = 60


class _Lost(Exception):
    """Whoever offered it could not offer it any more."""


def _voiding(function: Callable[..., Membership]) -> Callable[..., Membership]:
    """Mark an invitation whose inviter lost the right as void, after everything was taken back."""

    @functools.wraps(function)
    def run(**asked: Any) -> Membership:
        try:
            return function(**asked)
        except _Lost as lost:
            access.forget()
            void(lost.args[0])
            raise Invalid(
                "This invitation no longer counts: whoever sent it may not give this role any "
                "more. Ask for a new one.",
                code="VOID",
            ) from None

    return run


@_voiding
@service
def accept_invitation(*, actor: Any, token: str) -> Membership:
    """Take what the link ``token`` offers, as the login ``actor``.

    Only the login whose confirmed address it was sent to may, once and in time; and only what the
    inviter could still give. Raises Refused (ADDRESSEE, READ_ONLY_ACCOUNT), NotFound for a link
    that opens nothing, or Invalid (EXPIRED, SETTLED, VOID, ALREADY_USED, ARCHIVED, LIMIT_REACHED…).
    """
    user = expect_user(actor, "The person")
    invitation = _locked(token)
    if not is_addressee(user, invitation.address, token):
        refusal = Refused(
            "This invitation was sent to another address. Sign in with the login that has it, or "
            "ask to be invited at yours.",
            code="ADDRESSEE",
        )
        refusal.account = invitation.account
        raise refusal
    logins.current().confirm(user, invitation.address)
    return _take(user, invitation)


@_voiding
def join(*, token: str, first_name: str, last_name: str, password: str) -> Membership:
    """Create the login of whoever a *mailed* link was sent to, and take what it offers.

    Having the link shows that the mail was read, so the address is confirmed; a copied link shows
    no such thing. Raises as ``accept_invitation``; Invalid (COPIED, LOGIN_EXISTS, LOGIN_OFF,
    WEAK_PASSWORD).
    """
    names = (
        clean_text(first_name, "The first name", limit=NAME_LIMIT),
        clean_text(last_name, "The last name", limit=NAME_LIMIT),
    )
    if not isinstance(password, str):
        raise Invalid("The password must be text.", code="WRONG_TYPE")
    if not invitation_mail.is_mailed(token):
        raise Invalid(
            "This link was copied. Ask for the mail first: it shows that the address is yours.",
            code="COPIED",
        )
    with transaction.atomic():
        invitation = _locked(token)
        return _take(_created(invitation.address, names, password), invitation)


def _created(address: str, names: tuple[str, str], password: str) -> Any:
    """Create the login of whoever reads the mail of ``address``, if that has none."""
    known = logins.current()
    if known.find(address) is not None:
        raise _login_exists()
    if any(not user.is_active for user in logins.having(address)):
        raise Invalid(
            "The login with this address is switched off. Ask those who run this site.",
            code="LOGIN_OFF",
        )
    model: Any = get_user_model()
    to_be = model(**{logins.email_field(): address})
    to_be.first_name, to_be.last_name = names
    try:
        validate_password(password, to_be)
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), code="WEAK_PASSWORD") from None
    try:
        with transaction.atomic():
            return known.create(
                address=address, username=free_username(address), password=password, names=names
            )
    except IntegrityError:  # somebody says that the address is theirs, or just joined elsewhere
        raise _login_exists() from None


def _login_exists() -> Invalid:
    return Invalid("There is a login with this address. Sign in to accept.", code="LOGIN_EXISTS")


def open_invitation(token: str) -> Invitation:
    """Return the invitation that ``token`` opens now. Raises NotFound, or Invalid (EXPIRED,
    SETTLED) for one that it opened once."""
    key, nonce = invitation_mail.read(token)
    found = (
        Invitation.objects.select_related(
            "account", "subaccount", "custom_role", "invited_by", "accepted_by"
        )
        .filter(pk=key, nonce=nonce)
        .first()
    )
    if found is None:
        raise NotFound("This link opens no invitation. A newer one may have been sent since.")
    if found.status != Invitation.Status.PENDING:
        said = {
            Invitation.Status.ACCEPTED: "has been accepted already. Sign in",
            Invitation.Status.WITHDRAWN: "was withdrawn. Ask for a new one",
        }.get(Invitation.Status(found.status), "no longer counts. Ask for a new one")
        raise Invalid(f"This invitation {said}.", code="SETTLED")
    if not found.is_open:
        raise Invalid("This invitation has expired. Ask for a new one.", code="EXPIRED")
    return found


def is_addressee(user: Any, address: str, token: str) -> bool:
    """Say whether ``address`` belongs to the login ``user``: it has confirmed it, or says it has it
    and shows so by the *mailed* link, where nobody else has confirmed it."""
    known = logins.current()
    if known.owns(user, address):
        return True
    says_so = invitation_mail.is_mailed(token) and user in logins.having(address)
    return says_so and bool(user.is_active) and known.find(address) is None


def mail_again(*, token: str) -> None:
    """Send the mail to the address that a *copied* link names: only the mail shows whose it is.

    The links stay the same. Raises as ``open_invitation``; Invalid (TOO_MANY).
    """
    with transaction.atomic():
        invitation = _locked(token)
        space_out(invitation)
        throttle(invitation.account, invitation.address)
        invitation.sent_at = timezone.now()
        invitation.save(update_fields=["sent_at"])
        audit.record(
            root=root_key(invitation.account),
            actor=None,
            action="invitation.mailed",
            subject=invitation,
            data={"invitation": invitation.pk, "address": invitation.address},
        )
        invitation_mail.enqueue(invitation)


@transaction.atomic
def void(lost: Invitation) -> None:
    """Mark an invitation that lost the right behind it, and record it.

    Not one that was sent again since: somebody else answers for that.
    """
    account = Account.objects.select_for_update(no_key=True).get(pk=lost.account_id)
    rows = Invitation.objects.filter(pk=lost.pk, nonce=lost.nonce)
    invitation = rows.filter(status=Invitation.Status.PENDING).first()
    if invitation is not None:
        settle(invitation, Invitation.Status.VOID)
        audit.record(
            root=root_key(account),
            actor=None,
            action="invitation.voided",
            subject=invitation,
            data=described(invitation),
        )


def _locked(token: str) -> Invitation:
    """Return what ``token`` opens, with its account locked: nobody else settles it meanwhile.

    Raises ReadOnlyAccount: the link counts again as soon as the account is not read-only. Why it
    is, is not for somebody who is outside.
    """
    in_person("take an invitation up")
    found = open_invitation(token)
    account = Account.objects.select_for_update(no_key=True).get(pk=found.account_id)
    if account.read_only_because:
        error = ReadOnlyAccount(
            f"{account.name} takes in nobody at the moment. Try again later, or ask whoever "
            "invited you."
        )
        error.account = account
        raise error
    return open_invitation(token)


def _take(user: Any, invitation: Invitation) -> Membership:
    """Give what was offered, in the name of whoever offered it, who may have lost the right."""
    inviter, account = invitation.invited_by, invitation.account
    if inviter is None or not inviter.is_active or inviter.is_staff or inviter.is_superuser:
        raise _Lost(invitation)
    try:
        membership = add_member(
            actor=inviter,
            account=account,
            user=user,
            consented=True,
            role=invitation.custom_role or invitation.role,
            subaccount=invitation.subaccount,
            managed=list(invitation.managed.all()),
            all_subaccounts=invitation.all_subaccounts,
            ends_at=invitation.ends_at,
        )
        for toggle in invitation.toggles:
            toggle_permission(actor=inviter, membership=membership, toggle=toggle, on=True)
        for team in invitation.teams.all():
            row = team.memberships.filter(user=user).first()
            asked: dict[str, Any] = {"actor": inviter, "team": team, "user": user}
            if row is None:
                add_to_team(**asked, ends_at=invitation.ends_at)
            elif row.ends_at is not None and row.ends_at <= timezone.now():
                set_team_end(**asked, ends_at=invitation.ends_at)
    except AlreadyUsed:
        raise AlreadyUsed("You have a role there already. Nothing was changed.") from None
    except LimitReached:  # how many there are, and may be, is not for somebody who is outside
        raise LimitReached(
            f"{account.name} has no seat free for you. Ask whoever invited you, and open the link "
            "again then."
        ) from None
    except (Refused, NotFound):  # not found: the inviter has no place here any more
        raise _Lost(invitation) from None
    settle(invitation, Invitation.Status.ACCEPTED, by=user)
    audit.record(
        root=root_key(account),
        actor=user,
        action="invitation.accepted",
        subject=invitation,
        data=described(invitation) | {"user": str(user.pk), "person": label_of(user)},
    )
    return membership


def free_username(address: str) -> str:
    """Return a user name that is free: the address, or one made from it."""
    model: Any = get_user_model()
    if logins.email_field() == model.USERNAME_FIELD:
        return address
    field = model._meta.get_field(model.USERNAME_FIELD)
    base = name = address[: (field.max_length or len(address) + 6) - 6]
    n = 1
    while model._default_manager.filter(**{f"{field.name}__iexact": name}).exists():
        n += 1
        name = f"{base}-{n}"
    return name
