"""Inviting people from a file: upload, look at what each row would do, confirm.

Between looking and confirming the rows travel in the page, signed for this person and account and
good for an hour: nothing has to be stored, nobody else can use them, and no other file can be put
in their place. What was shown is judged again, and carried out only if it is still the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core import signing
from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _

from permissions.admin import VerbForm
from permissions.admin.verbs import render
from permissions.errors import Invalid, Missing
from teams.admin.base import ConsoleVerb
from teams.admin.forms import ENCODINGS, OfferedField, offer
from teams.admin.people_verbs import manages_people
from teams.csv_files import MEGABYTE, written
from teams.editions.spec import ALL, SOME
from teams.models import Role, Subaccount
from teams.services import newcomers
from teams.services.newcomer_giving import Kind
from teams.services.newcomer_rows import COLUMNS, Row, read
from teams.services.newcomers import Result, mark_of

#: more is for the command: nobody reads a longer page, and the account waits while it is made
ROWS = 300
BYTES = MEGABYTE
#: how much of a file is carried in the page
CARRIED = 512 * 1024
MAX_AGE = 60 * 60
SALT = "teams.newcomers"
SAMPLES = 100

WORDS = {
    Kind.INVITED: "Invite",
    Kind.ADDED: "Add",
    Kind.UNCHANGED: "Nothing to do",
    Kind.REFUSED: "Refused",
}
COLUMN_HELP = {
    "address": "Where the invitation is sent. Needed.",
    "role": "The short name of a role, or the name of one of your own. Needed.",
    "subaccount": "The short name of the subaccount. Empty for a role on the whole account.",
    "manages": "For such a role: short names of subaccounts, separated by “;”, or “all”.",
    "switches": "Optional permissions to switch on, separated by “;”.",
    "teams": "Names of teams, separated by “;”.",
    "ends": "When the access ends, such as 2027-05-31: at the end of that day.",
}


class NewcomersForm(VerbForm):
    """A file; then its rows, signed, with the mark of what was shown of them."""

    file = forms.FileField(
        label="CSV file",
        help_text=f"With a heading line, at most {ROWS:,} rows and {BYTES // MEGABYTE} MB.",
        error_messages={"empty": "The file is empty."},
        required=False,
        max_length=200,
    )
    encoding = OfferedField(label="Written in", required=False)
    rows = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)
    shown = forms.CharField(required=False, widget=forms.HiddenInput)
    skip_refused = forms.BooleanField(
        label="Leave refused rows out and carry out the others", required=False
    )

    def prepare(self, verb: Any) -> None:
        """Offer encodings."""
        self.fields["file"].widget.attrs["accept"] = ".csv,text/csv"
        offer(self, "encoding", ENCODINGS)


@dataclass(frozen=True, slots=True)
class Line:
    """One row as the page shows it."""

    result: Result
    word: str

    @property
    def is_refused(self) -> bool:
        """Say whether it cannot be done."""
        return self.result.kind == Kind.REFUSED


@dataclass(frozen=True, slots=True)
class Review:
    """What the page says of a file before it is carried out."""

    lines: list[Line]
    counts: list[tuple[str, int]]
    missing: list[Missing]
    refused: int
    rows: str
    shown: str
    note: str
    skips: bool

    @property
    def may_go(self) -> bool:
        """Say whether there is anything to carry out, with refused rows left out or without."""
        return any(line.result.kind in (Kind.INVITED, Kind.ADDED) for line in self.lines)


class InviteFile(ConsoleVerb):
    """Invite and add people from a CSV file."""

    name = "invite-file"
    label = _("Invite from a file…")
    on_list = True
    form_class = NewcomersForm
    template = "teams/console/newcomers.html"
    columns = tuple(COLUMN_HELP.items())

    def refusal(self) -> str:
        """Refuse whoever manages nobody."""
        if manages_people(self.desk):
            return ""
        return "You cannot invite people from a file: you manage nobody."

    def title(self) -> str:
        """Return the heading."""
        return f"Invite people to {self.desk.account.name} from a file"

    def consequence(self) -> Sequence[str]:
        """Say that nothing happens yet, and what will."""
        return (
            "The file is read and you are shown what each row would do. Nobody is invited before "
            "you confirm that.",
            "Whoever you see in the account already is given the role at once; everybody else "
            "gets an invitation. A file changes no role that somebody has, and takes nothing away.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return "Upload and look at it"

    def run(self, data: Mapping[str, Any]) -> str | HttpResponse:
        """Hand out the sample, show what a file would do, or carry out what was shown."""
        if data["file"] is None and data["rows"]:
            return self.carry_out(data)
        newcomers.plan(**self.who, rows=())  # refuses whoever manages nobody, before all else
        if "sample" in self.request.POST:
            return self.sample()
        rows = self.uploaded(data)
        return self.review(rows, self.planned(rows))

    # looking

    def uploaded(self, data: Mapping[str, Any]) -> list[Row]:
        """Return the rows of the file. Raises Invalid."""
        file = data["file"]
        if file is None or file.size > BYTES:
            raise Invalid(
                f"Choose a CSV file of at most {BYTES // MEGABYTE} MB. For a larger one there is "
                "the command import_members.",
                code="TOO_LARGE",
            )
        return read(file, data["encoding"], limit=ROWS)

    @property
    def who(self) -> dict[str, Any]:
        """Return who does it, and where."""
        return {"actor": self.actor, "account": self.desk.account}

    def planned(self, rows: Sequence[Row]) -> list[Result]:
        """Return what would become of each row."""
        return newcomers.plan(**self.who, rows=rows)

    def review(
        self, rows: Sequence[Row], results: Sequence[Result], note: str = "", *, skips: bool = False
    ) -> HttpResponse:
        """Show what each row would do."""
        counts = Counter(result.kind for result in results)
        found = Review(
            lines=[Line(result, WORDS[result.kind]) for result in results],
            counts=[(word, counts[kind]) for kind, word in WORDS.items()],
            missing=newcomers.missing_of(results),
            refused=counts[Kind.REFUSED],
            rows=self.sign(rows),
            shown=mark_of(results),
            note=note,
            skips=skips,
        )
        return render(self, self.form_class(self), review=found)

    # what travels in the page

    @property
    def salt(self) -> str:
        """Return what makes the rows those of this person in this account."""
        return f"{SALT}:{self.actor.pk}:{self.desk.account.pk}"

    def sign(self, rows: Sequence[Row]) -> str:
        """Return the rows as text that nobody else can make or use. Raises Invalid (TOO_LARGE)."""
        text = signing.dumps([row.as_list() for row in rows], salt=self.salt, compress=True)
        if len(text) > CARRIED:
            raise Invalid(
                "The file holds too much to be shown here. Split it into smaller ones.",
                code="TOO_LARGE",
            )
        return text

    def unsign(self, text: str) -> list[Row]:
        """Return the rows that were signed for this person here. Raises Invalid (STALE)."""
        try:
            found = signing.loads(text, salt=self.salt, max_age=MAX_AGE)
        except (signing.BadSignature, ValueError):
            raise Invalid(
                "This page is not what you were shown, or older than an hour. Upload the file "
                "again.",
                code="STALE",
            ) from None
        return [Row(*values) for values in found]

    # doing

    def carry_out(self, data: Mapping[str, Any]) -> str | HttpResponse:
        """Do what was shown, if it is still the same; else show what would happen now."""
        rows = self.unsign(data["rows"])
        skips = data["skip_refused"]
        outcome = newcomers.bring_in_all(
            **self.who, rows=rows, skips_refused=skips, agreed=data["shown"]
        )
        if outcome.is_done:
            return _done(outcome.results)
        if mark_of(outcome.results) != data["shown"]:
            note = "Nothing was changed: this is no longer what you were shown. Look again."
        else:
            note = "Nothing was changed: rows are refused, and it is all or nothing."
        return self.review(rows, outcome.results, note, skips=skips)

    # a sample

    def sample(self) -> HttpResponse:
        """Hand out a file with the columns and the roles the person may give, addresses left out.

        A row without an address is refused, so that nobody is invited by mistake.
        """
        offers, lines = self.desk.offers, []
        ordinary = [place for place in self.desk.active if not place.is_home]
        slugs = dict(
            Subaccount.objects.filter(pk__in=[p.pk for p in self.desk.active]).values_list(
                "pk", "slug"
            )
        )
        names = {f"custom:{r.pk}": r.name for r in Role.objects.filter(account=self.desk.account)}
        for value, _label in offers.roles(subaccount=None):
            spec = self.desk.edition.find_role(value)
            reaches = spec.reaches if spec else frozenset({ALL})
            chosen = [p for p in self.desk.active if p.is_home != (SOME in reaches)]
            manages = "all" if ALL in reaches else ";".join(slugs[p.pk] for p in chosen[:2])
            lines.append((names.get(value, value), "", manages))
        for place in ordinary:
            if len(lines) >= SAMPLES:
                break
            subaccount = Subaccount(pk=place.pk)
            for value, _label in offers.roles(subaccount=subaccount):
                lines.append((names.get(value, value), slugs[place.pk], ""))
        text = written(COLUMNS) + "".join(
            written(("", role, slug, manages, "", "", "")) for role, slug, manages in lines
        )
        response = HttpResponse(
            "\N{BYTE ORDER MARK}" + text, content_type="text/csv; charset=utf-8"
        )
        response["Content-Disposition"] = 'attachment; filename="invite.csv"'
        response["Cache-Control"] = "private, no-store"
        return response


def _done(results: Sequence[Result]) -> str:
    """Say what was done, in figures."""
    counts = Counter(result.kind for result in results)
    said = []
    if invited := counts[Kind.INVITED]:
        said.append(f"{_people(invited)} invited")
    if added := counts[Kind.ADDED]:
        said.append(f"{_people(added)} given what they lacked")
    if same := counts[Kind.UNCHANGED]:
        said.append(f"{same:,} {'row was' if same == 1 else 'rows were'} done already")
    if left := counts[Kind.REFUSED]:
        said.append(f"{left:,} refused {'row was' if left == 1 else 'rows were'} left out")
    return f"{'; '.join(said)}."


def _people(count: int) -> str:
    return f"{count:,} {'person was' if count == 1 else 'people were'}"


NEWCOMER_VERBS = (InviteFile,)
