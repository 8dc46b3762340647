"""Tests: fast passwords, and a database file that threads and other processes can share."""

import os
import tempfile

from config.environment import BASE_DIR
from config.settings.base import *
from config.settings.databases import SQLITE

DEBUG = False
SECRET_KEY = "insecure-test-key"
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# Mail stays in memory (the test runner sees to it) and files go where nothing is kept.
MEDIA_ROOT = tempfile.mkdtemp(prefix="subaccounts-test-")

# Somebody has to stand on the invoices.
BILLING_SELLER_NAME = "Console Ltd"
BILLING_SELLER_ADDRESS = "1 Example Street|28001 Madrid|Spain"
BILLING_SELLER_TAX_ID = "ES B12345678"
BILLING_SELLER_NOTE = "Thank you."

# Static files come from the finders, through the test runner's own server.
MIDDLEWARE = [name for name in MIDDLEWARE if not name.startswith("whitenoise.")]

DATABASES["default"]["CONN_MAX_AGE"] = 0
if DATABASES["default"]["ENGINE"] == SQLITE:
    # A file rather than memory: memory knows no WAL, no second writer and no second
    # process, which are what the concurrency tests are about. Nothing needs to survive
    # a power cut here. Named for the process, so that two runs do not meet in it.
    DATABASES["default"]["TEST"] = {"NAME": str(BASE_DIR / f".test-{os.getpid()}.sqlite3")}
    DATABASES["default"]["OPTIONS"]["init_command"] = DATABASES["default"]["OPTIONS"][
        "init_command"
    ].replace("synchronous=NORMAL", "synchronous=OFF")
