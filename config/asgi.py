"""ASGI entry point, with the production settings unless told otherwise."""

import os

from django.core.asgi import get_asgi_application

from config.environment import read_dotenv

read_dotenv()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.prod")

application = get_asgi_application()
