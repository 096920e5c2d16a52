"""What any model is given."""

from __future__ import annotations

from models.sentiment.contract import Texts


def test_texts_at_some_places_keep_what_is_known_of_each() -> None:
    given = Texts(["a", "b", "c"], ["pt", "en", "es"], ["post", "news", "review"])
    assert given.at([2, 0]) == (["c", "a"], ["es", "pt"], ["review", "post"])


def test_what_is_not_known_stays_unknown() -> None:
    assert Texts(["a", "b"], kinds=["post", "news"]).at([1]) == (["b"], None, ["news"])
    assert Texts(["a"]).at([]) == ([], None, None)
