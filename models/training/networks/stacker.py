"""What makes one answer of several networks': a linear layer over the logarithms of their probabilities.

After Wolpert, 1992 (stacked generalization, https://doi.org/10.1016/S0893-6080(05)80023-1). It is fitted on rows that
no weight is learnt from, where each network is as sure of itself as it is of what it never saw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression


@dataclass(frozen=True)
class Stacker:
    """Weights float32 [3 * networks, 3] and bias float32 [3]."""

    kernel: np.ndarray
    bias: np.ndarray

    @classmethod
    def fitted(cls, logits: Sequence[np.ndarray], labels: np.ndarray, weights: np.ndarray) -> Stacker:
        """What makes the labels int64 [n], which count ``weights`` [n], most likely under logits [n, 3] of each."""
        fitted = LogisticRegression(max_iter=1000).fit(_said(logits), labels, sample_weight=weights)
        return cls(fitted.coef_.T.astype(np.float32), fitted.intercept_.astype(np.float32))

    def join(self, logits: Sequence[np.ndarray]) -> np.ndarray:
        """Logits float32 [n, 3] of them together."""
        return np.asarray(_said(logits) @ self.kernel + self.bias, dtype=np.float32)


def _said(logits: Sequence[np.ndarray]) -> np.ndarray:
    """Logarithms of each network's probabilities, side by side: float64 [n, 3 * networks]."""
    return np.concatenate([log_softmax(one.astype(np.float64), axis=1) for one in logits], axis=1)
