"""Start-up of the host's app: the one call that puts a model under our permissions."""

from django.apps import AppConfig


class CrmConfig(AppConfig):
    """Registers ``Segment``."""

    name = "crm"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Guard segments by what the subaccount of their board allows."""
        from permissions import resources

        resources.register(
            "crm.Segment",
            parent="board__subaccount",
            actions={"view": "access_audience", "delete": "delete_lists"},
            guest=frozenset({"access_audience", "view_contacts"}),
        )
