"""The verdict of Great Expectations as a static page, with nothing to load from anywhere.

Great Expectations' own Data Docs fetch their style sheets and scripts from the network; this page stands in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from data_contracts import contract
from jobs.settings import Settings
from jobs.validate.audit import Finding
from models.files import write_whole

FOLDER = "data_docs"


def publish_page(
    settings: Settings, findings: Sequence[Finding], held: Mapping[str, Sequence[str]], newest: str
) -> Path:
    """Write `<reports>/data_docs/<newest>.html` and the index of all verdicts; returns the path of the page."""
    from jinja2 import Environment, PackageLoader

    pages = Environment(loader=PackageLoader("jobs.validate"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    folder = Path(settings.reports) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    page = pages.get_template("verdict.html.j2").render(
        newest=newest,
        findings=findings,
        held=held,
        row_rules={r.name: r for name in ("raw_posts", "posts") for r in contract(name).rules}.values(),
        contracts=[contract(name) for name in ("raw_posts", "posts", "batch_profile")],
    )
    write_whole(folder / f"{newest}.html", page)
    names = sorted((path.stem for path in folder.glob("*.html") if path.stem != "index"), reverse=True)
    write_whole(folder / "index.html", pages.get_template("verdicts.html.j2").render(names=names))
    return folder / f"{newest}.html"
