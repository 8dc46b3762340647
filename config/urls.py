"""The platform's staff below ``/operator/``, tenants at ``/``, everybody's login below
``/sign-in/``, contacts where they unsubscribe, those who move money below ``/hooks/``, programs
below ``/api/``."""

from django.urls import include, path

import billing.admin  # noqa: F401  (it registers its pages with both sites)
import teams.api_page  # noqa: F401  (it registers its page)
from teams.admin import console, operator
from teams.admin.account import theme

urlpatterns = [
    path("operator/", operator.urls),
    path("sign-in/", include("config.sign_in_urls")),
    path("api/v1/", include("teams.api.urls")),
    path("theme/<str:accent>.css", theme, name="theme"),
    path("", include("teams.urls")),
    path("hooks/billing/", include("billing.urls")),
    path("", console.urls),
]
