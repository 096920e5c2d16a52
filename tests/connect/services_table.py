"""The tables of services in docs/services.md, made of their declarations and of the tests; run it to write them.

`python -m tests.connect.services_table`
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from jobs.declaration import Declaration, NewestFirst, NoWindow, Range, shipped, shipped_names
from jobs.trial import offers
from tests.connect.situations import TRIED

PAGE = Path(__file__).parents[2] / "docs" / "services.md"
BEGIN, END = "<!-- {name}: python -m tests.connect.services_table -->\n", "<!-- end of the table -->\n"
HEAD = """\
| service | a feed gives | secrets | pages by | asked by day | at most | what cannot be seen |
|---|---|---|---|---|---|---|
"""


def described() -> str:
    """What each service is, a row each."""
    rows = []
    for offer in offers():
        service = shipped(offer.name)
        gives = ", ".join(f"`{name}`" for name in offer.parameters)
        needed = ", ".join(f"`{name}`".replace("`or ", "or `") for name in offer.secrets) or "none"
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
        way = "yes" if isinstance(window, Range) else "newest first" if isinstance(window, NewestFirst) else "no"
        days = None if isinstance(window, NoWindow) else window.history_days
        said.append(f"{way}, {days} days back" if days else way)
    return ", ".join(dict.fromkeys(said)) or "no"


def _cap(service: Declaration) -> str:
    said = []
    for cap in (endpoint.cap or service.cap for endpoint in service.requests.values()):
        most = f"{cap.items} items" if cap.items else f"{cap.pages} pages" if cap.pages else ""
        said += [f"{most}, then halves" if cap.floor_minutes and most else most] if most else []
    return ", ".join(dict.fromkeys(said)) or "-"


def tried() -> str:
    """In which situations each service is tried, as far as the tests that do it are imported; a row a service."""
    titles = list(TRIED)
    rows = [
        f"| `{name}` | {' | '.join('yes' if name in TRIED[title] else '-' for title in titles)} |\n"
        for name in shipped_names()
    ]
    return f"| service | {' | '.join(titles)} |\n|{'---|' * (1 + len(titles))}\n{''.join(rows)}"


def written() -> str:
    """The page with the tables as they should be."""
    import_module("tests.connect.test_situations")
    page = PAGE.read_text(encoding="utf-8")
    for name, table in (("table", described()), ("tried", tried())):
        before, rest = page.split(BEGIN.format(name=name))
        page = before + BEGIN.format(name=name) + table + rest[rest.index(END) :]
    return page


if __name__ == "__main__":
    PAGE.write_text(written(), encoding="utf-8")
    print(f"{len(shipped_names())} services in {PAGE}")
