"""The packaged sentiment model: what it answers, and that it answers the same everywhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.sentiment.artifact import DEFAULT, folder_of
from models.sentiment.contract import LABELS, SentimentModel
from models.sentiment.loading import load
from models.sentiment.savedmodel import SavedModel

ROOT = Path(__file__).parents[3]
FOLDER = folder_of("fast")

TEXTS = [
    "Adorei o café, atendimento maravilhoso!",
    "Péssimo, nunca mais compro nesta loja.",
    "The shop opens at nine on Mondays.",
    "I love this grinder, best purchase of the year",
    "Terrible service, the coffee was cold and awful",
    "",
    "😀😀😀",
    "@ana olha isso https://exemplo.com.br/x?y=1",
]

HOSTILE = {
    "empty": "",
    "spaces": " \t\r\n\u00a0\u2003",
    "emoji": "🤬👍🏽👨‍👩‍👧‍👦🇧🇷",
    "lone surrogate": "bom \ud800 dia",
    "null bytes": "a\x00b\x00",
    "combining marks": "e" + "\u0301" * 5_000,
    "right to left": "\u202eotid siam\u202c",
    "one long word": "a" * 100_000,
    "long text": "isto é bom, mas aquilo não. " * 4_000,
    "long emoji": "😡" * 100_000,
    "markup": "<br/>" * 1_000 + "&lt;&amp;#128512;&&&&",
    "beyond the table": "\U0010ffff\U000e0041",
    "chinese": "服务很差，我再也不会来了。",
}


@pytest.fixture(scope="module")
def model() -> SentimentModel:
    return load("fast")


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER, tmp_path / "fast" / FOLDER.name))


def assert_probabilities(probabilities: np.ndarray, count: int) -> None:
    assert probabilities.shape == (count, len(LABELS))
    assert probabilities.dtype == np.float32
    assert np.isfinite(probabilities).all()
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-5)


def test_it_says_what_it_is(model: SentimentModel) -> None:
    assert (model.name, model.version) == ("fast", f"fast-{FOLDER.name}")
    assert model.labels == ("negative", "neutral", "positive")
    assert load() is load(DEFAULT)


def test_probabilities_are_valid(model: SentimentModel) -> None:
    assert_probabilities(model.predict(TEXTS), len(TEXTS))


def test_no_texts_give_no_rows(model: SentimentModel) -> None:
    assert_probabilities(model.predict([]), 0)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_any_string_is_accepted(model: SentimentModel, text: str) -> None:
    assert_probabilities(model.predict([text]), 1)
    np.testing.assert_allclose(model.predict([text, TEXTS[0]])[1], model.predict(TEXTS[:1])[0], atol=1e-6)


@given(texts=st.lists(st.text(st.characters(), max_size=300), max_size=6))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_string_makes_it_fail(model: SentimentModel, texts: list[str]) -> None:
    assert_probabilities(model.predict(texts), len(texts))


def test_order_is_kept_whatever_the_batch(model: SentimentModel) -> None:
    many = [f"{text} {number}" for number in range(400) for text in TEXTS]
    together = model.predict(many)
    reversed_order = model.predict(many[::-1])[::-1]
    one_by_one = np.concatenate([model.predict([text]) for text in many[:40]])
    np.testing.assert_allclose(together, reversed_order, atol=1e-6)
    np.testing.assert_allclose(together[:40], one_by_one, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Adorei o produto, chegou rápido e é maravilhoso!", "positive"),
        ("Muito bom, recomendo a todos", "positive"),
        ("Excelente atendimento, parabéns à equipe", "positive"),
        ("Péssimo atendimento, produto veio quebrado, não recomendo", "negative"),
        ("Que decepção, horrível, quero meu dinheiro de volta", "negative"),
        ("I love it, absolutely wonderful and easy to use", "positive"),
        ("Great quality, highly recommend!", "positive"),
        ("Worst purchase ever, it broke after one day. Terrible.", "negative"),
        ("This app is awful, it crashes all the time and support is useless", "negative"),
    ],
)
def test_obvious_sentences(model: SentimentModel, text: str, label: str) -> None:
    assert LABELS[int(model.predict([text])[0].argmax())] == label


@pytest.mark.parametrize(
    ("plain", "variant"),
    [
        ("não gostei", "NÃO GOSTEI"),
        ("não gostei", "na\u0303o gostei"),
        ("não gostei", "nao gostei"),
        ("amooo", "amooooooooo"),
        ("bom dia @maria", "bom dia @joao_silva"),
        ("veja https://a.example/1", "veja http://outro.example/muito/longo?x=2"),
        ("good", "𝓰𝓸𝓸𝓭"),
        ("I <3 it", "I &lt;3 it"),
        ("muito  bom", " muito\u200b bom\n"),
    ],
)
def test_writings_of_the_same_text_score_the_same(model: SentimentModel, plain: str, variant: str) -> None:
    first, second = model.predict([plain, variant])
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_another_process_gives_the_same(model: SentimentModel) -> None:
    script = (
        "import json, sys; from models.sentiment import load;"
        "print(json.dumps(load('fast').predict(json.loads(sys.argv[1])).tolist()))"
    )
    command = [sys.executable, "-c", script, json.dumps(TEXTS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    np.testing.assert_allclose(json.loads(done.stdout.splitlines()[-1]), model.predict(TEXTS), atol=1e-6)


def test_a_copy_scores_like_the_original(model: SentimentModel, copied: Path) -> None:
    np.testing.assert_allclose(SavedModel(copied).predict(TEXTS), model.predict(TEXTS), atol=1e-6)


GROWS = """
import psutil
from models.sentiment.loading import load
model, process = load("balanced").first.second, psutil.Process()
model.predict(["o pedido chegou"] * 100)
before = process.memory_info().rss
for count in range(1, 100):
    model.predict(["o pedido chegou"] * count)
print(process.memory_info().rss - before)
"""


def test_memory_does_not_grow_with_the_shapes_of_batches() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    done = subprocess.run([sys.executable, "-c", GROWS], cwd=ROOT, env=environment, capture_output=True, check=True)
    assert int(done.stdout) < 50_000_000


LOADS = """
import sys
from models.sentiment.loading import load
before = load("balanced").predict(["Não gostei nada"])
assert "tensorflow_text" not in sys.modules
import tensorflow_text  # as a training does
assert tensorflow_text.WhitespaceTokenizer().tokenize(["o pedido"]).to_list() == [[b"o", b"pedido"]]
assert (load("accurate").predict(["Não gostei nada"]).argmax(), before.argmax()) == (0, 0)
"""


def test_of_tensorflow_text_the_tokeniser_alone_is_loaded_and_the_rest_may_come_later() -> None:
    subprocess.run([sys.executable, "-c", LOADS], cwd=ROOT, capture_output=True, check=True)
