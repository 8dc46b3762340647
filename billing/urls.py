"""Addresses for gateways, to be included below ``hooks/billing/``, before the console's."""

from __future__ import annotations

from django.urls import path

from billing.views import hook

app_name = "billing"
urlpatterns = [path("<slug:gateway>/", hook, name="hook")]
