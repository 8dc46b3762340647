"""The mail that tells an owner that a webhook was switched off."""

from __future__ import annotations

import logging

from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse

from permissions.audit import label_of
from teams import logins
from teams.background import task
from teams.models import Webhook
from teams.services.invitation_mail import console_origin, plain_name
from teams.services.posting import Fate, mailer, post

log = logging.getLogger("teams.mail")


@task()
def post_switched_off(key: int) -> None:
    """Tell the owner that a webhook is off, if it still is."""
    hook = Webhook.objects.select_related("account__owner").filter(pk=key).first()
    if hook is None or hook.disabled_at is None or not logins.address_of(hook.account.owner):
        return
    connection = mailer()
    try:
        connection.open()
        fate = post(connection, message_of(hook))[0]
    except OSError:
        fate = Fate.LATER
    finally:
        connection.close()
    if fate is not Fate.SENT:  # the webhook's page says it all the same
        log.warning("mail about webhook %s: %s", key, fate.value)


def message_of(hook: Webhook) -> EmailMultiAlternatives:
    """Return the mail about ``hook``, every name that somebody chose made plain."""
    owner = hook.account.owner
    words = {
        "person": plain_name(label_of(owner)),
        "account": plain_name(hook.account.name),
        "webhook": plain_name(hook.name),
        "reason": hook.disabled_because,
        "at": hook.disabled_at,
        "link": _link(hook),
    }
    subject = words["subject"] = f"The webhook {plain_name(hook.name)} was switched off"
    message = EmailMultiAlternatives(
        subject,
        render_to_string("teams/mail/webhook_off.txt", words),
        to=[logins.address_of(owner)],
    )
    message.attach_alternative(render_to_string("teams/mail/webhook_off.html", words), "text/html")
    # answering is for people: no out-of-office note is wanted
    message.extra_headers["Auto-Submitted"] = "auto-generated"
    return message


def _link(hook: Webhook) -> str:
    """Return the address of its page; empty in a project without the console."""
    try:
        return f"{console_origin()}{reverse('console:teams_webhook_change', args=[hook.pk])}"
    except NoReverseMatch:
        return ""
