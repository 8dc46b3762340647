"""What an admin site for hostile tenants is built from.

Not imported by the app itself: a project that has no admin needs none of it.
"""

from permissions.admin.bulk import BulkVerb, Effect
from permissions.admin.scoped import ScopedModelAdmin
from permissions.admin.verbs import Verb, VerbForm

__all__ = ["BulkVerb", "Effect", "ScopedModelAdmin", "Verb", "VerbForm"]
