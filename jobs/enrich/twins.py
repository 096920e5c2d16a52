"""Twins: posts -> twins, which post says again what another said before it, in any feed.

Each post is told the first post of its own day and of the days before it, as many as the settings say, that has the
same words or nearly the same: its cluster. That depends on those days alone, whatever comes later, so a new day never
restates an old one, and a late post restates its own day and the days that look back on it. A copy of a copy leads
back to the first one by its own row: `jobs.enrich.campaigns` follows the rows. Texts of few words have no cluster,
undated posts have no row.

Whether texts are nearly the same is told by their signatures. Each text is compared with the earliest text in each of
its bands, never with all of them, so a thousand copies cost a thousand comparisons.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import contract
from jobs.engine import LocalEngine
from jobs.enrich.signatures import BAND, FEWEST_WORDS, HASHES, RUN, Signatures, alike, bands, signed
from jobs.lake.query import View, batches
from jobs.lake.table import UNDATED, File, Lake, Partition, Table, fingerprint
from jobs.lake.writer import write
from jobs.progress import track
from jobs.settings import Settings
from jobs.step import Change, Order, Plan, bring_up_to_date, replaced
from jobs.tokens import Flags, Keys, Positions

ALIKE = 0.6
"""Texts are twins when their signatures agree in at least this part."""
READ = ("published_at", "post_id", "text")
READ_AT_ONCE = 4096


@dataclass(frozen=True)
class Compared:
    """What one run did: the days that are up to date now, the posts it compared, and how many say what another said."""

    days: list[str]
    posts: int
    copies: int


def twins(settings: Settings, days: Sequence[str], order: Order | None = None) -> Compared:
    """Find the twins of the posts of `days` (YYYY-MM-DD), of the days that look back on them, and of every stored day
    that was made by other settings.

    Days that are up to date are left alone, unless `order` tells otherwise.
    """
    lake = Lake(settings.lake)
    step = Twins(lake, settings.twins.days, tuple(days), LocalEngine(settings.engine.workers))
    made = bring_up_to_date(lake, step, order)
    posts = sum(file.rows for change in made.values() for file in change.add)
    return Compared(step.wanted, posts, sum(step.copies.get(partition, 0) for partition in made))


@dataclass
class Twins:
    """posts -> twins of `days` and of the days that look back on them. `copies` counts those of each partition made."""

    lake: Lake
    window: int
    days: tuple[str, ...]
    engine: LocalEngine
    name: str = "twins"
    output: str = "twins"
    whole: bool = True
    apart: bool = True
    wanted: list[str] = field(default_factory=list)
    copies: dict[Partition, int] = field(default_factory=dict)

    def plan(self, view: View) -> Plan:
        """What the posts of the day and of those before were made from, and how they are compared."""
        way = fingerprint(self.window, RUN, HASHES, BAND, FEWEST_WORDS, ALIKE, contract(self.output).digest)[:8]
        stored = self.lake.table(self.output).files
        restated = {file.day for file in stored if file.made_from.rsplit(".", 1)[-1] != way}
        posts = _dated(view)
        asked = {later for day in self.days if day != UNDATED for later in _around(day, range(self.window))}
        self.wanted = sorted((asked | restated) & {*posts, *(file.day for file in stored)})
        plan: dict[Partition, str | None] = dict.fromkeys(map(Partition, self.wanted))
        for day in filter(posts.__contains__, self.wanted):
            seen = [f"{f.day} {f.feed} {f.made_from}" for before in self._seen_from(day) for f in posts.get(before, ())]
            plan[Partition(day)] = f"{fingerprint(*seen)}.{way}"
        return plan

    def make(self, view: View, target: Table, stale: Plan) -> Mapping[Partition, Change]:
        """Compare the posts of the stale days, in order; of the days before no more is kept than is compared."""
        changes = {partition: replaced(target, partition, ()) for partition in stale}
        days = sorted({partition.day for partition, wanted in stale.items() if wanted})
        posts = _dated(view)
        known: dict[str, Day] = {}
        for day in track(days, "twins", len(days), "days"):
            own = self._read(posts[day])
            before = [earlier for earlier in self._seen_from(day) if earlier in posts and earlier != day]
            known = {earlier: known.get(earlier) or self._read(posts[earlier]).comparable() for earlier in before}
            known[day] = own.comparable()
            rows, partition = _compared(own, list(known.values())), Partition(day)
            made_from = str(stale[partition])
            files = write(self.lake, self.output, {"published_date": day}, made_from, rows.to_batches())
            changes[partition] = replaced(target, partition, files)
            self.copies[partition] = int(pc.sum(rows.column("copy")).as_py() or 0)
        return changes

    def _read(self, files: Iterable[File]) -> Day:
        """The posts of a day."""
        return Day.joined(self.engine.map(partial(_read, self.lake), list(files)))

    def _seen_from(self, day: str) -> list[str]:
        """`day` and the days before it that are compared with it, the earliest first."""
        return _around(day, range(1 - self.window, 1))


@dataclass(frozen=True)
class Day:
    """Posts of one day, the earliest first: who they are (columns published_at, feed, post_id), and their numbers."""

    post: pa.Table
    wording: Positions
    long: Flags
    signature: Signatures

    @classmethod
    def joined(cls, parts: Iterable[Day]) -> Day:
        """All posts of `parts` in order, whatever the order of the parts."""
        given = list(parts)
        post = pa.concat_tables([part.post for part in given])
        order = pc.sort_indices(post, [(name, "ascending") for name in post.column_names]).to_numpy()
        wording, long, signature = (
            np.concatenate([getattr(part, name) for part in given]) for name in ("wording", "long", "signature")
        )
        return cls(post.take(pa.array(order)), wording[order], long[order], signature[order])

    def comparable(self) -> Day:
        """The first post of every text that is long enough."""
        long = np.flatnonzero(self.long)
        _, first = np.unique(self.wording[long], return_index=True)
        kept = long[np.sort(first)]
        post = self.post.take(pa.array(kept)).combine_chunks()
        return Day(post, self.wording[kept], self.long[kept], self.signature[kept])


POST = ("feed", "post_id")


def cluster_name(feed: str, post_id: str) -> str:
    """The name of the cluster whose first post that is: 16 hexadecimal digits of an MD5."""
    return hashlib.md5(f"{feed}\x1f{post_id}".encode(), usedforsecurity=False).hexdigest()[:16]


def _read(lake: Lake, file: File) -> Day:
    """The posts in `file`."""
    parts = []
    for batch in batches(lake, file, READ_AT_ONCE, READ):
        numbers = signed(batch.column("text"))
        post = pa.table(
            {
                "published_at": batch.column("published_at"),
                "feed": pa.repeat(pa.scalar(file.feed, pa.string()), len(batch)),
                "post_id": batch.column("post_id"),
            }
        )
        parts.append(Day(post, numbers.wording, numbers.long, numbers.signature))
    return Day.joined(parts)


def _compared(day: Day, days: Sequence[Day]) -> pa.Table:
    """Of every post of `day`: feed, post_id, wording, cluster, exact, and whether it is a copy.

    `days` are what is comparable of the days before it, the earliest first, and of itself.
    """
    same, first = _first_alike(days)
    leaders, leader = np.unique(first, return_inverse=True)
    known = np.argsort(days[-1].wording)
    text = known[np.searchsorted(days[-1].wording, day.wording[day.long], sorter=known)]
    cluster, exact = np.full(len(day.wording), -1), np.zeros(len(day.wording), np.bool_)
    cluster[day.long], exact[day.long] = leader[text], (first == same)[text]
    names = pa.array(_names(pa.concat_tables([one.post for one in days]).take(pa.array(leaders))), pa.string())
    names = names.take(pa.array(cluster, mask=cluster < 0))
    own = pa.array(_names(day.post), pa.string())
    return pa.table(
        {
            **{name: day.post.column(name) for name in POST},
            "wording": pa.array(day.wording, pa.int64()),
            "cluster": names,
            "exact": pa.array(exact, pa.bool_(), mask=~day.long),
            "copy": pc.fill_null(pc.not_equal(names, own), False),
        }
    )


def _names(post: pa.Table) -> list[str]:
    """Names of posts, as clusters are named by them."""
    return [cluster_name(*key) for key in zip(*(post.column(c).to_pylist() for c in POST), strict=True)]


def _first_alike(days: Sequence[Day]) -> tuple[Positions, Positions]:
    """int64 [texts] both: of each text of the last of `days` the first one with its words, and the first one alike.

    They are places among the texts of all `days`; a text that nobody said before is the first itself.
    """
    wording, signature = (np.concatenate([getattr(day, name) for day in days]) for name in ("wording", "signature"))
    own = len(wording) - len(days[-1].wording)
    same = _earliest(wording)[own:]
    first = same.copy()
    for band in bands(signature).T:
        candidate = _earliest(band)[own:]
        before = np.flatnonzero(candidate < first)
        close = alike(signature[candidate[before]], signature[own + before]) >= ALIKE
        first[before[close]] = candidate[before[close]]
    return same, first


def _earliest(keys: Positions | Keys) -> Positions:
    """int64 [keys]: the place of the first of `keys` that is equal to each of them."""
    order = np.argsort(keys)  # no stable sort, which takes five times as long: the first of equal ones is looked for
    ordered, begins = keys[order], np.ones(len(keys), np.bool_)
    begins[1:] = ordered[1:] != ordered[:-1]
    earliest = np.empty_like(order)
    earliest[order] = np.minimum.reduceat(order, np.flatnonzero(begins))[np.cumsum(begins) - 1]
    return earliest


def _around(day: str, offsets: Iterable[int]) -> list[str]:
    """The days that lie so many days after `day`."""
    given = date.fromisoformat(day)
    return [(given + timedelta(days=offset)).isoformat() for offset in offsets]


def _dated(view: View) -> dict[str, list[File]]:
    """The files of posts by their day, undated ones left out."""
    posts = view.by_day("posts")
    posts.pop(UNDATED, None)
    return posts
