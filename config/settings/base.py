"""What every way of running the console shares."""

from config.environment import BASE_DIR, env
from config.settings.api import *
from config.settings.billing import *
from config.settings.databases import database
from config.settings.dunning import *
from config.settings.mail import mail_settings
from config.settings.payments import *
from config.settings.security import CSP_DIRECTIVES, CSP_MIDDLEWARE
from config.settings.signing_in import *
from config.settings.tasks import TASK_APPS
from config.settings.webhooks import *

# Applications. Ours come first, so that their templates and commands win.

INSTALLED_APPS = [
    "config",
    "billing",
    "teams",
    "permissions",
    "guardian",
    *TASK_APPS,
    # Describes the API: its command writes the document to a file.
    "drf_spectacular",
    *SIGN_IN_APPS,
    # Without autodiscovery: the console and the operator site register what they show.
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "permissions.middleware.AuditMiddleware",  # first: what the others do is part of the request
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    CSP_MIDDLEWARE,
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    *SIGN_IN_MIDDLEWARE,
    *LOCK_OUT_MIDDLEWARE,
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
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

# Data

DATABASES = {
    "default": database(env.str("DATABASE_URL", "") or "sqlite:///db.sqlite3", base_dir=BASE_DIR),
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Work in the background: kept in the database, done by "manage.py db_worker".

TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}

# Files that contacts come and go in. Never served by themselves: only the console hands them
# out, to whoever asked for them.

MEDIA_ROOT = env.str("FILES_DIR", "") or str(BASE_DIR / "files")
# What is too large is thrown away while it arrives, before anything is kept of it.
FILE_UPLOAD_HANDLERS = [
    "teams.uploads.SizeLimit",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

# Mail. Where nothing is said, it is written to standard output instead of sent.

globals().update(mail_settings(env.email_url("EMAIL_URL", default="consolemail://")))
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "console@localhost")

# People and what they may do. How they sign in is in signing_in.

# Nobody is not a person who could be given something.
ANONYMOUS_USER_NAME = None
# guardian.W001 asks for guardian's own backend; ours reads its grants instead.
SILENCED_SYSTEM_CHECKS = ["guardian.W001"]

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{validator}"}
    for validator in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# Language and time

LANGUAGE_CODE = "en-gb"
TIME_ZONE = env.str("TIME_ZONE", "UTC")
USE_I18N = True
USE_TZ = True

# Static files

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "config" / "static"]

# Security, on from the first page. What needs HTTPS is in prod.

SECURE_CSP = CSP_DIRECTIVES
CONTENT_SECURITY_POLICY = {"DIRECTIVES": CSP_DIRECTIVES}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"

# Where people reach the console: scheme, host and port. For links that leave it.
CONSOLE_ORIGIN = env.str("CONSOLE_ORIGIN", "http://127.0.0.1:8000")

# How many days an invitation can be accepted, and how many an account may send in an hour.
INVITATION_DAYS = env.int("INVITATION_DAYS", 15)
INVITATIONS_PER_HOUR = env.int("INVITATIONS_PER_HOUR", 200)
