"""The table of services in docs/services.md, made of their declarations; run it to write it."""

from __future__ import annotations

from pathlib import Path

from jobs.declaration import Declaration, NewestFirst, Range, shipped, shipped_names
from jobs.trial import offers

PAGE = Path(__file__).parents[2] / "docs" / "services.md"
BEGIN, END = "<!-- table: python -m tests.connect.services_table -->\n", "<!-- end of the table -->\n"
HEAD = """\
| service | a feed gives | secrets | pages by | asked by day | at most | what cannot be seen |
|---|---|---|---|---|---|---|
"""


def table() -> str:
    """One row a service."""
    rows = []
    for offer in offers():
        service = shipped(offer.name)
        gives = ", ".join(f"`{name}`" for name in offer.parameters)
        needed = ", ".join(f"`{name}`" for name in offer.secrets) or "none"
        if service.sign_in and service.sign_in.optional:
            needed += " (if you like)"
        cells = (f"`{offer.name}`: {offer.title}", gives, needed, _paging(service), _window(service), _cap(service))
        rows.append(f"| {' | '.join([*cells, service.about.notes.strip()])} |\n")
    return HEAD + "".join(rows)


def _paging(service: Declaration) -> str:
    kinds = [(endpoint.paging or service.paging).kind for endpoint in service.requests.values()]
    return ", ".join(dict.fromkeys(kinds)) or "a file"


def _window(service: Declaration) -> str:
    said = []
    for window in (endpoint.window or service.window for endpoint in service.requests.values()):
        if isinstance(window, Range):
            said.append(f"yes, {window.history_days} days back" if window.history_days else "yes")
        else:
            said.append("newest first" if isinstance(window, NewestFirst) else "no")
    return ", ".join(dict.fromkeys(said)) or "no"


def _cap(service: Declaration) -> str:
    said = []
    for cap in (endpoint.cap or service.cap for endpoint in service.requests.values()):
        most = f"{cap.items} items" if cap.items else f"{cap.pages} pages" if cap.pages else ""
        said += [f"{most}, then halves" if cap.floor_minutes and most else most] if most else []
    return ", ".join(dict.fromkeys(said)) or "-"


def written() -> str:
    """The page with the table as it should be."""
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    return before + BEGIN + table() + rest[rest.index(END) :]


if __name__ == "__main__":
    PAGE.write_text(written(), encoding="utf-8")
    print(f"{len(shipped_names())} services in {PAGE}")
