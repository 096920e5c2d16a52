"""Rules whose words are learnt: valences from labelled rows, and how VADER's scores become probabilities.

English keeps VADER's own lexicon. The lexicon of another language is induced: a word is worth what it does to the odds
of a positive against a negative row, by log-odds with an informative Dirichlet prior (Monroe et al., 2008, "Fightin'
Words", https://doi.org/10.1093/pan/mpn018). Emoji are learnt from the rows of all languages, as they are rare in each
and mean the same. What negates, intensifies or contrasts is written by hand (``grammars.toml``).
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from models.sentiment.calibration import Calibration
from models.sentiment.contract import LABELS
from models.sentiment.rules import (
    ENGLISH,
    RULES,
    Analyser,
    Grammar,
    LanguageRules,
    Rulebook,
    features,
    vader_language,
)
from models.text.clean import ADDRESS, MENTION, cleaner
from models.training.config import Config, network_of
from models.training.data.balance import rates_of, row_weights
from models.training.job import Job

GRAMMARS = Path(__file__).with_name("grammars.toml")

_STRONGEST = 4.0
# As in VADER's lexicon, which the steps for degree and capitals were found with.
_MEAN_SIZE = 1.5
_STAND_INS = {ADDRESS, MENTION.removeprefix("@")}
_NEGATIVE, _NEUTRAL, _POSITIVE = range(len(LABELS))


class Network(BaseModel):
    """What a configuration may set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fewest_rows: int = Field(default=2, ge=1)
    """Rows that a word has to be in."""
    z: float = Field(default=0.5, ge=0)
    """Standard errors that are taken off its log-odds."""
    prior: float = Field(default=500.0, gt=0)
    """Words that the prior counts for."""


@dataclass(frozen=True)
class TrainedRules:
    """The rules of all languages."""

    rules: Rulebook
    format: str = "rules"

    def logits(self, texts: Sequence[str], languages: Sequence[str]) -> np.ndarray:
        """Scores float32 [n, 3]."""
        return self.rules.logits(texts, languages)

    def save(self, folder: Path, calibration: Calibration) -> None:
        """Write the rules and the calibration as JSON."""
        rules = json.dumps(self.rules.as_dict(), ensure_ascii=False, indent=1)
        (folder / RULES).write_text(rules + "\n", encoding="utf-8")
        calibration.write(folder)


def train_rules(job: Job) -> TrainedRules:
    """Induce the lexicons and fit what maps scores to logits, a language at a time.

    A language whose rows lack a label is left out, and read as English is; English then keeps VADER's thresholds.

    Raises:
        ConfigError: a setting that the family does not know, or out of bounds.
        ArtifactError: the package ``vaderSentiment``, which has the English lexicon, is not installed.
    """
    settings = network_of(job.config, Network)
    train = job.frame[job.frame["part"] == "train"]
    train = train.assign(text=train["text"].map(cleaner(job.config.text.steps)))
    english = vader_language()
    languages = {ENGLISH: english}
    described = _described_signs(english)
    signs = {word: value for word, value in induce(train, Grammar(), settings).items() if not word[0].isalnum()}
    for name, grammar in grammars().items():
        rows = train[train["language"] == name]
        if _has_all_labels(rows):
            languages[name] = LanguageRules(described | induce(rows, grammar, settings) | signs, grammar)
    for name, language in languages.items():
        rows = train[train["language"] == name]
        if _has_all_labels(rows):
            languages[name] = _fitted(language, rows, job.config)
    return TrainedRules(Rulebook(job.config.text.steps, languages))


def grammars() -> dict[str, Grammar]:
    """The grammars that are written by hand, by language."""
    written = tomllib.loads(GRAMMARS.read_text(encoding="utf-8"))
    return {name: Grammar.of(words) for name, words in written.items()}


def induce(rows: pd.DataFrame, grammar: Grammar, settings: Network) -> dict[str, float]:
    """Valences, -4 to 4, of the words in rows (``text``, ``label`` as index into LABELS), by word, sorted.

    A word's log-odds is taken ``z`` standard errors nearer to nought, and the word left out where it passes nought:
    what few rows have said says little. A word after a negator counts for the other side; words that negate,
    intensify or contrast have no valence, nor have numbers.
    """
    positive, negative = _count(rows[rows["label"] != _NEUTRAL], Analyser({}, grammar))
    silent = {*grammar.negators, *grammar.boosters, *grammar.dampeners, *grammar.contrasts, *_STAND_INS}
    found = {
        word: float(np.copysign(abs(odds) - settings.z * variance**0.5, odds))
        for word, (odds, variance) in sorted(log_odds(positive, negative, settings.prior).items())
        if positive[word] + negative[word] >= settings.fewest_rows
        and abs(odds) > settings.z * variance**0.5
        and word not in silent
        and not word.isdigit()
    }
    return _scaled(found)


def log_odds(positive: Counter[str], negative: Counter[str], prior: float) -> dict[str, tuple[float, float]]:
    """Log-odds ratio and its variance of each word between two sides, from its counts (Monroe et al., eq. 16, 20).

    The prior spreads ``prior`` words as both sides together have them.
    """
    both = positive + negative
    share = prior / both.total()
    sizes = positive.total() + prior, negative.total() + prior
    found = {}
    for word, count in both.items():
        first, second = positive[word] + share * count, negative[word] + share * count
        odds = np.log(first / (sizes[0] - first)) - np.log(second / (sizes[1] - second))
        found[word] = float(odds), 1 / first + 1 / second
    return found


def _count(rows: pd.DataFrame, analyser: Analyser) -> tuple[Counter[str], Counter[str]]:
    """In how many rows each word stands for the positive, and for the negative side."""
    sides: tuple[Counter[str], Counter[str]] = Counter(), Counter()
    for text, label in zip(rows["text"], rows["label"], strict=True):
        words = [word.lower() for word in analyser.words(text).words_and_emoticons]
        other = label == _NEGATIVE
        for word, negated in {(word, analyser.negated(words, place)) for place, word in enumerate(words)}:
            sides[other != negated][word] += 1
    return sides


def _scaled(odds: Mapping[str, float]) -> dict[str, float]:
    if not odds:
        return {}
    factor = _MEAN_SIZE / float(np.mean(np.abs(list(odds.values()))))
    return {word: round(float(np.clip(value * factor, -_STRONGEST, _STRONGEST)), 2) for word, value in odds.items()}


def _described_signs(english: LanguageRules) -> dict[str, float]:
    """What VADER makes of emoticons, and of emoji by their descriptions: for those that no row has."""
    emoticons = {sign: value for sign, value in english.lexicon.items() if not any(map(str.isalnum, sign))}
    read = {
        sign: sum(english.lexicon.get(word, 0.0) for word in words.split()) for sign, words in english.emoji.items()
    }
    emoji = {sign: float(np.clip(value, -_STRONGEST, _STRONGEST)) for sign, value in read.items() if value}
    seen = Analyser({}, Grammar())
    signs = {**emoticons, **emoji}
    return {sign: round(signs[sign], 2) for sign in sorted(signs) if seen.words(sign).words_and_emoticons == [sign]}


def _has_all_labels(rows: pd.DataFrame) -> bool:
    return bool(rows["label"].nunique() == len(LABELS))


def _fitted(language: LanguageRules, rows: pd.DataFrame, config: Config) -> LanguageRules:
    """The language with the multinomial logistic regression that tells its rows' labels best from their scores."""
    from sklearn.linear_model import LogisticRegression

    rates = rates_of(rows, config)
    weights = rates * row_weights(rows, rates, config.balance.labels)
    found = features(language.analyser(), rows["text"].tolist())
    model = LogisticRegression(max_iter=1000).fit(found, rows["label"], sample_weight=weights)
    table = np.vstack([model.coef_.T, model.intercept_]).round(5).tolist()
    return replace(language, weights=tuple(tuple(row) for row in table))
