"""Addresses for people who are nobody's member: a project includes them where it likes."""

from __future__ import annotations

from django.urls import path

from teams.views import invitation, unsubscribe

app_name = "teams"
urlpatterns = [
    path("unsubscribe/<str:token>/", unsubscribe, name="unsubscribe"),
    path("invitation/<str:token>/", invitation, name="invitation"),
]
