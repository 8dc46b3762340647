"""Addresses below ``/sign-in/``: allauth's, and before them those that we answer otherwise."""

from django.urls import include, path, re_path

from config import views

urlpatterns = [
    path("", views.your_login, name="your_login"),
    path("password/set/", views.first_password, name="account_set_password"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.NewPassword.as_view(),
        name="account_reset_password_from_key",
    ),
    path("confirm-email/<str:key>/", views.ConfirmAddress.as_view(), name="account_confirm_email"),
    path("email/", views.Address.as_view(), name="account_email"),
    path("sessions/", views.Sessions.as_view(), name="usersessions_list"),
    path("", include("allauth.urls")),
]
