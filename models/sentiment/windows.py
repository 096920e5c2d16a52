"""Long texts: read in windows of whole sentences, each scored by itself, and one row made of them.

A model that takes only so many characters would judge a longer text by its beginning. What a single sentence says
does not belong here: a text has one row, whatever its length.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, groupby, islice
from operator import itemgetter

import numpy as np

from models.sentiment.calibration import softmax
from models.sentiment.contract import LABELS, SentimentModel, Texts

Combine = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From the probabilities of a text's windows, float32 [w, 3] in order, and their characters, int64 [w], to the
probabilities of the text [3]."""

_CHUNK_WINDOWS = 4096
_TINY = 1e-6
# How far back a full stop looks for the word that it may belong to.
_REACH = 16

# Marks before a space, with what closes after them; or the end of a line.
_END = re.compile(r"(?<![.!?…])(?P<mark>[.!?…]++)[\"'”’»)\]]*+(?=\s)|[\r\n]++")
_WORD = re.compile(r"\S+")
_INITIALS = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")
_OPENING = "\"'“‘«([¿¡"
# After these, or at the beginning, a number with a full stop is that of an item.
_BEFORE_ITEMS = ("", *".!?…:;")
_ABBREVIATIONS = frozenset(
    """
    sr sra sres sras srta srtas dr dra drs dras prof profa profª eng exmo exma ilmo ilma mr mrs ms jr rev hon gen col
    cel sgt lic ing ud uds vd vds st sto sta
    av avda pça al tel ramal no nº n° núm num pág págs pag pp vol fig art arts inc cap ed cód km min máx mín max
    ltd ltda cia cía co corp bros dept dpto depto est univ
    etc ex p.ex obs aprox approx vs cf ref ee.uu
    """.split()  # noqa: SIM905  one line a kind: titles, places and numbers, firms, running text
)


def evidence(probabilities: np.ndarray, chars: np.ndarray) -> np.ndarray:
    """Mean of the logarithms, each window counting by its characters, times the root of the number of windows.

    ``log p = sqrt(w) * sum(c_i log p_i) / sum(c_i)``, brought to a sum of 1. Were the windows independent, their
    logarithms would add up (times w); were they one saying, the mean would do (times 1). Chosen by measurement
    (``tests/benchmarks/long_texts.py``): a plain mean of windows that are sure of themselves is far too unsure.
    """
    logs = np.log(np.maximum(probabilities, _TINY))
    pooled = np.sqrt(len(logs)) * np.average(logs, axis=0, weights=chars)
    return softmax(pooled[np.newaxis]).reshape(-1)


class Windowed:
    """A model that reads a text of more than so many characters in windows; a shorter one goes through as it is."""

    labels = LABELS

    def __init__(self, model: SentimentModel, window_chars: int, combine: Combine = evidence) -> None:
        """Wrap ``model``; ``combine`` makes one row of those of the windows."""
        self.model = model
        self.name, self.version = model.name, model.version
        self.unsure_below: float = getattr(model, "unsure_below", 0.0)
        self.rate_chars_per_second: float | None = getattr(model, "rate_chars_per_second", None)
        self.window_chars = window_chars
        self._combine = combine

    def predict(
        self, texts: Sequence[str], languages: Sequence[str] | None = None, kinds: Sequence[str] | None = None
    ) -> np.ndarray:
        """Return the probability of each label: float32 [n, 3], rows sum to 1, in the order of ``texts``.

        Beside the texts and their rows, memory holds some thousand windows, however many and long the texts are.
        """
        given = Texts(texts, languages, kinds)
        scored = np.zeros((len(texts), len(LABELS)), np.float32)
        long = [place for place, text in enumerate(texts) if len(text) > self.window_chars]
        if short := [place for place, text in enumerate(texts) if len(text) <= self.window_chars]:
            scored[short] = self.model.predict(*given.at(short))
        for place, rows in groupby(self._read(given, long), key=itemgetter(0)):
            _, chars, probabilities = zip(*rows, strict=True)
            scored[place] = probabilities[0]
            if len(chars) > 1:
                scored[place] = self._combine(np.stack(probabilities), np.array(chars))
        return scored

    def _read(self, given: Texts, places: Sequence[int]) -> Iterator[tuple[int, int, np.ndarray]]:
        """Of each window of the texts at ``places``: its text's place, its characters, its probabilities [3]."""
        cut = ((place, window) for place in places for window in windows(given.texts[place], self.window_chars))
        while chunk := list(islice(cut, _CHUNK_WINDOWS)):
            owners = [place for place, _ in chunk]
            parts = [window for _, window in chunk]
            rows = self.model.predict(*given.at(owners)._replace(texts=parts))
            yield from zip(owners, map(len, parts), rows, strict=True)


def windows(text: str, max_chars: int) -> Iterator[str]:
    """Cut a text into as few windows as its sentences, taken in order, need: one at least, each of at most so many
    characters.

    A sentence that is longer is cut between words, a word that is longer wherever the room ends. What lies between
    two windows is space; every other character of the text is in one of them.
    """
    if len(text) <= max_chars:
        yield text
        return
    begin = end = 0
    for first, last in _pieces(text, max_chars):
        if not end:
            begin = first
        elif last - begin > max_chars:
            yield text[begin:end]
            begin = first
        end = last
    yield text[begin:end]


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Where the sentences of a text in Portuguese, English or Spanish begin and end, the space around them left out.

    They end at a full stop, a mark of exclamation or question or three dots before a space, and with the line; not
    after an abbreviation, an initial, or the number of an item.
    """
    begin = 0
    ends = (end.end() for end in _END.finditer(text) if end["mark"] != "." or not _goes_on(text, end.start()))
    for end in chain(ends, [len(text)]):
        sentence = text[begin:end]
        first = begin + len(sentence) - len(sentence.lstrip())
        if words := sentence.strip():
            yield first, first + len(words)
        begin = end


def _pieces(text: str, max_chars: int) -> Iterator[tuple[int, int]]:
    """Where the sentences of a text begin and end; instead of one that is too long, its words."""
    for begin, end in sentences(text):
        if end - begin <= max_chars:
            yield begin, end
            continue
        for word in _WORD.finditer(text, begin, end):
            for first in range(word.start(), word.end(), max_chars):
                yield first, min(first + max_chars, word.end())


def _goes_on(text: str, stop: int) -> bool:
    """Whether the sentence goes on after the full stop at ``stop``."""
    line = re.split(r"[\r\n]", text[max(0, stop - _REACH) : stop])[-1]
    before, _, word = line.rpartition(" ")
    word = word.lstrip(_OPENING).casefold()
    if word.isdecimal():
        return before.rstrip()[-1:] in _BEFORE_ITEMS
    return word in _ABBREVIATIONS or bool(_INITIALS.fullmatch(word))
