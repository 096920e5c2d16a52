"""The catalogue of the files that may be used."""

from __future__ import annotations

from models.training.data.catalogue import read_catalogue, seen


def test_the_catalogue_is_complete() -> None:
    entries = read_catalogue().values()
    assert all(entry.licence and entry.source for entry in entries)
    assert all(entry.non_commercial for entry in entries if "NC" in entry.licence)


def test_the_strangers_are_two_sources_of_posts_and_two_of_news_half_of_them_portuguese() -> None:
    strangers = [entry for entry in read_catalogue().values() if entry.unseen]
    assert sorted((entry.language, entry.kind) for entry in strangers) == [
        ("en", "news"),
        ("en", "post"),
        ("pt", "news"),
        ("pt", "post"),
    ]
    assert all(entry.labels == "human" and entry.evaluate for entry in strangers)


def test_what_a_model_learnt_from_is_no_stranger_to_it() -> None:
    catalogue = read_catalogue()
    learnt = seen(catalogue, {"newsmtsc_en", "sst2_en"})
    assert catalogue["newsmtsc_en"].unseen
    assert {name for name in catalogue if learnt[name] != catalogue[name]} == {"newsmtsc_en"}
    assert not any(entry.unseen for entry in seen(catalogue, catalogue).values())
