"""The words of a piece of mail: clean HTML as plain text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html.parser import HTMLParser


def html_as_text(html: str) -> str:
    """Return clean HTML as plain text: blocks on lines of their own, links with their address."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = [" ".join(line.split()) for line in "".join(reader.found).splitlines()]
    return "\n".join(_without_gaps(lines)).strip()


def _without_gaps(lines: Sequence[str]) -> Iterator[str]:
    """Leave one empty line where there are several."""
    was_empty = False
    for line in lines:
        if line or not was_empty:
            yield line
        was_empty = not line


class _Reader(HTMLParser):
    """Collects the text of clean HTML."""

    BLOCKS: Mapping[str, str] = {
        **dict.fromkeys(("div", "tr", "table", "ul", "ol", "center"), "\n"),
        **dict.fromkeys(("p", "h1", "h2", "h3", "h4", "blockquote", "pre"), "\n\n"),
    }

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.links: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a line, or note where a link leads."""
        given = dict(attrs)
        match tag:
            case "br":
                self.found.append("\n")
            case "hr":
                self.found.append("\n---\n")
            case "li":
                self.found.append("\n- ")
            case "td" | "th":
                self.found.append(" ")
            case "img":
                self.found.append(given.get("alt") or "")
            case "a":
                self.links.append((given.get("href") or "", len(self.found)))
            case _:
                self.found.append(self.BLOCKS.get(tag, ""))

    def handle_endtag(self, tag: str) -> None:
        """End a line, or say where the link led."""
        if tag != "a":
            self.found.append(self.BLOCKS.get(tag, ""))
        elif self.links:
            address, start = self.links.pop()
            target = address.removeprefix("mailto:")
            if target and "".join(self.found[start:]).strip() != target:
                self.found.append(f" ({target})")

    def handle_data(self, data: str) -> None:
        """Keep the words; line breaks of the source are spaces."""
        self.found.append(" ".join(data.split("\n")))
