"""The labelled rows: what is kept, what is refused, and a split that near duplicates cannot cross."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from models.training.data import rows as labelled
from models.training.data.catalogue import DataError, read_catalogue


def loaded(folder: Path) -> pd.DataFrame:
    return labelled.load_rows(folder, read_catalogue(folder / "catalogue.toml"))


def test_near_duplicates_share_a_part(folder: Path, rows: pd.DataFrame) -> None:
    base = rows
    longer = base["text"].str.cat(base["text"], sep=" e mais ") + " do mesmo jeito de sempre na loja da esquina"
    twins = pd.concat([longer, longer + " hoje"], ignore_index=True)
    made = pd.DataFrame({"text": twins, "label": "neutral", "split": None})
    made.to_parquet(folder / "first.parquet")
    frame = loaded(folder)
    frame = frame[frame["dataset"] == "first"].assign(stem=lambda one: one["text"].str.removesuffix(" hoje"))
    assert set(frame["part"]) == set(labelled.PARTS)
    assert frame.groupby("stem")["part"].nunique().max() == 1


def test_repeats_keep_the_row_of_the_file_named_first(folder: Path) -> None:
    for name, label in (("first", "negative"), ("second", "positive")):
        made = pd.DataFrame(
            {"text": ["Ótima COMPRA! https://a.example", f"outra {name}"], "label": label, "split": None}
        )
        made.to_parquet(folder / f"{name}.parquet")
    frame = loaded(folder)
    same = frame[frame["text"].str.startswith("Ótima")]
    assert same[["dataset", "label"]].to_numpy().tolist() == [["first", 0]]


def test_published_splits_are_obeyed(folder: Path, rows: pd.DataFrame) -> None:
    made = rows.copy()
    made.loc[:9, "split"] = "validation"
    made.loc[10:19, "split"] = "test"
    made.to_parquet(folder / "first.parquet")
    frame = loaded(folder)
    frame = frame[frame["dataset"] == "first"]
    assert set(frame.loc[frame["part"] == "held_out", "text"]) >= set(made.loc[:9, "text"])
    assert not set(frame["text"]) & set(made.loc[10:19, "text"])


def test_published_validation_may_be_split_as_all_else(folder: Path, rows: pd.DataFrame) -> None:
    catalogue = read_catalogue(folder / "catalogue.toml")
    catalogue["first"] = replace(catalogue["first"], validation=False)
    rows.assign(split="validation").to_parquet(folder / "first.parquet")
    frame = labelled.load_rows(folder, catalogue)
    assert set(frame.loc[frame["dataset"] == "first", "part"]) == set(labelled.PARTS)


def test_a_file_without_a_catalogue_entry_is_refused(folder: Path, rows: pd.DataFrame) -> None:
    rows.to_parquet(folder / "strange.parquet")
    with pytest.raises(DataError, match="strange: not in the catalogue; add an entry with its licence"):
        loaded(folder)


def test_an_unknown_label_is_refused(folder: Path, rows: pd.DataFrame) -> None:
    rows.replace("neutral", "mixed").to_parquet(folder / "first.parquet")
    with pytest.raises(DataError, match=r"first\.parquet: unknown labels mixed"):
        loaded(folder)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no Parquet file"):
        labelled.load_rows(tmp_path, read_catalogue())


def test_a_subset_leaves_calibration_and_held_out_rows_whole(folder: Path) -> None:
    frame = loaded(folder)
    fewer = labelled.capped(frame, 100)
    assert fewer["part"].value_counts()["train"] == 100
    for part in ("calibration", "held_out"):
        assert (fewer["part"] == part).sum() == (frame["part"] == part).sum()
    pd.testing.assert_frame_equal(fewer, labelled.capped(frame, 100))
    assert labelled.capped(frame, None) is frame


def test_unlabelled_texts_come_once_from_titles_and_texts(tmp_path: Path) -> None:
    pd.DataFrame({"title": ["um", None], "text": ["dois", "um"]}).to_parquet(tmp_path / "a.parquet")
    pd.DataFrame({"id": [1]}).to_parquet(tmp_path / "b.parquet")
    assert labelled.read_texts(tmp_path) == ["um", "dois"]


def test_a_folder_without_texts_is_refused(tmp_path: Path) -> None:
    pd.DataFrame({"id": [1]}).to_parquet(tmp_path / "b.parquet")
    with pytest.raises(DataError, match="a column title or text"):
        labelled.read_texts(tmp_path)


def test_phrases_are_learnt_from_unless_they_stand_in_a_held_out_text(folder: Path, rows: pd.DataFrame) -> None:
    catalogue = read_catalogue(folder / "catalogue.toml")
    catalogue["second"] = replace(catalogue["second"], phrases=True, max_rows=None)
    made = rows.assign(text=[f"{text} nunca mais volto aqui" for text in rows["text"]], split=None)
    made.loc[:9, "split"] = "validation"
    made.to_parquet(folder / "first.parquet")
    known = [made["text"][3].rsplit(" ", 1)[0], made["text"][200]]
    new = ["Uma frase que ninguém disse", "uma frase, que ninguém disse!", "só isso"]
    pd.DataFrame({"text": known + new, "label": "neutral", "split": None}).to_parquet(folder / "second.parquet")
    frame = labelled.load_rows(folder, catalogue)
    phrases = frame[frame["dataset"] == "second"]
    assert phrases["text"].tolist() == [new[0], new[2]]
    assert set(phrases["part"]) == {"train"}
    assert not phrases["evaluate"].any()
    alone = labelled.load_rows(folder, {"first": catalogue["first"], "second": replace(catalogue["second"], skip="-")})
    pd.testing.assert_frame_equal(frame[frame["dataset"] == "first"], alone)


def test_a_file_kept_from_training_is_read_apart_and_without_what_is_known(folder: Path) -> None:
    catalogue = read_catalogue(folder / "catalogue.toml")
    catalogue["second"] = replace(catalogue["second"], unseen=True)
    for name, texts in (
        ("first", ["Ótima compra", "outra coisa"]),
        ("second", ["ótima COMPRA!", "nova", "Nova!", "?"]),
    ):
        pd.DataFrame({"text": texts, "label": "neutral", "split": None}).to_parquet(folder / f"{name}.parquet")
    frame = labelled.load_rows(folder, catalogue)
    assert set(frame["dataset"]) == {"first"}
    unseen = labelled.load_unseen(folder, catalogue, frame)
    assert unseen["text"].tolist() == ["nova"]
    assert set(unseen.columns) == set(frame.columns) - {"part"}
