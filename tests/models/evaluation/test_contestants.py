from __future__ import annotations

from models.evaluation.contestants import Contestant


def test_sentences_and_words_that_no_file_holds_are_in_no_split() -> None:
    learnt = {"made": 5, "vader_lexicon": 7, "olist_reviews_pt": 3, "reli_sentences_pt": 2}
    mine = Contestant("mine", "mine", "mine-1", "digest", training_rows=learnt)
    assert mine.strange_sets({"olist_reviews_pt": 3}) == ("reli_sentences_pt",)
