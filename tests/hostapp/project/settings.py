"""The settings of a minimal host project: its own people, one app, permissions and teams.

The lines that django-subaccounts asks of a host are marked; the rest is any project's.
``HOST_EXTRA_APPS`` adds apps, for tests of what a host may add and what must not start.
"""

import os
import tempfile
from pathlib import Path

import django
import environ

SECRET_KEY = "insecure-host-key"
DEBUG = False
ALLOWED_HOSTS = ["testserver"]
ROOT_URLCONF = "project.urls"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "crm.Person"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "guardian",  # asked of a host
    "permissions",  # asked of a host
    "teams",  # asked of a host
    "crm",  # after teams, because it registers a model
    *filter(None, os.environ.get("HOST_EXTRA_APPS", "").split(",")),
]

AUTHENTICATION_BACKENDS = [
    "permissions.backend.PermissionBackend",  # asked of a host: first
    "django.contrib.auth.backends.ModelBackend",
]
ANONYMOUS_USER_NAME = None  # asked of a host
SILENCED_SYSTEM_CHECKS = ["guardian.W001"]  # asked of a host

MIDDLEWARE = [
    "project.middleware.HostAuditMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

STATIC_URL = "static/"

DATABASES = {
    "default": environ.Env.db_url_config(
        os.environ.get("DATABASE_URL")
        or f"sqlite:///{Path(tempfile.gettempdir()) / 'hostapp.sqlite3'}"
    ),
}

BILLING_SELLER_NAME = "Host Ltd"  # asked of a host that sends invoices
if django.VERSION < (6, 1):
    EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
else:
    MAILERS = {"default": {"BACKEND": "django.core.mail.backends.dummy.EmailBackend"}}
# What billing enqueues is done at once; a host has a backend with workers.
TASKS = {"default": {"BACKEND": "django_tasks.backends.immediate.ImmediateBackend"}}
