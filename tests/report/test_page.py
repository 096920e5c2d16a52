"""The page: no text of a post becomes markup, script or a link that runs."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given
from jinja2 import Environment, FileSystemLoader

from jobs.report import Report
from jobs.report.editions import Told
from jobs.report.page import TEMPLATES, clean, link, script_json, shorten, vega_bundle
from jobs.report.table import harmless
from tests.hostile import HOSTILE


class _Elements(HTMLParser):
    """The elements of a document and the text of its article."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.addresses: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.addresses += [value for name, value in attrs if name in ("href", "src")]
        assert not any(name.startswith("on") or name == "style" for name, _ in attrs)


@given(HOSTILE)
@example("</script><script>alert(1)</script>")
@example("<!--<script>")
def test_json_in_a_script_element_cannot_end_it_and_reads_back(text: str) -> None:
    written = script_json({"text": text.encode("utf-8", "replace").decode()})
    assert not re.search("[<>&\u2028\u2029]", written)
    assert json.loads(written)["text"] == text.encode("utf-8", "replace").decode()


@given(HOSTILE)
@example("{{ 7 * 7 }}{% include '/etc/passwd' %}")
def test_a_hostile_text_in_the_template_stays_text(text: str) -> None:
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True)
    page = environment.from_string('<p dir="auto" title="{{ text }}">{{ text }}</p>').render(text=clean(text))
    elements = _Elements()
    elements.feed(page)
    assert elements.names == ["p"]


@given(HOSTILE)
@example("javascript:alert(1)")
@example("https://ok.example/?a=<script>")
@example("//evil.example")
@example("data:text/html,x")
@example("java\nscript:alert(1)")
@example("http://[broken")
def test_only_web_addresses_become_links(address: str) -> None:
    found = link(address)
    assert found is None or re.match(r"https?://[^/\s]", found, re.IGNORECASE)


@given(HOSTILE)
def test_a_short_text_is_whole_and_a_long_one_is_cut_with_a_sign(text: str) -> None:
    brief = shorten(text)
    assert brief == text if len(text) <= 220 else brief.endswith("…")
    assert len(brief) <= 221


@given(HOSTILE)
def test_a_cell_never_begins_like_a_formula(text: str) -> None:
    assert not harmless(text).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert harmless(text).removeprefix("'") == text.removeprefix("'")


@pytest.mark.parametrize(
    ("said", "drawn"), [(-0.13, ["span mixed", "span mixed", "ring", "dot"]), (-0.46, ["span mixed", "dot"])]
)
def test_the_models_width_and_the_ring_are_drawn_where_the_dot_is_the_models_mean(
    said: float, drawn: list[str]
) -> None:
    mean = Told(said, -0.13, -0.14, -0.12, said - 0.1, said + 0.1, "labelled")
    ends = {f"mean_{width}_{end}": 0.0 for width in ("model", "people") for end in ("low", "high")}
    card = {"mean": -0.13, "mean_before": 0.1, **ends, "tone": "mixed", "basis": "labelled", "told": {"mean": mean}}
    parts = Environment(loader=FileSystemLoader(TEMPLATES)).get_template(
        "parts.html.j2", globals={"x": str, "wide": max}
    )
    assert re.findall(r'class="(span mixed|ring|dot)', parts.module.gauge(card)) == drawn


def test_the_page_names_its_scripts_by_hash_and_allows_no_others(made: Report) -> None:
    page = made.path.read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page).group(1).replace("&#39;", "'")
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = {base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts}
    assert set(re.findall(r"script-src ([^;]+)", policy)[0].split()) == {f"'sha256-{found}'" for found in hashes}
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


def test_the_page_loads_nothing_and_has_no_inline_handlers(made: Report) -> None:
    page = made.path.read_text(encoding="utf-8")
    body = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)
    elements = _Elements()
    elements.feed(body)
    assert not {"img", "iframe", "link", "object", "embed", "form"} & set(elements.names)
    assert all(
        re.match(r"https?://cafe\.example/|\.\./index\.html$|#main$|[a-z_]+\.(csv|xlsx|json)$", a or "")
        for a in elements.addresses
    )


def test_the_page_shows_what_is_hostile_as_it_was_written(made: Report) -> None:
    page = made.path.read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(&#34;aurora&#34;)&lt;/script&gt;" in page
    assert "{{7*7}}" in page
    assert "connection &lt;refused&gt; by" in page


def test_the_script_of_the_charts_is_put_together_once_and_kept_where_there_is_a_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made_at(home: Path) -> str:
        monkeypatch.setenv("HOME", str(home))
        vega_bundle.cache_clear()
        return vega_bundle()

    script = made_at(tmp_path)
    (kept,) = (tmp_path / ".cache" / "sentinela").iterdir()
    assert kept.read_bytes().decode() == script
    kept.write_text("what was kept")
    assert made_at(tmp_path) == "what was kept"
    vega_bundle.cache_clear()
