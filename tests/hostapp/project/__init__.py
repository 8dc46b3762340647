"""A minimal project that uses django-subaccounts, as its documentation says."""
