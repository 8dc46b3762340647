"""The apps of the task queue, for either Django."""

import django

# Django 6 has the task API built in; before that django-tasks has it, under the same names.
TASK_APPS = ["django_tasks_db"] if django.VERSION >= (6, 0) else ["django_tasks", "django_tasks_db"]
