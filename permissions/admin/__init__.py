"""What an admin site for hostile tenants is built from.

Not imported by the app itself: a project that has no admin needs none of it.
"""

from permissions.admin.bulk import BulkVerb, Effect
from permissions.admin.checks import check_admins
from permissions.admin.filters import ScopedFilter, ScopedRelatedFilter
from permissions.admin.forms import ScopedForm
from permissions.admin.inlines import ScopedStackedInline, ScopedTabularInline
from permissions.admin.rows import key_of, row_of, rows_of
from permissions.admin.scoped import ScopedModelAdmin
from permissions.admin.verbs import Verb, VerbForm, site_page

__all__ = [
    "BulkVerb",
    "Effect",
    "ScopedFilter",
    "ScopedForm",
    "ScopedModelAdmin",
    "ScopedRelatedFilter",
    "ScopedStackedInline",
    "ScopedTabularInline",
    "Verb",
    "VerbForm",
    "check_admins",
    "key_of",
    "row_of",
    "rows_of",
    "site_page",
]
