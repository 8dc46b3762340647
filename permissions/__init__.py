"""Decide, delegate, explain and record rights on objects.

This package knows no account, list or campaign: an application above it (``teams`` here, or a
host project) declares a catalogue, registers its models as resources and hands over the facts
about each person; everything else is answered here.
"""
