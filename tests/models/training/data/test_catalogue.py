"""The catalogue of the files that may be used."""

from __future__ import annotations

from models.training.data.catalogue import again, read_catalogue, seen


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


def test_a_training_that_goes_on_takes_known_rows_seldom_and_new_sources_as_often_as_they_say() -> None:
    catalogue = read_catalogue()
    later = again(catalogue)
    assert later["semeval2017_task4a_en"].weight < catalogue["semeval2017_task4a_en"].weight
    assert {name for name in catalogue if catalogue[name].again is None and later[name] != catalogue[name]} == set()
