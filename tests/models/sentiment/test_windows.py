"""Long texts: no character of them is lost, and all of them count."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.sentiment import LABELS, load
from models.sentiment.artifact import folder_of
from models.sentiment.savedmodel import SavedModel
from models.sentiment.windows import Windowed, evidence, sentences, windows

GOOD, BAD = "A comida estava ótima.", "O atendimento foi péssimo."
PLAIN = "A loja fica na rua de cima, perto da praça."
LONG = " ".join([PLAIN] * 30)


class Words:
    """A model that counts good and bad words, and says what it was given."""

    name, version, labels = "words", "words-1", LABELS
    good, bad = ("ótim", "great"), ("péssim", "awful")

    def __init__(self) -> None:
        self.given: list[tuple[list[str], list[str] | None, list[str] | None]] = []

    def predict(
        self, texts: Sequence[str], languages: Sequence[str] | None = None, kinds: Sequence[str] | None = None
    ) -> np.ndarray:
        self.given.append((list(texts), languages and list(languages), kinds and list(kinds)))
        counts = [[sum(map(text.lower().count, words)) for words in (self.bad, (), self.good)] for text in texts]
        points = np.add(np.array(counts, np.float32).reshape(-1, 3), [0.1, 1, 0.1])
        return np.asarray(points / points.sum(axis=1, keepdims=True), np.float32)


def cut(text: str) -> list[str]:
    return [text[begin:end] for begin, end in sentences(text)]


# Sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Gostei. Voltarei!  Quando? Logo…\nFim", ["Gostei.", "Voltarei!", "Quando?", "Logo…", "Fim"]),
        ("O Sr. Silva e a Dra. Ana foram. Saíram", ["O Sr. Silva e a Dra. Ana foram.", "Saíram"]),
        ("Pão, bolo etc. na mesa. Bom", ["Pão, bolo etc. na mesa.", "Bom"]),
        ("Mr. Smith lives in the U.S. now. Good", ["Mr. Smith lives in the U.S. now.", "Good"]),
        ("Véase la pág. 12 del libro. Ud. lo sabe", ["Véase la pág. 12 del libro.", "Ud. lo sabe"]),
        ("Paguei R$ 3.50 e 1.000,00 no total. Caro", ["Paguei R$ 3.50 e 1.000,00 no total.", "Caro"]),
        ("Nota 10. Recomendo", ["Nota 10.", "Recomendo"]),
        ("1. Comida fria. 2. Conta errada.", ["1. Comida fria.", "2. Conta errada."]),
        ("J. R. R. Tolkien escreveu (ver nº. 5). Li", ["J. R. R. Tolkien escreveu (ver nº. 5).", "Li"]),
        ("“Adorei.” Disse ela (ontem!) Sim", ["“Adorei.”", "Disse ela (ontem!)", "Sim"]),
        ("¡Qué rico! ¿Volverás? Claro...", ["¡Qué rico!", "¿Volverás?", "Claro..."]),
        ("veja site.com.br/a.b agora", ["veja site.com.br/a.b agora"]),
        ("a primeira linha\r\n\r\n a segunda", ["a primeira linha", "a segunda"]),
        (" \n ", []),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text: str, expected: list[str]) -> None:
    assert cut(text) == expected


# Windows


@given(st.text(st.one_of(st.characters(), st.sampled_from(" .!?\n,5aS")), max_size=400), st.integers(1, 60))
def test_no_character_is_lost_whatever_the_text(text: str, most: int) -> None:
    found = list(windows(text, most))
    assert "".join("".join(found).split()) == "".join(text.split())
    assert all(len(window) <= most for window in found)
    assert found
    place = 0
    for window in found:
        place = text.index(window, place) + len(window)


def test_windows_hold_whole_sentences_as_many_as_fit() -> None:
    found = list(windows(LONG, 2 * len(PLAIN) + 1))
    assert found == [f"{PLAIN} {PLAIN}"] * 15


def test_a_text_that_fits_is_one_window_as_it_is() -> None:
    text = "  Bom dia.\n\n Tudo bem?  "
    assert list(windows(text, len(text))) == [text]


def test_a_sentence_that_is_too_long_is_cut_between_words_and_a_word_where_the_room_ends() -> None:
    assert list(windows("muito muito muito bom", 12)) == ["muito muito", "muito bom"]
    assert list(windows("a" * 25, 10)) == ["a" * 10, "a" * 10, "a" * 5]


@pytest.mark.parametrize("piece", [".", "a.", "5. ", ") ", " ", "\n", "Sr. ", "…"])
def test_endless_repetitions_are_cut_in_no_time(piece: str) -> None:
    text = piece * 100_000 + "fim"
    assert "".join("".join(windows(text, 250)).split()) == "".join(text.split())


# A model that reads in windows


def test_short_texts_are_scored_as_without_windows() -> None:
    texts = [GOOD, PLAIN, "", BAD, " \n "]
    np.testing.assert_array_equal(Windowed(Words(), 50).predict(texts), Words().predict(texts))


def test_what_a_long_text_ends_with_counts() -> None:
    good, bad = Windowed(Words(), 100).predict([f"{LONG} {GOOD}", f"{LONG} {BAD}"])
    assert good[2] > good[0]
    assert bad[0] > bad[2]


def test_a_long_text_is_the_evidence_of_its_windows() -> None:
    text = f"{GOOD} {LONG} {GOOD} {BAD}"
    parts = list(windows(text, 100))
    expected = evidence(Words().predict(parts), np.array([len(part) for part in parts]))
    np.testing.assert_allclose(Windowed(Words(), 100).predict([PLAIN, text])[1], expected, atol=1e-6)


def test_rows_come_in_the_order_of_the_texts() -> None:
    texts = [f"{LONG} {GOOD} {GOOD * 9}", PLAIN, f"{LONG} {BAD * 9}", "", GOOD, f"{GOOD} {LONG}", BAD]
    model = Windowed(Words(), 100)
    alone = np.concatenate([model.predict([text]) for text in texts])
    np.testing.assert_allclose(model.predict(texts), alone, atol=1e-6)
    assert model.predict([]).shape == (0, 3)


def test_every_window_goes_with_the_language_and_the_kind_of_its_text() -> None:
    words = Words()
    Windowed(words, 50).predict(
        [f"{PLAIN} {PLAIN}", GOOD, f"{BAD} {BAD}"], ["pt", "es", "en"], ["news", "post", "review"]
    )
    told = [row for texts, *labels in words.given for row in zip(texts, *labels, strict=True)]
    assert sorted(told) == sorted([(GOOD, "es", "post"), *[(BAD, "en", "review")] * 2, *[(PLAIN, "pt", "news")] * 2])


def test_endless_texts_reach_the_model_in_bounded_portions() -> None:
    words = Words()
    Windowed(words, 20).predict(["bom dia a todos. " * 20_000, GOOD * 9_000, PLAIN])
    assert max(len(texts) for texts, _, _ in words.given) <= 4096
    assert max(len(text) for texts, _, _ in words.given for text in texts) <= 20


def test_it_is_known_by_what_it_wraps() -> None:
    wrapped = Windowed(load("fast"), 250)
    plain = load("fast")
    for name in ("name", "version", "labels", "unsure_below", "rate_chars_per_second"):
        assert getattr(wrapped, name) == getattr(plain, name)
    assert Windowed(Words(), 250).unsure_below == 0


def test_the_packaged_model_hears_what_lies_beyond_its_first_bytes() -> None:
    text = f"{'A loja abre às nove e fecha às seis. ' * 240} {'Péssimo, horrível, não recomendo a ninguém! ' * 240}"
    assert SavedModel(folder_of("fast")).predict([text])[0].argmax() != 0
    assert load("fast").predict([text])[0].argmax() == 0


# Making one row of many


def rows(*probabilities: Sequence[float]) -> np.ndarray:
    return np.array(probabilities, np.float32)


@given(
    st.lists(st.tuples(*[st.floats(0, 1)] * 3).filter(lambda row: sum(row) > 0.1), min_size=1, max_size=20),
    st.data(),
)
def test_evidence_is_probabilities_whatever_the_windows(found: list[tuple[float, ...]], data: st.DataObject) -> None:
    parts = np.array(found, np.float32)
    parts /= parts.sum(axis=1, keepdims=True)
    chars = np.array(data.draw(st.lists(st.integers(1, 250), min_size=len(parts), max_size=len(parts))))
    one = evidence(parts, chars)
    assert one.shape == (3,)
    assert one.sum() == pytest.approx(1, abs=1e-5)
    assert (one >= 0).all()
    order = np.random.default_rng(1).permutation(len(parts))
    np.testing.assert_allclose(evidence(parts[order], chars[order]), one, atol=1e-5)


def test_one_window_is_taken_at_its_word() -> None:
    np.testing.assert_allclose(evidence(rows([0.2, 0.5, 0.3]), np.array([40])), [0.2, 0.5, 0.3], atol=1e-6)


def test_windows_that_agree_are_surer_together_but_not_as_sure_as_strangers() -> None:
    one = rows([0.6, 0.3, 0.1])
    together = evidence(np.repeat(one, 4, axis=0), np.full(4, 200))[0]
    strangers = one[0] ** 4 / (one[0] ** 4).sum()
    assert one[0, 0] < together < strangers[0]
    np.testing.assert_allclose(together, (one[0] ** 2 / (one[0] ** 2).sum())[0], atol=1e-6)


def test_a_longer_window_weighs_more() -> None:
    parts = rows([0.8, 0.1, 0.1], [0.1, 0.1, 0.8])
    assert evidence(parts, np.array([200, 20])).argmax() == 0
    assert evidence(parts, np.array([20, 200])).argmax() == 2
