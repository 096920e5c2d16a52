"""Training on made-up texts: the split, the network, what is packaged; and a baseline to beat."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.sentiment.predict import PackagedModel
from models.training import data, evaluate, package, train
from models.training.architecture import BagNetwork, RawTextModel, Shape

LABELLED = Path(__file__).parents[2] / "../shared/data/labelled"
TINY = Shape(token_bits=8, pair_bits=8, chars_bits=8, width=2, hidden=4)

CATALOGUE = """
[first]
language = "pt"
kind = "review"
labels = "human"
licence = "CC0"
source = "made up"
non_commercial = false

[second]
language = "en"
kind = "post"
labels = "stars"
licence = "CC BY-NC 4.0"
source = "made up"
non_commercial = true
weight = 2.0
max_rows = 50

[left_out]
language = "en"
kind = "post"
labels = "human"
licence = "CC0"
source = "made up"
non_commercial = false
skip = "the same rows as second"
"""
WORDS = {
    "first": {
        "negative": ["horrível", "péssimo", "quebrado"],
        "neutral": ["azul", "entregue", "segunda"],
        "positive": ["ótimo", "lindo", "perfeito"],
    },
    "second": {
        "negative": ["awful", "broken", "terrible"],
        "neutral": ["blue", "delivered", "monday"],
        "positive": ["great", "lovely", "perfect"],
    },
}
THINGS = ["copo", "prato", "livro", "mesa", "mug", "plate", "book", "table", "lamp", "chair", "clock", "fan"]


def rows(name: str) -> pd.DataFrame:
    made = [
        (f"{first} {word} {second} {word} {third}", label)
        for label, words in WORDS[name].items()
        for word in words
        for first, second, third in itertools.islice(itertools.permutations(THINGS, 3), 0, 1_200, 40)
    ]
    return pd.DataFrame(made, columns=["text", "label"]).assign(split=None)


def write_data(folder: Path) -> Path:
    for name in WORDS:
        rows(name).to_parquet(folder / f"{name}.parquet")
    (folder / "catalogue.toml").write_text(CATALOGUE, encoding="utf-8")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_data(tmp_path)


def job(folder: Path, out: str) -> train.Job:
    recipe = train.Recipe(epochs=3, batch=64, rate=0.1, feature_dropout=0.1, pooled_dropout=0.1)
    return train.Job(folder, folder / out, folder / "catalogue.toml", recipe=recipe, shape=TINY, seed=7)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder of made-up data and the artefact that was trained on it."""
    folder = write_data(tmp_path_factory.mktemp("trained"))
    return folder, train.train(job(folder, "one"))


def load_rows(folder: Path) -> pd.DataFrame:
    return data.load(folder, data.read_catalogue(folder / "catalogue.toml"))


def test_training_learns_and_is_deterministic(trained: tuple[Path, Path]) -> None:
    folder, artefact = trained
    first, second = PackagedModel(artefact), PackagedModel(train.train(job(folder, "two")))
    texts = ["copo ótimo", "mug awful", "livro azul", "", "unseen words only"]
    np.testing.assert_array_equal(first.predict(texts), second.predict(texts))
    weights = "variables/variables.data-00000-of-00001"
    assert first.manifest["sha256"][weights] == second.manifest["sha256"][weights]
    assert first.predict(["prato ótimo mesa ótimo", "table awful chair awful"]).argmax(axis=1).tolist() == [
        2,
        0,
    ]


def test_the_manifest_tells_where_the_model_comes_from(trained: tuple[Path, Path]) -> None:
    _, artefact = trained
    manifest = PackagedModel(artefact).manifest
    assert [entry["name"] for entry in manifest["training_data"]] == ["first", "second"]
    assert [entry["non_commercial"] for entry in manifest["training_data"]] == [False, True]
    assert manifest["training_data"][1]["rows"] == 50
    assert manifest["seed"] == 7
    assert set(manifest["metrics"]["model"]) == {"pt review", "en post", "mean"}
    assert "| second **NC** |" in (artefact / package.CARD).read_text(encoding="utf-8")


def test_saving_and_loading_changes_nothing(tmp_path: Path) -> None:
    import tensorflow as tf

    networks = [BagNetwork(TINY, seed, 0.0) for seed in (1, 2)]
    model = RawTextModel(networks, TINY, 1.3)
    identity = package.Identity("bag", "3", 1, TINY, 1.3)
    metrics = {"model": {}, "baseline": None, "calibration_error": 0.0, "held_out_rows": 0}
    folder = package.write(tmp_path, model, identity, {}, metrics)
    texts = ["Olá mundo", "hello 😀", ""]
    before = model.serve(tf.constant(texts))["probabilities"].numpy()
    np.testing.assert_allclose(PackagedModel(folder).predict(texts), before, atol=1e-6)
    with pytest.raises(FileExistsError, match="choose another version"):
        package.write(tmp_path, model, identity, {}, metrics)


def test_near_duplicates_share_a_group() -> None:
    text = "o governo anunciou hoje um novo pacote de medidas para a economia do estado e das cidades"
    keys = [
        text,
        "uma frase que nada tem a ver com as outras aqui",
        f"rt {text}",
        f"{text} veja",
        "ola",
        "ola mundo",
    ]
    assert data.near_duplicate_groups(keys).tolist() == [0, 1, 0, 0, 4, 5]


def test_near_duplicates_share_a_part(folder: Path) -> None:
    base = rows("first")
    longer = base["text"].str.cat(base["text"], sep=" e mais ") + " do mesmo jeito de sempre na loja da esquina"
    twins = pd.concat([longer, longer + " hoje"], ignore_index=True)
    made = pd.DataFrame({"text": twins, "label": "neutral", "split": None})
    made.to_parquet(folder / "first.parquet")
    frame = load_rows(folder)
    frame = frame[frame["dataset"] == "first"].assign(stem=lambda one: one["text"].str.removesuffix(" hoje"))
    assert set(frame["part"]) == set(data.PARTS)
    assert frame.groupby("stem")["part"].nunique().max() == 1


def test_repeats_keep_the_row_of_the_file_named_first(folder: Path) -> None:
    for name, label in (("first", "negative"), ("second", "positive")):
        made = pd.DataFrame(
            {"text": ["Ótima COMPRA! https://a.example", f"outra {name}"], "label": label, "split": None}
        )
        made.to_parquet(folder / f"{name}.parquet")
    frame = load_rows(folder)
    same = frame[frame["text"].str.startswith("Ótima")]
    assert same[["dataset", "label"]].to_numpy().tolist() == [["first", 0]]


def test_published_splits_are_obeyed(folder: Path) -> None:
    made = rows("second")
    made.loc[:9, "split"] = "validation"
    made.loc[10:19, "split"] = "test"
    made.to_parquet(folder / "second.parquet")
    frame = load_rows(folder)
    frame = frame[frame["dataset"] == "second"]
    assert set(frame.loc[frame["part"] == "held_out", "text"]) >= set(made.loc[:9, "text"])
    assert not set(frame["text"]) & set(made.loc[10:19, "text"])


def test_a_file_without_a_catalogue_entry_is_refused(folder: Path) -> None:
    rows("first").to_parquet(folder / "strange.parquet")
    with pytest.raises(data.DataError, match="strange: not in the catalogue; add an entry with its licence"):
        load_rows(folder)


def test_an_unknown_label_is_refused(folder: Path) -> None:
    rows("first").replace("neutral", "mixed").to_parquet(folder / "first.parquet")
    with pytest.raises(data.DataError, match=r"first\.parquet: unknown labels mixed"):
        load_rows(folder)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(data.DataError, match="holds no Parquet file"):
        data.load(tmp_path, data.read_catalogue())


def test_the_catalogue_is_complete() -> None:
    entries = data.read_catalogue().values()
    assert all(entry.licence and entry.source for entry in entries)
    assert all(entry.non_commercial for entry in entries if "NC" in entry.licence)


def test_macro_f1_of_a_known_case() -> None:
    assert evaluate.macro_f1(np.array([0, 0, 2, 2]), np.array([0, 2, 2, 2])) == pytest.approx(100 * (2 / 3 + 0.8) / 2)


def test_calibration_error_of_known_cases() -> None:
    sure = np.array([[1.0, 0.0, 0.0]] * 4)
    assert evaluate.calibration_error(np.zeros(4, int), sure) == 0
    assert evaluate.calibration_error(np.array([0, 0, 1, 1]), sure) == pytest.approx(0.5)


def test_the_temperature_cools_overconfidence() -> None:
    random = np.random.default_rng(0)
    honest = random.normal(size=(4_000, 3))
    chances = np.exp(honest) / np.exp(honest).sum(axis=1, keepdims=True)
    labels = (chances.cumsum(axis=1) > random.random((4_000, 1))).argmax(axis=1)
    assert train.fit_temperature(honest * 2, labels) == pytest.approx(2, rel=0.1)
    assert train.fit_temperature(np.zeros((0, 3)), np.zeros(0, int)) == 1.0


def test_rare_labels_weigh_more() -> None:
    frame = pd.DataFrame({"dataset": "one", "label": [0] * 9 + [2], "text": "x", "weight": 1.0})
    weights = train.row_weights(frame, 1.0)
    assert weights[9] == pytest.approx(9 * weights[0])
    assert weights.mean() == pytest.approx(1)


def test_baseline_scores_are_kept_for_the_same_rows(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame, kept = load_rows(folder), folder / "baseline.json"
    scores = evaluate.baseline_scores(frame, kept)
    assert scores.keys() == WORDS.keys()
    monkeypatch.setattr(evaluate, "baseline_probabilities", lambda *_: pytest.fail("trained again"))
    assert evaluate.baseline_scores(frame, kept) == scores
    assert evaluate.rows_digest(frame.assign(label=0)) != evaluate.rows_digest(frame)


@pytest.mark.skipif(not LABELLED.is_dir(), reason=f"labelled data sets are not at {LABELLED}")
def test_the_packaged_model_beats_small_baselines_on_published_validation_rows() -> None:
    """On the mean of three sets: on one alone, a few hundred rows cannot tell such models apart."""
    from models.sentiment import load

    ours, baseline = [], []
    for name in ("umsab_pt", "sst2_en", "semeval2017_task4a_en"):
        frame = pd.read_parquet(LABELLED / f"{name}.parquet")
        frame["label"] = frame["label"].map(data.LABELS.index)
        validation, rest = frame[frame["split"] == "validation"], frame[frame["split"] == "train"].head(2_000)
        labels = validation["label"].to_numpy()
        rival = evaluate.baseline_probabilities(rest, validation["text"], max_features=20_000)
        baseline.append(evaluate.macro_f1(labels, rival.argmax(axis=1)))
        mine = load("bag").predict(list(validation["text"]))
        ours.append(evaluate.macro_f1(labels, mine.argmax(axis=1)))
    assert np.mean(ours) > np.mean(baseline)
