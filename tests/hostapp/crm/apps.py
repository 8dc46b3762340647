"""Start-up of the host's app: a model under our permissions, and an edition of its own."""

from django.apps import AppConfig


class CrmConfig(AppConfig):
    """Registers ``Segment`` and an edition."""

    name = "crm"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Guard segments by what the subaccount of their board allows; add the bakery."""
        from crm.editions import EDITION

        from permissions import resources
        from teams import editions

        resources.register(
            "crm.Segment",
            parent="board__subaccount",
            actions={"view": "access_audience", "delete": "delete_lists"},
            guest=frozenset({"access_audience", "view_contacts"}),
        )
        editions.register(EDITION)
