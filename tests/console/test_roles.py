"""The page of roles: what it shows, finds and compares, and what it does with nonsense."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import permutations
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from teams.admin import comparison, matrix
from teams.admin.roles import CUSTOM_SHOWN
from teams.catalogue import CATALOGUE
from teams.editions import EDITIONS
from teams.factories import (
    AccountFactory,
    MembershipFactory,
    RoleFactory,
    SubaccountFactory,
    UserFactory,
)
from tests.console.conftest import MARKER
from tests.editions.test_cells import LINES

pytestmark = pytest.mark.once  # what is compared is declared in code

WORDS = {"yes": "Yes", "no": "No", "opt": "Optional", "if": "If…"}
#: what stands behind the name of an area, and of no permission
COUNT = re.compile(r" \d+( of \d+)?$")
EVERYTHING = '<a href="/roles/">Show everything</a>'


class Table(HTMLParser):
    """Reads the matrix out of a page: ``lines`` of texts, notes left out."""

    def __init__(self, body: str) -> None:
        super().__init__()
        self.lines: list[list[str]] = []
        self.inside = self.quiet = self.in_cell = False
        self.feed(body)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "table":
            self.inside = "matrix" in (dict(attrs).get("class") or "").split()
        if self.inside and tag == "tr":
            self.lines.append([])
        if self.inside and tag in {"th", "td"}:
            self.lines[-1].append("")
            self.in_cell = True
        self.quiet = tag == "small"

    def handle_endtag(self, tag: str) -> None:
        self.quiet = False
        if tag in {"th", "td"}:
            self.in_cell = False
        if tag == "table":
            self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside and self.in_cell and not self.quiet:
            self.lines[-1][-1] += data


def page(client: Client, query: str = "", **parameters: Any) -> str:
    answer = client.get("/roles/" + ("?" + (query or urlencode(parameters))))
    assert answer.status_code == 200
    return answer.content.decode()


def rows_of(body: str) -> dict[str, list[str]]:
    """Return every row's cells by its label, those of areas included."""
    return {line[0]: line[1:] for line in Table(body).lines[1:]}


def lines_of(body: str) -> dict[str, list[str]]:
    """Return the cells of every permission by its label."""
    return {label: cells for label, cells in rows_of(body).items() if not COUNT.search(label)}


def counts_of(body: str) -> dict[str, list[str]]:
    """Return the counts beside every area, by label and number of rows."""
    return {label: cells for label, cells in rows_of(body).items() if COUNT.search(label)}


def client_of(edition: str, **fields: Any) -> Client:
    """Return a browser signed in as the owner of a new account."""
    account = AccountFactory(edition=edition, owner=UserFactory(), **fields)
    client = Client()
    client.force_login(account.owner)
    return client


def signed_in(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


# truth


@pytest.mark.parametrize("codename", EDITIONS)
def test_the_page_shows_every_cell_of_the_truth(db: Any, codename: str) -> None:
    edition = EDITIONS[codename]
    truth = {line["permission"]: line for line in LINES[codename]}
    names = [column.name for column in matrix.columns(edition)]
    expected = {
        str(CATALOGUE[p].label): [WORDS[truth[p][name].split(":")[0]] for name in names]
        for p in edition.permissions
    }
    body = page(client_of(codename))
    assert {label: cells[1:] for label, cells in lines_of(body).items()} == expected
    assert "built-in roles are read-only" in body


@pytest.mark.parametrize("codename", EDITIONS)
def test_the_page_stays_light(db: Any, codename: str) -> None:
    assert len(page(client_of(codename))) < 66_000


@pytest.mark.parametrize("who", ["owner", "manager", "author", "response_only"])
def test_everybody_reads_the_same_table(world: Any, who: str) -> None:
    assert Table(page(world.client(who))).lines == Table(page(world.client("full"))).lines


def test_a_stranger_is_asked_to_sign_in(db: Any) -> None:
    assert Client().get("/roles/").status_code == 302


def test_areas_count_what_each_role_holds(world: Any) -> None:
    counts = counts_of(page(world.client("owner")))
    assert counts["Audience 15"] == ["15", "15", "13", "9 + 3 opt.", "9 + 3 opt.", "0", "0"]
    assert counts["Account 10"][1] == "0 + 1 opt. + 2 if"


def test_every_column_has_a_key_of_its_own() -> None:
    for edition in EDITIONS.values():
        keys = [head.key for head in matrix.heads(edition)]
        assert len(set(keys)) == len(keys)
        names = [head.name for head in matrix.heads(edition)]
        assert len(set(names)) == len(names)


def test_without_script_everything_is_open_and_nothing_looks_folded(world: Any) -> None:
    body = page(world.client("owner"))
    assert len(lines_of(body)) == len(EDITIONS["emma_hq"].permissions)
    assert "aria-expanded" not in body
    assert re.findall(r"<button[^>]*data-folds[^>]*>", body) == [
        '<button type="button" class="button" data-folds="matrix" hidden>'
    ]
    assert "folds.js" in body
    assert " style=" not in body


# area and text


@pytest.mark.parametrize("codename", EDITIONS)
def test_an_area_shows_its_permissions_and_no_others(db: Any, codename: str) -> None:
    client = client_of(codename)
    for area in matrix.areas(codename):
        body = page(client, area=area.codename)
        assert list(lines_of(body)) == [str(row.permission.label) for row in area.rows]
        assert f"{len(area.rows)} of {len(EDITIONS[codename].permissions)} permissions" in body
        assert EVERYTHING in body
        assert f'<option value="{area.codename}" selected>' in body


@pytest.mark.parametrize("area", ["nowhere", "Audience", "social,content", "__class__"])
def test_an_unknown_area_is_empty_and_says_so(world: Any, area: str) -> None:
    body = page(world.client("owner"), area=area)
    assert Table(body).lines == []
    assert f"Emma HQ has no such area, so there is no permission to show. {EVERYTHING}" in body


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("partner exports", ["Partner exports"]),
        ("  EXPORTS   partner ", ["Partner exports"]),
        ("run_partner", ["Partner exports"]),  # codename
        ("switch export", ["Addresses in exports", "Partner exports"]),  # note
        ("reaches all subaccounts", ["View assets", "Manage brand assets"]),  # condition
    ],
)
def test_text_is_found_in_labels_codenames_and_notes(
    world: Any, text: str, expected: list[str]
) -> None:
    labels = {str(p): str(p.label) for p in CATALOGUE}
    found = list(lines_of(page(world.client("owner"), q=text)))
    assert found == [labels.get(name, name) for name in expected]


def test_text_and_area_are_asked_together(world: Any) -> None:
    client = world.client("owner")
    assert set(lines_of(page(client, q="export", area="audience"))) == set(
        lines_of(page(client, q="export"))
    )
    body = page(client, q="export", area="people")
    assert Table(body).lines == []
    assert (
        f"No permission of Emma HQ has these words in its name or its notes. {EVERYTHING}" in body
    )
    counts = counts_of(page(client, q="export"))
    assert counts == {"Audience 3 of 15": ["3", "3", "3", "0 + 3 opt.", "0 + 3 opt.", "0", "0"]}


# comparison


@pytest.mark.parametrize("codename", EDITIONS)
def test_two_columns_differ_exactly_where_the_truth_differs(codename: str) -> None:
    edition = EDITIONS[codename]
    truth = {line["permission"]: line for line in LINES[codename]}
    built_in = [head for head in matrix.heads(edition) if head.key != edition.owner]
    for one, other in permutations(built_in, 2):
        table = matrix.table(edition, (one, other))
        left = comparison.differences(comparison.compared(table, (one, other)))
        found = {str(row.permission) for area in left for row in area.rows}
        assert found == {
            str(p) for p in edition.permissions if truth[p][one.key] != truth[p][other.key]
        }
        for row in (row for area in left for row in area.rows):
            assert row.said is not None
            kinds = tuple(truth[row.permission][head.key] for head in (one, other))
            sign = {kinds[0]: "−", kinds[1]: "+"}.get("no", "±")
            assert row.said.sign == sign


def test_a_comparison_shows_only_the_differences_and_counts_them(world: Any) -> None:
    body = page(world.client("owner"), compare="full", **{"with": "editor"})
    table = Table(body)
    assert [head.strip() for head in table.lines[0]] == [
        "Permission",
        "Full",
        "Editor",
        "Difference",
    ]
    lines = lines_of(body)
    assert lines["Send mailings"] == ["Yes", "No", "+ Only Full"]
    assert set(map(tuple, lines.values())) == {("Yes", "No", "+ Only Full")}
    assert f"Full and Editor differ in {len(lines)} of 83 permissions" in body
    assert f'<b data-sign="+">+ {len(lines)}</b> Only Full' in body
    assert f'<b data-sign="=">= {83 - len(lines)}</b> The same' in body
    assert counts_of(body)["Campaigns 3 of 8"] == ["3", "0", "3 differ"]
    assert EVERYTHING in body


def test_all_lines_of_a_comparison_can_be_shown_again(world: Any) -> None:
    client = world.client("owner")
    body = page(client, compare="full", **{"with": "editor", "area": "campaigns"})
    link = re.findall(r'<a href="(\?[^"]*)">Show all lines</a>', body)
    every = page(client, link[0][1:].replace("&amp;", "&"))
    assert len(lines_of(every)) == 8
    assert lines_of(every)["Create mailings"] == ["Yes", "Yes", "= The same"]
    back = re.findall(r'<a href="\?([^"]*)">Show only the differences</a>', every)
    assert lines_of(page(client, back[0].replace("&amp;", "&"))) == lines_of(body)


def test_terms_are_said_where_both_roles_have_it(world: Any) -> None:
    lines = lines_of(page(world.client("owner"), compare="manager", **{"with": "full"}))
    assert lines["Export contacts"] == ["Yes", "Optional", "± Optional for Full"]
    assert lines[str(CATALOGUE["view_billing_reports"].label)] == [
        "Optional",
        "No",
        "+ Only Manager, optional",
    ]
    assert lines[str(CATALOGUE["view_assets"].label)] == [
        "If…",
        "No",
        "+ Only Manager, if the person reaches all subaccounts",
    ]
    turned = lines_of(page(world.client("owner"), compare="full", **{"with": "manager"}))
    assert turned["Export contacts"] == ["Optional", "Yes", "± Optional for Full"]
    assert turned[str(CATALOGUE["view_billing_reports"].label)][2] == "− Only Manager, optional"


def test_the_same_role_in_two_places_is_two_columns(db: Any) -> None:
    client = client_of("constant_contact")
    pair = {"compare": "partner_manager@partner", "with": "partner_manager@client"}
    body = page(client, **pair)
    assert "Partner Manager (own workspace) and Partner Manager (client subaccounts) differ" in body
    lines = lines_of(body)
    assert lines["Create mailings"] == ["No", "Yes", "− Only client subaccounts"]
    assert lines[str(CATALOGUE["view_billing_reports"].label)] == [
        "If…",
        "No",
        "+ Only own workspace, if billed on the account's single bill",
    ]


def test_the_primary_contact_is_compared_with_the_same_level(db: Any) -> None:
    pair = {"compare": "full+primary_contact", "with": "full"}
    lines = lines_of(page(client_of("emma_enterprise"), **pair))
    assert lines["Export contacts"] == ["Yes", "Optional", "± Optional for Full"]
    assert lines[str(CATALOGUE["purge_archived"].label)] == [
        "Yes",
        "No",
        "+ Only Full (primary contact)",
    ]


def test_two_roles_without_a_difference_say_so(world: Any) -> None:
    pair = {"compare": "full", "with": "editor", "area": "social"}
    body = page(world.client("owner"), **pair)
    assert "Full and Editor differ in none of 8 permissions" in body
    assert Table(body).lines == []
    assert "Show all lines" in body


@pytest.mark.parametrize(
    ("one", "other", "sentence"),
    [
        ("full", "nobody", "There is no such role in Harbor. Choose two from the lists."),
        ("nobody", "", "There is no such role in Harbor. Choose two from the lists."),
        ("full+primary_contact", "full", "There is no such role in Harbor."),  # another edition's
        ("full", "full", "Full is one role. Choose another one to compare it with."),
        ("full", "", "Nothing is compared yet. Choose two roles."),
        ("", "full", "Nothing is compared yet. Choose two roles."),
    ],
)
def test_keys_that_name_no_pair_get_a_sentence(
    world: Any, one: str, other: str, sentence: str
) -> None:
    body = page(world.client("owner"), compare=one, **{"with": other})
    assert sentence in body
    assert Table(body).lines == []
    assert EVERYTHING in body


# custom roles


def test_a_custom_role_is_a_column_of_what_its_ticks_give(sailthru: dict[str, Any]) -> None:
    RoleFactory(
        account=sailthru["account"],
        name="Producer",
        permissions=["access_campaigns", "send_campaigns", "rename_lists", "nonsense"],
    )
    body = page(signed_in(sailthru["owner"]))
    assert Table(body).lines[0][-1] == "Producercustom role"
    lines = {label: cells[-1] for label, cells in lines_of(body).items()}
    assert lines["Send mailings"] == "Yes"
    assert lines["Create mailings"] == "Yes"  # follows the menu
    assert lines["Rename lists"] == "No"  # ticked, but the menu it needs is not
    assert lines["Delete campaigns"] == "No"
    assert lines["Insights"] == "Yes"  # everybody's
    assert "custom roles are this account&#x27;s own" in body


def test_a_custom_role_is_compared_like_any_other(sailthru: dict[str, Any]) -> None:
    role = RoleFactory(account=sailthru["account"], name="Producer", permissions=["save_rows"])
    pair = {"compare": f"custom:{role.pk}", "with": "reports_only"}
    body = page(signed_in(sailthru["owner"]), **pair)
    assert lines_of(body) == {"Save rows": ["Yes", "No", "+ Only Producer (custom role)"]}


def test_custom_roles_of_another_account_are_nowhere(sailthru: dict[str, Any]) -> None:
    account, owner = sailthru["account"], sailthru["owner"]
    RoleFactory(account=account, name="Producer", permissions=[])
    rival = AccountFactory(edition="sailthru", owner=UserFactory(), name="Other", slug="other")
    role = RoleFactory(account=rival, name=f"{MARKER} role", permissions=["access_campaigns"])
    # somebody of both accounts reads only the one they have chosen
    MembershipFactory(
        account=rival,
        subaccount=SubaccountFactory(account=rival),
        user=owner,
        role="",
        custom_role=role,
        exclusive=False,
    )
    client = signed_in(owner)
    client.post("/scope/", {"account": account.pk})
    assert MARKER not in page(client)
    bare = [
        re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", page(client, compare=key))
        for key in (f"custom:{role.pk}", "custom:987654", "custom:x")
    ]
    assert len(set(bare)) == 1
    assert MARKER not in bare[0]
    client.post("/scope/", {"account": rival.pk})
    assert MARKER in page(client)
    assert "Producer" not in page(client)


def test_an_edition_without_custom_roles_shows_none(world: Any) -> None:
    role = RoleFactory(account=world.account, name=MARKER, permissions=["access_campaigns"])
    client = world.client("owner")
    assert MARKER not in page(client)
    assert "There is no such role" in page(client, compare=f"custom:{role.pk}")


@pytest.mark.parametrize(
    "ticked", [{}, {"a": 1}, "access_campaigns", 7, [], [None, 1, {"a": []}, ["x"]]]
)
def test_a_custom_role_of_nonsense_holds_no_more_than_nothing_ticked(
    sailthru: dict[str, Any], ticked: Any
) -> None:
    RoleFactory(account=sailthru["account"], name="Odd", permissions=ticked)
    lines = lines_of(page(signed_in(sailthru["owner"])))
    held = {label for label, cells in lines.items() if cells[-1] == "Yes"}
    assert held <= {"Insights", "Response", "Detailed reports"}


def test_a_name_is_text_and_not_markup(sailthru: dict[str, Any]) -> None:
    RoleFactory(account=sailthru["account"], name="<b>Owner</b>", permissions=[])
    body = page(signed_in(sailthru["owner"]))
    assert "<b>Owner</b>" not in body
    assert "&lt;b&gt;Owner&lt;/b&gt;" in body


def test_custom_roles_cost_one_query_however_many(sailthru: dict[str, Any]) -> None:
    client = signed_in(sailthru["owner"])

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            page(client)
        return len(queries)

    RoleFactory(account=sailthru["account"])
    page(client)
    before = cost()
    RoleFactory.create_batch(CUSTOM_SHOWN + 5, account=sailthru["account"])
    assert cost() == before <= 6


def test_columns_have_an_end_and_comparison_has_none(sailthru: dict[str, Any]) -> None:
    account, client = sailthru["account"], signed_in(sailthru["owner"])
    roles = [RoleFactory(account=account, name=f"R{n:02}") for n in range(CUSTOM_SHOWN + 2)]
    body = page(client)
    assert len(Table(body).lines[0]) == 1 + len(matrix.heads(EDITIONS["sailthru"])) + CUSTOM_SHOWN
    assert "2 more custom roles without a column here" in body
    last = page(client, compare=f"custom:{roles[-1].pk}", **{"with": "account_admin"})
    assert lines_of(last)["Send mailings"] == ["No", "Yes", "− Only Account Admin"]


# hostile parameters


HOSTILE = (
    "%00",
    "audience%00",
    "x" * 10_000,
    "%ff%fe",
    "%ed%a0%80",
    "<script>alert(1)</script>",
    "'%22><img src=x>",
    "custom:",
    "custom:-1",
    "custom:999999999999999999999999999999",
    "..%2f..%2f",
    "%F0%9F%92%A9",
)


@pytest.mark.parametrize("name", ["area", "q", "compare", "with", "lines"])
@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_nonsense_is_answered_and_never_believed(world: Any, name: str, value: str) -> None:
    client = world.client("owner")
    for query in (f"{name}={value}", f"{name}={value}&{name}={value}", f"{name}[]={value}"):
        for more in ("", "&compare=full&with=editor" if name in {"area", "q", "lines"} else ""):
            body = page(client, query + more)
            assert "<script>alert" not in body
            assert "<img src=x" not in body
            assert "\0" not in body
            assert len(body) < 66_000


def test_of_several_values_the_last_counts(world: Any) -> None:
    client = world.client("owner")
    body = page(client, "area=nowhere&area=people&q=zzz&q=")
    assert list(lines_of(body)) == list(lines_of(page(client, area="people")))


def test_posting_changes_nothing_and_shows_the_page(world: Any) -> None:
    answer = world.client("owner").post("/roles/", {"area": "people"})
    assert answer.status_code == 200
    assert len(lines_of(answer.content.decode())) == 83
