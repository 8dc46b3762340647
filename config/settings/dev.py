"""Development: runs from a bare clone, with nothing configured."""

from config.environment import env
from config.settings.base import *

DEBUG = env.bool("DEBUG", True)
# Known to everybody, so that a bare clone starts. Production refuses it.
SECRET_KEY = env.str("SECRET_KEY", "insecure-development-key-that-production-refuses-to-use")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])

# The benchmark is a command of whoever develops this; nothing else knows of it.
INSTALLED_APPS = [*INSTALLED_APPS, "tests.bench"]
