"""The platform's staff below ``/operator/``, tenants at ``/``, everybody's login below
``/sign-in/``, contacts where they unsubscribe."""

from django.urls import include, path

from teams.admin import console, operator
from teams.admin.account import theme

urlpatterns = [
    path("operator/", operator.urls),
    path("sign-in/", include("config.sign_in_urls")),
    path("theme/<str:accent>.css", theme, name="theme"),
    path("", include("teams.urls")),
    path("", console.urls),
]
