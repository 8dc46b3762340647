"""The JSON API: what a key may do in its subaccount, over HTTP.

Needs the ``api`` extra; nothing else of ``teams`` imports it. A project includes ``teams.api.urls``
where it likes. An edge like admin and management: every read comes from ``visible`` and the
selectors, every write goes to a service, and nothing is decided here.
"""
