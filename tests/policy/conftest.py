"""How properties are tried while rules are being broken on purpose: see ``pure.ini``."""

import hypothesis

# nobody reads which example was the smallest: a mutant that is found is killed
hypothesis.settings.register_profile(
    "mutants",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=15,
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)
