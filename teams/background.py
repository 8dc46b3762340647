"""Django's task API, under one name for either Django."""

from __future__ import annotations

from typing import Any

import django
from django.utils.module_loading import import_string

#: the decorator; built in from Django 6 on
task: Any = import_string("django.tasks.task" if django.VERSION >= (6, 0) else "django_tasks.task")
