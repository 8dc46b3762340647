"""Work of signing in that the worker does."""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str

from teams import logins
from teams.background import task


@task()
def send_password_link(address: str) -> None:
    """Send the owner of ``address`` the link to a new password; do nothing if nobody owns it.

    Only to the address itself, as it was confirmed.
    """
    user = logins.current().find(address)
    if user is None:
        return
    adapter = get_adapter()
    key = f"{user_pk_to_url_str(user)}-{default_token_generator.make_token(user)}"
    words = {
        "username": user.get_username(),
        "password_reset_url": adapter.get_reset_password_from_key_url(key),
    }
    adapter.send_password_reset_mail(user, address, words)
