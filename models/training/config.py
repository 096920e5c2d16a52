"""What a training is to do, read from ``configs/NAME.toml``: unknown keys are refused, nothing else decides."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from models.text.clean import STEPS, rewrites_of
from models.training.augmentation.changes import CHANGES

CONFIGS = Path(__file__).with_name("configs")

Family = Literal[
    "rules",
    "tfidf",
    "naive_bayes",
    "bag",
    "simple_rnn",
    "lstm",
    "gru",
    "bilstm",
    "cnn",
    "transformer",
    "encoder",
    "universal",
    "stack",
]


_CLASSICAL = ("rules", "tfidf", "naive_bayes")
_WATCHED = ("simple_rnn", "lstm", "gru", "bilstm", "cnn", "transformer")
PRETRAINED = ("encoder", "universal")
"""Families of networks that begin with pretrained weights."""
_GOES_ON = ("bag", *PRETRAINED)
LONGEST = 130
"""Tokens of a window, marks of its ends included: the positions that are kept of the pretrained encoder."""


class ConfigError(ValueError):
    """A training configuration that cannot be used; the message names the file and the setting."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Text(_Section):
    """How a text becomes what the model reads."""

    steps: tuple[str, ...] = ("html", "addresses", "mentions")
    """Cleaning steps by name; see ``models.text.clean.STEPS``."""
    pieces: int | None = Field(default=None, ge=1000)
    """Most pieces of the vocabulary; None keeps every piece that the texts use."""
    buckets: tuple[int, ...] = (16, 24, 32, 48, 64)
    """Lengths in tokens that batches are padded to; the last one is the longest window that is read at once."""
    batch_tokens: int = Field(default=2048, ge=1)

    @field_validator("steps")
    @classmethod
    def _known(cls, steps: tuple[str, ...]) -> tuple[str, ...]:
        return _known(steps, STEPS, "cleaning step")

    @field_validator("buckets")
    @classmethod
    def _ascending(cls, buckets: tuple[int, ...]) -> tuple[int, ...]:
        if not buckets or list(buckets) != sorted(set(buckets)) or buckets[0] < 3 or buckets[-1] > LONGEST:
            raise ValueError(f"they must ascend, from 3 on, to {LONGEST} at most")
        return buckets


class Schedule(_Section):
    """How long and how fast; the rate climbs over the warm-up, then falls along a cosine to nothing."""

    epochs: float = Field(default=1.0, gt=0)
    rate: float = Field(default=1e-3, gt=0)
    warm_up: float = Field(default=0.06, ge=0, lt=1)
    """Share of the way, or of each cycle, on which the rate climbs."""
    cycles: int = Field(default=1, ge=1)
    """How often the rate climbs and falls, each time half as high as before."""
    decay: float = Field(default=0.01, ge=0)
    round_rows: int = Field(default=4096, ge=1)
    """Rows between two checkpoints."""
    layer_decay: float = Field(default=1.0, gt=0, le=1)
    """What the rate of each layer is multiplied by for the one below it; 1 moves all alike."""
    average: float | None = Field(default=None, gt=0, lt=1)
    """Keep a running mean of the weights, of which each step leaves so much, and end with it; None ends with the last.
    """
    keep: float = Field(default=0.0, ge=0, lt=1)
    """How much of the weights that it began with is left in those that it ends with: what was known is forgotten less,
    and strangers are read better than by either (Wortsman et al., 2022, https://arxiv.org/abs/2109.01903)."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """What a pretrained network is computed in while it learns; its weights are kept whole. Half as long on processors
    that know bfloat16 (AVX512_BF16, GPUs), much longer on others."""
    patience: int | None = Field(default=None, ge=1)
    """Rounds without a better loss on the calibration rows before the training stops early; None never stops."""


class Balance(_Section):
    """0: rows count alike; 1: each label of a data set counts alike."""

    labels: float = Field(default=0.5, ge=0, le=1)


class Data(_Section):
    """Which rows are learnt from."""

    most_rows: int | None = Field(default=None, ge=100)
    """At most this many training rows, chosen by hash; None takes all."""
    rates: dict[str, float] = {}
    """How often an epoch takes a row of a data set, where that differs from its weight in the catalogue."""
    again: bool = False
    """Take rows as often as the catalogue says for a training that goes on (``again``), rather than their weight."""
    all_sources: bool = False
    """Learn from the sources, too, that the catalogue keeps from training: for a model that ships, as none is left
    then to compare it by."""
    made: float = Field(default=0.0, ge=0)
    """How often an epoch takes a sentence of ``data/made.yaml``; 0 does without them."""
    lexicon: float = Field(default=0.0, ge=0)
    """How often an epoch takes a word of VADER's lexicon; 0 does without them."""


class Distillation(_Section):
    """Learning from packaged models, the teachers, beside people's labels."""

    teachers: tuple[str, ...] = Field(min_length=1)
    """Names of packaged models, or paths of artefacts; what they teach is the mean of their answers."""
    labels: float = Field(default=0.5, ge=0, le=1)
    """How much of what is learnt from a labelled row is its label; the rest is what the teacher says."""
    unlabelled: float = Field(default=1.0, ge=0)
    """How often an epoch takes a text without a label."""
    turned: int = Field(default=0, ge=0)
    """So many short training texts join those without a label, each with a negator put into it."""
    max_chars: int = Field(default=220, ge=50)
    """The teacher is not asked about longer texts."""
    first: str | None = None
    """Name of a faster packaged model that will read every text before this one; see ``Serving.first``."""
    sure_from: float = Field(default=0.8, gt=0, le=1)
    """What ``first`` gives a label with at least this probability, it is sure of."""
    sure_rate: float = Field(default=0.25, ge=0, le=1)
    """How often, against the others, an epoch takes a row that ``first`` is sure of."""

    @model_validator(mode="before")
    @classmethod
    def _with_one_teacher(cls, settings: Any) -> Any:
        """Artefacts that were packaged when there was one teacher say so."""
        if isinstance(settings, dict) and "teacher" in settings and "teachers" not in settings:
            others = {name: value for name, value in settings.items() if name != "teacher"}
            return {**others, "teachers": (settings["teacher"],)}
        return settings


class SureFrom(_Section):
    """Probabilities from which a reading is sure; see ``models.sentiment.staged.Sure``."""

    usually: float = Field(gt=0, le=1)
    turned: float = Field(gt=0, le=1)
    """Of a text with a negator or a word of contrast."""
    brief: float | None = Field(default=None, gt=0, le=1)
    """Of such a text of at most ``models.sentiment.staged.BRIEF`` characters; None: as ``turned``."""

    @property
    def each(self) -> tuple[float, float, float]:
        """Usually, turned and brief."""
        return self.usually, self.turned, self.turned if self.brief is None else self.brief


class Stage(_Section):
    """Another packaged model that reads before or after this one; the later reads again what is not sure until then."""

    model: str
    sure_from: SureFrom
    """A text that has a label with at least this probability is not read again."""
    share: float = Field(default=0.3, ge=0, lt=1)
    """What was read before counts, beside the later reading, where a text is read again."""


class Serving(_Section):
    """How the packaged model is run; nothing here changes what was learnt."""

    window_chars: int | None = Field(default=None, ge=50)
    """Longer texts are read in windows of sentences, at most so many characters each; None reads them at once."""
    batch_chars: int = Field(default=256 * 1024, ge=1)
    """Characters scored together, padding included."""
    chars_per_second: float | None = Field(default=None, gt=0)
    """What one core is counted on to do: what turns a budget in minutes into a number of texts."""
    neutral: dict[Literal["post", "review", "news"], float] = {}
    """What is added to the logit of neutral in texts of a kind; see ``models.sentiment.calibration.Calibration``."""
    first: Stage | None = None
    """A faster model that reads every text before this one; None reads every text itself."""
    last: Stage | None = None
    """A slower model that reads again what is not sure yet."""

    @model_validator(mode="after")
    def _ever_surer(self) -> Self:
        if self.first and self.last:
            pairs = zip(self.first.sure_from.each, self.last.sure_from.each, strict=True)
            if any(after > before for before, after in pairs):
                raise ValueError(
                    "serving.last.sure_from is above that of serving.first: what the first reader is sure of stays"
                )
        return self


Augmentation = Annotated[float, Field(ge=0, le=1)]
"""How often a change befalls a text."""


class Config(_Section):
    """One model's training."""

    name: str
    """What the model is packaged as; the name of the file, unless it says another."""
    family: Family
    seed: int = 20260101
    start: str | None = None
    """Name of a packaged model of the same family and sizes, or the path of an artefact, whose weights and vocabulary
    the training goes on from; None begins anew."""
    network: dict[str, int | float | bool | str] = {}
    """Sizes and regularisation; the family says which it knows and refuses others."""
    text: Text = Text()
    schedule: Schedule = Schedule()
    augmentation: dict[str, Augmentation] = {}
    balance: Balance = Balance()
    data: Data = Data()
    distillation: Distillation | None = None
    """None learns from labels alone."""
    members: tuple[str, ...] = ()
    """Of a stack: names of packaged encoders of either kind, or the paths of their artefacts."""
    serving: Serving = Serving()

    @field_validator("augmentation")
    @classmethod
    def _changes(cls, augmentation: dict[str, float]) -> dict[str, float]:
        _known(tuple(augmentation), CHANGES, "augmentation")
        return augmentation

    @model_validator(mode="after")
    def _read_by_the_family(self) -> Self:
        if self.distillation and self.family in _CLASSICAL:
            raise ValueError(f"the family {self.family} learns from labels alone; take the section distillation out")
        if self.schedule.patience and self.family not in _WATCHED:
            raise ValueError(f"the family {self.family} never stops early; take schedule.patience out")
        if self.family != "encoder" and self.schedule.layer_decay < 1:
            raise ValueError(f"the family {self.family} has no schedule.layer_decay")
        if self.family not in PRETRAINED and self.schedule.average:
            raise ValueError(f"the family {self.family} has no schedule.average")
        if bool(self.members) != (self.family == "stack"):
            raise ValueError(f"members are of a stack, which needs some; this is of the family {self.family}")
        if self.family == "stack" and self.distillation:
            raise ValueError("a stack learns from labels alone; its members have teachers: take distillation out")
        if self.family not in PRETRAINED and self.schedule.precision != "float32":
            raise ValueError(f"the family {self.family} learns in float32 alone; take schedule.precision out")
        if self.schedule.keep and not self.start:
            raise ValueError("schedule.keep is of what a training goes on from: name it as start")
        if self.start and self.family not in _GOES_ON:
            raise ValueError(f"the family {self.family} only begins anew; take start out")
        if self.family not in (*_CLASSICAL, "bag"):
            rewrites_of(self.text.steps)
        return self


def _known(names: tuple[str, ...], there: Collection[str], what: str) -> tuple[str, ...]:
    if unknown := sorted(set(names) - set(there)):
        raise ValueError(f"no {what} is called {', '.join(unknown)}; there are {', '.join(there)}")
    return names


Network = TypeVar("Network", bound=BaseModel)


def network_of(config: Config, kind: type[Network]) -> Network:
    """The sizes and the regularisation of a configuration, as its family knows them.

    Raises:
        ConfigError: one that the family does not know, or out of bounds.
    """
    try:
        return kind.model_validate(config.network)
    except ValidationError as fault:
        raise ConfigError(f"{config.name}, [network]: {fault}") from fault


def trainings() -> list[str]:
    """Names of the models that can be trained, sorted."""
    return sorted(path.stem for path in CONFIGS.glob("*.toml"))


def read_config(name: str) -> Config:
    """Read the configuration of a model by its name, or from a path that ends in .toml.

    Raises:
        ConfigError: no such configuration, not TOML, or a setting that is unknown or out of bounds.
    """
    path = Path(name) if name.endswith(".toml") else CONFIGS / f"{name}.toml"
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
        return Config(**{"name": path.stem, **settings})
    except FileNotFoundError:
        raise ConfigError(f"there is no training called {name!r}; there are: {', '.join(trainings())}") from None
    except (tomllib.TOMLDecodeError, ValidationError, TypeError) as fault:
        raise ConfigError(f"{path}: {fault}") from fault
