"""The runnable console: settings, addresses and entry points. Not part of the wheel."""
