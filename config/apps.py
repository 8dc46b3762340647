"""Start-up of the runnable console: tells teams how people sign in here."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """Puts the sign-in of this project behind what teams asks."""

    name = "config"
    verbose_name = "Console"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Hand over our logins, and end sessions when a way to sign in has changed."""
        from config import sessions  # models must be loaded first
        from config.logins import ConsoleLogins
        from teams import logins

        logins.use(ConsoleLogins())
        sessions.watch()
