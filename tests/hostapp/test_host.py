"""The wheel in somebody else's project: built, installed beside a host, and used from there.

The checkout itself is out of reach of these processes, and so is what only the console, the demo
data or the tests need.
"""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
PACKAGES = ("permissions", "teams", "billing")
# Of the extras; a host that installs none of them must not miss any.
EXTRAS = ("csp", "factory", "gunicorn", "whitenoise")


def run(
    arguments: Sequence[str], *, env: dict[str, str], cwd: Path
) -> subprocess.CompletedProcess[str]:
    """Run Python with ``arguments`` and return how it went."""
    return subprocess.run(
        [sys.executable, *arguments],
        env=env,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@dataclass(frozen=True)
class Host:
    """The host project with the wheel installed, on one database."""

    directory: Path
    site: Path
    database: str

    def python(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """Run Python where the host and the wheel can be imported, and nothing of ours else."""
        path = [str(self.site), str(HERE), extra.pop("PYTHONPATH", "")]
        env = {
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONPATH": os.pathsep.join(filter(None, path)),
            "PYTHONSAFEPATH": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "DJANGO_SETTINGS_MODULE": "project.settings",
            "DATABASE_URL": self.database,
            **extra,
        }
        return run(arguments, env=env, cwd=self.directory)

    def manage(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """Run a management command of the host."""
        return self.python(str(HERE / "manage.py"), *arguments, **extra)

    def output(self, *arguments: str) -> str:
        """Return what a management command prints; it must end well and complain of nothing."""
        done = self.manage(*arguments)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, without a network."""
    target = tmp_path_factory.mktemp("wheel")
    built = run(
        ["-m", "build", "--wheel", "--no-isolation", "--outdir", str(target), str(CHECKOUT)],
        env=dict(os.environ),
        cwd=target,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (found,) = target.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into a directory of its own, where the extras cannot be imported."""
    target = tmp_path_factory.mktemp("site")
    pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    done = run(
        [*pip, "--no-deps", "--no-compile", "--target", str(target), str(wheel)],
        env=dict(os.environ),
        cwd=target,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    blocked = "".join(f"sys.modules[{name!r}] = None\n" for name in EXTRAS)
    (target / "sitecustomize.py").write_text(f"import sys\n{blocked}")
    return target


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of an empty database, of the kind this test run uses."""
    server = os.environ.get("DATABASE_URL", "")
    if not server.startswith("postgres"):
        yield f"sqlite:///{tmp_path_factory.mktemp('data') / 'host.sqlite3'}"
        return
    import psycopg
    from psycopg.sql import SQL, Identifier

    name = f"hostapp_{os.getpid()}"
    base, _, _ = server.rpartition("/")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        try:
            yield f"{base}/{name}"
        finally:
            connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@pytest.fixture(scope="session")
def empty(site: Path, database: str, tmp_path_factory: pytest.TempPathFactory) -> Host:
    """Return the host on an empty database; before a migration everything may run that looks."""
    host = Host(directory=tmp_path_factory.mktemp("host"), site=site, database=database)
    assert "no issues" in host.output("check", "--fail-level", "WARNING")
    assert host.output("makemigrations", "--check", "--dry-run").strip() == "No changes detected"
    return host


@pytest.fixture(scope="session")
def host(empty: Host) -> Host:
    """Return the host, migrated, with the shop's people and segments in it."""
    empty.output("migrate", "--verbosity", "0")
    done = empty.python("-c", OPEN_SHOP)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return empty


OPEN_SHOP = """
import django
django.setup()
from crm.shop import open_shop
from teams import services
shop = open_shop()
services.give_guest_access(
    actor=shop["owner"], user=shop["southerner"], obj=shop.segments["north-loyal"],
    permissions=["access_audience"],
)
"""

# What is in the wheel


def test_wheel_holds_the_three_packages_only(wheel: Path) -> None:
    """Nothing of the console's project and no test is shipped."""
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == set(PACKAGES)
    parts = {part for name in names for part in name.split("/")}
    assert not parts & {"tests", "conftest.py", "config", "__pycache__"}
    assert not [name for name in names if name.endswith((".pyc", ".sqlite3", ".orig"))]


def test_wheel_holds_everything_of_them(wheel: Path) -> None:
    """Templates, static files, migrations and the mark of typed packages are shipped."""
    names = set(zipfile.ZipFile(wheel).namelist())
    missing = {
        path.relative_to(CHECKOUT).as_posix()
        for package in PACKAGES
        for path in (CHECKOUT / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc" and not path.name.startswith(".")
    } - names
    assert not missing
    for package in PACKAGES:
        assert f"{package}/py.typed" in names
    assert {"permissions/migrations/0001_initial.py", "teams/migrations/0001_initial.py"} <= names
    assert any(name.startswith("teams/templates/") for name in names)


@pytest.mark.once
def test_the_wheel_is_what_runs(host: Host) -> None:
    """The packages come from the wheel; the checkout and the extras cannot be imported."""
    done = host.python(
        "-c",
        "import importlib.util as u, json\n"
        "import billing, permissions, teams\n"
        "print(json.dumps({\n"
        "    'files': [m.__file__ for m in (billing, permissions, teams)],\n"
        "    'config': u.find_spec('config') is None,\n"
        "}))",
    )
    found = json.loads(done.stdout)
    assert all(Path(file).is_relative_to(host.site) for file in found["files"])
    assert found["config"]


# From an empty database to answers


def test_checks_clean_when_migrated(host: Host) -> None:
    """No error and no warning, of the database neither; and no migration of ours is missing."""
    assert "no issues" in host.output("check", "--database", "default", "--fail-level", "WARNING")
    assert host.output("makemigrations", "--check", "--dry-run").strip() == "No changes detected"
    host.output("migrate", "--check")


def test_the_console_checks_clean_where_logins_have_no_names(host: Host) -> None:
    """A host that turns Django's admin on imports our console; its people sign in by e-mail."""
    done = host.manage("check", "--fail-level", "WARNING", HOST_EXTRA_APPS="django.contrib.admin")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr


def test_migrating_again_changes_nothing(host: Host) -> None:
    """A second ``migrate`` finishes the database again, harmlessly."""
    assert "No migrations to apply" in host.output("migrate")
    host.output("verify_audit")


def test_the_hosts_own_tests(host: Host) -> None:
    """Everything a host does through our API; see ``crm/tests.py``."""
    arguments = ["-c", str(HERE / "inside.ini"), "--rootdir", str(HERE), "-q"]
    plugins = ["-p", "pytest_django.plugin", "-p", "no:cacheprovider"]
    done = host.python("-m", "pytest", *arguments, *plugins, str(HERE / "crm"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


# What must not start

MISTAKES = {
    "resources.register('crm.Segment', parent='board__subaccount')": (
        "crm.Segment is registered twice; remove one of the calls."
    ),
    "resources.register('crm.Unguarded', parent='')": (
        "name the foreign keys from the model to its subaccount"
    ),
    "resources.register('crm.Unguarded', parent='account')": (
        "crm.Unguarded: parent='account' ends at teams.Account, not at teams.Subaccount."
    ),
    "resources.register('crm.Unguarded', parent='subaccount', actions={'view': 'fly_rockets'})": (
        "'fly_rockets', which the catalogue does not declare; correct the name"
    ),
}


@pytest.fixture
def start_with(empty: Host, tmp_path: Path) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Return a function that starts the host with an app whose ``ready()`` runs some code."""

    def start(code: str) -> subprocess.CompletedProcess[str]:
        package = tmp_path / "mistaken"
        package.mkdir()
        (package / "__init__.py").touch()
        (package / "apps.py").write_text(
            "from django.apps import AppConfig\n\n\n"
            "class MistakenConfig(AppConfig):\n"
            '    name = "mistaken"\n\n'
            "    def ready(self):\n"
            "        from django.core.exceptions import ImproperlyConfigured\n"
            "        from permissions import resources\n\n" + textwrap.indent(code, " " * 8)
        )
        return empty.manage("check", HOST_EXTRA_APPS="mistaken", PYTHONPATH=str(tmp_path))

    return start


def test_a_mistake_stops_the_start(
    start_with: Callable[[str], subprocess.CompletedProcess[str]],
) -> None:
    """A wrong registration in ``ready()`` ends the process, and its last line is the remedy."""
    done = start_with("resources.register('crm.Unguarded', parent='note')\n")
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1] == (
        "django.core.exceptions.ImproperlyConfigured: crm.Unguarded: parent='note' leads nowhere "
        "at 'note'; name the foreign keys from the model to its subaccount, joined by '__'."
    )


def test_every_mistake_names_its_remedy(
    start_with: Callable[[str], subprocess.CompletedProcess[str]],
) -> None:
    """Repeated, pathless and misspelt registrations; the tests inside the host try more."""
    code = "".join(
        f"try:\n    {call}\nexcept ImproperlyConfigured as error:\n    print(error)\n"
        for call in MISTAKES
    )
    done = start_with(code)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()[: len(MISTAKES)]
    for line, remedy in zip(said, MISTAKES.values(), strict=True):
        assert remedy in line


def test_teams_need_tables(
    start_with: Callable[[str], subprocess.CompletedProcess[str]],
) -> None:
    """What teams limit without a grant table of its own is refused by the system checks."""
    done = start_with("resources.register('crm.Unguarded', parent='subaccount', limited='lists')\n")
    assert done.returncode == 1
    assert "(permissions.E006) crm.Unguarded is limited by teams" in done.stderr
    assert "HINT: Add a UserGrant and a GroupGrant" in done.stderr


# Our commands, in a project whose people have no user name

EDITIONS = ("constant_contact", "emma_corporate", "emma_enterprise", "emma_hq", "sailthru")
EXPLAINED = (
    ("full", "north-loyal", "allowed", ["role"]),
    ("owner", "south-loyal", "allowed", ["owner"]),
    ("southerner", "north-loyal", "allowed", ["guest"]),
    ("southerner", "north-lapsed", "not_held", []),
    ("rival_owner", "north-loyal", "no_membership", []),
)
BAD_INPUT = (
    "explain_access nobody@shop.example access_audience teams.account:shop",
    "explain_access full@shop.example fly_rockets teams.account:shop",
    "explain_access full@shop.example access_audience crm.segment:not-a-uuid",
    "explain_access full@shop.example access_audience crm.board:1",
    "access_matrix --edition emma_hqq",
    "seed_demo",
    "seed_demo --force",
)


@dataclass(frozen=True)
class Answer:
    """How a command ended, and what it said."""

    code: int
    stdout: str
    stderr: str


@pytest.fixture(scope="session")
def ask(host: Host) -> Callable[[str], Answer]:
    """Run all of the commands below in one process, to save its start; return them by line."""
    lines = [
        *(f"access_matrix --edition {edition} --format csv" for edition in EDITIONS),
        *(_question(person, segment) for person, segment, _reason, _kinds in EXPLAINED),
        *BAD_INPUT,
        "list_permissions --format json",
        "verify_audit",
        "check_integrity",
        "check_integrity --format json",
    ]
    done = host.python("-c", COMMANDS, json.dumps(lines))
    assert done.returncode == 0, done.stderr
    return {line: Answer(*answer) for line, answer in json.loads(done.stdout).items()}.__getitem__


def _question(person: str, segment: str) -> str:
    return f"explain_access {person}@shop.example access_audience crm.segment:<{segment}> " + (
        "--format json"
    )


COMMANDS = """
import contextlib, io, json, re, sys
import django
django.setup()
from django.core.management import execute_from_command_line
from crm.models import Segment
def key(found):
    return str(Segment.objects.get(name=found[1]).pk)
answers = {}
for line in json.loads(sys.argv[1]):
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            execute_from_command_line(["manage.py", *re.sub("<(.*)>", key, line).split()])
        except SystemExit as end:
            code = end.code or 0
    answers[line] = (code, out.getvalue(), err.getvalue())
print(json.dumps(answers))
"""


@pytest.mark.once
@pytest.mark.parametrize("edition", EDITIONS)
def test_access_matrix_equals_the_truth(ask: Callable[[str], Answer], edition: str) -> None:
    """Every cell of every edition is decided here as it is in the console."""
    answer = ask(f"access_matrix --edition {edition} --format csv")
    assert (answer.code, answer.stderr) == (0, "")
    found = list(csv.DictReader(io.StringIO(answer.stdout)))
    with (CHECKOUT / "tests" / "truth" / f"{edition}.csv").open(newline="") as file:
        truth = {line["permission"]: line for line in csv.DictReader(file)}
    assert {line["permission"] for line in found} == set(truth)
    for line in found:
        assert line == {column: truth[line["permission"]][column] for column in line}


def test_list_permissions(ask: Callable[[str], Answer]) -> None:
    """The catalogue is printed as data."""
    found = json.loads(ask("list_permissions --format json").stdout)
    assert len(found) == 89
    assert {"codename", "label", "area", "scopes", "implies", "roles"} <= set(found[0])


def test_stored_data_is_sound(ask: Callable[[str], Answer]) -> None:
    """The shop was opened by services, and the matrices left nothing behind."""
    assert ask("check_integrity") == Answer(0, "Every invariant holds.\n", "")
    assert json.loads(ask("check_integrity --format json").stdout) == []
    audit = ask("verify_audit")
    assert audit.code == 0
    assert audit.stdout.startswith("The audit is intact: ")


@pytest.mark.parametrize(("person", "segment", "reason", "kinds"), EXPLAINED)
def test_explain_access(
    ask: Callable[[str], Answer], person: str, segment: str, reason: str, kinds: list[str]
) -> None:
    """A person is named by the address, a segment by its UUID; guests of a host's model too."""
    answer = ask(_question(person, segment))
    assert answer.stderr == ""
    found = json.loads(answer.stdout)
    assert found["allowed"] is (reason == "allowed")
    assert answer.code == (0 if found["allowed"] else 1)
    assert found["reason"] == reason
    assert [source["kind"] for source in found["sources"]] == kinds
    if not found["allowed"]:
        assert found["missing"][0]["permission"] == "access_audience"


@pytest.mark.parametrize("line", BAD_INPUT)
def test_bad_input_is_told(ask: Callable[[str], Answer], line: str) -> None:
    """A wrong call ends with a sentence and exit code 2, never with a traceback."""
    answer = ask(line)
    assert answer.code == 2, answer
    assert "Error: " in answer.stderr
    assert "Traceback" not in answer.stderr


BILLED = """
from datetime import timedelta

from django.contrib.auth import get_user_model
from django.utils import timezone
from pypdf import PdfReader

import io

from billing import pdf, services
from billing.models import Invoice
from billing.services.metering import meter
from teams.services.platform import create_account
from teams.models import Account

people = get_user_model().objects
operator = people.create_user("staff@host.example", is_staff=True)
owner = people.create_user("ana@host.example")
account = create_account(
    reason="Signed up", slug="quarry", name="Quarry", edition="emma_hq", owner=owner
)
plan = services.create_plan(operator=operator, code="small", name="Small", currency="EUR", price=30)
month = (timezone.localdate().replace(day=1) - timedelta(days=1)).replace(day=1)
services.set_plan_as_platform(reason="Signed up", account=account, plan=plan, starts_on=month)
meter()
(draft,) = services.draft_invoices(account, month)
invoice = services.issue_invoice(draft)
text = PdfReader(io.BytesIO(pdf.invoice_pdf(invoice))).pages[0].extract_text()
assert "QUARRY-00001" in text and "30.00" in text, text
services.record_payment(reason="Came", invoice=invoice, amount=invoice.owed, reference="T1")
assert Invoice.objects.get().status == "paid"
print("billed")
"""


@pytest.mark.deep
@pytest.mark.once
def test_billing_works_in_a_host_that_wants_it(host: Host, tmp_path: Path) -> None:
    """With its own people, whose keys are UUIDs, and without any console."""
    extra = {
        "HOST_EXTRA_APPS": "billing",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'billed.sqlite3'}",
    }
    for line in (("migrate", "--verbosity", "0"), ("shell", "-v0", "-c", BILLED)):
        done = host.manage(*line, **extra)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert done.stdout.strip() == "billed"
    assert host.manage("check_integrity", **extra).stdout == "Every invariant holds.\n"
