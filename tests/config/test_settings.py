"""The settings, each read by a process of its own with nothing else in its environment."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from config.environment import BASE_DIR, read_dotenv
from config.settings.databases import SQLITE_OPTIONS

COMPLETE = {
    "SECRET_KEY": "0123456789abcdef" * 4,
    "ALLOWED_HOSTS": "console.example.com",
    "CONSOLE_ORIGIN": "https://console.example.com",
    "DATABASE_URL": "postgres://someone:secret@db.example.com:5432/subaccounts",
}
PRODUCTION_NEEDS = sorted(COMPLETE)

READ = """
import json, sys
from django.conf import settings
print(json.dumps({name: getattr(settings, name) for name in sys.argv[1:]}, default=str))
"""

PRAGMAS = """
import django
from django.db import connection, transaction
django.setup()
with connection.cursor() as cursor:
    for pragma in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout"):
        print(cursor.execute(f"PRAGMA {pragma}").fetchone()[0])
"""


def run(
    program: str, *arguments: str, settings: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run ``program`` at the repository's root with ``settings`` and ``environment`` only."""
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=BASE_DIR,
        env={
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": f"config.settings.{settings}",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def read(*names: str, settings: str, **environment: str) -> dict[str, Any]:
    """Return the values of the settings ``names``."""
    done = run(READ, *names, settings=settings, **environment)
    assert done.returncode == 0, done.stderr
    values: dict[str, Any] = json.loads(done.stdout)
    return values


def refusal(**environment: str) -> str:
    """Return what production says when it refuses to start."""
    done = run(READ, "DEBUG", settings="prod", **environment)
    assert done.returncode != 0
    assert "ImproperlyConfigured: Production is not fully configured." in done.stderr
    return done.stderr


# Production


def test_production_names_everything_it_needs_at_once() -> None:
    message = refusal()

    assert [name for name in PRODUCTION_NEEDS if f"- {name} is missing" in message] == (
        PRODUCTION_NEEDS
    )


@pytest.mark.parametrize("name", PRODUCTION_NEEDS)
def test_production_refuses_to_start_without(name: str) -> None:
    message = refusal(**{key: value for key, value in COMPLETE.items() if key != name})

    assert message.count("\n  - ") == 1
    assert f"- {name} is missing" in message


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("SECRET_KEY", "short", "SECRET_KEY is shorter than 50 characters"),
        (
            "SECRET_KEY",
            "insecure-development-key-that-production-refuses-to-use",
            "SECRET_KEY is the public development key",
        ),
        ("ALLOWED_HOSTS", " , ", "ALLOWED_HOSTS is missing"),
        ("ALLOWED_HOSTS", "*", "ALLOWED_HOSTS must name the hosts"),
        ("CONSOLE_ORIGIN", "http://console.example.com", "CONSOLE_ORIGIN must be https://"),
        ("CONSOLE_ORIGIN", "https://console.example.com/x", "CONSOLE_ORIGIN must be https://"),
        ("CONSOLE_ORIGIN", "console.example.com", "CONSOLE_ORIGIN must be https://"),
    ],
)
def test_production_refuses(name: str, value: str, complaint: str) -> None:
    message = refusal(**COMPLETE | {name: value})

    assert message.count("\n  - ") == 1
    assert f"- {complaint}" in message


def test_the_development_key_is_the_one_production_refuses() -> None:
    key = read("SECRET_KEY", settings="dev")["SECRET_KEY"]

    assert "public development key" in refusal(**COMPLETE | {"SECRET_KEY": key})


def test_production_is_secure_by_default() -> None:
    expected = {
        "DEBUG": False,
        "ALLOWED_HOSTS": ["console.example.com"],
        "CSRF_TRUSTED_ORIGINS": ["https://console.example.com"],
        "SECURE_SSL_REDIRECT": True,
        "SECURE_HSTS_SECONDS": 31536000,
        "SECURE_HSTS_INCLUDE_SUBDOMAINS": True,
        "SECURE_HSTS_PRELOAD": False,
        "SECURE_PROXY_SSL_HEADER": None,
        "SESSION_COOKIE_SECURE": True,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "CSRF_COOKIE_SECURE": True,
    }

    assert read(*expected, settings="prod", **COMPLETE) == expected


def test_production_trusts_a_proxy_only_when_told() -> None:
    values = read("SECURE_PROXY_SSL_HEADER", settings="prod", BEHIND_TLS_PROXY="true", **COMPLETE)

    assert values == {"SECURE_PROXY_SSL_HEADER": ["HTTP_X_FORWARDED_PROTO", "https"]}


# Databases


def test_development_needs_no_configuration_and_uses_sqlite() -> None:
    values = read("DEBUG", "DATABASES", settings="dev")

    database = values["DATABASES"]["default"]
    assert values["DEBUG"] is True
    assert database["ENGINE"] == "django.db.backends.sqlite3"
    assert database["NAME"] == str(BASE_DIR / "db.sqlite3")
    assert database["OPTIONS"] == SQLITE_OPTIONS


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sqlite:///other.sqlite3", str(BASE_DIR / "other.sqlite3")),
        ("sqlite:////var/lib/console/db.sqlite3", "/var/lib/console/db.sqlite3"),
        ("sqlite://:memory:", ":memory:"),
    ],
)
@pytest.mark.parametrize("settings", ["dev", "prod"])
def test_sqlite_url(settings: str, url: str, name: str) -> None:
    environment = COMPLETE if settings == "prod" else {}
    values = read("DATABASES", settings=settings, **environment | {"DATABASE_URL": url})

    database = values["DATABASES"]["default"]
    assert database["NAME"] == name
    assert database["OPTIONS"] == SQLITE_OPTIONS


@pytest.mark.parametrize(("settings", "age"), [("dev", 60), ("test", 0), ("prod", 60)])
def test_postgresql_url(settings: str, age: int) -> None:
    database = read("DATABASES", settings=settings, **COMPLETE)["DATABASES"]["default"]

    assert database["ENGINE"] == "django.db.backends.postgresql"
    assert (database["NAME"], database["USER"]) == ("subaccounts", "someone")
    assert (database["HOST"], database["PORT"]) == ("db.example.com", 5432)
    assert database["CONN_HEALTH_CHECKS"] is True
    assert database["CONN_MAX_AGE"] == age


def test_sqlite_connections_wait_log_ahead_and_check_foreign_keys(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/db.sqlite3"
    done = run(PRAGMAS, settings="dev", DATABASE_URL=url)

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["wal", "1", "1", "20000"]


# .env


def test_dotenv_adds_to_the_environment_and_never_replaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / ".env"
    path.write_text("TIME_ZONE=Europe/Berlin\nLOG_LEVEL=DEBUG\n")
    monkeypatch.setenv("TIME_ZONE", "UTC")
    monkeypatch.setenv("LOG_LEVEL", "")
    monkeypatch.delenv("LOG_LEVEL")

    read_dotenv(path)

    assert (os.environ["TIME_ZONE"], os.environ["LOG_LEVEL"]) == ("UTC", "DEBUG")


def test_every_setting_of_the_example_is_commented_out() -> None:
    lines = (BASE_DIR / ".env.example").read_text().splitlines()

    assert [line for line in lines if line and not line.startswith("#")] == []


# First page


@pytest.mark.django_db
def test_first_page_carries_the_security_headers(client: Any) -> None:
    response = client.get("/sign-in/login/")

    assert response.status_code == 200
    assert response["X-Frame-Options"] == "DENY"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"
    policy = {directive.strip() for directive in response["Content-Security-Policy"].split(";")}
    assert policy == {
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    }
