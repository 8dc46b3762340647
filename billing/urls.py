"""Addresses for gateways: a project includes them where it likes, before the console's."""

from __future__ import annotations

from django.urls import path

from billing.views import hook

app_name = "billing"
urlpatterns = [path("hooks/billing/<slug:gateway>/", hook, name="hook")]
