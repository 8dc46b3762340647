"""The host's app: its people, and what they segment."""
