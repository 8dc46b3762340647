"""The content security policy, written once for either Django."""

import django

# Nothing inline and nothing from elsewhere, stock admin included. Loosening a line here
# loosens it on every page.
CSP_DIRECTIVES = {
    "default-src": ["'self'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "img-src": ["'self'"],
    "object-src": ["'none'"],
    "base-uri": ["'none'"],
    "form-action": ["'self'"],
    "frame-ancestors": ["'none'"],
}

# Django enforces SECURE_CSP by itself from 6.0; before that django-csp does, under another
# name. Each ignores the other's setting.
CSP_MIDDLEWARE = (
    "django.middleware.csp.ContentSecurityPolicyMiddleware"
    if django.VERSION >= (6, 0)
    else "csp.middleware.CSPMiddleware"
)
