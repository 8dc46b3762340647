"""Two admin sites and nothing else: the platform's staff below ``/operator/``, tenants at ``/``."""

from django.urls import path

from teams.admin import console, operator
from teams.admin.account import theme

urlpatterns = [
    path("operator/", operator.urls),
    path("theme/<str:accent>.css", theme, name="theme"),
    path("", console.urls),
]
