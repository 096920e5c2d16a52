"""Rules learnt from made-up rows: which words they find, and that they are the same once packaged."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.sentiment.calibration import Calibration
from models.sentiment.contract import LABELS, ArtifactError
from models.sentiment.loading import open_artifact
from models.sentiment.rules import RULES, RulesModel
from models.training.config import Config, ConfigError
from models.training.families.rules import TrainedRules, grammars, log_odds, train_rules
from models.training.job import Job
from models.training.packaging import package

CORPUS = {
    "pt": {
        "negative": ["veio quebrado 😡", "o copo é ruim", "não é bonito", "quebrado e ruim", "produto ruim 😡"],
        "neutral": ["o copo é azul", "chegou na segunda", "a mesa é redonda", "abre às nove", "o livro na mesa"],
        "positive": ["o copo é bonito 😍", "adorei a mesa", "livro ótimo", "ótimo e bonito", "adorei 😍"],
    },
    "es": {
        "negative": ["llegó roto 😡", "la taza es fea", "no es bonita", "fea y rota", "nunca llegó, fea"],
        "neutral": ["la taza es azul", "llegó el lunes", "la mesa es redonda", "abre a las nueve", "el libro"],
        "positive": ["la taza es bonita 😍", "me encantó", "muy bonita", "me encantó la mesa", "bonita 😍"],
    },
    "en": {
        "negative": ["it is awful", "terrible cup", "I hate it", "not good", "bad and ugly"],
        "neutral": ["the cup is blue", "it came on monday", "opens at nine", "the book", "a round table"],
        "positive": ["I love it", "great cup", "good and nice", "not bad", "lovely 😍"],
    },
}
TEXTS = ["o copo é bonito", "não é bonito", "me encantó", "I love it", "awful", "", "😍", "https://exemplo.com"]
LANGUAGES = ["pt", "pt", "es", "en", "en", "other", "pt", "pt"]
STEPS = ("html", "addresses", "mentions")
CALIBRATION = Calibration(1.3, {"pt post": 0.9})


def frame(*languages: str) -> pd.DataFrame:
    rows = [
        {"text": text, "label": LABELS.index(label), "language": language, "dataset": f"made_up_{language}"}
        for language in languages
        for label, texts in CORPUS[language].items()
        for text in texts
    ]
    return pd.DataFrame(rows).assign(weight=1.0, kind="post", part="train")


def trained_on(rows: pd.DataFrame, tmp_path: Path, **network: float) -> TrainedRules:
    settings = {"fewest_rows": 1, "z": 0.0, "prior": 5.0} | network
    config = Config.model_validate(
        {"name": "tiny", "family": "rules", "network": settings, "text": {"steps": STEPS}, "balance": {"labels": 1.0}}
    )
    return train_rules(Job(config, rows, tmp_path))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainedRules:
    return trained_on(frame("pt", "es", "en"), tmp_path_factory.mktemp("cache"))


@pytest.fixture
def packaged(trained: TrainedRules, tmp_path: Path) -> Path:
    config = Config(name="tiny", family="rules")
    package.write_files(tmp_path / "1", trained, package.Identity(config, "1", CALIBRATION, package.MadeFrom([])))
    return tmp_path / "1"


def test_a_word_has_the_side_it_is_seen_on(trained: TrainedRules) -> None:
    pt, es = (trained.rules.languages[name].lexicon for name in ("pt", "es"))
    assert pt["ruim"] < 0 < pt["adorei"]
    assert es["fea"] < 0 < es["encanto"]
    assert all(-4 <= value <= 4 for value in pt.values())


def test_a_negated_word_counts_for_the_other_side(tmp_path: Path) -> None:
    rows = frame("pt")
    negated = rows.assign(text=rows["text"].where(rows["label"] != 0, "não é gostoso"))
    assert trained_on(negated, tmp_path).rules.languages["pt"].lexicon["gostoso"] > 0


def test_words_of_the_grammar_have_no_valence(trained: TrainedRules) -> None:
    for name, grammar in grammars().items():
        lists = (grammar.negators, grammar.boosters, grammar.dampeners, grammar.contrasts)
        assert not {word for words in lists for word in words} & set(trained.rules.languages[name].lexicon)


def test_emoji_of_one_language_are_known_in_another(trained: TrainedRules) -> None:
    assert trained.rules.languages["es"].lexicon["😡"] < 0 < trained.rules.languages["es"].lexicon["😍"]


def test_emoji_that_no_row_has_are_read_as_described(trained: TrainedRules) -> None:
    assert trained.rules.languages["pt"].lexicon["😢"] < 0


def test_a_word_that_few_rows_have_is_weaker(tmp_path: Path) -> None:
    lexicon = trained_on(frame("pt"), tmp_path, z=0.5).rules.languages["pt"].lexicon
    assert lexicon["ruim"] < lexicon["quebrado"] < 0 < lexicon["adorei"] < lexicon["bonito"]


def test_numbers_and_stand_ins_have_no_valence(tmp_path: Path) -> None:
    rows = frame("pt")
    marked = rows.assign(text=rows["text"].where(rows["label"] != 0, "@ana ruim 17 https://exemplo.com"))
    lexicon = trained_on(marked, tmp_path).rules.languages["pt"].lexicon
    assert "ruim" in lexicon
    assert not {"17", "user", "http"} & set(lexicon)


def test_rare_and_uncertain_words_are_left_out(trained: TrainedRules, tmp_path: Path) -> None:
    rows = frame("pt", "es", "en")
    known = set(trained.rules.languages["pt"].lexicon)
    often = set(trained_on(rows, tmp_path, fewest_rows=3).rules.languages["pt"].lexicon)
    certain = set(trained_on(rows, tmp_path, z=1.0).rules.languages["pt"].lexicon)
    assert "ruim" in often & certain
    assert "quebrado" in known - often
    assert "livro" in known - certain


def test_log_odds_are_those_of_the_paper() -> None:
    odds, variance = log_odds(Counter(a=3, b=1), Counter(a=1, b=3), 4.0)["a"]
    # The prior gives each side 2 of a and 2 of b: 5 of 8 against 3 of 8.
    assert odds == pytest.approx(np.log(5 / 3) - np.log(3 / 5))
    assert variance == pytest.approx(1 / 5 + 1 / 3)


def test_it_learns(trained: TrainedRules) -> None:
    logits = trained.logits(TEXTS[:5], LANGUAGES[:5])
    assert logits.dtype == np.float32
    assert logits.argmax(axis=1).tolist() == [2, 0, 2, 2, 0]


def test_the_same_rows_give_the_same_rules(trained: TrainedRules, tmp_path: Path) -> None:
    assert trained_on(frame("pt", "es", "en"), tmp_path) == trained


def test_a_language_that_lacks_a_label_is_left_out(tmp_path: Path) -> None:
    rows = frame("pt", "es", "en")
    some = trained_on(rows[(rows["language"] != "es") | (rows["label"] != 1)], tmp_path)
    assert set(some.rules.languages) == {"en", "pt"}


def test_it_predicts_the_same_once_packaged(trained: TrainedRules, packaged: Path) -> None:
    model = open_artifact(packaged)
    assert isinstance(model, RulesModel)
    assert (model.name, model.version) == ("tiny", "tiny-1")
    assert model.unsure_below == package.UNSURE_BELOW
    kinds = ["post"] * len(TEXTS)
    expected = CALIBRATION.apply(trained.logits(TEXTS, LANGUAGES), LANGUAGES, kinds)
    probabilities = model.predict(TEXTS, LANGUAGES, kinds)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, expected, atol=1e-6)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)


def test_a_language_that_is_not_given_is_identified(packaged: Path) -> None:
    model = open_artifact(packaged)
    texts = ["esta mesa não é bonita, mas o copo que chegou hoje é bonito demais", "I love this cup and this table"]
    np.testing.assert_array_equal(model.predict(texts), model.predict(texts, ["pt", "en"]))


def test_a_changed_byte_is_refused(packaged: Path) -> None:
    path = packaged / RULES
    path.write_bytes(path.read_bytes().replace(b"-", b" ", 1))
    with pytest.raises(ArtifactError, match=r"rules\.json differs"):
        open_artifact(packaged)


def test_the_artefact_is_plain_json(packaged: Path) -> None:
    rules = json.loads((packaged / RULES).read_text(encoding="utf-8"))
    assert rules["languages"]["en"]["lexicon"]["good"] == 1.9
    assert "nao" in rules["languages"]["pt"]["grammar"]["negators"]


def test_an_unknown_setting_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"tiny.*\ncolour"):
        trained_on(frame("pt"), tmp_path, colour=1.0)
