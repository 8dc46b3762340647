"""A person who signs in by e-mail, and segments on boards."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models


class PersonManager(BaseUserManager["Person"]):
    """Makes people from their addresses."""

    def create_user(self, email: str, password: str | None = None, **extra: Any) -> Person:
        """Create somebody who signs in with ``email``."""
        person = self.model(email=self.normalize_email(email), **extra)
        person.set_password(password)
        person.save(using=self._db)
        return person


class Person(AbstractBaseUser, PermissionsMixin):
    """A login without a user name, with a UUID for a key."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)

    objects: ClassVar[PersonManager] = PersonManager()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "email"

    def __str__(self) -> str:
        return self.email


class Board(models.Model):
    """A wall of segments in one subaccount. Not guarded itself."""

    subaccount = models.ForeignKey("teams.Subaccount", models.CASCADE, related_name="boards")
    name = models.CharField(max_length=80)

    def __str__(self) -> str:
        return self.name


class Segment(models.Model):
    """A part of an audience: two steps away from its subaccount."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    board = models.ForeignKey(Board, models.CASCADE, related_name="segments")
    name = models.CharField(max_length=80)

    def __str__(self) -> str:
        return self.name


class Shortlist(Segment):
    """The same table under another name."""

    class Meta:
        proxy = True


class Unguarded(models.Model):
    """What the tests of a wrong registration try to register."""

    account = models.ForeignKey("teams.Account", models.CASCADE, related_name="+")
    subaccount = models.ForeignKey("teams.Subaccount", models.CASCADE, related_name="+")
    subaccounts = models.ManyToManyField("teams.Subaccount", related_name="+")
    note = models.CharField(max_length=80, blank=True)

    def __str__(self) -> str:
        return self.note
