"""What imports and exports share: what they are about, their files, and that each runs once.

A job is carried out by whoever claims it, and goes on after they died: every batch is one
transaction that writes contacts, figures and the sign of life together, and only while the job is
still theirs. So a batch is in the database once or not at all, whoever is killed when.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, TypeVar

from django.core.files import File
from django.core.files.storage import Storage
from django.db.models import F, Q
from django.utils import timezone

from permissions import audit
from permissions.errors import Invalid, NotFound
from teams import read_only
from teams.background import came, task
from teams.models import Account, ContactExport, ContactImport, MailingList, Segment, Subaccount
from teams.services.change import root_key
from teams.services.inputs import expect, expect_user
from teams.services.items import refuse_put_away

J = TypeVar("J", ContactImport, ContactExport)

#: a job that nobody has been heard of for so long is taken up by somebody else
STALE = timedelta(minutes=2)
#: how often a job is begun without any progress
ATTEMPTS = 3
#: how long files are kept
KEPT = timedelta(days=7)


class Taken(Exception):
    """The job is somebody else's by now, or over."""


# what a job is about


def aim(subaccount: Any, mailing_list: Any = None, segment: Any = None) -> Any:
    """Return the list, segment or subaccount that a job is to be about, as it is stored now.

    Raises Invalid or NotFound; MIXED for a list or segment of another subaccount.
    """
    place = expect(subaccount, Subaccount, "The subaccount")
    found: Any = place
    if segment is not None:
        found = expect(segment, Segment, "The segment")
    elif mailing_list is not None:
        found = expect(mailing_list, MailingList, "The mailing list")
    if found is not place:
        if found.subaccount_id != place.pk:
            raise NotFound(f"There is no such {found._meta.verbose_name} in that subaccount.")
        refuse_put_away(found)
    return found


def target_of(job: Any) -> Any:
    """Return what a stored job is about. Raises Invalid (GONE) if that has gone."""
    found = getattr(job, "segment", None) or job.mailing_list
    if job.is_whole:
        return job.subaccount
    if found is None:
        raise Invalid("Its list or segment is not there any more. Begin anew.", code="GONE")
    refuse_put_away(found)
    return found


def own(actor: Any, job: Any, model: type[J]) -> J:
    """Return the job as it is stored, if ``actor`` asked for it. Raises NotFound otherwise."""
    actor = expect_user(actor, "The actor")
    found = expect(job, model, f"The {model._meta.verbose_name}")
    if found.created_by_id != actor.pk:
        raise NotFound(f"There is no such {model._meta.verbose_name}.")
    return found


# files


def storage() -> Storage:
    """Return where files are kept: out of reach of any address."""
    found: Storage = ContactImport._meta.get_field("file").storage
    return found


def keep(model: type[J], content: Any) -> str:
    """Store a binary file, to be removed in time, and return its name, which says nothing.

    Raises Invalid (NO_SPACE), leaving no half file behind.
    """
    name = f"{model._meta.model_name}/{uuid.uuid4()}.csv"
    try:
        content.seek(0)
        name = storage().save(name, File(content))
    except OSError as error:
        drop(name)
        raise no_space(error) from error
    # a while later, for the job that it belongs to may be stored after it
    prune_later.using(run_after=timezone.now() + KEPT + timedelta(hours=1)).enqueue()
    return name


def drop(name: str) -> None:
    """Remove a stored file, if it is there."""
    with suppress(OSError):
        storage().delete(name)


def refuse_read_only(job: Any, act: str) -> None:
    """Raise ReadOnlyAccount if nothing may be changed in the account of ``job``, and keep it from
    becoming so until the transaction is through."""
    account = Account.objects.select_for_update(no_key=True).get(pk=job.account_id)
    read_only.refuse(account, act)


def no_space(error: OSError) -> Invalid:
    """Return what to say when a file cannot be written."""
    return Invalid(
        f"The file could not be written ({error.strerror or type(error).__name__}). Nothing was "
        "changed. Tell whoever runs this console, then try again.",
        code="NO_SPACE",
    )


def prune() -> None:
    """Remove files and unused uploads older than ``KEPT``, and files that belong to nothing."""
    before = timezone.now() - KEPT
    ContactImport.objects.filter(
        status=ContactImport.Status.PREVIEW, created_at__lt=before
    ).delete()
    for model in (ContactImport, ContactExport):
        old = model._default_manager.filter(created_at__lt=before).exclude(file="")
        for job in old.exclude(status__in=model.UNFINISHED):
            drop(str(job.file.name))
            model._default_manager.filter(pk=job.pk).update(file="")
        _drop_orphans(model, before)


@task()
def prune_later() -> None:
    """Remove what is too old, in a worker."""
    prune()


def is_expired(job: Any) -> bool:
    """Say whether the file of ``job`` is not to be handed out any more, removed yet or not."""
    return bool(job.created_at < timezone.now() - KEPT)


def _drop_orphans(model: Any, before: Any) -> None:
    folder = model._meta.model_name
    # a storage need not be able to list what it holds; it says so by NotImplementedError
    with suppress(OSError, NotImplementedError):
        for name in storage().listdir(folder)[1]:
            path = f"{folder}/{name}"
            is_old = storage().get_modified_time(path) < before
            if is_old and not model._default_manager.filter(file=path).exists():
                drop(path)


# once


def enqueue(now: Any, later: Any, key: int) -> None:
    """Have a job carried out now, and looked after until it is over.

    Part of the caller's transaction. Needs a task backend that can defer.
    """
    now.enqueue(key, **came())
    look_again(later, key)


def look_again(later: Any, key: int) -> None:
    """Have somebody look after the job once it could be stale."""
    later.using(run_after=timezone.now() + STALE).enqueue(key, **came())


def is_unfinished(model: type[J], key: int) -> bool:
    """Say whether there is something left to do."""
    return model._default_manager.filter(pk=key, status__in=model.UNFINISHED).exists()


def is_stale(job: Any) -> bool:
    """Say whether a job that should be running is nobody's."""
    if job.status not in job.UNFINISHED or job.status == job.Status.WAITING:
        return False
    return job.alive_at is None or job.alive_at < timezone.now() - STALE


def claim(model: type[J], key: int) -> J | None:
    """Take up a job that is nobody's; None if it is somebody's, over, or not there."""
    now, token = timezone.now(), uuid.uuid4().hex
    nobodys = Q(alive_at=None) | Q(alive_at__lt=now - STALE)
    rows = model._default_manager.filter(nobodys, pk=key, status__in=model.UNFINISHED)
    if not rows.update(worker=token, alive_at=now, attempts=F("attempts") + 1):
        return None
    # by the token too: whoever was held up just now has lost it, and must not go on as another
    return model._default_manager.select_related("created_by").filter(pk=key, worker=token).first()


@contextmanager
def held(job: Any) -> Iterator[None]:
    """Let go of the job when something unforeseen happens, for somebody else to try again."""
    try:
        yield
    except BaseException:
        rows = type(job)._default_manager.filter(pk=job.pk, worker=job.worker)
        rows.update(alive_at=None)
        raise


def beat(job: Any, **values: Any) -> None:
    """Write ``values`` to the job with a sign of life. Raises Taken if it is not ours any more.

    Whoever notes progress that outlives them adds ``attempts=0``; nobody else, or a job that fails
    at the same place each time is begun for ever.
    """
    now = timezone.now()
    rows = type(job)._default_manager.filter(
        pk=job.pk, worker=job.worker, status__in=job.UNFINISHED
    )
    if not rows.update(alive_at=now, **values):
        raise Taken
    for name, value in values.items():
        setattr(job, name, value)


def too_often(job: Any) -> Invalid | None:
    """Return why the job is given up, if it was begun too often without progress."""
    if job.attempts <= ATTEMPTS:
        return None
    return Invalid(
        "It was begun several times and did not get any further. Tell whoever runs this console.",
        code="GIVEN_UP",
    )


def record(job: Any, action: str, **data: Any) -> None:
    """Append to the account's chain what became of a job, by whoever asked for it."""
    audit.record(
        root=root_key(job.account),
        actor=job.created_by,
        action=action,
        subject=job,
        data={"subaccount": job.subaccount_id, **data},
    )
