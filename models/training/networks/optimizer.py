"""How weights move: AdamW, gentler on the lower layers where that is asked for, and the mean of the weights.

Lower layers hold what pretraining gave; rates that fall from layer to layer leave it there (Howard and Ruder, 2018,
https://arxiv.org/abs/1801.06146). The mean of the weights on their way is what a falling rate would come to, and reads
strangers better (Izmailov et al., 2018, https://arxiv.org/abs/1803.05407).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from models.training.config import Schedule


class LayeredAdamW(keras.optimizers.AdamW):  # type: ignore[misc]
    """AdamW with a share of the rate for each trainable variable."""

    def __init__(self, shares: Sequence[float], **settings: Any) -> None:
        """``shares``: in the order of the network's trainable variables."""
        super().__init__(**settings)
        self._shares = tuple(shares)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """As AdamW's, at the variable's own rate."""
        share = self._shares[self._get_variable_index(variable)]
        super().update_step(gradient, variable, share * learning_rate)


def optimizer_for(network: keras.Model, schedule: Schedule) -> keras.optimizers.Optimizer:
    """The optimizer that a schedule asks for, built for a network, which has ``layers_above`` where rates differ."""
    settings: dict[str, Any] = {
        "learning_rate": schedule.rate,
        "weight_decay": schedule.decay,
        "global_clipnorm": 1.0,
    }
    if schedule.average:
        settings |= {"use_ema": True, "ema_momentum": schedule.average}
    if schedule.layer_decay < 1:
        shares = [schedule.layer_decay**above for above in network.layers_above()]
        optimizer = LayeredAdamW(shares, **settings)
    else:
        optimizer = keras.optimizers.AdamW(**settings)
    optimizer.build(network.trainable_variables)
    return optimizer
