"""What the surroundings say: the process environment and, for the entry points, ``.env``."""

from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()


def read_dotenv(path: Path = BASE_DIR / ".env") -> None:
    """Add the variables of ``path``, if it exists, to the environment.

    What is already set wins. Only the entry points (``manage.py``, WSGI, ASGI) call
    this; the settings modules do not, so that tests and type checks never depend on
    somebody's private file.
    """
    if path.is_file():
        environ.Env.read_env(path)
