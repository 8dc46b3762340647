"""Verbs: the only way the console writes.

A verb is a page at ``<object>/act/<name>/``. GET says what would happen and asks what it needs;
POST calls a service, which judges. A verb never decides: ``refusal`` only keeps a control that
leads to a refusal off the page. Verb pages are not wrapped in a transaction, so that a service can
record a refusal after its own rollback.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from permissions.catalogue import Label
from permissions.errors import Invalid, Refused

if TYPE_CHECKING:
    from permissions.admin.scoped import ScopedModelAdmin


class VerbForm(forms.Form):
    """A form that knows the verb it serves; choices are made in ``prepare``."""

    def __init__(self, verb: Verb, data: Any = None, files: Any = None) -> None:
        super().__init__(data, files, label_suffix="")
        self.verb = verb
        self.prepare(verb)

    def prepare(self, verb: Verb) -> None:
        """Fill in choices and first values."""


class Shown(Protocol):
    """What a verb would do: shown by ``template``, and told from anything else by ``digest``."""

    @property
    def template(self) -> str:
        """Return the template that shows it."""

    @property
    def digest(self) -> str:
        """Return a text that differs for everything else that might be shown."""

    @property
    def button(self) -> str:
        """Return what the button says then; empty for what it always says."""


class Verb(ABC):
    """One thing a person may do to one object, or (``on_list``) to none in particular.

    ``is_part`` says that the verb concerns a part of the object, of ``part_type``, such as one
    membership of a person; ``choose`` that the part must be chosen first on a page of its own.
    ``needs_recent`` says that a recent sign-in is asked for (``wants_recent``): what a site's
    ``ask_again`` answers is shown instead of the verb, and nothing is done. What ``preview``
    returns is shown before anything is done, and confirmed as it was shown.
    """

    name: str
    label: Label
    form_class: type[VerbForm] = VerbForm
    on_list = False
    is_part = False
    part_type: type = object
    choose = False
    is_danger = False
    is_primary = False
    needs_recent = False
    template = "permissions/verb.html"

    def __init__(
        self, model_admin: ScopedModelAdmin, request: HttpRequest, obj: Any = None, part: Any = None
    ) -> None:
        self.admin = model_admin
        self.request = request
        self.actor: Any = request.user
        self.obj = obj
        self.part = part

    # what the page says

    def title(self) -> str:
        """Return the heading."""
        return str(self.label)

    def consequence(self) -> Sequence[str]:
        """Return what will be so afterwards, a sentence a line."""
        return ()

    def button(self) -> str:
        """Return what the button says: verb and object."""
        return self.title()

    def options(self) -> Sequence[tuple[str, str, str]]:
        """Return (part, label, note) for a verb that asks for its part first."""
        return ()

    def option_links(self) -> list[tuple[str, str, str]]:
        """Return ``options`` with the address of each."""
        return [(self.link(part), label, note) for part, label, note in self.options()]

    def prompt(self) -> str:
        """Return the heading of the page that asks for the part."""
        return self.title()

    # what it does

    def find(self, key: str) -> Any:
        """Return the part that ``key`` names, if it may be seen; None for any other key."""
        return None

    def key(self) -> str:
        """Return how the address names the part."""
        return str(getattr(self.part, "pk", self.part))

    def refusal(self) -> str:
        """Return why the verb is not offered; empty if it is."""
        return ""

    def closed_because(self) -> str:
        """Return why the verb is not offered: what the site bars, or ``refusal``."""
        barred = self.admin.barred(self.request, type(self))
        return self.refusal() if barred is None else barred.message

    def wants_recent(self) -> bool:
        """Say whether a recent sign-in is asked for: of this object, of this person."""
        return self.needs_recent

    def preview(self, data: Mapping[str, Any]) -> Shown | None:
        """Return what ``run`` would do, to be confirmed; None where there is nothing to say."""
        return None

    @abstractmethod
    def run(self, data: Mapping[str, Any]) -> str | HttpResponse:
        """Call the service; return the sentence that says what was done, or a file to hand out."""

    # where it is

    def link(self, part: str = "") -> str:
        """Return the address of the verb."""
        meta = self.admin.opts
        base = f"{self.admin.admin_site.name}:{meta.app_label}_{meta.model_name}_act"
        if self.on_list and part:
            return reverse(f"{base}_list_part", args=[self.name, part])
        if self.on_list:
            return reverse(f"{base}_list", args=[self.name])
        if part:
            return reverse(f"{base}_part", args=[self.obj.pk, self.name, part])
        return reverse(base, args=[self.obj.pk, self.name])

    @property
    def url(self) -> str:
        """Return the address of the verb, with its part."""
        return self.link(self.key() if self.part is not None else "")

    def list_url(self) -> str:
        """Return the address of the list."""
        meta = self.admin.opts
        name = f"{self.admin.admin_site.name}:{meta.app_label}_{meta.model_name}_changelist"
        return reverse(name)

    def back_url(self) -> str:
        """Return where one came from: the object, or the list."""
        if self.obj is None:
            return self.list_url()
        meta = self.admin.opts
        name = f"{self.admin.admin_site.name}:{meta.app_label}_{meta.model_name}_change"
        return reverse(name, args=[self.obj.pk])

    def next_url(self) -> str:
        """Return where to go when it is done: the list, if the object went out of sight."""
        gone = self.obj is None or self.admin.get_object(self.request, str(self.obj.pk)) is None
        return self.list_url() if gone else self.back_url()


def act(
    model_admin: ScopedModelAdmin, request: HttpRequest, name: str, object_id: str, part: str
) -> HttpResponse:
    """Show the verb ``name``, or carry it out. Unknown verbs, objects and parts are one 404."""
    verb = _find(model_admin, request, name, object_id, part)
    posted = request.method == "POST"
    refuse_barred(verb)
    if (verb.choose or verb.is_part) and verb.part is None:
        if posted or not verb.choose:
            raise Http404
        return render(verb, None)
    if not posted:
        if reason := verb.refusal():
            raise Refused(reason)
        return asked_again(verb) or render(verb, verb.form_class(verb))
    if page := asked_again(verb):
        return page
    form = verb.form_class(verb, request.POST, request.FILES)
    if form.is_valid():
        try:
            shown = _to_confirm(verb, form)
            if shown is not None:
                return render(verb, form, preview=shown, note=_since(request))
            done = verb.run(form.cleaned_data)
        except Invalid as error:
            form.add_error(None, error.message)
        else:
            if isinstance(done, HttpResponse):
                return done
            messages.success(request, done)
            return HttpResponseRedirect(verb.next_url())
    elif reason := verb.refusal():
        raise Refused(reason)  # no form for whoever would not get one by asking
    return render(verb, form)


def refuse_barred(verb: Verb) -> None:
    """Raise what the site bars ``verb`` with, if it does; an attempt to write is told first."""
    barred = verb.admin.barred(verb.request, type(verb))
    if barred is None:
        return
    if verb.request.method == "POST":
        verb.admin.on_refused(verb.request, barred, verb.name)
    raise barred


def _to_confirm(verb: Verb, form: VerbForm) -> Shown | None:
    """Return what must be shown first; None once it has been, exactly as it is now."""
    try:
        shown = verb.preview(form.cleaned_data)
    except Refused as refusal:
        # not carried out to be refused in earnest: somebody may have given the right by then, and
        # what was not shown would be done
        verb.admin.on_refused(verb.request, refusal, verb.name)
        raise
    if shown is None or verb.request.POST.get("previewed") == shown.digest:
        return None
    return shown


def _since(request: HttpRequest) -> str:
    """Return what to say to whoever has confirmed something else than is shown now."""
    if not request.POST.get("previewed"):
        return ""
    return (
        "Nothing was saved: your choices or somebody's rights have changed since you were shown "
        "what happens. This is what saving does now."
    )


def asked_again(verb: Verb) -> HttpResponse | None:
    """Return the page on which the site asks for a recent sign-in before ``verb``; None if it need
    not, and on sites that never do."""
    ask = getattr(verb.admin.admin_site, "ask_again", None)
    if ask is None or not verb.wants_recent():
        return None
    page: HttpResponse | None = ask(verb.request)
    return page


def _find(
    model_admin: ScopedModelAdmin, request: HttpRequest, name: str, object_id: str, part: str
) -> Verb:
    kind = next((v for v in model_admin.verbs if v.name == name), None)
    if kind is None or kind.on_list is bool(object_id):
        raise Http404
    if not model_admin.may_enter(request):
        raise Http404 if object_id or part else model_admin.closed(request)
    obj = model_admin.object_or_404(request, object_id) if object_id else None
    verb = kind(model_admin, request, obj)
    if part:
        verb.part = verb.find(part) if kind.is_part or kind.choose else None
        if verb.part is None:
            raise Http404
    return verb


def render(verb: Verb, form: VerbForm | None, **extra: Any) -> HttpResponse:
    """Return the page of ``verb``; without a form, the one that asks for the part."""
    context = {
        "title": verb.title() if form is not None else verb.prompt(),
        "verb": verb,
        "form": form,
        "opts": verb.admin.opts,
        "original": verb.obj,
        "list_url": verb.list_url(),
        "list_label": getattr(verb.admin, "menu_label", verb.admin.opts.verbose_name_plural),
        **extra,
    }
    return site_page(verb.admin.admin_site, verb.request, verb.template, context)


def site_page(
    site: AdminSite, request: Any, template: str, context: Mapping[str, Any], *, status: int = 200
) -> TemplateResponse:
    """Return a page in the frame of ``site``, whose names its templates reverse."""
    request.current_app = site.name
    everything = {**site.each_context(request), **context}
    return TemplateResponse(request, template, everything, status=status)
