"""Labels of the user's own: the packaged model learns on, and stays what it is unless that made it better."""

from __future__ import annotations

import hashlib
import itertools
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from jobs.labels.export import export
from models.sentiment.artifact import verify
from models.sentiment.loading import open_artifact
from models.training import retrain as module
from models.training.config import ConfigError, read_config
from models.training.data.catalogue import DataError
from models.training.families.registry import retrainer
from models.training.packaging.card import CARD
from models.training.retrain import NotBetterError, held_out_score, read_labels, retrain
from models.training.train import train
from tests.place import Place

CONFIG = """
family = "bag"
seed = 7
network = { members = 1, token_bits = 10, pair_bits = 10, chars_bits = 10, width = 4, hidden = 4, batch_rows = 32 }
schedule = { epochs = 2, rate = 0.1, warm_up = 0.0 }
"""
SLANG = {"negative": "flopou", "neutral": "chegou", "positive": "mitou"}
THINGS = ["show", "disco", "palco", "bilhete", "cantor", "banda", "plateia", "letra", "som", "luz"]


def slang(label_of: dict[str, str] | None = None) -> pd.DataFrame:
    """Rows whose words the packaged model has never seen."""
    rows = [
        (f"o {first} {word} {second} {word} {third}", (label_of or {}).get(label, label))
        for label, word in SLANG.items()
        for first, second, third in itertools.islice(itertools.permutations(THINGS, 3), 0, 600, 6)
    ]
    return pd.DataFrame(rows, columns=["text", "label"])


def exported(root: Path) -> Path:
    """The rows of `slang` as posts of a lake that a person labelled, exported."""
    place, day = Place(root), date(2026, 6, 1)
    common = {"feed": "posts", "kind": "post", "published_date": day, "language": "pt", "polarity": 0.0}
    posts = [
        {**common, "post_id": f"{n:04}"}
        | {"text": row.text, "content": hashlib.sha256(row.text.encode()).hexdigest()[:16], "says": row.label}
        for n, row in enumerate(slang().itertuples())
    ]
    drawn = {"labelled_date": day, "sample_start": day, "sample_end": day, "weight": 1.0}
    place.put("scored_posts", posts)
    place.put("labels", [{**post, **drawn, "label": post["says"]} for post in posts])
    export(place.settings, root / "labels.parquet")
    return root / "labels.parquet"


@pytest.fixture(scope="module")
def packaged(made_up_folder: Path) -> Path:
    path = made_up_folder / "small.toml"
    path.write_text(CONFIG, encoding="utf-8")
    out, cache = made_up_folder / "models", made_up_folder / "cache"
    return train(read_config(str(path)), made_up_folder, None, out, cache, made_up_folder / "catalogue.toml")


def test_exported_labels_are_learnt_from_as_a_table_of_ones_own_is(tmp_path: Path) -> None:
    slang().to_csv(tmp_path / "mine.csv", index=False)
    own, labels = read_labels(tmp_path / "mine.csv"), read_labels(exported(tmp_path))
    assert dict(zip(labels["text"], labels["label"], strict=True)) == dict(zip(own["text"], own["label"], strict=True))
    assert set(labels["kind"]) == {"post"}
    assert set(labels["language"]) == {"pt"}


def test_a_better_model_becomes_the_next_version(
    packaged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slang().to_csv(tmp_path / "mine.csv", index=False)
    folder = retrain(packaged, tmp_path / "mine.csv", tmp_path)
    assert folder == packaged.parent / "2"
    frame = read_labels(tmp_path / "mine.csv")
    assert held_out_score(open_artifact(folder), frame) > held_out_score(open_artifact(packaged), frame)
    manifest = open_artifact(folder).manifest  # type: ignore[attr-defined]
    assert [entry["name"] for entry in manifest["training_data"]] == ["first", "second", "mine"]
    assert [entry["non_commercial"] for entry in manifest["training_data"]] == [False, True, False]
    assert manifest["started_from"] == "small-1"
    card = (folder / CARD).read_text(encoding="utf-8")
    assert "Its training began with the weights of small-1." in card
    assert "spread" not in manifest
    assert "fewer than six data sets" in card
    assert "What people would say cannot be told with it: only 1 data sets" in " ".join(capsys.readouterr().err.split())
    assert manifest["config"]["schedule"] == verify(packaged)["config"]["schedule"]


@pytest.mark.slow
def test_a_model_that_learnt_on_learns_on_once_more(packaged: Path, tmp_path: Path) -> None:
    slang().to_csv(tmp_path / "mine.csv", index=False)
    second = retrain(packaged, tmp_path / "mine.csv", tmp_path)
    # Another crowd: what was good is bad to them.
    slang({"negative": "positive", "positive": "negative"}).to_csv(tmp_path / "theirs.csv", index=False)
    third = retrain(second, tmp_path / "theirs.csv", tmp_path)
    manifest = verify(third)
    assert [entry["name"] for entry in manifest["training_data"]] == ["first", "second", "mine", "theirs"]
    assert manifest["started_from"] == f"small-{second.name}"
    assert manifest["config"]["schedule"] == verify(packaged)["config"]["schedule"]


@pytest.mark.slow
def test_a_model_that_is_no_better_is_not_packaged(
    packaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Learning nothing (a rate of almost zero) cannot be better."""
    slang().to_parquet(tmp_path / "mine.parquet")
    monkeypatch.setattr(module, "GENTLE", 1e-12)
    before = {path.name for path in packaged.parent.iterdir()}
    with pytest.raises(NotBetterError, match=r"not packaged: macro-F1 .* on your held-out rows"):
        retrain(packaged, tmp_path / "mine.parquet", tmp_path)
    assert {path.name for path in packaged.parent.iterdir()} == before


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (slang().rename(columns={"label": "sentiment"}), "no column label; it has text, sentiment"),
        (slang({"neutral": "meh"}), r"row 101 has the label 'meh'; expected negative, neutral, positive"),
        (slang().head(30), "30 different texts give .* at least 100 and 20 are needed"),
    ],
    ids=["no label", "unknown label", "too few"],
)
def test_rows_that_cannot_be_used_are_refused(rows: pd.DataFrame, message: str, tmp_path: Path) -> None:
    rows.to_csv(tmp_path / "mine.csv", index=False)
    with pytest.raises(DataError, match=message):
        read_labels(tmp_path / "mine.csv")


def test_an_unknown_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"mine\.xls: unknown ending '\.xls'; known are \.csv, \.jsonl, \.parquet"):
        read_labels(tmp_path / "mine.xls")


def test_language_and_kind_are_the_users_where_given(tmp_path: Path) -> None:
    slang().assign(language="es", kind="news").to_json(tmp_path / "mine.jsonl", orient="records", lines=True)
    frame = read_labels(tmp_path / "mine.jsonl")
    assert set(frame["language"]) == {"es"}
    assert set(frame["kind"]) == {"news"}


def test_a_family_that_only_starts_anew_says_so() -> None:
    with pytest.raises(ConfigError, match="gru is trained anew"):
        retrainer("gru")
