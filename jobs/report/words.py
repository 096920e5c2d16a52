"""Which words set some texts apart from others: the *why* beside a move of the mood."""

from __future__ import annotations

import html
import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import regex

LONGEST = 4
"""Terms are runs of one to this many words."""

SURE = 1.645
"""A term is told when its log-odds lie this many standard errors above those of the other texts (95 %, one-sided)."""

WORD = re.compile(r"[#@]?\w[\w'’-]+", re.UNICODE)
NUMBER = re.compile(r"[\d.,:/-]+")
PIECE = regex.compile(
    r"""
    https?:\S+ | www\.\S+ | [\w.+-]+@[\w-]+\.[\w.-]*\w                  # addresses
    | (?<!@)[a-z0-9]+(?:[.-][a-z0-9]+)*\.[a-z]{2,13}\b(?:/\S*)?(?!@)    # domains
    | <[^>\s]+>                                                         # tags of HTML
    | @\w+ | \#+\w+[\w'-]*\w                                            # handles and hashtags
    | [^\W\d_](?:[^\W\d_]|['_-])+[^\W\d_] | [+-]?\d+[,/.:-]\d+[+-]? | \w+
    | \S
    """,
    regex.VERBOSE,
)
"""What a text in lower case is cut into: as NLTK's TweetTokenizer cuts it, which takes longer to import than a report
to find its words, and takes "8p" of "8pm" for a smiley."""
LENGTHENED = regex.compile(r"(.)\1{2,}")
"""What is written longer for effect; three of a kind are kept."""

STOP_WORDS = frozenset(
    word
    for line in (Path(__file__).parent / "stop_words.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
    for word in line.split()
)


def distinctive(
    texts: Sequence[frozenset[str]],
    others: Sequence[frozenset[str]],
    ignore: Collection[str] = (),
    most: int = 5,
    rarest: float = 0.05,
) -> tuple[str, ...]:
    """The terms most typical of `texts` against `others`, at most `most`, the strongest first.

    Texts are given as the sets that `terms` makes, so a text that repeats itself counts once. Terms are ranked by the
    z-score of their log-odds ratio with an informative Dirichlet prior (Monroe, Colaresi & Quinn 2008, "Fightin'
    Words", Political Analysis 16(4), equations 15-22). The prior is the distribution of the terms in all texts, as
    heavy as the smaller side. A term needs two texts, and the part `rarest` of them. Terms with a word of `ignore`
    are left out, and of two terms that share a word only the stronger, or the longer where both mean the same texts, is
    kept.
    """
    here, there = _count(texts, ignore), _count(others, ignore)
    total_here, total_there = sum(here.values()), sum(there.values())
    if not total_here or not total_there:
        return ()
    weight = min(total_here, total_there)
    needed = max(2, math.ceil(len(texts) * rarest))
    scores: dict[str, float] = {}
    for term, count in here.items():
        if count < needed:
            continue
        prior = weight * (count + there[term]) / (total_here + total_there)
        one, two = count + prior, there[term] + prior
        odds = math.log(one / (total_here + weight - one)) - math.log(two / (total_there + weight - two))
        score = odds / math.sqrt(1 / one + 1 / two)
        if score >= SURE:
            scores[term] = score
    return tuple(_without_echoes(scores, here, most))


def terms(text: str) -> frozenset[str]:
    """Words and runs of up to four words of `text`, in lower case, that neither begin nor end with a stop word."""
    found: set[str] = set()
    run: list[str] = []
    for token in [*pieces(text), ""]:
        if WORD.fullmatch(token) and not NUMBER.fullmatch(token):
            run.append(token)
            continue
        # A single letter ("e", "o") stands inside a phrase and never at its end.
        if len(token) == 1 and token.isalpha():
            run.append(token)
            continue
        found.update(_phrases(run))
        run = []
    return frozenset(found)


def pieces(text: str) -> list[str]:
    """`text` cut into PIECEs, its HTML entities and letters repeated for effect put right."""
    plain: list[str] = PIECE.findall(LENGTHENED.sub(r"\1\1\1", html.unescape(text)).lower())
    return plain


def _phrases(run: list[str]) -> Iterable[str]:
    plain = [len(word) > 1 and word not in STOP_WORDS for word in run]
    for start in range(len(run)):
        for end in range(start, min(start + LONGEST, len(run))):
            if plain[start] and plain[end]:
                yield " ".join(run[start : end + 1])


def _count(texts: Sequence[frozenset[str]], ignore: Collection[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    unwanted = {word.lstrip("#@") for word in ignore}
    # A mark stands before a word alone.
    bare = str.maketrans("", "", "#@")
    return Counter({term: n for term, n in counts.items() if unwanted.isdisjoint(term.translate(bare).split())})


def _without_echoes(scores: dict[str, float], counts: Counter[str], most: int) -> list[str]:
    chosen: list[str] = []
    used: set[str] = set()
    for term in sorted(scores, key=lambda term: (-scores[term], term)):
        if len(chosen) == most:
            break
        longer = [
            phrase
            for phrase in scores
            if f" {term} " in f" {phrase} " and counts[phrase] >= 0.6 * counts[term] and phrase != term
        ]
        best = max(longer, key=lambda phrase: (len(phrase.split()), scores[phrase], phrase), default=term)
        words = set(best.split()) - STOP_WORDS
        if not words & used:
            chosen.append(best)
            used |= words
    return chosen
