"""WSGI entry point, with the production settings unless told otherwise."""

import os

from django.core.wsgi import get_wsgi_application

from config.environment import read_dotenv

read_dotenv()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.prod")

application = get_wsgi_application()
