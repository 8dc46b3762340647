"""What the templates and campaigns of the demo data say."""

from __future__ import annotations

from teams.services.content import Row, clean_rows


def _row(key: str, html: str, *, row: bool = False, contents: bool = False) -> Row:
    return Row(key=key, html=html, row_locked=row, contents_locked=contents)


def rows_of(place: str) -> dict[str, list[Row]]:
    """Return what the templates of a subaccount are made of: head and foot are the brand's."""
    head = _row("head", f"<h1>{place}</h1>", row=True, contents=True)
    foot = _row(
        "foot",
        f"<p><small>You get this mail because you subscribed at {place}. "
        '<a href="mailto:hello@example.com">Write to us</a>.</small></p>',
        row=True,
    )
    letter = [
        _row("hello", "<p>Dear {{first_name|friend}},</p><p>here is what is new this month.</p>"),
        _row(
            "news",
            '<table width="100%"><tr><td><img src="https://images.example.com/month.jpg" '
            'alt="The shop in spring" width="240"></td><td><h2>New this month</h2><ul>'
            "<li>Longer hours on Saturdays</li><li>Free delivery from 40</li></ul>"
            '<p><a href="https://www.example.com/new">See all of it</a></p></td></tr></table>',
        ),
    ]
    announcement = [
        _row("hello", "<p>Hello {{first_name|there}},</p><p>we have something to tell you.</p>"),
        _row(
            "terms",
            "<p><small>Offers end when stocks do. Prices include tax.</small></p>",
            contents=True,
        ),
    ]
    return {
        "monthly": clean_rows([head, *letter, foot]),
        "announcement": clean_rows([head, *announcement, foot]),
    }
