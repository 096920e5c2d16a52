"""Made-up labelled data that a small model can learn, and what is trained on it."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.training.networks.encoder import POSITIONS
from models.training.networks.pretrained import FourBit, Pretrained, Vocabulary
from models.training.networks.universal import ORDERS

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


def made_up(name: str) -> pd.DataFrame:
    made = [
        (f"{first} {word} {second} {word} {third}", label)
        for label, words in WORDS[name].items()
        for word in words
        for first, second, third in itertools.islice(itertools.permutations(THINGS, 3), 0, 1_200, 40)
    ]
    return pd.DataFrame(made, columns=["text", "label"]).assign(split=None)


def write_data(folder: Path) -> Path:
    for name in WORDS:
        made_up(name).to_parquet(folder / f"{name}.parquet")
    (folder / "catalogue.toml").write_text(CATALOGUE, encoding="utf-8")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of labelled files with its catalogue."""
    return write_data(tmp_path)


@pytest.fixture(scope="module")
def made_up_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As ``folder``, for tests that change nothing in it but what they add."""
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def rows() -> pd.DataFrame:
    """Some hundred rows in Portuguese: ``text``, ``label`` and an empty ``split``."""
    return made_up("first")


@pytest.fixture(scope="session")
def tiny_pretrained() -> Pretrained:
    """A pretrained encoder of random numbers: 32 wide, two layers, letters and a few words for a vocabulary."""
    random = np.random.default_rng(0)
    words = ["▁bom", "▁ruim", "▁good", "▁bad", "▁not", "▁não", "😀", "@user"]
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "▁", *"abcdefghijklmnopqrstuvwxyzáãéíóõúç!?.,0123456789", *words]
    scores = np.array([0.0] * 4 + [-9.0] * (len(pieces) - 4 - len(words)) + [-3.0] * len(words), np.float32)
    table = FourBit(
        random.integers(0, 16, (len(pieces), 32)).astype(np.uint8), np.full((len(pieces), 1), 0.1, np.float16)
    )
    tensors = {"emb.pos": normal(random, POSITIONS * 32), "emb.type": normal(random, 64)}
    tensors |= {"emb.ln.w": np.ones(32, np.float32), "emb.ln.b": np.zeros(32, np.float32)}
    for layer in range(2):
        for name, rows, columns in (
            ("q", 32, 32),
            ("k", 32, 32),
            ("v", 32, 32),
            ("ao", 32, 32),
            ("fi", 64, 32),
            ("fo", 32, 64),
        ):
            tensors[f"l{layer}.{name}.w"] = normal(random, rows, columns)
            tensors[f"l{layer}.{name}.b"] = normal(random, rows)
        for name in ("aln", "oln"):
            tensors[f"l{layer}.{name}.w"] = np.ones(32, np.float32)
            tensors[f"l{layer}.{name}.b"] = np.zeros(32, np.float32)
    return Pretrained(32, 2, Vocabulary(pieces, scores), table, tensors)


@pytest.fixture(scope="session")
def tiny_universal(tiny_pretrained: Pretrained) -> Pretrained:
    """A sentence encoder of random numbers: the real one's sizes, the other's vocabulary without its last pieces."""
    random, width, found, pieces = np.random.default_rng(1), 512, 256, 48
    vocabulary = Vocabulary(tiny_pretrained.vocabulary.pieces[:pieces], tiny_pretrained.vocabulary.scores[:pieces])
    shapes = {"d0": (width, 320), "d1": (320, 320), "d2": (320, width), "d3": (width, width)}
    shapes |= {"p1": (width, 320), "p3": (320, width), "cnn_W": (width + 3 * found, width)}
    tensors = {name: 0.1 * normal(random, *shape) for name, shape in shapes.items()}
    for order in ORDERS:
        tensors |= {f"proj{order}": normal(random, width, found), f"proj_b{order}": normal(random, found)}
        tensors |= {f"ln_g{order}": np.ones(found, np.float32), f"ln_b{order}": np.zeros(found, np.float32)}
        for number in (1, 2):
            tensors[f"w{number}_{order}"] = 0.2 * normal(random, order * found, found)
            tensors[f"b{number}_{order}"] = normal(random, found)
    tensors |= {"ln_g": np.ones(width + 3 * found, np.float32), "ln_b": np.zeros(width + 3 * found, np.float32)}
    tensors["cnn_b"] = normal(random, width)
    words = FourBit.of(normal(random, pieces, width))
    return Pretrained(width, 1, vocabulary, words, tensors)


def normal(random: np.random.Generator, *shape: int) -> np.ndarray:
    """Small random numbers, float32."""
    return random.normal(0, 0.2, shape).astype(np.float32)


def two_rows(second: str) -> pd.DataFrame:
    """A praise that is learnt from and the negative text `second`, held out, as `rows.load_rows` gives rows."""
    return pd.DataFrame(
        {
            "dataset": "mine",
            "text": ["a fine mug", second],
            "label": [2, 0],
            "language": "en",
            "kind": "review",
            "weight": 1.0,
            "part": ["train", "held_out"],
            "evaluate": True,
        }
    )
