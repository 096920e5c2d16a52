"""The verdict of Great Expectations as a static page, with nothing to load from anywhere.

Great Expectations' own Data Docs fetch their style sheets and scripts from the network; this page stands in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

from data_contracts import contract
from jobs.settings import Settings
from jobs.shelf import Shelf
from jobs.validate.audit import Finding

FOLDER = "data_docs"


def publish_page(
    settings: Settings, findings: Sequence[Finding], held: Mapping[str, Sequence[str]], newest: str
) -> Path | str:
    """Write `<reports>/data_docs/<newest>.html` and the index of all verdicts; returns where the page is found."""
    from jinja2 import Environment, PackageLoader

    pages = Environment(loader=PackageLoader("jobs.validate"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    page = pages.get_template("verdict.html.j2").render(
        newest=newest,
        findings=findings,
        held=held,
        row_rules={r.name: r for name in ("raw_posts", "posts") for r in contract(name).rules}.values(),
        contracts=[contract(name) for name in ("raw_posts", "posts", "batch_profile")],
    )
    shelf = Shelf(settings.reports)
    known = {PurePath(name).stem for name in shelf.names(FOLDER) if name.endswith(".html")} - {"index"}
    index = pages.get_template("verdicts.html.j2").render(names=sorted(known | {newest}, reverse=True))
    shelf.publish(FOLDER, {f"{newest}.html": page.encode(), "index.html": index.encode()})
    return shelf.place(f"{FOLDER}/{newest}.html")
