"""How a mail URL becomes mail settings, for either Django."""

from typing import Any

import django

SMTP = "django.core.mail.backends.smtp.EmailBackend"
#: seconds for each word with a mail server
TIMEOUT = 30
NAMES = {
    "EMAIL_HOST": "host",
    "EMAIL_PORT": "port",
    "EMAIL_HOST_USER": "username",
    "EMAIL_HOST_PASSWORD": "password",
    "EMAIL_USE_TLS": "use_tls",
    "EMAIL_USE_SSL": "use_ssl",
}


def mail_settings(parts: dict[str, Any]) -> dict[str, Any]:
    """Return the settings for a mail URL read by django-environ.

    Django 6.1 has MAILERS and warns of the older names, which it refuses beside it.
    """
    backend = parts["EMAIL_BACKEND"]
    given = {name: parts[name] for name in NAMES if parts.get(name)}
    given.setdefault("EMAIL_HOST", "localhost")
    if django.VERSION < (6, 1):
        return {"EMAIL_BACKEND": backend, "EMAIL_TIMEOUT": TIMEOUT, **given}
    options = {NAMES[name]: value for name, value in given.items()} | {"timeout": TIMEOUT}
    mailer = {"BACKEND": backend} | ({"OPTIONS": options} if backend == SMTP else {})
    return {"MAILERS": {"default": mailer}}
