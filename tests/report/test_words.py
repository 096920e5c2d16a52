"""Words that set a day apart: typical of its texts, not merely frequent, and safe from a text that shouts."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st
from nltk.tokenize.casual import TweetTokenizer

from jobs.report.words import STOP_WORDS, WORD, distinctive, pieces, terms
from tests.benchmarks.throughput import sentences

CALM = [terms(f"fui tomar um café com pão de queijo na rua {n}") for n in range(60)]


def test_phrases_keep_their_stop_words_inside_and_none_at_the_ends() -> None:
    found = terms("O app fora do ar de novo!")
    assert "fora do ar" in found
    assert "app" in found
    assert not {"o", "do", "ar de"} & found


def test_addresses_numbers_and_punctuation_are_no_words() -> None:
    assert terms("https://cafe.example/?q=1 123 4,50 !!! 12/09") == frozenset()


def test_texts_are_cut_into_the_words_that_nltk_finds() -> None:
    def words(found: Iterable[str]) -> list[str]:
        return [piece for piece in map(str.lower, found) if WORD.fullmatch(piece)]

    texts = [text for text in sentences() if "http" not in text]
    cut = TweetTokenizer(reduce_len=True)
    assert [words(pieces(text)) for text in texts] == [words(cut.tokenize(text)) for text in texts]
    assert {"fila até as 8pm", "@ana_b"} <= terms("Fila até as 8pm, don't go &amp; tell @ana_b: http://a.example/b?c")


def test_what_only_this_day_says_is_told_and_what_all_days_say_is_not() -> None:
    day = [terms(f"café com cobrança duas vezes no cartão {n}") for n in range(8)]
    told = distinctive(day, CALM)
    assert any("cobrança" in term for term in told)
    assert not any(term == "café" for term in told)


def test_a_text_that_repeats_a_word_counts_once() -> None:
    day = [terms("compre " * 500), *CALM[:9]]
    assert distinctive(day, CALM) == ()


def test_ignored_words_are_left_out_with_and_without_a_hash() -> None:
    day = [terms(f"#aurora aurora cobrança {n}") for n in range(8)]
    assert not any("aurora" in term for term in distinctive(day, CALM, {"aurora"}))


def test_nothing_to_compare_with_tells_nothing() -> None:
    assert distinctive([], CALM) == distinctive(CALM, []) == ()


@given(st.text(max_size=300))
def test_any_text_has_terms_that_neither_begin_nor_end_with_a_stop_word(text: str) -> None:
    for term in terms(text):
        words = term.split(" ")
        assert 1 <= len(words) <= 4
        assert words[0] not in STOP_WORDS
        assert words[-1] not in STOP_WORDS
