"""VADER's lexicon as texts of one word: ten people rated each, and their ratings are what is learnt of it.

After Hutto and Gilbert, 2014, "VADER: A parsimonious rule-based model for sentiment analysis of social media text".
It teaches a model that has no pretrained words those that its training texts seldom use.
"""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from models.sentiment.rules import lexicon_file
from models.training.data.catalogue import DatasetInfo
from models.training.data.duplicates import normalise
from models.training.data.rows import targets_of, with_targets

LEXICON = DatasetInfo(
    name="vader_lexicon",
    language="en",
    kind="words",
    labels="human",
    licence="MIT",
    source="https://github.com/cjhutto/vaderSentiment",
    non_commercial=False,
)


def with_lexicon(frame: pd.DataFrame, rate: float) -> pd.DataFrame:
    """Add the words to the training rows, each taken ``rate`` times an epoch; texts that the frame has are left out.

    The targets of a word, in the columns that ``rows.targets_of`` reads, are the shares of its raters who called it
    negative, neutral and positive.

    Raises:
        ArtifactError: the package ``vaderSentiment``, which has the lexicon, is not installed.
    """
    known = set(frame["text"].map(normalise)) - {""}
    rated = {row[0]: json.loads(row[3]) for row in lexicon_file("vader_lexicon.txt") if normalise(row[0]) not in known}
    signs = np.sign(list(rated.values()))
    shares = np.stack([(signs == sign).mean(axis=1) for sign in (-1, 0, 1)], axis=1)
    words = pd.DataFrame(
        {
            "dataset": LEXICON.name,
            "text": list(rated),
            "label": shares.argmax(axis=1),
            "language": LEXICON.language,
            "kind": LEXICON.kind,
            "weight": rate,
            "part": "train",
            "evaluate": False,
        }
    )
    return pd.concat([with_targets(frame, targets_of(frame)), with_targets(words, shares)], ignore_index=True)
