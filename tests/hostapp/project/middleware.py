"""What this project does with every request."""

from permissions import audit
from permissions.middleware import AuditMiddleware


class HostAuditMiddleware(AuditMiddleware):
    """Record that a change came by way of this project's own pages."""

    channel = audit.HOST
