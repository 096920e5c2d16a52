"""Cleaning steps, by examples in three languages, and alike in Python and in TensorFlow."""

from __future__ import annotations

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from models.text.clean import EMOJI, STEPS, Rewrite, cleaner, fold_accents, rewrites_of

IN_GRAPH = [name for name, step in STEPS.items() if isinstance(step, tuple)]
IN_PYTHON = ["lower", "accents"]
FAMILY = "👨‍👩‍👧‍👦"
ENGLAND = "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
JOINED = ["😀", "❤️", "❤", "👍🏽", "🤷🏽‍♀️", FAMILY, "🏳️‍🌈", ENGLAND, "🇧🇷", "1️⃣", "#⃣", "*️⃣", "👁️‍🗨️", "‼️", "©️", "🫶🏿"]

EXAMPLES = {
    "html": [
        ("<b>bom</b> &amp; barato<br/>", " bom  & barato "),
        ("I &lt;3 it&#39;s &quot;fine&quot;", 'I <3 it\'s "fine"'),
        ("1 < 2 y 3 > 2", "1 < 2 y 3 > 2"),
    ],
    "addresses": [
        ("veja https://a.pt/b?c=1 já", "veja  http  já"),
        ("Www.Example.COM", " http "),
        ("http://a\u00a0b", " http \u00a0b"),
    ],
    "mentions": [("oi @Ana_1, eu@x.pt", "oi  @user , @user ".replace(", @", ",  @")), ("a@b+c@d", " @user  @user ")],
    "quotes": [("don’t say “no”", 'don\'t say "no"'), ("«vale»", '"vale"')],
    "hashtags": [("#FicaADica #año", " # FicaADica  # año"), ("#1 #️⃣ &#39;", "#1 #️⃣ &#39;")],
    "plain_emoji": [("❤️ 👍🏽 🤷🏽‍♀️", "❤ 👍 🤷\u200d♀"), ("🏽", "🏽"), ("ação", "ação")],
    "kin_emoji": [("que isso 🤬🤢", "que isso 😡👎"), ("🫶🏿 😍", "❤🏿 😍")],
    "emoji": [
        ("amo😍😍muito", "amo 😍  😍 muito"),
        (f"ok{FAMILY}{ENGLAND}🇧🇷🇵🇹", f"ok {FAMILY}  {ENGLAND}  🇧🇷  🇵🇹 "),
        ("top👍🏽!", "top 👍🏽 !"),
        ("1️⃣2️⃣", " 1️⃣  2️⃣ "),
    ],
    "repeats": [
        ("muuuuito NÃÃÃO!!!!!!", "muuito NÃÃO!!"),
        ("kkkkkkk hahahaha RSRSRSRS jajajaja", "kk haha RSRS jaja"),
        ("sooo good... :)))", "soo good.. :))"),
        ("perro, coffee, 1000", "perro, coffee, 1000"),
    ],
    "numbers": [
        ("nota 10/10", "nota  number "),
        ("1 2 3 4", " number   number   number   number "),
        ("R$ 1.234,56", "R$  number "),
        ("nota:9", "nota: number "),
        ("s2 gr8 covid19 <3 :3 1️⃣", "s2 gr8 covid19 <3 :3 1️⃣"),
    ],
    "punctuation": [
        ("Olá, mundo... (bom)", " Olá mundo bom "),
        ("I don't, can’t; well-made: 4,5 stars!", " I don't can’t well-made 4,5 stars !"),
        ("¿Qué? ¡Sí!", " Qué ? Sí !"),
        ("ruim :( bom :-) :DDD <3 ;)", " ruim :( bom :-) :DDD <3 ;) "),
        ("nota:Dez", " nota Dez "),
        ("@user #tag 100% 5€", " @user #tag 100 % 5 €"),
        ("dia1️⃣ *️⃣ ‼️", " dia1️⃣ *️⃣ ‼️"),
    ],
    "marks": [("Sério?! ok!", "Sério  ok "), ("‼️", "‼️")],
    "lower": [("NÃO Gostei 😀", "não gostei 😀")],
    "accents": [("Não é ñandú", "Nao e nandu"), ("na\u0303o ❤️ 1️⃣", "nao ❤️ 1️⃣")],
}

PIECES = [
    *JOINED,
    *" \t\n\x0b\x1c\x85\xa0\u2003\u3000",
    *"aAbkKſKİıßéÉãñçЖ中",
    *"019<>/&;:=()[]{}|*\\'’\"-_.,!?#@%€+~^…¡¿",
]
PIECES += ["\u200d", "\ufe0f", "\u20e3", "\u0303", "🏽", "\U000e0067", "🇧", "\x00", "\ud83d", "\U000bd000"]
PIECES += [
    "aaa",
    "ha",
    "RS",
    "kkk",
    "!!!",
    "...",
    "http://",
    "WWW.",
    "&amp;",
    "&LT;",
    "<br>",
    "<İ>",
    "@a",
    ":)",
    "don't",
    "1.2",
]
texts = st.lists(st.sampled_from(PIECES) | st.characters(), max_size=24).map("".join)


def test_every_step_has_examples() -> None:
    assert list(EXAMPLES) == list(STEPS)


@pytest.mark.parametrize(("step", "text", "cleaned"), [(step, *pair) for step in EXAMPLES for pair in EXAMPLES[step]])
def test_steps_by_example(step: str, text: str, cleaned: str) -> None:
    assert cleaner([step])(text) == cleaned


def test_steps_follow_the_order_of_the_chain_whatever_order_they_are_named_in() -> None:
    text = "&lt;b&gt; @ana muuuito"
    assert cleaner(["repeats", "mentions", "html"])(text) == cleaner(["html", "mentions", "repeats"])(text)


def test_an_unknown_step_is_named() -> None:
    with pytest.raises(KeyError, match=r"spelling.*html, addresses"):
        cleaner(["html", "spelling"])
    with pytest.raises(KeyError, match="spelling"):
        rewrites_of(["spelling"])


@pytest.mark.parametrize("step", IN_PYTHON)
def test_the_graph_refuses_what_only_python_can_do(step: str) -> None:
    with pytest.raises(ValueError, match=f"{step} runs in Python alone"):
        rewrites_of(["html", step])


def test_all_other_steps_run_in_the_graph() -> None:
    assert set(STEPS) - set(IN_GRAPH) == set(IN_PYTHON)
    assert rewrites_of(IN_GRAPH) == [rewrite for name in IN_GRAPH for rewrite in STEPS[name]]


@pytest.mark.parametrize("emoji", JOINED)
def test_an_emoji_is_one_whatever_it_is_made_of(emoji: str) -> None:
    assert regex.fullmatch(EMOJI, emoji)
    assert cleaner(["emoji"])(f"a{emoji}b").split() == ["a", emoji, "b"]


def test_every_emoji_of_unicode_is_one() -> None:
    known = {chr(point) for point in range(0x200, 0x20000) if regex.match(r"\p{Emoji}", chr(point))}
    flags = {chr(point) for point in range(0x1F1E6, 0x1F200)}
    assert len(known) > 1200
    assert not [char for char in sorted(known - flags) if not regex.fullmatch(EMOJI, char)]


@pytest.mark.parametrize("emoji", JOINED)
def test_no_step_but_those_of_emoji_touches_an_emoji(emoji: str) -> None:
    for step in set(STEPS) - {"plain_emoji", "kin_emoji"}:
        assert emoji in cleaner([step])(f"bom {emoji} x"), step


@given(texts)
def test_nothing_raises(text: str) -> None:
    assert isinstance(cleaner(list(STEPS))(text), str)


@pytest.mark.parametrize("step", [name for name in STEPS if name != "html"])
@settings(max_examples=50)
@given(text=texts)
def test_a_step_done_twice_is_done_once(step: str, text: str) -> None:
    clean = cleaner([step])
    assert clean(clean(text)).split() == clean(text).split()


# What a training with these steps saw before others were added: its texts must not change.
FIRST = [
    (r"(?i)</?[a-z][^<>]{0,80}>", " "),
    (r"(?i)&lt;", "<"),
    (r"(?i)&gt;", ">"),
    (r"(?i)&quot;", '"'),
    (r"(?i)&(?:#0?39|apos);", "'"),
    (r"(?i)&nbsp;", " "),
    (r"(?i)&amp;", "&"),
    (r"(?i)(?:https?://|www\.)[^\s<>]+", " http "),
    (r"[0-9A-Za-z_.+-]*@[0-9A-Za-z_.]+", " @user "),
]


def first(text: str) -> str:
    for pattern, to in FIRST:
        text = regex.sub(pattern, to, text)
    return text


@settings(max_examples=500)
@given(texts)
def test_the_first_three_steps_stay_as_they_were(text: str) -> None:
    assert cleaner(["html", "addresses", "mentions"])(text) == first(text)


def test_the_first_three_steps_stay_as_they_were_for_every_blank_and_letter() -> None:
    clean = cleaner(["html", "addresses", "mentions"])
    for block in range(0, 0x3100, 64):
        for around in ("<{}>", "www.a{}b ", "&{}t;", " a{}@a{}b "):
            text = "".join(around.replace("{}", chr(point)) for point in range(block, block + 64))
            assert clean(text) == first(text)


def test_a_long_word_before_a_mention_takes_no_longer_than_any_other() -> None:
    assert cleaner(["mentions"])("k" * 100_000 + " @ana") == "k" * 100_000 + "  @user "


def in_tensorflow(texts: list[bytes], rewrites: list[Rewrite]) -> list[str]:
    tf = pytest.importorskip("tensorflow")
    tensor = tf.constant(texts)
    for pattern, to in rewrites:
        tensor = tf.strings.regex_replace(tensor, pattern, to)
    return [text.decode() for text in tensor.numpy()]


def in_utf8(texts: list[str]) -> list[bytes]:
    return [text.encode("utf-8", "replace") for text in texts]


@pytest.mark.parametrize("steps", [[name] for name in IN_GRAPH] + [IN_GRAPH], ids="+".join)
def test_tensorflow_does_the_same_to_the_examples(steps: list[str]) -> None:
    examples = in_utf8([text for pairs in EXAMPLES.values() for text, _ in pairs] + PIECES)
    assert in_tensorflow(examples, rewrites_of(steps)) == [cleaner(steps)(text.decode()) for text in examples]


@settings(max_examples=15)
@given(st.lists(texts, min_size=30, max_size=60))
def test_tensorflow_does_the_same_to_any_text(several: list[str]) -> None:
    encoded = in_utf8(several)
    for steps in [*([name] for name in IN_GRAPH), ["html", "addresses", "mentions"], IN_GRAPH]:
        assert in_tensorflow(encoded, rewrites_of(steps)) == [cleaner(steps)(text.decode()) for text in encoded]


def test_accents_folded_twice_are_folded_once() -> None:
    assert fold_accents(fold_accents("São João, àéîõü")) == fold_accents("São João, àéîõü") == "Sao Joao, aeiou"
