"""A project of somebody else, and the tests that install the wheel into it."""
