"""How people sign in: django-allauth's accounts, second factors and sessions; django-axes' lock."""

from datetime import timedelta

from config.environment import env

SIGN_IN_APPS = [
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "axes",
]
# axes comes last: it replaces what is answered to whoever is locked out.
SIGN_IN_MIDDLEWARE = ["allauth.account.middleware.AccountMiddleware"]
LOCK_OUT_MIDDLEWARE = ["axes.middleware.AxesMiddleware"]

# Ours decides about rights, axes turns away whoever is locked out, the last one signs in.
AUTHENTICATION_BACKENDS = [
    "permissions.backend.PermissionBackend",
    "axes.backends.AxesStandaloneBackend",
    "config.backends.SignInBackend",
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "console:index"
LOGOUT_REDIRECT_URL = "account_login"
#: seconds in which the link to a new password works
PASSWORD_RESET_TIMEOUT = 24 * 60 * 60

# Accounts

ACCOUNT_ADAPTER = "config.adapters.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "config.forms.SignIn",
    "add_email": "config.forms.NewAddress",
    "reset_password": "config.forms.ForgottenPassword",
}
ACCOUNT_LOGIN_METHODS = {"username", "email"}
# Nobody signs up; allauth's check wants to know what they would have to fill in.
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*"]
# An address is confirmed by an invitation or by a link in a mail, never by signing in with it.
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_CONFIRMATION_EXPIRE_DAYS = 1
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
# One address; the new one replaces it once it is confirmed.
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_LOGIN_ON_PASSWORD_RESET = False
#: seconds for which a sign-in counts as recent
ACCOUNT_REAUTHENTICATION_TIMEOUT = 5 * 60
ACCOUNT_REAUTHENTICATION_REQUIRED = True
# What fails is counted per client and, from wherever it comes, per login: more loosely than
# axes counts both together, so that one client alone cannot lock somebody out everywhere.
ACCOUNT_RATE_LIMITS = {"login_failed": "20/m/ip,50/h/key"}

# Second factors

MFA_ADAPTER = "config.adapters.FactorAdapter"
MFA_FORMS = {
    "add_webauthn": "config.forms.NewPasskey",
    "login_webauthn": "config.forms.PasskeySignIn",
    "authenticate_webauthn": "config.forms.PasskeyFactor",
    "reauthenticate_webauthn": "config.forms.PasskeyAgain",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
# Whoever has a factor may change their address too: the old one stays until the new is confirmed.
MFA_ALLOW_UNVERIFIED_EMAIL = True

# The lock: so many failures for one name from one client, and for how long

AXES_ENABLED = True
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
# The page says how long to wait, so waiting must not start anew.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_USERNAME_CALLABLE = "config.lockout.typed_name"
AXES_CLIENT_IP_CALLABLE = "config.lockout.client_address"
AXES_LOCKOUT_CALLABLE = "config.lockout.locked_out"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "login", "csrfmiddlewaretoken"]
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False

# How many proxies stand in front, each of which adds the address it was called from to
# X-Forwarded-For. With 0 that header is anybody's word and is not read.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", 0)
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES

# Failures are counted by all processes together. Few entries die early: when the table is full,
# half of it would go, counts included.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "config_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}
