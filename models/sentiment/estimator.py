"""Sentiment by a scikit-learn pipeline that the user trained; none is shipped.

Loading one runs whatever its file says, as unpickling does: load only what was trained by someone you trust. Its
checksum, compared before, tells that the file is the one that was packaged and not who packaged it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.language import identify
from models.sentiment.calibration import Calibration
from models.sentiment.contract import LABELS, ArtifactError, Texts
from models.sentiment.packaged import Packaged
from models.text.chain import Chain

PIPELINE = "model.joblib"
SETTINGS = "estimator.json"
"""``scikit_learn``, the version that the pipeline was trained with, and ``chain``, how texts become tokens for it."""


class EstimatorModel(Packaged):
    """A packaged pipeline; ``loading.open_artifact`` gives one."""

    def __init__(self, folder: Path) -> None:
        """Check the files under ``folder`` against its manifest and load the pipeline.

        Raises:
            ArtifactError: a file is missing or differs from the manifest, or scikit-learn is missing or is not the
            version that the pipeline was trained with.
        """
        super().__init__(folder)
        settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        self._chain = Chain.model_validate(settings["chain"])
        self._pipeline = _load(folder / PIPELINE, settings["scikit_learn"])
        self._calibration = Calibration.read(folder)

    def _score(self, given: Texts) -> np.ndarray:
        logits = log_probabilities(self._pipeline, self._chain, given.texts, given.languages)
        return self._calibration.apply(logits, given.languages, given.kinds)


def log_probabilities(pipeline: Any, chain: Chain, texts: Sequence[str], languages: Sequence[str] | None) -> np.ndarray:
    """What a pipeline from chained texts to the indexes of LABELS says of texts, before calibration: float32 [n, 3]."""
    if not len(texts):
        return np.zeros((0, len(LABELS)), np.float32)
    return np.asarray(pipeline.predict_log_proba(chained(chain, texts, languages)), np.float32)


def chained(chain: Chain, texts: Sequence[str], languages: Sequence[str] | None) -> list[str]:
    """The tokens of each text with a blank between; languages are found out where they matter and are not given."""
    if languages is None:
        languages = identify(texts) if chain.stop_words or chain.stem else [""] * len(texts)
    return [" ".join(chain(text, language)) for text, language in zip(texts, languages, strict=True)]


def _load(path: Path, trained_with: str) -> Any:
    try:
        import joblib
        import sklearn
    except ModuleNotFoundError as missing:
        raise ArtifactError(f"{path} needs scikit-learn; pip install scikit-learn=={trained_with}") from missing
    if sklearn.__version__ != trained_with:
        raise ArtifactError(
            f"{path} was trained with scikit-learn {trained_with} and this is {sklearn.__version__}; "
            f"pip install scikit-learn=={trained_with}, or train the model again"
        )
    return joblib.load(path)
