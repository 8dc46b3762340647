#!/usr/bin/env python
"""Run a management command, with the development settings unless told otherwise."""

import os
import sys

from django.core.management import execute_from_command_line

from config.environment import read_dotenv


def main() -> None:
    read_dotenv()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
