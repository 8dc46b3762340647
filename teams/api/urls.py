"""The addresses of the API. A project includes them where it likes: ``path("api/v1/", …)``."""

from __future__ import annotations

from django.urls import path, re_path

from teams.api import campaigns, checks, contacts, lists, me, people
from teams.api.document import NothingHere, Schema

app_name = "api"
urlpatterns = [
    path("me/", me.Me.as_view(), name="me"),
    path("me/permissions/", me.MyPermissions.as_view(), name="me_permissions"),
    path("check/", checks.Check.as_view(), name="check"),
    path("check/batch/", checks.CheckBatch.as_view(), name="check_batch"),
    path("members/", people.Members.as_view(), name="members"),
    path("members/<int:pk>/", people.Member.as_view(), name="member"),
    path("invitations/", people.Invitations.as_view(), name="invitations"),
    path("invitations/<int:pk>/", people.OneInvitation.as_view(), name="invitation"),
    path("invitations/<int:pk>/resend/", people.Resend.as_view(), name="resend"),
    path("invitations/<int:pk>/withdraw/", people.Withdraw.as_view(), name="withdraw"),
    path("lists/", lists.Lists.as_view(), name="lists"),
    path("lists/<int:pk>/", lists.List.as_view(), name="list"),
    path("contacts/", contacts.Contacts.as_view(), name="contacts"),
    path("contacts/<int:pk>/", contacts.OneContact.as_view(), name="contact"),
    path("contacts/<int:pk>/unsubscribe/", contacts.Unsubscribe.as_view(), name="unsubscribe"),
    path("campaigns/", campaigns.Campaigns.as_view(), name="campaigns"),
    path("campaigns/<int:pk>/", campaigns.OneCampaign.as_view(), name="campaign"),
    path("campaigns/<int:pk>/schedule/", campaigns.Schedule.as_view(), name="schedule"),
    path("campaigns/<int:pk>/send/", campaigns.Send.as_view(), name="send"),
    path("campaigns/<int:pk>/unschedule/", campaigns.Unschedule.as_view(), name="unschedule"),
    path("schema/", Schema.as_view(), name="schema"),
    re_path(r"", NothingHere.as_view()),
]
