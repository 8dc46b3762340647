"""Say who would gain and who would lose by another command, and nothing else."""

from __future__ import annotations

from argparse import REMAINDER
from typing import Any

from django.core.management import get_commands, load_command_class
from django.core.management.base import CommandError, CommandParser

from permissions.management.base import OurCommand, UsageError
from teams.management import previews
from teams.management.acts import ActCommand


class Command(OurCommand):
    """A dry run of another command, of which only the preview is printed."""

    help = (
        "Say who would gain and who would lose which permission where by COMMAND, as in: "
        "preview_change change_role ana full --account emma-hq --subaccount north --actor owner. "
        "Nothing is written. It is refused what COMMAND would be refused."
    )
    formats = ("text", "json", "csv")

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command and all that it is given; ``--format`` may stand there too."""
        parser.add_argument("command", metavar="COMMAND", help="such as change_role")
        parser.add_argument("arguments", nargs=REMAINDER, help="what the command is given")

    def handle(self, *args: Any, **options: Any) -> None:
        """Try the command, and print what it would do to people's rights."""
        name = options["command"]
        command, (fmt, arguments) = self._find(name), self._own(options)
        parser = command.create_parser("manage.py", name)
        try:
            given = vars(parser.parse_args(arguments))
        except CommandError as error:  # called from Python; a shell has seen how it is used
            raise UsageError(f"{name}: {error}") from None
        known = command.tried(given).known
        if known is None:
            raise UsageError(f"{name} is about no account yet, so there is nobody to compare.")
        match fmt:
            case "json":
                self.json(previews.data_of(known))
            case "csv":
                self.table(previews.COLUMNS, list(previews.rows_of(known)), fmt)
            case _:
                for line in previews.lines_of(known):
                    self.stdout.write(line)

    def _own(self, options: dict[str, Any]) -> tuple[str, list[str]]:
        """Return the format, which may stand among what the command is given, and the rest."""
        own = CommandParser(add_help=False, allow_abbrev=False)
        own.add_argument("--format", default=options["format"])
        found, rest = own.parse_known_args(options["arguments"])
        if found.format not in self.formats:
            known = ", ".join(self.formats)
            raise UsageError(f"There is no format {found.format!r}; choose one of {known}.")
        return found.format, rest

    def _find(self, name: str) -> ActCommand:
        app = get_commands().get(name)
        found = load_command_class(app, name) if isinstance(app, str) else app
        if not isinstance(found, ActCommand):
            raise UsageError(
                f"{name!r} is no command that changes what people may do, such as change_role."
            )
        return found
