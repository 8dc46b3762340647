"""Access reviews in the console: the list, the page, the lines, the report."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from teams import services
from teams.admin.review_rows import Choice
from teams.models import AccessReview, Membership, ReviewLine
from tests.console.test_bulk import hidden
from tests.console.test_ends import body

pytestmark = pytest.mark.once

LIST, LINES = "/teams/accessreview/", "/teams/reviewline/"


def start(world: Any, who: str = "owner", days: float = 9, **given: Any) -> AccessReview:
    due = timezone.now() + timedelta(days=days)
    return services.start_review(
        actor=world.people[who],
        account=world.account,
        **{"name": "Spring review", "due_at": due, **given},
    )


def page_of(review: AccessReview, query: str = "") -> str:
    return f"{LIST}{review.pk}/change/{query}"


def line_of(review: AccessReview, world: Any, who: str) -> ReviewLine:
    return review.lines.get(kind="role", person=world.people[who])


def box(line: ReviewLine) -> str:
    """Return how the box of a line begins: places and the review have keys on that page too."""
    return f'name="_selected_action" value="{line.pk}"'


def decide(client: Any, verb: str, *lines: ReviewLine, **data: Any) -> Any:
    """Choose lines on the page of the review, look at what happens, and confirm it."""
    keys = [line.pk for line in lines]
    posted = {"action": verb, "index": "0", "select_across": "0", "_selected_action": keys}
    page = client.post(LINES, posted)
    if page.status_code != 200:
        return page
    url = f"{LINES}bulk/{verb}/"
    answer = client.post(url, {**hidden(page), "confirm": "1", **data}, follow=True)
    if answer.context is not None and answer.context.get("preview"):
        answer = client.post(url, {**hidden(answer), "confirm": "1", **data}, follow=True)
    return answer


def test_who_chose_no_line_is_led_back_to_the_review_and_told_so(world: Any) -> None:
    """The list of all lines is where they are sent from, and no page anybody asked for."""
    client, review = world.client("owner"), start(world)
    posted = hidden(client.get(page_of(review))) | {"action": "withdraw"}
    answer = client.post(LINES, posted, follow=True)
    assert answer.request["PATH_INFO"] == page_of(review)
    assert "no line was ticked, and nothing was changed" in body(answer)
    foreign = client.post(LINES, {**posted, "review": "999999"})
    assert foreign["Location"] == LINES


def test_one_is_started_gone_through_and_finished(world: Any) -> None:
    client = world.client("owner")
    assert "No access has been reviewed yet" in body(client.get(LIST))
    due = (timezone.localdate() + timedelta(days=5)).isoformat()
    data = {"name": "Spring", "scope": "account", "permission": "", "due": due}
    answer = client.post(f"{LIST}act/start/", data, follow=True)
    review = AccessReview.objects.get()
    assert answer.request["PATH_INFO"] == page_of(review)
    assert f"0 of {review.lines.count()} decided" in body(answer)

    editor, author = line_of(review, world, "editor"), line_of(review, world, "author")
    confirmed = decide(client, "confirm", editor)
    assert "1 line was confirmed" in body(confirmed)
    withdrawn = decide(client, "withdraw", author, reason="Left the company")
    assert "1 line was withdrawn" in body(withdrawn)
    assert not Membership.objects.filter(pk=world.seats["author"].pk).exists()
    decided = body(client.get(page_of(review, "?show=decided")))
    assert "Left the company" in decided
    assert "2 lines" in decided

    asked = body(client.get(f"{LIST}{review.pk}/act/finish/"))
    assert "Not decided yet:" in asked
    refused = client.post(f"{LIST}{review.pk}/act/finish/", {})
    assert "Not every line is decided" in body(refused)
    done = client.post(f"{LIST}{review.pk}/act/finish/", {"leave_open": "on"}, follow=True)
    review.refresh_from_db()
    assert review.digest in body(done)
    for form, kind in (("csv", "text/csv; charset=utf-8"), ("pdf", "application/pdf")):
        report = client.get(f"/access-reviews/{review.pk}/report.{form}")
        assert (report.status_code, report["Content-Type"]) == (200, kind)
        assert "no-store" in report["Cache-Control"]
    assert client.get(f"/access-reviews/{review.pk}/report.exe").status_code == 404
    assert "Confirm what is chosen" not in body(client.get(page_of(review)))


def test_a_line_of_ones_own_cannot_be_chosen_and_is_refused_when_forged(world: Any) -> None:
    review = start(world, subaccount=world.places["north"])
    client = world.client("administrator")
    own = line_of(review, world, "administrator")
    shown = client.get(page_of(review)).content.decode()
    assert box(own) not in shown
    assert "nobody reviews their own access" in body(client.get(page_of(review)))
    other = line_of(review, world, "editor")
    assert box(other) in shown
    page = decide(client, "confirm", own)
    assert page.status_code in (200, 403)
    own.refresh_from_db()
    assert own.decision == "open"


def test_who_manages_nobody_finds_no_reviews(world: Any) -> None:
    review = start(world)
    for who in ("full", "response_only"):
        client = world.client(who)
        assert client.get(LIST).status_code == 403
        assert client.get(page_of(review)).status_code == 404
        assert client.get(f"/access-reviews/{review.pk}/report.csv").status_code == 404
        assert LIST not in client.get("/").content.decode()


def test_a_part_is_shown_as_a_part_and_no_report_of_it(world: Any) -> None:
    review = start(world)
    client = world.client("administrator")
    shown = body(client.get(page_of(review)))
    assert "You see only the lines about people you manage" in shown
    assert "Manager One" not in shown
    services.finish_review(actor=world.people["owner"], review=review, leave_open=True)
    assert "Report as CSV" not in body(client.get(page_of(review)))
    assert client.get(f"/access-reviews/{review.pk}/report.csv").status_code == 404
    assert client.get(f"{LIST}{review.pk}/act/finish/").status_code == 403


def test_what_is_overdue_stands_in_the_list_and_on_the_home_page(world: Any) -> None:
    review, later = start(world), start(world, name="Later")
    AccessReview.objects.filter(pk=review.pk).update(due_at=timezone.now() - timedelta(days=1))
    client = world.client("owner")
    assert "The access review Spring review is overdue" in body(client.get("/"))
    assert "The access review Later" not in body(client.get("/"))
    overdue = body(client.get(f"{LIST}?state=overdue"))
    assert "Spring review" in overdue
    assert later.name not in overdue
    services.finish_review(actor=world.people["owner"], review=review, leave_open=True)
    assert "is overdue" not in body(client.get("/"))


def test_lines_are_filtered_by_person_place_and_decision(world: Any) -> None:
    review, client = start(world), world.client("owner")
    shown = body(client.get(page_of(review, "?person=Editor+One")))
    assert "1 line " in shown
    for query in ("?place=account", "?place=999999999999", "?place=x", "?person=Nobody", "?page=x"):
        assert client.get(page_of(review, query)).status_code == 200
    assert "There is no such line" in body(client.get(page_of(review, "?show=all&place=987654321")))


def test_all_lines_that_one_may_decide_are_ticked_by_a_link(world: Any) -> None:
    """Nobody goes through three hundred lines with three hundred clicks, script or no script."""
    review = start(world)
    own = line_of(review, world, "administrator")
    client = world.client("administrator")
    offered = client.get(page_of(review, "?show=all")).content.decode()
    page = client.get(page_of(review, "?show=all&all=1")).content.decode()
    assert " checked aria-label" not in offered
    assert 'href="?show=all&amp;all=1">Tick every line here' in offered
    assert page.count(" checked aria-label") == page.count('name="_selected_action"') > 1
    assert box(own) not in page
    assert 'href="?show=all">Tick none' in page


def test_nobody_is_called_by_what_is_no_text() -> None:
    """PostgreSQL refuses to look for it."""
    assert "\0" not in Choice.of({"person": "\0", "place": "\0"}, is_finished=False).person


def test_a_page_of_many_lines_costs_what_a_page_of_few_does(world: Any) -> None:
    review, client = start(world), world.client("owner")

    def cost() -> int:
        with CaptureQueriesContext(connection) as found:
            assert client.get(page_of(review)).status_code == 200
        return len(found)

    cost()
    few = cost()
    kept = review.lines.exclude(person=None).filter(kind="role").first()
    assert kept is not None
    ReviewLine.objects.bulk_create(
        ReviewLine(
            account=world.account, review=review, person=kept.person, person_label="Somebody",
            kind="role", ref=f"teams.membership:{10**6 + n}", what="Editor", place="North",
            subaccount=world.places["north"], state=kept.state, position=n,
        )
        for n in range(200)
    )  # fmt: skip
    assert cost() == few


def test_a_stale_line_says_what_it_is_now(world: Any) -> None:
    review, client = start(world), world.client("owner")
    services.change_role(
        actor=world.people["owner"], membership=world.seats["author"], role="editor"
    )
    assert "Changed since: Editor" in body(client.get(page_of(review)))
    done = client.post(f"{LIST}{review.pk}/act/refresh/", follow=True)
    assert "are as things are now" in body(done)
    assert "Changed since" not in body(client.get(page_of(review)))
