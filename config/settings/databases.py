"""How a database URL becomes one of Django's database settings."""

from pathlib import Path
from typing import Any

import environ

SQLITE = "django.db.backends.sqlite3"
POSTGRESQL = "django.db.backends.postgresql"

# Django's defaults let two writers that both began by reading end in "database is
# locked" at once, whatever the timeout. IMMEDIATE takes the write lock at BEGIN, where
# waiting works, and WAL keeps readers going meanwhile.
SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": ("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON"),
}


def database(url: str, *, base_dir: Path) -> dict[str, Any]:
    """Return the settings of the database at ``url``, safe under concurrent writers.

    A relative SQLite path counts from ``base_dir``, not from wherever the process was
    started. Options in the query string of ``url`` win over ours.
    """
    settings: dict[str, Any] = environ.Env.db_url_config(url)
    given = settings.get("OPTIONS", {})
    match settings["ENGINE"]:
        case "django.db.backends.sqlite3":
            if settings["NAME"] != ":memory:":
                settings["NAME"] = str(base_dir / settings["NAME"])
            settings["OPTIONS"] = SQLITE_OPTIONS | given
        case "django.db.backends.postgresql":
            settings["CONN_MAX_AGE"] = settings.get("CONN_MAX_AGE", 60)
            # A restart of the database costs no request.
            settings["CONN_HEALTH_CHECKS"] = True
    return settings
