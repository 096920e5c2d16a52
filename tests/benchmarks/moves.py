"""Whether verdicts on changes, unusual days and bridges reach what they must: a table of targets and what was reached.

    python tests/benchmarks/moves.py                            # simulated, truth known
    python tests/benchmarks/moves.py --data ../shared/data      # and on the days of real feeds, scored by `fast`

Simulated days are texts of three values about the mean of their day; the means swing by tau, and rho of a swing is
left the day after. On real feeds no truth is known, so what drifts over four weeks is taken out before adjacent weeks
are compared.
Seeded; at most 3 minutes on one core. The exit status is 0 where every target is met.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from jobs.statistics.bridge import PARTS, Items, mean_of_texts, restated, split, split_within
from jobs.statistics.changes import Daily, compare, compare_within
from jobs.statistics.unusual import Unusual, last, listed, unusual_mood, unusual_volume

SEED = 20260914
POSTS, LOUD, NEUTRAL = 150, 0.8, 0.35
"""Texts a day, of the polarity -`LOUD`, 0 or `LOUD`, and the share of 0."""

SWINGS = [(tau, rho) for tau in (0.0, 0.03, 0.07, 0.1, 0.13) for rho in ((0.0,) if tau == 0 else (0.0, 0.15, 0.3))]
SHIFTS = (0.1, 0.2, 0.3)
MONTH, BEFORE = 30, 84
REPORT = 6
ANOTHER_SOURCE = {"netflix_app_reviews_en": "2024-05-09"}
"""Days from which a feed was collected in another way: here twenty times as many reviews, half a point better."""

NAMES = ("expected", "spread", "z", "average", "p")


@dataclass(frozen=True)
class Target:
    """One line of the table; `most` or `least` is what must be reached, neither is only told."""

    what: str
    reached: float
    most: float | None = None
    least: float | None = None

    @property
    def met(self) -> bool:
        """Whether it was reached."""
        return (self.most is None or self.reached <= self.most) and (self.least is None or self.reached >= self.least)

    def __str__(self) -> str:
        must = f"<= {self.most:g}" if self.most is not None else f">= {self.least:g}" if self.least is not None else ""
        return f"{self.what:<86} {must:>9} {self.reached:>9.3g}  {'' if not must else 'met' if self.met else 'MISSED'}"


def means(rng: np.random.Generator, shape: tuple[int, ...], tau: float, rho: float = 0.0) -> np.ndarray:
    """True means of days."""
    swing = rng.normal(size=shape)
    for day in range(1, shape[-1]):
        swing[..., day] = rho * swing[..., day - 1] + np.sqrt(1 - rho**2) * swing[..., day]
    return -0.1 + tau * swing


def posted(rng: np.random.Generator, mean: np.ndarray, posts: int = POSTS) -> Daily:
    """Days of texts about these means."""
    loud = rng.binomial(posts, 1 - NEUTRAL, size=mean.shape)
    good = rng.binomial(loud, np.clip((1 + mean / (LOUD * (1 - NEUTRAL))) / 2, 0, 1))
    return Daily(np.full(mean.shape, posts), LOUD * (2 * good - loud), LOUD**2 * loud)


def cut(daily: Daily, *places: int) -> list[Daily]:
    """The days between these places."""
    return [
        Daily(*parts) for parts in zip(*(np.split(array, places, axis=-1) for array in daily.arrays()), strict=True)
    ]


def clusters(before: Daily, now: Daily) -> np.ndarray:
    """The chance p by days as clusters, what is to be bettered."""
    change, variance = 0.0, 0.0
    for sign, daily in ((-1, before), (1, now)):
        n, s, q = daily.arrays()
        total, days = n.sum(axis=-1), n.shape[-1]
        mean = s.sum(axis=-1) / total
        between = days / (days - 1) * ((s - mean[..., None] * n) ** 2).sum(axis=-1) / total**2
        variance = variance + np.maximum(between, (q.sum(axis=-1) / total - mean**2) / total)
        change = change + sign * mean
    return np.asarray(2 * stats.t.sf(np.abs(change) / np.sqrt(variance), 2 * (days - 1)))


def equal_and_changed(rng: np.random.Generator) -> Iterator[Target]:
    """False verdicts and power, beside days as clusters brought to the same false verdicts at worst."""
    for length in (7, 30):
        for history in (0, 56):
            ours, theirs = {}, {}
            for tau, rho in SWINGS:
                past, before, now = cut(
                    posted(rng, means(rng, (1200, history + 2 * length), tau, rho)), history, history + length
                )
                ours[tau, rho] = compare(before, now, past if history else None).p
                theirs[tau, rho] = clusters(before, now)
            worst = max((p <= 0.05).mean() for p in ours.values())
            plain = max((p <= 0.05).mean() for p in theirs.values())
            level = min(float(np.quantile(p, worst)) for p in theirs.values())
            name = f"{length} days, " + (f"{history} days of history" if history else "no history")
            yield Target(f"equal periods called different, worst of 13 swings, {name}", worst, most=0.07)
            yield Target(f"    days as clusters, {name}", plain)
            gaps, found, plainly = [], [], []
            for tau, rho in SWINGS:
                for shift in SHIFTS:
                    mean = means(rng, (250, history + 2 * length), tau, rho)
                    mean[:, -length:] += shift
                    past, before, now = cut(posted(rng, mean), history, history + length)
                    power = compare(before, now, past if history else None).different.mean()
                    chance = clusters(before, now)
                    gaps.append(power - (chance <= level).mean())
                    found.append(power)
                    plainly.append((chance <= 0.05).mean())
            yield Target(f"    power less that of clusters at that size, mean, {name}", np.mean(gaps), least=0.0)
            yield Target(f"    the same, worst of 39 swings and shifts, {name}", min(gaps), least=-0.05)
            for place, shift in enumerate(SHIFTS):
                yield Target(f"    a true change of {shift} is found, mean of 13 swings, {name}",
                             np.mean(found[place :: len(SHIFTS)]))  # fmt: skip
                yield Target("    days as clusters, with their false verdicts", np.mean(plainly[place :: len(SHIFTS)]))


def mixed(rng: np.random.Generator) -> Iterator[Target]:
    """Three segments of which one grows at the cost of another while no mean moves."""
    swing = means(rng, (1000, 1, 70), 0.07, 0.15)
    mean = np.clip(swing + means(rng, (1000, 3, 70), 0.03) + np.array([0.3, 0.0, -0.3])[:, None], -0.5, 0.5)
    days = [posted(rng, mean, posts) for posts in (30, 90)]
    grown = (np.arange(70) >= 63) == np.array([True, False, False])[:, None]
    daily = Daily(*(np.where(grown, many, few) for few, many in zip(*(d.arrays() for d in days), strict=True)))
    past, before, now = cut(daily, 56, 63)
    whole = [Daily(*(array.sum(axis=1) for array in part.arrays())) for part in (past, before, now)]
    yield Target(
        "a change of mix alone is called one, taken out", compare_within(before, now, past).different.mean(), 0.07
    )
    yield Target("    left in", compare(whole[1], whole[2], whole[0]).different.mean())


def months(rng: np.random.Generator) -> Iterator[Target]:
    """False alarms and finds of unusual days of mood."""
    for tau, rho, history in ((0.0, 0.0, 28), (0.06, 0.0, 28), (0.06, 0.0, BEFORE), (0.06, 0.3, 28), (0.13, 0.0, 28),
                              (0.13, 0.0, BEFORE)):  # fmt: skip
        must = 0.3 if (tau, rho) == (0.06, 0.0) else None
        name = f"swing {tau}, rest {rho}, {history} days before"
        mean = means(rng, (600, history + MONTH), tau, rho)
        found = last(unusual_mood(posted(rng, mean)), MONTH)
        yield Target(f"false alarm days a series-month, {name}", found.alarm.mean() * MONTH, must)
        reports = [Unusual(*(getattr(found, name)[i : i + REPORT] for name in NAMES)) for i in range(0, 600, REPORT)]
        false = np.mean([listed([report])[0].any() for report in reports])
        yield Target(
            "    reports of 6 such series that list a false day", false, 0.1 if must and history > 28 else None
        )
        if rho == 0:
            for shift, least in ((0.3, 0.59), (0.15, 0.18)):
                moved = mean.copy()
                moved[:, -2:] += shift
                alarm = unusual_mood(posted(rng, moved)).alarm[:, -2:]
                yield Target(f"    a shift of {shift} is found within two days", alarm.any(axis=1).mean(), least=least)


def campaigns(rng: np.random.Generator) -> Iterator[Target]:
    """Half of the posts of a day are copies of one text, or of five: each counts once."""
    for texts in (1, 5):
        n, s, q = posted(rng, means(rng, (1500, 40), 0.06)).arrays()
        rest = posted(rng, means(rng, (1500, 1), 0.06), POSTS // 2).arrays()
        n[:, -1:], s[:, -1:], q[:, -1:] = rest[0] + texts, rest[1] - 0.95 * texts, rest[2] + 0.9 * texts
        fired = unusual_mood(Daily(n, s, q)).alarm[:, -1].mean()
        yield Target(f"a campaign of 50 % copies of {texts} texts fires", fired, most=0.07)


def weeks(rng: np.random.Generator) -> Iterator[Target]:
    """A pattern of the week in mood and volume, and over-dispersed counts."""
    weekend = np.isin(np.arange(BEFORE + MONTH) % 7, (5, 6))
    for history in (28, BEFORE):
        mean = means(rng, (400, history + MONTH), 0.06) + 0.15 * weekend[-history - MONTH :]
        found = last(unusual_mood(posted(rng, mean)), MONTH)
        yield Target(f"false alarm days, weekends .15 better, swing 0.06, {history} days before",
                     found.alarm.mean() * MONTH, most=0.3)  # fmt: skip
        for burst in (0.15, 0.3):
            rate = np.where(weekend[-history - MONTH :], 75, 150)
            counts = rng.poisson(rate * rng.gamma(1 / burst**2, burst**2, size=(400, history + MONTH)))
            volume = last(unusual_volume(counts), MONTH)
            name = f"weekends half as many, burst {burst}, {history} days before"
            yield Target(
                f"false alarm days of volume, {name}", volume.alarm.mean() * MONTH, 0.3 if burst < 0.3 else None
            )
            counts[:, -2:] *= 2
            yield Target("    twice as many texts are found within two days",
                         unusual_volume(counts).alarm[:, -2:].any(axis=1).mean())  # fmt: skip


def bridges(rng: np.random.Generator) -> Iterator[Target]:
    """How far the parts are from adding up."""
    periods, restatements = 0.0, 0.0
    for _ in range(200):
        tables = []
        for _ in range(2):
            n = rng.poisson(rng.gamma(0.3, 300, size=(8, 6))).astype(float)
            n[0, 0] += 1
            tables += [n, n * rng.uniform(-1, 1, size=n.shape)]
        outer = split(*(table.sum(axis=1) for table in tables))
        mix, within = split_within(outer, *tables)
        periods = max(periods, abs(outer.mix.sum() + mix.sum() + within.sum() - outer.change))
        size = 300
        items = Items(*(column for _ in range(2) for column in (
            rng.random(size) < 0.8, rng.integers(0, 200, size), rng.integers(0, 4, size), rng.uniform(-1, 1, size)
        )))  # fmt: skip
        change = mean_of_texts(items.present_after, items.text_after, items.value_after) - mean_of_texts(
            items.present_before, items.text_before, items.value_before
        )
        restatements = max(restatements, abs(sum(restated(items)[part] for part in PARTS) - change))
    yield Target("parts of a change between periods miss it by", periods, most=1e-12)
    yield Target("parts of a restated figure miss it by", restatements, most=1e-12)


def cost(rng: np.random.Generator) -> Iterator[Target]:
    """A year against a year, 25 groups x 4 figures."""
    past, before, now = cut(posted(rng, means(rng, (100, 56 + 2 * 365), 0.05)), 56, 56 + 365)
    started = time.process_time()
    compare(before, now, past)
    yield Target("processor seconds for 100 figures, a year against a year", time.process_time() - started)


def feeds(data: Path) -> Iterator[Target]:
    """How days of real feeds swing, alarms on them, and verdicts on adjacent weeks once the slow drift is taken out."""
    verdicts = []
    for name, daily in scored_days(data):
        n = daily.arrays()[0]
        mood, volume = unusual_mood(daily), unusual_volume(n)
        days = f"{(n > 0).sum()} days of {n.sum() / (n > 0).sum():.0f} texts"
        yield Target(f"{name}, {days}: alarm days of mood a month", a_month(mood))
        yield Target("    of volume", a_month(volume))
        if n.size < BEFORE:
            continue
        steady = drift_out(daily)
        tau, rho = swing(steady)
        yield Target("    swing of days about four weeks' mean", tau)
        if np.isfinite(rho):
            yield Target("    what is left of it the day after", rho)
        past, before, now = (windows(steady, length, start) for start, length in ((0, 56), (56, 7), (63, 7)))
        verdicts.append(compare(before, now, past).different)
        yield Target("    adjacent weeks called different, drift taken out", verdicts[-1].mean())
        yield Target("    days as clusters", (clusters(before, now) <= 0.05).mean())
    together = np.concatenate(verdicts)
    yield Target(f"{together.size:,} pairs of adjacent weeks of real feeds called different, drift taken out",
                 together.mean(), most=0.07)  # fmt: skip


def a_month(found: Unusual) -> float:
    """Alarm days in thirty that were judged."""
    return float(found.alarm.sum() / max(np.isfinite(found.z).sum(), 1) * MONTH)


def drift_out(daily: Daily, half: int = 14) -> Daily:
    """The same days about one mean: what differs from it over four weeks is taken from every text."""
    n, s, q = daily.arrays()
    near = np.ones(2 * half + 1)
    drift = np.convolve(s, near, "same") / np.maximum(np.convolve(n, near, "same"), 1) - s.sum() / n.sum()
    return Daily(n, s - n * drift, q - 2 * drift * s + n * drift**2)


def windows(daily: Daily, length: int, start: int) -> Daily:
    """Every run of `length` days that lies `start` days into a run of 70."""
    arrays = (
        np.lib.stride_tricks.sliding_window_view(array, 70)[:, start : start + length] for array in daily.arrays()
    )
    return Daily(*arrays)


def scored_days(data: Path) -> Iterator[tuple[str, Daily]]:
    """Feeds scored by `fast`: each text once a day, on the calendar of their busiest year."""
    import pandas as pd

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from models.sentiment.loading import load

    model = load("fast")
    for path in sorted((data / "feeds").glob("*.parquet")):
        posts = pd.read_parquet(path, columns=["published_at", "text", "language", "kind"]).dropna()
        posts["text"] = posts["text"].str.slice(0, 600)
        posts["day"] = posts["published_at"].dt.tz_convert("UTC").dt.normalize()
        posts["folded"] = posts["text"].str.casefold().str.split().str.join(" ")
        posts = posts[posts["folded"] != ""].drop_duplicates(["day", "folded"])
        posts = posts[posts["day"] < pd.Timestamp(ANOTHER_SOURCE.get(path.stem, "2100-01-01"), tz="UTC")]
        busiest = posts.groupby("day").size().rolling("365D").sum().idxmax()
        posts = posts[(posts["day"] <= busiest) & (posts["day"] > busiest - pd.Timedelta(days=365))]
        chances = model.predict(posts["text"].tolist(), posts["language"].tolist(), posts["kind"].tolist())
        posts["figure"] = (chances[:, 2] - chances[:, 0]).astype(float)
        posts["squares"] = posts["figure"] ** 2
        sums = posts.groupby("day").agg(n=("figure", "size"), s=("figure", "sum"), q=("squares", "sum"))
        sums = sums.reindex(pd.date_range(sums.index.min(), sums.index.max())).fillna(0.0)
        yield path.stem, Daily(*(sums[column].to_numpy() for column in "nsq"))


def swing(daily: Daily) -> tuple[float, float]:
    """Swing of one series and what is left of it the day after, by moments over days of 5 texts and more."""
    n, s, q = daily.arrays()
    seen = n >= 5
    m = np.where(seen, s / np.maximum(n, 1), np.nan)
    post = (q - s**2 / np.maximum(n, 1))[seen].sum() / np.maximum(n - 1, 0)[seen].sum()
    off = m - np.nanmean(m)
    variance = np.nanmean(off**2) - (post / n[seen]).mean()
    left = np.nanmean(off[1:] * off[:-1]) / variance if variance > 0.05**2 else np.nan
    return float(np.sqrt(max(variance, 0))), float(left)


def run(data: Path | None) -> bool:
    """Print the table; whether all targets are met."""
    rng = np.random.default_rng(SEED)
    parts = [equal_and_changed(rng), mixed(rng), months(rng), campaigns(rng), weeks(rng), bridges(rng), cost(rng)]
    if data is not None:
        parts.append(feeds(data))
    met = True
    for part in parts:
        for target in part:
            print(target, flush=True)
            met &= target.met
    print("all targets met" if met else "a target was missed")
    return met


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with feeds/*.parquet")
    sys.exit(0 if run(parser.parse_args().data) else 1)


if __name__ == "__main__":
    main()
