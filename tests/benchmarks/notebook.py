"""What the usual notebook tells of the same texts as a report: where the truth is known, and on real feeds.

    python tests/benchmarks/notebook.py --data ../shared/data                   # all
    python tests/benchmarks/notebook.py --data ../shared/data --part feeds      # real feeds alone

The usual notebook scores each post with VADER, counts as negative what lies at -.05 and below, draws the mean by day
with the band of its standard error, compares two periods by a t-test over their posts, and marks days more than two
deviations off the 28 before. The report's side is the code that reports are made with: `balanced` where the truth is
known, `fast` on real feeds. The truth is what people said of held-out rows, and stars (1 to 2, 3, 4 to 5).
Seeded. Nothing here is a target.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from people import Left, asked, left_out
from scipy import stats

from jobs.statistics.changes import Daily, compare
from jobs.statistics.people import Sums, unlabelled
from jobs.statistics.unusual import unusual_mood
from models.evaluation.baselines import THRESHOLD, Vader
from models.evaluation.cli import CACHE
from models.evaluation.contestants import packaged
from models.evaluation.scores import KeptScores
from models.sentiment import artifact
from models.sentiment.contract import LABELS
from models.sentiment.spread import figures_of
from models.training.packaging.spread import sources

SEED, DRAWS = 20260914, 20
WEEK, BEFORE, POSTS, LONGEST = 7, 28, 60, 600
SWING = 25.0
"""Concentration of a day's shares of labels about those of its period: polarity swings by about .15."""

SHIFT = 0.15
"""Part of the texts that people call positive instead of negative in a week that changed: .3 of polarity."""

COPIES = 60
DOWN = 3
MARKED = 2.0

Floats = np.ndarray


@dataclass(frozen=True)
class Pool:
    """A data set: what the notebook and the report make of its texts, and what people said."""

    left: Left
    compound: Floats

    @property
    def language(self) -> str:
        """Two letters."""
        return self.left.source.group.split()[0]

    def drawn(self, rng: np.random.Generator, shares: Floats, n: int) -> Floats:
        """Places of n texts whose labels have these shares."""
        labels = self.left.source.labels
        counts = rng.multinomial(n, shares)
        parts = [rng.choice(np.flatnonzero(labels == label), count) for label, count in enumerate(counts)]
        return np.concatenate(parts)

    def days(self, rng: np.random.Generator, shares: Floats, days: int) -> Floats:
        """Places [days, POSTS] of texts of days whose shares swing about these."""
        return np.array([self.drawn(rng, rng.dirichlet(SWING * shares), POSTS) for _ in range(days)])

    def polarity(self, places: Floats) -> Floats:
        """As the report has it."""
        return np.asarray(figures_of(self.left.source.scores)[places, 0])


def negative(compound: Floats) -> Floats:
    """What the notebook calls negative."""
    return np.asarray(compound <= -THRESHOLD, np.float64)


def daily_of(values: Floats) -> Daily:
    """Days of texts [days, n], each text once."""
    return Daily(np.full(len(values), values.shape[1]), values.sum(axis=1), (values**2).sum(axis=1))


def marked(line: pd.Series) -> pd.Series:
    """Days that the notebook marks."""
    before = line.shift(1).rolling(BEFORE, min_periods=WEEK)
    return (line - before.mean()).abs() > MARKED * before.std()


def pools(data: Path) -> list[Pool]:
    """Data sets of three labels with the answers of `balanced` and of VADER to their held-out rows."""
    _, rows, contestant = asked(data, "balanced")
    scores = KeptScores(contestant, CACHE).predict(*(rows[name].tolist() for name in ("text", "language", "kind")))
    compound = compounds(rows["text"])
    found = left_out(sources(rows, scores), set(contestant.training_rows))
    places = rows.groupby("dataset", sort=False).indices
    return [Pool(left, compound[places[left.source.name]]) for left in found]


def compounds(texts: pd.Series) -> Floats:
    """VADER's own score of each text, -1 to 1."""
    analyser = Vader()._analyser
    return np.array([analyser.polarity_scores(text)["compound"] for text in texts])


def levels(every: Sequence[Pool]) -> Iterator[str]:
    """How far means and shares are off people's, and whether what is drawn about the mean holds the truth."""
    yield "LEVELS  notebook / report: mean distance from people of polarity, of the negative share; truth inside"
    yield "        the notebook's band / inside what people would say; rank correlation with people over data sets"
    for name, some in groups(every):
        told = np.array([level(pool) for pool in some])
        off = np.abs(told[:, :4] - np.repeat(told[:, 4:6], 2, axis=1)).mean(axis=0)
        ranks = [stats.spearmanr(told[:, column], told[:, 4])[0] for column in (0, 1)]
        yield (
            f"{name:28}{off[0]:.3f} / {off[1]:.3f}   {off[2]:.3f} / {off[3]:.3f}   {told[:, 6].mean():4.0%} / "
            f"{told[:, 7].mean():4.0%}   {ranks[0]:.2f} / {ranks[1]:.2f}"
        )


def level(pool: Pool) -> list[float]:
    """Polarity and negative share by notebook and report, by people; whether band and width hold people's polarity."""
    source, compound = pool.left.source, pool.compound
    truth = figures_of(np.eye(len(LABELS))[source.labels]).mean(axis=0)
    claim = unlabelled(Sums.of(source.scores), pool.left.tau)
    band = 1.96 * compound.std(ddof=1) / np.sqrt(len(compound))
    held = [abs(compound.mean() - truth[0]) <= band, claim.low[0] <= truth[0] <= claim.high[0]]
    means = [compound.mean(), claim.value[0], negative(compound).mean(), claim.value[1]]
    return [float(value) for value in (*means, *truth[:2], *held)]


def groups(every: Sequence[Pool]) -> Iterator[tuple[str, list[Pool]]]:
    """Those of each language, and those that `balanced` never learnt from."""
    for language in ("en", "pt", "es"):
        some = [pool for pool in every if pool.language == language]
        yield f"{language}, {len(some)} data sets", some
    some = [pool for pool in every if pool.left.new]
    yield f"never learnt from, {len(some)}", some


def weeks(every: Sequence[Pool]) -> Iterator[str]:
    """Two weeks compared, equal or with a shift."""
    rng = np.random.default_rng(SEED)
    yield "WEEKS   notebook / report: equal weeks called different; .3 better: said, and in the right direction"
    for name, some in groups(every):
        rates = []
        for shift in (0.0, SHIFT):
            called = []
            for pool in some:
                for _ in range(DRAWS):
                    called.append(week_called(rng, pool, shift))
            rates.append(np.mean(called, axis=0))
        yield f"{name:28}{rates[0][0]:4.0%} / {rates[0][1]:4.0%}   {rates[1][2]:4.0%} / {rates[1][3]:4.0%}"


def week_called(rng: np.random.Generator, pool: Pool, shift: float) -> list[bool]:
    """Whether notebook and report call the second of two weeks different, and whether better."""
    shares = pool.left.source.shares
    moved = shares + min(shift, shares[0]) * np.array([-1, 0, 1])
    places = [pool.days(rng, share, WEEK) for share in (shares, moved)]
    before, now = (pool.compound[place].ravel() for place in places)
    chance = stats.ttest_ind(now, before, equal_var=False).pvalue
    change = compare(*(daily_of(pool.polarity(place)) for place in places))
    theirs, ours = bool(chance < 0.05), bool(change.different)
    return [theirs, ours, theirs and now.mean() > before.mean(), ours and bool(change.change > 0)]


def marks(every: Sequence[Pool]) -> Iterator[str]:
    """Days marked where nothing happened, where one text was copied, and where one of two feeds could not be read."""
    rng = np.random.default_rng(SEED)
    yield "DAYS    notebook / report: ordinary days marked; a day with one text copied 60 times among 60 others"
    for name, some in groups(every):
        found = np.mean([ordinary_and_copied(rng, pool) for pool in some for _ in range(DRAWS)], axis=0)
        yield f"{name:28}{found[0]:4.0%} / {found[1]:4.0%}   {found[2]:4.0%} / {found[3]:4.0%}"
    pairs = [(a, b) for a in every for b in every if far_apart(a, b)]
    lost = np.mean([one_down(rng, *pairs[rng.integers(len(pairs))]) for _ in range(10 * DRAWS)], axis=0)
    yield (
        f"one of two feeds down for {DOWN} days, people's moods .5 and more apart: the line moves by {lost[0]:.2f}, "
        f"marked {lost[1]:.0%}; the report judges no such day"
    )


def ordinary_and_copied(rng: np.random.Generator, pool: Pool) -> list[float]:
    """Share of ordinary days marked by notebook and report, and whether a day of copies is."""
    places = pool.days(rng, pool.left.source.shares, BEFORE + WEEK)
    copied = rng.choice(np.flatnonzero(pool.left.source.labels == 0))
    line = pd.Series(pool.compound[places].mean(axis=1))
    plain = daily_of(pool.polarity(places))
    found = [marked(line)[BEFORE:].mean(), unusual_mood(plain).alarm[BEFORE:].mean()]
    line.iloc[-1] = (pool.compound[places[-1]].sum() + COPIES * pool.compound[copied]) / (POSTS + COPIES)
    n, total, squares = plain.arrays()
    once = float(pool.polarity(np.array([copied]))[0])
    n[-1], total[-1], squares[-1] = n[-1] + 1, total[-1] + once, squares[-1] + once**2
    return [*found, float(marked(line).iloc[-1]), float(unusual_mood(Daily(n, total, squares)).alarm[-1])]


def far_apart(a: Pool, b: Pool) -> bool:
    """Whether the second is much better than the first, by people, in one language."""
    moods = [pool.left.source.shares @ [-1, 0, 1] for pool in (a, b)]
    return a.language == b.language and moods[1] - moods[0] >= 0.5


def one_down(rng: np.random.Generator, a: Pool, b: Pool) -> list[float]:
    """How far the notebook's line moves when the second feed is not there, and the share of those days marked."""
    lines = [pool.compound[pool.days(rng, pool.left.source.shares, BEFORE + DOWN)].mean(axis=1) for pool in (a, b)]
    line = pd.Series((lines[0] + lines[1]) / 2)
    line.iloc[-DOWN:] = lines[0][-DOWN:]
    return [abs(line.iloc[-DOWN:].mean() - line.iloc[:-DOWN].mean()), marked(line).iloc[-DOWN:].mean()]


def feeds(data: Path) -> Iterator[str]:
    """Real feeds, a year of each."""
    spread = artifact.spread("fast")
    assert spread is not None
    yield "FEEDS   notebook / report: polarity; negative share; days marked a month; adjacent weeks called different"
    for path in sorted((data / "feeds").glob("*.parquet")):
        posts = year_of(path)
        columns = [posts[name].tolist() for name in ("text", "language", "kind")]
        scores = KeptScores(packaged("fast"), CACHE).predict(*columns)
        posts["compound"], posts["polarity"] = compounds(posts["text"]), scores[:, 2] - scores[:, 0]
        texts = posts.drop_duplicates(["day", "folded"])
        sums = Sums.of(scores[posts.index.get_indexer(texts.index)])
        claim = unlabelled(sums, spread.tau(posts["language"].mode()[0], posts["kind"].iloc[0]))
        line = posts.groupby("day")["compound"].mean()
        daily, days = series_of(texts), len(line)
        alarms = unusual_mood(daily, daily.arrays()[0] > 0).alarm
        called = weeks_called(posts, daily)
        yield (
            f"{path.stem:32}{len(posts):6} posts {days:4} days  {posts['compound'].mean():+.2f} / "
            f"{claim.value[0]:+.2f} ({claim.low[0]:+.2f} to {claim.high[0]:+.2f})   "
            f"{negative(posts['compound'].to_numpy()).mean():.0%} / {claim.value[1]:.0%} "
            f"({claim.low[1]:.0%} to {claim.high[1]:.0%})   "
            f"{marked(line).sum() / days * 30:.1f} / {alarms.sum() / days * 30:.1f}   {called[0]:.0%} / {called[1]:.0%}"
        )
        if posts["rating"].notna().mean() > 0.5:
            yield stars(posts, line)


def year_of(path: Path) -> pd.DataFrame:
    """The posts with text of a feed's busiest year, with their day."""
    posts = pd.read_parquet(path)[["published_at", "text", "language", "kind", "rating"]]
    posts = posts.dropna(subset=["published_at", "text"])
    posts["text"] = posts["text"].str.slice(0, LONGEST)
    posts["day"] = posts["published_at"].dt.tz_convert("UTC").dt.normalize()
    posts["folded"] = posts["text"].str.casefold().str.split().str.join(" ")
    posts = posts[posts["folded"] != ""]
    busiest = posts.groupby("day").size().rolling("365D").sum().idxmax()
    kept = (posts["day"] <= busiest) & (posts["day"] > busiest - pd.Timedelta(days=365))
    return posts[kept].reset_index(drop=True)


def series_of(texts: pd.DataFrame) -> Daily:
    """Each text once a day, on the calendar."""
    sums = texts.assign(squares=texts["polarity"].astype(float) ** 2).groupby("day")
    sums = sums.agg(n=("polarity", "size"), s=("polarity", "sum"), q=("squares", "sum"))
    sums = sums.reindex(pd.date_range(sums.index.min(), sums.index.max())).fillna(0.0)
    return Daily(*(sums[column].to_numpy(np.float64) for column in "nsq"))


def weeks_called(posts: pd.DataFrame, daily: Daily) -> tuple[float, float]:
    """How many adjacent weeks the notebook and the report call different."""
    place = (posts["day"] - posts["day"].min()).dt.days.to_numpy() // WEEK
    values = [posts["compound"].to_numpy()[place == week] for week in range(place.max() + 1)]
    arrays = daily.arrays()
    theirs, ours = [], []
    for week in range(1, len(values)):
        if min(len(values[week - 1]), len(values[week])) < POSTS:
            continue
        theirs.append(stats.ttest_ind(values[week - 1], values[week], equal_var=False).pvalue < 0.05)
        cuts = [slice(WEEK * (week - 1), WEEK * week), slice(WEEK * week, WEEK * (week + 1))]
        before, now = (Daily(*(array[part] for array in arrays)) for part in cuts)
        past = Daily(*(array[max(WEEK * (week - 1) - 2 * BEFORE, 0) : WEEK * (week - 1)] for array in arrays))
        ours.append(bool(compare(before, now, past if week > 1 else None).different))
    return float(np.mean(theirs or [np.nan])), float(np.mean(ours or [np.nan]))


def stars(posts: pd.DataFrame, line: pd.Series) -> str:
    """What the stars of the same posts say, and how the days' means go with them."""
    says = np.sign(posts["rating"] - 3)
    days = pd.DataFrame({"stars": says.groupby(posts["day"]).mean(), "notebook": line,
                         "report": posts.groupby("day")["polarity"].mean()})  # fmt: skip
    many = days[posts.groupby("day").size() >= WEEK]
    ranks = [many["stars"].corr(many[name], method="spearman") for name in ("notebook", "report")]
    return (
        f"{'    by its stars':54}{says.mean():+.2f}   {(says < 0).mean():.0%}   "
        f"days go with the stars: {ranks[0]:.2f} / {ranks[1]:.2f} ({len(many)} days of {WEEK} posts and more)"
    )


def main() -> None:
    """Read the options and print the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with labelled/*.parquet and feeds/*.parquet")
    parser.add_argument("--part", choices=("truth", "feeds"), action="append", help="one of them; both unless given")
    options = parser.parse_args()
    CACHE.mkdir(parents=True, exist_ok=True)
    parts = options.part or ["truth", "feeds"]
    if "truth" in parts:
        every = pools(options.data)
        for part in (levels, weeks, marks):
            for said in part(every):
                print(said, flush=True)
    if "feeds" in parts:
        for said in feeds(options.data):
            print(said, flush=True)


if __name__ == "__main__":
    main()
