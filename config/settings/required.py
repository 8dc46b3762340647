"""What production must be told, and how to tell it."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

SHORTEST_SECRET_KEY = 50


def check_production(environment: Mapping[str, str]) -> None:
    """Raise ImproperlyConfigured, naming everything at once that production still needs."""
    problems = [
        *_secret_key(environment.get("SECRET_KEY", "")),
        *_hosts(environment.get("ALLOWED_HOSTS", "")),
        *_origin(environment.get("CONSOLE_ORIGIN", "")),
        *_database(environment.get("DATABASE_URL", "")),
    ]
    if problems:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        raise ImproperlyConfigured(
            "Production is not fully configured. Set these in the environment or in .env "
            f"(.env.example explains each):\n{lines}"
        )


def _secret_key(key: str) -> list[str]:
    recipe = (
        "make one with: python -c 'from secrets import token_urlsafe; print(token_urlsafe(64))'"
    )
    if not key:
        return [f"SECRET_KEY is missing; {recipe}"]
    if key.startswith("insecure-"):
        return [f"SECRET_KEY is the public development key; {recipe}"]
    if len(key) < SHORTEST_SECRET_KEY:
        return [f"SECRET_KEY is shorter than {SHORTEST_SECRET_KEY} characters; {recipe}"]
    return []


def _hosts(hosts: str) -> list[str]:
    names = [name.strip() for name in hosts.split(",") if name.strip()]
    if not names:
        return ["ALLOWED_HOSTS is missing; for example console.example.com"]
    if "*" in names:
        return ["ALLOWED_HOSTS must name the hosts: * accepts forged Host headers"]
    return []


def _origin(origin: str) -> list[str]:
    example = "for example https://console.example.com"
    if not origin:
        return [f"CONSOLE_ORIGIN is missing; {example}"]
    parts = urlsplit(origin)
    if parts.scheme != "https" or not parts.netloc or origin != f"https://{parts.netloc}":
        return [f"CONSOLE_ORIGIN must be https:// and a host, with no path; {example}"]
    return []


def _database(url: str) -> list[str]:
    if not url:
        return ["DATABASE_URL is missing; for example postgres://user:password@host:5432/name"]
    return []
