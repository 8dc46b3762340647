"""Outgoing webhooks."""

from config.environment import env

# Whether this machine itself may be called, as nothing else that is not on the public internet.
WEBHOOK_ALLOW_LOOPBACK = env.bool("WEBHOOK_ALLOW_LOOPBACK", False)
