"""Django's task API, under one name for either Django."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import django
from django.utils.module_loading import import_string

_task: Any = import_string("django.tasks.task" if django.VERSION >= (6, 0) else "django_tasks.task")

_is_tried: ContextVar[bool] = ContextVar("teams_is_tried", default=False)


def task() -> Callable[[Callable[..., Any]], Any]:
    """Return the decorator of tasks: built in from Django 6 on, a package of its own before."""
    decorator: Callable[[Callable[..., Any]], Any] = _task()
    return decorator


@contextmanager
def only_tried() -> Iterator[None]:
    """Leave no task behind: the block is taken back, and not every task backend takes back too."""
    token = _is_tried.set(True)
    try:
        yield
    finally:
        _is_tried.reset(token)


def enqueue(work: Any, *args: Any) -> None:
    """Have a worker do ``work``, unless it is only tried."""
    if not _is_tried.get():
        work.enqueue(*args)
