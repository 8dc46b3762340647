"""Django's task API, under one name for either Django."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import django
from django.utils.module_loading import import_string

_task: Any = import_string("django.tasks.task" if django.VERSION >= (6, 0) else "django_tasks.task")


def task() -> Callable[[Callable[..., Any]], Any]:
    """Return the decorator of tasks: built in from Django 6 on, a package of its own before."""
    decorator: Callable[[Callable[..., Any]], Any] = _task()
    return decorator
