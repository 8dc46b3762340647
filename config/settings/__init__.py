"""Settings: ``base`` holds what never varies; ``dev``, ``test`` and ``prod`` complete it."""
