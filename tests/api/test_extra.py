"""The API is an extra: teams runs where its packages are not installed."""

import os
import subprocess
import sys

import pytest

from config.environment import BASE_DIR

PROGRAM = """
import sys
for name in ("rest_framework", "drf_spectacular"):
    sys.modules[name] = None  # importing it fails from here on
import django
django.setup()
from django.core.management import call_command
import teams.admin, teams.urls
call_command("check")
assert not [name for name in sys.modules if name.startswith("teams.api")]
print("fine")
"""


@pytest.mark.once
def test_teams_runs_without_the_packages_of_the_api() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=BASE_DIR,
        env={
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "project.settings",
            "PYTHONPATH": f"{BASE_DIR / 'tests' / 'hostapp'}{os.pathsep}{BASE_DIR}",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert "fine" in done.stdout
