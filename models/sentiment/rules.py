"""Sentiment by rules: a lexicon, and what negation, degree, contrast, capitals and marks make of its words.

The engine is VADER (Hutto and Gilbert, 2014, https://doi.org/10.1609/icwsm.v8i1.14550) as NLTK has it. English is read
by VADER itself; another language by the same engine with words of its own. Where the words come from is no concern of
this module: they lie in the artefact, and NLTK is all that prediction needs.
"""

from __future__ import annotations

import json
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import regex
from nltk.sentiment.vader import SentimentIntensityAnalyzer, SentiText, VaderConstants
from nltk.tokenize.casual import EMOTICONS

from models.language import identify
from models.sentiment.calibration import Calibration
from models.sentiment.contract import LABELS, ArtifactError, Texts
from models.sentiment.packaged import Packaged
from models.text.clean import cleaner

RULES = "rules.json"
ENGLISH = "en"
"""What reads the languages that have no words of their own."""

_SOFTNESS = 4.0
# VADER rounds a compound to four decimals and calls it positive from 0.05 on.
_THRESHOLD = 0.05 - 0.00005
_TOKEN = regex.compile(rf"{EMOTICONS}|\w+(?:['’\-]\w+)*|\p{{Extended_Pictographic}}", regex.VERBOSE)
_STRETCHED = regex.compile(r"(\p{L})\1{2,}")

# Latin letters without their accents; combining accents go.
_PLAIN = {code: unicodedata.normalize("NFD", chr(code))[0] for code in range(0xC0, 0x250)} | dict.fromkeys(
    range(0x300, 0x370)
)
# Words that VADER looks back.
_REACH = 3

Weights = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Grammar:
    """Words of a language that change what others mean; folded, and a phrase's words joined by ``_``."""

    negators: tuple[str, ...] = ()
    boosters: tuple[str, ...] = ()
    dampeners: tuple[str, ...] = ()
    contrasts: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    """Read as one word, whatever their parts would do."""

    @classmethod
    def of(cls, words: Mapping[str, Sequence[str]]) -> Grammar:
        """Fold the words of every list; those of more than one word are phrases too. TypeError: an unknown list."""
        lists = {name: tuple(fold(word).lower().replace(" ", "_") for word in given) for name, given in words.items()}
        longest_first = sorted({word for given in lists.values() for word in given if "_" in word}, key=len)[::-1]
        return cls(**lists | {"phrases": tuple(longest_first)})


@dataclass(frozen=True)
class LanguageRules:
    """All that is known of a language: valences of its words, -4 to 4, and how scores become logits."""

    lexicon: Mapping[str, float]
    grammar: Grammar | None = None
    """None: VADER's own, for English."""
    emoji: Mapping[str, str] = field(default_factory=dict)
    """What single emoji are read as."""
    weights: Weights = ((-_SOFTNESS, 0.0, _SOFTNESS), *[(0.0, 0.0, 0.0)] * 4, (0.0, _SOFTNESS * _THRESHOLD, 0.0))
    """[6, 3]: of each of ``features``, and what is added, to the logits. By default VADER's published thresholds: a
    compound of 0.05 and more is positive, of -0.05 and less negative; at 1 the probability is 0.98."""

    def analyser(self) -> SentimentIntensityAnalyzer:
        """What scores texts of this language."""
        return Vader(self.lexicon, self.emoji) if self.grammar is None else Analyser(self.lexicon, self.grammar)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LanguageRules:
        """The inverse of ``dataclasses.asdict``, also after JSON."""
        grammar = values["grammar"]
        weights = tuple(tuple(row) for row in values["weights"])
        return cls(values["lexicon"], grammar and Grammar(**grammar), values["emoji"], weights)


class Vader(SentimentIntensityAnalyzer):  # type: ignore[misc]
    """VADER on English words; emoji are read as their descriptions, as in the published program."""

    def __init__(self, lexicon: Mapping[str, float], emoji: Mapping[str, str]) -> None:
        # NLTK's own would read the lexicon from a file.
        self.lexicon = lexicon
        self.constants = VaderConstants()
        self._emoji = {ord(sign): f" {words} " for sign, words in emoji.items() if len(sign) == 1}

    def polarity_scores(self, text: str) -> dict[str, float]:
        """Shares ``pos``, ``neg`` and ``neu``, and ``compound``, -1 to 1."""
        scores: dict[str, float] = super().polarity_scores(text.translate(self._emoji))
        return scores


class Analyser(SentimentIntensityAnalyzer):  # type: ignore[misc]
    """VADER's rules with a lexicon and a grammar of another language."""

    def __init__(self, lexicon: Mapping[str, float], grammar: Grammar) -> None:
        self.lexicon = lexicon
        self.constants = VaderConstants()
        self.constants.NEGATE = frozenset(grammar.negators)
        self.constants.BOOSTER_DICT = {
            **dict.fromkeys(grammar.boosters, VaderConstants.B_INCR),
            **dict.fromkeys(grammar.dampeners, VaderConstants.B_DECR),
        }
        self.constants.SPECIAL_CASE_IDIOMS = {}
        self._contrasts = frozenset(grammar.contrasts)
        self._joined = _joiner(grammar.phrases)

    def words(self, text: str) -> _Words:
        """The words, emoticons and emoji of a text, folded."""
        return _Words(self._joined(fold(text)), (), None)

    def negated(self, words: Sequence[str], place: int) -> bool:
        """Whether the word at ``place`` stands in the reach of a negator, which is not for emoji and emoticons."""
        return words[place][0].isalnum() and self._any_negator(words[max(0, place - _REACH) : place])

    def polarity_scores(self, text: str) -> dict[str, float]:
        """Shares ``pos``, ``neg`` and ``neu``, and ``compound``, -1 to 1."""
        read = self.words(text)
        valences: list[float] = []
        for place, word in enumerate(read.words_and_emoticons):
            if word.lower() in self.constants.BOOSTER_DICT:
                valences.append(0.0)
            else:
                self.sentiment_valence(0.0, read, word, place, valences)
        scores: dict[str, float] = self.score_valence(self._but_check(read.words_and_emoticons, valences), text)
        return scores

    def _never_check(self, valence: float, words: Sequence[str], start_i: int, i: int) -> float:
        # NLTK asks for one, two and three words back. Two negations are one: "não é nada bom" is not good.
        first, *between = words[i - start_i - 1 : i]
        turns = self.negated(words, i) and self._any_negator([first]) and not self._any_negator(between)
        return valence * float(self.constants.N_SCALAR) if turns else valence

    def _any_negator(self, words: Sequence[str]) -> bool:
        return any(word.lower() in self.constants.NEGATE for word in words)

    def _but_check(self, words: Sequence[str], valences: list[float]) -> list[float]:
        turn = next((place for place, word in enumerate(words) if word.lower() in self._contrasts), None)
        if turn is None:
            return valences
        return [value * (0.5 if place < turn else 1.5) for place, value in enumerate(valences)]


class _Words(SentiText):  # type: ignore[misc]
    """A folded text in words; NLTK's own drops what is one character long, and so emoji."""

    def _words_and_emoticons(self) -> list[str]:
        return [found[0] for found in _TOKEN.finditer(self.text)]


@dataclass(frozen=True)
class Rulebook:
    """Cleaning steps and languages, English among them: texts in, logits out."""

    steps: tuple[str, ...]
    languages: Mapping[str, LanguageRules]

    def logits(self, texts: Sequence[str], languages: Sequence[str]) -> np.ndarray:
        """Uncalibrated scores, float32 [n, 3], of texts in ``languages`` [n]."""
        clean = cleaner(self.steps)
        scores = np.zeros((len(texts), len(LABELS)), np.float32)
        for name, places in self._places(languages).items():
            language = self.languages[name]
            found = features(language.analyser(), [clean(texts[place]) for place in places])
            weights = np.array(language.weights)
            scores[places] = found @ weights[:-1] + weights[-1]
        return scores

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"steps": self.steps, "languages": {name: asdict(one) for name, one in self.languages.items()}}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Rulebook:
        """The inverse of ``as_dict``."""
        languages = {name: LanguageRules.from_dict(one) for name, one in values["languages"].items()}
        return cls(tuple(values["steps"]), languages)

    def _places(self, languages: Sequence[str]) -> dict[str, list[int]]:
        places = defaultdict(list)
        for place, name in enumerate(languages):
            places[name if name in self.languages else ENGLISH].append(place)
        return places


class RulesModel(Packaged):
    """Rules packaged as JSON; ``loading.open_artifact`` gives one. A language that is not given is identified."""

    def __init__(self, folder: Path) -> None:
        """Check the files under ``folder`` and read the rules; raises ArtifactError."""
        super().__init__(folder)
        self._rules = Rulebook.from_dict(json.loads((folder / RULES).read_text(encoding="utf-8")))
        self._calibration = Calibration.read(folder)

    def _score(self, given: Texts) -> np.ndarray:
        languages = identify(given.texts) if given.languages is None else given.languages
        return self._calibration.apply(self._rules.logits(given.texts, languages), languages, given.kinds)


def vader_language() -> LanguageRules:
    """English as VADER knows it, from the files of the package ``vaderSentiment`` (MIT).

    Raises:
        ArtifactError: that package is not installed.
    """
    lexicon = {word: float(valence) for word, valence, *_ in lexicon_file("vader_lexicon.txt")}
    return LanguageRules(lexicon, emoji={emoji: words for emoji, words, *_ in lexicon_file("emoji_utf8_lexicon.txt")})


def features(analyser: SentimentIntensityAnalyzer, texts: Sequence[str]) -> np.ndarray:
    """``compound``, its size, ``pos``, ``neg`` and ``neu`` of each text: float64 [n, 5]."""
    found = (analyser.polarity_scores(text) for text in texts)
    rows = [[one["compound"], abs(one["compound"]), one["pos"], one["neg"], one["neu"]] for one in found]
    return np.array(rows, np.float64).reshape(-1, 5)


def fold(text: str) -> str:
    """A text without accents, and with one letter where one is typed three times or more; case stays."""
    return str(_STRETCHED.sub(r"\1", text.translate(_PLAIN)))


def _joiner(phrases: Sequence[str]) -> Callable[[str], str]:
    """A function that joins the words of phrases by ``_`` wherever they stand together."""
    if not phrases:
        return lambda text: text
    either = "|".join(regex.escape(phrase).replace("_", r"\s+") for phrase in phrases)
    pattern = regex.compile(rf"(?i)\b(?:{either})\b")
    return lambda text: str(pattern.sub(lambda found: "_".join(found[0].split()), text))


def lexicon_file(name: str) -> list[list[str]]:
    """The columns of each row of a file of the package ``vaderSentiment``; ArtifactError when it is not installed."""
    try:
        lines = resources.files("vaderSentiment").joinpath(name).read_text(encoding="utf-8").splitlines()
    except ModuleNotFoundError:
        raise ArtifactError("VADER's lexicon is in a package that is not there; pip install vaderSentiment") from None
    return [line.strip().split("\t") for line in lines if line.strip()]
