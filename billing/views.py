"""Where gateways tell us what became of a payment."""

from __future__ import annotations

import logging

from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from billing import gateways
from billing.gateways.base import Forged
from billing.services.settling import receive
from permissions.errors import Invalid

log = logging.getLogger("billing.payments")
#: bytes; what gateways send is a few thousand
MOST = 256 * 1024


# the signature is the proof, over the very bytes that came; no session is looked at
@csrf_exempt
@never_cache
@require_POST
def hook(request: HttpRequest, gateway: str) -> HttpResponse:
    """Act on a message of ``gateway``, once. Whatever is authentic is answered alike, so that the
    answer tells nothing about payments; what is not is written down nowhere."""
    try:
        way = gateways.get(gateway)
    except Invalid as error:
        raise Http404 from error
    try:
        if len(request.body) > MOST:
            raise Forged("The message is too long.")
        event = way.read(request.body, request.headers)
    except (Forged, RequestDataTooBig) as error:
        log.warning("refused a message for %s: %s", gateway, error)
        return HttpResponse(status=400)
    if event is not None:
        outcome = receive(gateway=way.codename, event=event)
        log.info("%s %s: %s", gateway, event.kind, outcome)
    return HttpResponse(status=200)
