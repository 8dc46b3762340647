"""Two admin sites and nothing else: the platform's staff below ``/operator/``, tenants at ``/``."""

from django.urls import path

from teams.admin import console, operator

urlpatterns = [
    path("operator/", operator.urls),
    path("", console.urls),
]
