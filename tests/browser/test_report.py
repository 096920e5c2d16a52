"""A report opened as an analyst does: from disk, without a network, on a desk and on a telephone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from jobs.report import Report
from tests.web_server import serving

DRAWN = "html[data-charts=drawn]"


@dataclass
class Visit:
    """A page, and everything it did that it should not."""

    page: Any
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)


@pytest.fixture
def visit(chromium: Any) -> Iterator[Callable[..., Visit]]:
    contexts = []

    def open_page(path: Path, width: int = 1280, **options: Any) -> Visit:
        context = chromium.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        context.route(lambda url: not url.startswith("file:"), lambda route: route.abort())
        seen = Visit(context.new_page())
        seen.page.on("console", lambda m: seen.console.append(m.text) if m.type in ("error", "warning") else None)
        seen.page.on("pageerror", lambda error: seen.console.append(str(error)))
        seen.page.on("request", lambda r: seen.requests.append(r.url))
        seen.page.on("dialog", lambda d: (seen.dialogs.append(d.message), d.dismiss()))
        seen.page.goto(path.as_uri())
        return seen

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_the_report_draws_its_charts_without_error_network_or_dialog(made: Report, visit: Any, width: int) -> None:
    seen = visit(made.path, width)
    seen.page.wait_for_selector(DRAWN)
    assert seen.page.locator(".chart svg path").count() > 100
    assert seen.page.locator(".chart").evaluate_all("all => all.every(c => c.querySelector('svg').clientWidth > 200)")
    assert seen.console == []
    assert seen.requests == [made.path.as_uri()]
    assert seen.dialogs == []


@pytest.mark.parametrize("width", [1280, 768, 390])
def test_nothing_sticks_out_sideways(made: Report, visit: Any, width: int) -> None:
    seen = visit(made.path, width)
    seen.page.wait_for_selector(DRAWN)
    seen.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    beyond = "w => [...document.querySelectorAll('h1,h2,h3,p,li,fieldset,.chart,.card')].filter("
    beyond += "e => e.getBoundingClientRect().right > w + 1).map(e => e.outerHTML.slice(0, 80))"
    assert seen.page.evaluate(beyond, width) == []


def test_hostile_texts_are_shown_as_texts(made: Report, visit: Any) -> None:
    seen = visit(made.path)
    seen.page.wait_for_selector(DRAWN)
    seen.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    assert '<script>alert("aurora")</script>' in seen.page.locator("main").text_content()
    assert seen.page.locator("main script, main img, main iframe, main [onerror], main [onload]").count() == 0
    assert seen.page.locator("a[href^='javascript' i], a[href^='data' i]").count() == 0
    assert seen.dialogs == []


def test_choosing_a_brand_by_keyboard_changes_charts_posts_and_moves(made: Report, visit: Any) -> None:
    seen = visit(made.path)
    seen.page.wait_for_selector(DRAWN)
    line = "document.querySelector('#chart-polarity .mark-line path').getAttribute('d')"
    before = seen.page.evaluate(line)
    for _ in range(4):
        seen.page.keyboard.press("Tab")
        if seen.page.evaluate("document.activeElement.name") == "brand":
            break
    assert seen.page.evaluate("document.activeElement.name") == "brand"
    seen.page.keyboard.press("ArrowRight")
    seen.page.wait_for_function(f"{line} !== {before!r}")
    assert seen.page.evaluate("document.activeElement.value") == "Aurora"
    shown = seen.page.evaluate(
        "[...new Set([...document.querySelectorAll('[data-brand]')].filter(e => !e.hidden).map(e => e.dataset.brand))]"
    )
    assert shown == ["Aurora"]


def test_every_chart_has_a_name_and_a_table_a_keyboard_can_open(made: Report, visit: Any) -> None:
    seen = visit(made.path)
    seen.page.wait_for_selector(DRAWN)
    for chart in seen.page.locator(".chart").all():
        assert chart.get_attribute("role") == "img"
        assert chart.get_attribute("aria-label")
    summary = seen.page.locator("section[aria-labelledby=h-time] details.data > summary")
    summary.focus()
    seen.page.keyboard.press("Enter")
    assert seen.page.locator("section[aria-labelledby=h-time] div[data-brand=all] tbody tr").count() == 30
    assert seen.page.locator("section[aria-labelledby=h-time] div[data-brand=all] table").is_visible()


def test_a_day_that_could_not_be_seen_looks_unlike_a_day_without_posts(made: Report, visit: Any) -> None:
    seen = visit(made.path)
    seen.page.wait_for_selector(DRAWN)
    marks = seen.page.locator("#chart-volume svg text").all_text_contents()
    assert marks.count("?") == 2
    assert seen.page.locator("#chart-polarity [fill='url(#unseen)']").count() == 2


def test_a_day_that_was_not_looked_for_looks_unlike_both(made: Report, visit: Any) -> None:
    seen = visit(made.path)
    seen.page.wait_for_selector(DRAWN)
    ground = "#chart-polarity [fill='url(#uncounted)']"
    assert seen.page.locator(ground).count() == 0
    seen.page.locator("input[value='Casa Brisa']").check(force=True)
    seen.page.wait_for_selector(ground)
    assert seen.page.locator(ground).count() == 4
    marks = seen.page.locator("#chart-volume svg text").all_text_contents()
    assert (marks.count("–"), marks.count("?")) == (4, 2)
    chart = seen.page.locator("#chart-polarity")
    chart.scroll_into_view_if_needed()
    chart.hover(position={"x": 60, "y": 150})
    seen.page.wait_for_selector("#tip:not([hidden])")
    assert "não monitorado" in seen.page.locator("#tip").text_content()


def test_pointing_at_a_day_tells_its_figures(made: Report, visit: Any) -> None:
    seen = visit(made.path)
    seen.page.wait_for_selector(DRAWN)
    chart = seen.page.locator("#chart-polarity")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    chart.hover(position={"x": box["width"] * 0.45, "y": box["height"] / 2})
    seen.page.wait_for_selector("#tip:not([hidden])")
    assert "setembro" in seen.page.locator("#tip").text_content()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(made: Report, visit: Any, scheme: str) -> None:
    seen = visit(made.path, color_scheme=scheme)
    contrast = """() => {
        const light = (c) => { const [r, g, b] = c.match(/[\\d.]+/g).slice(0, 3).map((v) => v / 255)
            .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
            return 0.2126*r + 0.7152*g + 0.0722*b }
        const ground = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
            if (!/, 0\\)$/.test(c)) return c } return 'rgb(255, 255, 255)' }
        const texts = 'main p, main dd, main td, main th, main summary, main a, footer dd'
        return [...document.querySelectorAll(texts)].map((e) => {
            const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x)
            return [(a + 0.05) / (b + 0.05), e.outerHTML.slice(0, 60)] }).filter(([c]) => c < 4.5) }"""
    assert seen.page.evaluate(contrast) == []


def test_without_scripts_every_figure_is_still_there(made: Report, visit: Any) -> None:
    seen = visit(made.path, java_script_enabled=False)
    assert seen.page.locator("section[aria-labelledby=h-time] tbody tr").count() == 90
    assert seen.page.locator("#h-posts").is_visible()


def test_the_index_leads_to_the_report(made: Report, visit: Any) -> None:
    seen = visit(made.index, 390)
    seen.page.locator("a.title").first.click()
    seen.page.wait_for_selector(DRAWN)
    assert seen.page.url == made.path.as_uri()
    assert seen.console == []


def test_served_by_the_deployment_the_page_is_whole(made: Report, chromium: Any, tmp_path: Path) -> None:
    with serving(made.index.parent, tmp_path / "server") as address:
        page = chromium.new_page()
        console: list[str] = []
        page.on("console", lambda m: console.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: console.append(str(error)))
        page.goto(address)
        page.locator("a[href$='report.html']").first.click()
        page.wait_for_selector(DRAWN)
        assert page.locator(".chart svg path").count() > 100
        assert console == []
        assert page.evaluate("async () => (await fetch(location.href).catch(() => null)) === null")
        page.close()
