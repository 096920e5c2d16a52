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

from models.sentiment.calibration import Calibration
from models.sentiment.predict import LABELS, ArtifactError, verify
from models.text.clean import cleaner

PIPELINE = "model.joblib"
SETTINGS = "estimator.json"
"""``scikit_learn``, the version that the pipeline was trained with, and ``steps``, how texts are cleaned for it."""
CALIBRATION = "calibration.json"


class EstimatorModel:
    """A packaged pipeline; ``predict.open_artifact`` gives one."""

    labels = LABELS

    def __init__(self, folder: Path) -> None:
        """Check the files under ``folder`` against its manifest and load the pipeline.

        Raises:
            ArtifactError: a file is missing or differs from the manifest, or scikit-learn is missing or is not the
            version that the pipeline was trained with.
        """
        self.manifest = verify(folder)
        self.name: str = self.manifest["name"]
        self.version = f"{self.name}-{self.manifest['version']}"
        self.unsure_below: float = self.manifest.get("unsure_below", 0.0)
        settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        self._steps: list[str] = settings["steps"]
        self._pipeline = _load(folder / PIPELINE, settings["scikit_learn"])
        calibration = json.loads((folder / CALIBRATION).read_text(encoding="utf-8"))
        self._calibration = Calibration.from_dict(calibration)

    def predict(
        self, texts: Sequence[str], languages: Sequence[str] | None = None, kinds: Sequence[str] | None = None
    ) -> np.ndarray:
        """Return the probability of each label: float32 [n, 3], rows sum to 1, in the order of ``texts``."""
        return self._calibration.apply(log_probabilities(self._pipeline, self._steps, texts), languages, kinds)


def log_probabilities(pipeline: Any, steps: Sequence[str], texts: Sequence[str]) -> np.ndarray:
    """What a pipeline from cleaned texts to the indexes of LABELS says of texts, before calibration: float32 [n, 3]."""
    if not len(texts):
        return np.zeros((0, len(LABELS)), np.float32)
    clean = cleaner(steps)
    return np.asarray(pipeline.predict_log_proba([clean(text) for text in texts]), np.float32)


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
