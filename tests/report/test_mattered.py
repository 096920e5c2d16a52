"""The words that mattered: read by the model that scored, told where they stand out, shown as what they are."""

from __future__ import annotations

import re
import shutil
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import openpyxl
import pytest
from hypothesis import example, given

from jobs.aggregate import aggregate
from jobs.report import report, report_again
from jobs.report.mattered import LONGEST, MOST, strongest
from jobs.report.page import Piece, clean, pieces, shorten
from models.sentiment import Mattered, version
from tests.hostile import HOSTILE
from tests.place import Place

DAY = "2026-06-03"
SAID = {
    "praise": ("The app is wonderful", 0.9),
    "blame": ("Queues are horrible", -0.9),
    "long": ("so bad " * 100, -0.5),
}


def place(folder: Path, model: str, mark_words: bool = True) -> Place:
    """A lake of one day whose posts `model` scored."""
    made = Place(folder, report={"mark_words": mark_words})
    rows = [
        {
            "feed": "posts", "post_id": name, "published_date": date.fromisoformat(DAY), "text": f"  {text}",
            "language": "en", "kind": "post", "polarity": polarity, "negative": 0.25, "neutral": 0.25, "positive": 0.5,
            "label": "positive", "unsure": False, "model_version": model,
        }
        for name, (text, polarity) in SAID.items()
    ]  # fmt: skip
    for dataset in ("posts", "scored_posts"):
        made.put(dataset, rows, "i.r.m")
    aggregate(made.settings, [DAY])
    return made


class Marked(HTMLParser):
    """The marked words of the posts of a page, by class."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self._open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("article", "mark"):
            self._open.append(str(dict(attrs)["class"]))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("article", "mark"):
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if len(self._open) == 2:
            self.found[data] = self._open[-1]


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return place(tmp_path_factory.mktemp("scored"), version("fast"))


@pytest.fixture(scope="module")
def page(scored: Place) -> str:
    return Path(report(scored.settings).path).read_text(encoding="utf-8")


def test_words_are_marked_by_what_they_do_in_the_posts_of_the_page(page: str) -> None:
    assert Marked(page).found == {"wonderful": "lifts", "horrible": "lowers"}
    assert "The model went by the words underlined" in page


@pytest.mark.usefixtures("page")
def test_the_workbook_tells_them_beside_each_post(scored: Place) -> None:
    (folder,) = Path(scored.settings.reports).glob("2026*")
    head, *rows = openpyxl.load_workbook(folder / "polarity.xlsx")["Posts"].iter_rows(values_only=True)
    text, words = head.index("Text"), head.index("Words that mattered")
    told = {row[text]: row[words] for row in rows if row[text]}
    assert told == {SAID["praise"][0]: "▲ wonderful", SAID["blame"][0]: "▼ horrible", SAID["long"][0].strip(): None}


def test_the_same_lake_gives_the_same_page_and_so_do_its_pins(scored: Place, page: str, tmp_path: Path) -> None:
    made = Path(report(scored.settings).path)
    assert made.read_text(encoding="utf-8") == page
    pins = Path(shutil.copy(made.with_name("pins.json"), tmp_path))
    assert report_again(pins).read_text(encoding="utf-8") == page


def test_posts_that_no_reading_is_left_for_have_no_marks(scored: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of five readings the first post of the page takes four with its three words and itself."""
    monkeypatch.setattr("jobs.report.mattered.READINGS", 5)
    assert Marked(Path(report(scored.settings).path).read_text(encoding="utf-8")).found == {"horrible": "lowers"}


@pytest.mark.parametrize(("model", "mark_words"), [("fast-1", True), (version("fast"), False)])
def test_no_word_is_marked_of_a_model_that_is_gone_or_where_nobody_wants_it(
    tmp_path: Path, model: str, mark_words: bool
) -> None:
    made = place(tmp_path, model, mark_words)
    page = Path(report(made.settings).path).read_text(encoding="utf-8")
    assert "The app is wonderful" in page
    assert not Marked(page).found
    assert "The model went by" not in page


def test_the_text_that_is_left_alone_is_longer_than_those_that_are_read() -> None:
    assert len(SAID["long"][0]) > LONGEST


def words(*evidence: float) -> list[Mattered]:
    return [Mattered(place, place + 1, 0.0, value) for place, value in enumerate(evidence)]


def test_a_word_is_told_that_stands_out_from_the_others_of_its_text() -> None:
    assert [word.begin for word in strongest(words(0.1, -2.0, 0.2, 0.9))] == [1, 3]
    assert strongest(words(0.1, 0.4, 0.0)) == (), "too weak"
    assert strongest(words(1.0, 1.1, 0.9, 1.2)) == (), "the model was at an edge: any word would do"
    assert [word.begin for word in strongest(words(0.8, 2.6))] == [1]
    assert [word.begin for word in strongest(words(2.6))] == [0], "an only word"
    assert strongest([]) == ()


def test_of_many_words_the_strongest_are_told_in_the_order_of_the_text() -> None:
    many = [0.0] * 9 + [1.0, -2.0, 3.0, -4.0, 5.0, 6.0]
    assert [word.evidence for word in strongest(words(*many))] == [-2.0, 3.0, -4.0, 5.0, 6.0][:MOST]


@given(HOSTILE)
@example("\u2028 <b>x</b> \x1cy")
@example("word " * 60)
def test_pieces_are_the_text_that_is_shown_and_words_lie_where_they_were(text: str) -> None:
    spans = [Mattered(*word.span(), 0.0, 1.0) for word in re.finditer(r"\S+", text)]
    whole = clean(text)
    for shown in (whole, shorten(whole)):
        assert "".join(piece.text for piece in pieces(text, shown, spans)) == shown
    marked = [piece.text for piece in pieces(text, whole, spans) if piece.evidence]
    assert marked == [clean(text[word.begin : word.end]) for word in spans]


def test_a_word_that_is_cut_is_no_word() -> None:
    text = "a" * 219 + " bb"
    shown = shorten("x" * 221)
    assert [piece.evidence for piece in pieces("x" * 221, shown, [Mattered(0, 221, 0.0, 1.0)])] == [None]
    assert list(pieces(text, text, [Mattered(220, 222, 0.0, 1.0)]))[1] == Piece("bb", 1.0)


def test_a_text_without_such_words_is_one_piece() -> None:
    assert list(pieces(" tea ", "tea", ())) == [Piece("tea")]
