"""Django's task API, under one name for either Django."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import django
from django.utils.module_loading import import_string

from permissions import audit

_task: Any = import_string("django.tasks.task" if django.VERSION >= (6, 0) else "django_tasks.task")

_is_tried: ContextVar[bool] = ContextVar("teams_is_tried", default=False)


def task() -> Callable[[Callable[..., Any]], Any]:
    """Return the decorator of tasks: built in from Django 6 on, a package of its own before.

    What a task does is recorded as a worker's, and as part of the request, command or task that
    ``came`` with it.
    """

    def decorate(work: Callable[..., Any]) -> Any:
        @functools.wraps(work)
        def run(*args: Any, request_id: str = "", **named: Any) -> Any:
            with audit.coming(audit.WORKER, request_id=request_id):
                return work(*args, **named)

        return _task()(run)

    return decorate


def came() -> dict[str, str]:
    """Return what to enqueue a task with besides, for it to be part of what happens now."""
    request_id = audit.current().request_id
    return {"request_id": request_id} if request_id else {}


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
        work.enqueue(*args, **came())
