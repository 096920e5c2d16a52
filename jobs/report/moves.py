"""Days that stand out: of mood and of volume, told over all brands of a report so that few of them are false.

What is usual is known to `jobs.statistics.unusual`. Days that could not be seen whole, days of another model and
days on which other feeds were looked at are no moves, and say nothing of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jobs.report.counted import Counted
from jobs.report.cube import Cube
from jobs.revisions import MadeFrom
from jobs.settings import Window
from jobs.statistics.unusual import BASE, WEEKS, Unusual, last, listed, unusual_mood, unusual_volume

LEAD_DAYS = BASE + 7 * WEEKS
"""Days before the period that tell what is usual, and how weekdays differ."""

MOVES = 3
"""At most so many moves of a brand are told; a weaker one within ECHO days of a stronger is its echo."""

ECHO = 3


@dataclass(frozen=True)
class Move:
    """A day whose mood stands out from what is usual, numbered by date within its brand."""

    number: int
    brand: str
    day: date
    mean: float
    low: float
    high: float
    base: float
    posts: int

    @property
    def change(self) -> float:
        """How far the day's mean lies from the usual one."""
        return self.mean - self.base


@dataclass(frozen=True)
class Surge:
    """A day with far more or fewer different texts than usual."""

    brand: str
    day: date
    texts: int
    usual: float


@dataclass(frozen=True)
class Standing:
    """What is usual on each day of a period, float64 [K brands, D days], and the days that stand out from it."""

    usual: NDArray[np.float64]
    moods: Sequence[NDArray[np.bool_]]
    mood: Unusual
    volumes: Sequence[NDArray[np.bool_]]
    volume: Unusual


def lead(window: Window) -> Window:
    """`window` and the days before it that tell what is usual."""
    return Window(start=window.start - timedelta(days=LEAD_DAYS), end=window.end)


def standing(rows: pd.DataFrame, names: Sequence[str], window: Window, unseen: set[date], counted: Counted) -> Standing:
    """How the days of `window` stand, from counted `rows` over `lead`; `unseen` are days that were not seen whole."""
    cube = Cube.of(rows, pd.Index(names, name="brand"), lead(window))
    seen = [counted.on(name) - unseen for name in names]
    known = np.array([[day in days for day in cube.days] for days in seen])
    eras = np.array([_eras(rows[rows["brand"] == name], name, cube.days, counted) for name in names])
    days = len(window.days)
    summed = cube.summed()
    mood, volume = unusual_mood(summed, known, eras), unusual_volume(summed.texts, known, eras)
    mood, volume = last(mood, days), last(volume, days)
    flags = listed([mood, volume])
    return Standing(mood.expected, list(flags[0]), mood, list(flags[1]), volume)


def moves(daily: pd.DataFrame, brand: str, place: int, found: Standing) -> list[Move]:
    """The moves of `brand`, the one at `place` in `found`, from its days in `daily`."""
    own = daily[daily["brand"] == brand].reset_index(drop=True)
    flagged = found.moods[place] & (own["status"] == "ok").to_numpy()
    strength = np.where(flagged, np.abs(found.mood.z[place]), np.nan)
    return [
        Move(
            number=number,
            brand=brand,
            day=row["day"],
            mean=float(row["mean"]),
            low=float(row["mean_model_low"]),
            high=float(row["mean_model_high"]),
            base=float(row["base"]),
            posts=int(row["posts"]),
        )
        for number, (_, row) in enumerate(own.loc[_strongest(strength)].iterrows(), start=1)
    ]


def surges(daily: pd.DataFrame, brand: str, place: int, found: Standing) -> list[Surge]:
    """The days of `brand` whose volume stands out."""
    own = daily[daily["brand"] == brand].reset_index(drop=True)
    strength = np.where(found.volumes[place], np.abs(found.volume.z[place]), np.nan)
    return [
        Surge(brand, own["day"][day], int(own["distinct_texts"][day]), float(found.volume.expected[place, day]))
        for day in _strongest(strength)
    ]


def _strongest(strength: NDArray[np.float64]) -> list[int]:
    """Places of the strongest, in order, without echoes."""
    chosen: list[int] = []
    for day in np.argsort(-np.nan_to_num(strength, nan=-1), kind="stable"):
        if np.isnan(strength[day]) or len(chosen) == MOVES:
            break
        if all(abs(int(day) - other) > ECHO for other in chosen):
            chosen.append(int(day))
    return sorted(chosen)


def _eras(rows: pd.DataFrame, brand: str, days: Sequence[date], counted: Counted) -> list[int]:
    """A number for each day that tells the models that read it and the feeds that were looked at; a day without
    scored texts has the models of the day before."""
    scored = rows.loc[rows["scored"] > 0, ["day", "made_from"]].drop_duplicates()
    models: dict[date, frozenset[str]] = {}
    for day, made_from in zip(scored["day"], scored["made_from"], strict=True):
        models[day] = models.get(day, frozenset()) | {MadeFrom(*str(made_from).split(".")).model}
    read: frozenset[str] = next(iter(models.values()), frozenset())
    looked = {feed: counted.on(brand, feed) for feed in counted.feeds}
    numbers: dict[tuple[frozenset[str], frozenset[str]], int] = {}
    eras = []
    for day in days:
        read = models.get(day, read)
        feeds = frozenset(feed for feed, known in looked.items() if day in known)
        eras.append(numbers.setdefault((read, feeds), len(numbers)))
    return eras
