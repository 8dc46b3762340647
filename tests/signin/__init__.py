"""Signing in, and what belongs to a login."""
