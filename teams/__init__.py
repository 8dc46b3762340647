"""Who belongs where with which role, and what they own."""
