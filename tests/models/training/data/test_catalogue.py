"""The catalogue of the files that may be used."""

from __future__ import annotations

from models.training.data.catalogue import read_catalogue


def test_the_catalogue_is_complete() -> None:
    entries = read_catalogue().values()
    assert all(entry.licence and entry.source for entry in entries)
    assert all(entry.non_commercial for entry in entries if "NC" in entry.licence)
