"""Cleaning steps: named lists of rewrites that Python and TensorFlow carry out alike.

Each pattern is written in the syntax that the ``regex`` module and RE2 share, so that a chain runs in Python while
a model is trained and inside the packaged graph afterwards. The order of a chain is the order of ``STEPS``. The steps
``lower`` and ``accents`` are functions: they run in Python alone, and ``rewrites_of`` refuses them.

What ``\\s``, ``\\w``, ``\\d``, ``\\b``, ``\\p`` and ``(?i)`` match differs between RE2 and ``regex`` or changes with
the version of Unicode, so the patterns spell their characters out; letters are those of Latin scripts.
Tokens and languages do not belong here: see ``models.text.chain``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import NamedTuple

import regex

ADDRESS = "http"
MENTION = "@user"
NUMBER = "number"


class Rewrite(NamedTuple):
    """A pattern and what stands in its place; ``\\1`` is its first group."""

    pattern: str
    to: str


Step = tuple[Rewrite, ...] | Callable[[str], str]

_BLANK = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_LETTER = "A-Za-zÀ-ÖØ-öø-\u024f\u0300-\u036f\u1e00-\u1eff"

_SKIN = "\U0001f3fb-\U0001f3ff"
_STYLE = "\ufe0e\ufe0f"
# Whole blocks of symbols: the emoji of today and room for those to come.
_PICTURE = (
    "\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u27bf\u2934\u2935\u2b05-\u2b55\u3030\u303d"
    "\u3297\u3299\U0001f000-\U0001f1e5\U0001f200-\U0001f3fa\U0001f400-\U0001faff"
)
_KEYCAP = "[0-9#*]\ufe0f?\u20e3"
_FLAG = "[\U0001f1e6-\U0001f1ff]{2}"
_ONE = f"[{_PICTURE}{_SKIN}][{_STYLE}]?[{_SKIN}]?[\U000e0020-\U000e007f]*"
EMOJI = f"(?:{_KEYCAP}|{_FLAG}|[©®]\ufe0f|{_ONE}(?:\u200d{_ONE})*)"
"""Pattern of one emoji, however many characters make it up: skin tone, style, flag, keycap, joined ones (UTS #51)."""

_KIN = {"🎉": "🥳", "😡": "🤬", "👎": "🤢🤮💩🖕", "😅": "🫠", "😕": "🥴", "😱": "🤯", "❤": "🤍🤎🩷🩵🩶🫶"}

_FIGURE = "[0-9]+(?:[.,:/-][0-9]+)*"
_WORD = f"[0-9{_LETTER}]+(?:['’_-][0-9{_LETTER}]+)*(?:\ufe0f?\u20e3)?"
_FACE = r"[<>]?[:;=]['’]?[o-]?(?:[()\[\]/\\|*]+|[DPpOo3])|</?3+"
_PUNCTUATION = r"""["&'()*,\-./:;\[\\\]_{}`´|~\^=<>¡¿«»‹›“”„‚‘’‛…–—―•·§¶′″]+"""


def _punctuation() -> Rewrite:
    """Match what is kept first, in groups, and the marks last: neither engine then sees the marks within it."""
    kept = f"({_KEYCAP}|[:;=]-?(?:DD+|PP+|pp+))"
    after_colon = f"[:;=]([{_LETTER}]{_WORD})"
    whole = f"({_FACE}|[0-9]+(?:[.,:/-][0-9]+)+|[@#]?{_WORD})"
    return Rewrite(f"{kept}|{after_colon}|{whole}|{_PUNCTUATION}", r" \1\2\3 ")


def _repeats() -> Iterator[Rewrite]:
    """Rewrites by nine units each: RE2 has no back-references and its rewrites know nine groups."""
    laughs = [f"[{a}{a.upper()}][{b}{b.upper()}]" for a, b in ("ha", "he", "hi", "ja", "je", "rs")]
    letters = [f"[{char}{char.upper()}]" for char in "abcdefghijklmnopqrstuvwxyzáàâãäéèêëíìïóòôõöúùûüçñ"]
    marks = [f"[{char}]" for char in "!?.,-_*=~()…"]
    for units in (laughs, *_parts([*letters, *marks], 9)):
        pattern = "|".join(f"((?:{unit}){{2}})(?:{unit})+" for unit in units)
        yield Rewrite(pattern, "".join(f"\\{group}" for group in range(1, len(units) + 1)))


def _parts(units: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (units[start : start + size] for start in range(0, len(units), size))


def fold_accents(text: str) -> str:
    """Take the accents off letters (``não`` -> ``nao``); the marks that emoji are made of stay."""
    apart = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join(char for char in apart if not "\u0300" <= char <= "\u036f"))


_MENTION = r"[0-9A-Za-z_.+-]*@[0-9A-Za-z_.]+"
# The regex module tries _MENTION again at each letter of a run, so a long one would take a time that grows with its
# square. A match starts where a run does or where the last match ended: saying so changes nothing else.
_IN_PYTHON = {_MENTION: rf"(?:\G|(?<![0-9A-Za-z_.+-])){_MENTION}"}

_NUMBER = Rewrite(
    # Not within words (s2, gr8), faces (<3, :3) or keycaps.
    f"(^|[^0-9{_LETTER}_<:]|[{_LETTER}]:){_FIGURE}([^0-9\ufe0f\u20e3]|$)",
    rf"\1 {NUMBER} \2",
)

STEPS: dict[str, Step] = {
    "html": (
        Rewrite(r"(?i)</?[a-zİ][^<>]{0,80}>", " "),
        Rewrite(r"(?i)&lt;", "<"),
        Rewrite(r"(?i)&gt;", ">"),
        Rewrite(r"(?i)&quot;", '"'),
        Rewrite(r"(?i)&(?:#0?39|apos);", "'"),
        Rewrite(r"(?i)&nbsp;", " "),
        Rewrite(r"(?i)&amp;", "&"),
    ),
    "addresses": (Rewrite(rf"(?i)(?:https?://|www\.)[^{_BLANK}<>]+", f" {ADDRESS} "),),
    "mentions": (Rewrite(_MENTION, f" {MENTION} "),),
    "quotes": (Rewrite("[‘’‛ʼ´`＇]", "'"), Rewrite("[“”„«»]", '"')),
    "hashtags": (Rewrite(f"#([{_LETTER}_])", r" # \1"),),
    "plain_emoji": (Rewrite(f"[{_STYLE}]+", ""), Rewrite(f"([{_PICTURE}])[{_SKIN}]+", r"\1")),
    "kin_emoji": tuple(Rewrite(f"[{rare}]", common) for common, rare in _KIN.items()),
    "emoji": (Rewrite(f" ?({EMOJI}) ?", r" \1 "),),
    "repeats": tuple(_repeats()),
    # Twice: a match takes the one blank between two numbers with it.
    "numbers": (_NUMBER, _NUMBER),
    "punctuation": (_punctuation(), Rewrite(" +", " ")),
    "marks": (Rewrite("[!?]+", " "),),
    "lower": str.lower,
    "accents": fold_accents,
}
"""What each step does, by its name, in the order in which they are done.

- ``html``: tags become a blank, the commonest entities their character.
- ``addresses``, ``mentions``: become ``http`` and ``@user``.
- ``quotes``: curly ones become straight, so that ``don’t`` is the word ``don't``.
- ``hashtags``: ``#Foo`` becomes ``# Foo``: the word counts as a word, the mark still says it was a tag.
- ``plain_emoji``: without skin tones and styles, so that one meaning is one token.
- ``kin_emoji``: some that older vocabularies lack become a common one of like feeling (``🤬`` -> ``😡``).
- ``emoji``: a blank around each, joined ones kept whole.
- ``repeats``: three and more of a letter or mark become two (``muuuuito`` -> ``muuito``, ``!!!!`` -> ``!!``), laughs
  likewise (``hahahaha`` -> ``haha``).
- ``numbers``: a number, with its points and strokes, becomes ``number``; words and faces stay (``s2``, ``<3``).
- ``punctuation``: becomes a blank, except within words and numbers (``don't``, ``4,5``), in faces (``:-)``), in emoji,
  and except ``!``, ``?``, ``@``, ``#`` and signs such as ``%`` or ``€``.
- ``marks``: ``!`` and ``?`` become a blank.
- ``lower``, ``accents``: small letters; letters without accents. Python alone.
"""


def cleaner(steps: Sequence[str]) -> Callable[[str], str]:
    """A function that carries out the named steps. KeyError names a step that does not exist."""
    functions = [function for step in _named(steps).values() for function in _functions(step)]

    def clean(text: str) -> str:
        for function in functions:
            text = function(text)
        return text

    return clean


def rewrites_of(steps: Sequence[str]) -> list[Rewrite]:
    """The rewrites of the named steps, in the order of STEPS, for a TensorFlow graph.

    Raises:
        KeyError: names a step that does not exist.
        ValueError: names a step that no rewrite can express.
    """
    rewrites: list[Rewrite] = []
    for name, step in _named(steps).items():
        if not isinstance(step, tuple):
            raise ValueError(f"the cleaning step {name} runs in Python alone; leave it out of a packaged graph's steps")
        rewrites += step
    return rewrites


def _named(steps: Sequence[str]) -> dict[str, Step]:
    if unknown := sorted(set(steps) - set(STEPS)):
        raise KeyError(f"no cleaning step is called {', '.join(unknown)}; there are {', '.join(STEPS)}")
    return {name: step for name, step in STEPS.items() if name in steps}


def _functions(step: Step) -> list[Callable[[str], str]]:
    return [partial(_compiled(one.pattern).sub, one.to) for one in step] if isinstance(step, tuple) else [step]


@cache
def _compiled(pattern: str) -> regex.Pattern[str]:
    return regex.compile(_IN_PYTHON.get(pattern, pattern))
