"""Write, audit, publish: the partitions whose newest versions changed are judged, staged, audited and committed.

The newest version of every item is judged by the row rules of the contracts and staged; Great Expectations then
judges what was staged, day by day. Days that pass are published, days that do not are held back for a person to
look at: their rows lie in judged_posts under the verdicts held_passed, held_broken and held_deleted.
An item that its source shows as deleted is neither sound nor broken: it takes the place of the post that counted.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import pyarrow as pa

from data_contracts import contract
from jobs.engine import Engine, open_engine
from jobs.lake.query import Query, View, sql_days
from jobs.lake.table import HELD, UNDATED, File, Lake, Partition, Table, as_date, as_day, fingerprint
from jobs.progress import track
from jobs.settings import Settings
from jobs.step import Change, Order, Plan, bring_up_to_date
from jobs.validate.audit import AuditError, Finding, audit_posts, judge
from jobs.validate.kernel import OUTPUTS, JudgeRows, Staged, tasks
from jobs.validate.moves import VERDICTS, moves, tied
from jobs.validate.page import publish_page
from jobs.versions import catch_up, view_newest

log = logging.getLogger(__name__)

TASK_ROWS = 10_000
TOGETHER = 200_000
"""Winners that are hashed at a time, but for those of one partition: what is put in order for it lies in memory."""


@dataclass(frozen=True)
class Validated:
    """What one validation did. `days` are published or were up to date; `held` gives the reasons of the others.

    The counts are of the items that it published.
    """

    days: list[str]
    held: dict[str, list[str]]
    posts: int
    quarantined: int
    deleted: int


def validate(
    settings: Settings, days: Sequence[str], newest: date | None = None, order: Order | None = None
) -> Validated:
    """Publish posts and quarantine of `days` (YYYY-MM-DD or `undated`) in one pass over all of them.

    Days that another version of one of their items lies on are judged with them, so that no item is lost or doubled
    when its date changed; they are among the days of the result.
    Partitions that are up to date are left alone, unless `order` tells otherwise.
    Freshness is measured where anything was made, against `newest`, by default the last dated one of `days`.
    Raises AuditError, publishing nothing of the pass, when a staged post breaks a rule that the split should have
    caught, and EngineError.
    """
    lake = Lake(settings.lake)
    catch_up(lake)
    with open_engine(settings.engine) as engine:
        step = Validate(lake, list(days), engine)
        made = bring_up_to_date(lake, step, order)
    held = {day: reasons for day, reasons in sorted(step.held.items()) if any(p.day == day for p in made)}
    # Where nothing was made Great Expectations is not imported; of feeds that fell silent the alert `stale` tells, too.
    if made:
        asked = newest.isoformat() if newest else max(set(days) - {UNDATED}, default=UNDATED)
        findings = [*step.findings, *judge("feed_freshness", _freshness(settings, View(lake), asked))]
        publish_page(settings, findings, held, asked)
        _warn(findings)
    for day, reasons in held.items():
        log.warning("%s held back, nothing of it published: %s", day, "; ".join(reasons))
    added = [file for change in made.values() for file in change.add]
    counts = [sum(file.rows for file in added if file.verdict == verdict) for verdict in VERDICTS]
    return Validated(sorted(set(step.days) - held.keys()), held, *counts)


@dataclass
class Validate:
    """raw_posts -> judged_posts, for `days` and those that other versions of their items lie on."""

    lake: Lake
    days: list[str]
    engine: Engine
    name: str = "validate"
    output: str = "judged_posts"
    whole: bool = True
    apart: bool = False
    findings: list[Finding] = field(default_factory=list)
    held: dict[str, list[str]] = field(default_factory=dict)

    def plan(self, view: View) -> Plan:
        """Hash of the winning versions of each partition, and of the rules they are judged by."""
        with view.query() as query:
            while (widened := view_newest(query, view, self.days)) != sorted(self.days):
                self.days = widened
            found = winners(query, self.days)
        rules = _rules()
        partitions = self._judged(view)
        partitions |= {Partition(as_day(row["published_date"]), row["feed"]): row["versions"] for row in found}
        return {
            partition: f"{fingerprint(partition, versions)}.{rules}" if versions else None
            for partition, versions in sorted(partitions.items())
        }

    def _judged(self, view: View) -> dict[Partition, str | None]:
        """What is stored of the days, and is to go where raw_posts has nothing of it; not where that table is lost."""
        if view.table("raw_posts").version is None:
            return {}
        days = set(self.days)
        return dict.fromkeys(part for part in self.lake.table(self.output).partitions if part.day in days)

    def make(self, view: View, target: Table, stale: Plan) -> Mapping[Partition, Change]:
        """Stage the stale partitions, let them be audited, and publish or hold back each day."""
        staged = dict.fromkeys(stale, Staged()) | self._stage(view, stale)
        try:
            findings, held = self._audit(view, target, staged)
        except AuditError:
            self.lake.discard(file for pieces in staged.values() for file in pieces.files)
            raise
        again = {partition.day for partition in stale}
        self.findings += findings
        self.held = {day: reasons for day, reasons in self.held.items() if day not in again} | held
        return {
            partition: self._held_back(target, partition, pieces) if partition.day in held
            else Change(pieces.files, target.of(partition))
            for partition, pieces in staged.items()
        }  # fmt: skip

    def _stage(self, view: View, stale: Plan) -> dict[Partition, Staged]:
        made_from = {partition: wanted for partition, wanted in stale.items() if wanted}
        with view.query() as query:
            view_newest(query, view, sorted({partition.day for partition in made_from}))
            query.keys("stale", made_from)
            winners = query.table("""
                SELECT newest.feed, newest.published_date, batch_id, position, fetched_date, first_seen_at FROM newest
                JOIN stale ON stale.feed = newest.feed
                    AND stale.published_date IS NOT DISTINCT FROM newest.published_date
                ORDER BY newest.feed, newest.published_date NULLS FIRST
            """)
        work = list(tasks(winners, made_from, view.files("raw_posts"), TASK_ROWS))
        results = self.engine.map(JudgeRows(self.lake), work)
        staged: dict[Partition, Staged] = {}
        for result in track(results, "validate", len(work), "pieces"):
            staged |= result
        return staged

    def _audit(
        self, view: View, target: Table, staged: Mapping[Partition, Staged]
    ) -> tuple[list[Finding], dict[str, list[str]]]:
        """Verdict of Great Expectations on the staged posts (AuditError) and on the profile of each day."""
        posts = [file for pieces in staged.values() for file in pieces.posts]
        quarantine = [file for pieces in staged.values() for file in pieces.quarantine]
        deletions = [file for pieces in staged.values() for file in pieces.deletions]
        if not posts and not quarantine:
            return [], {}
        with view.query() as query:
            query.view("staged_posts", "posts", posts)
            query.view("staged_quarantine", "quarantine", quarantine)
            query.view("staged_deletions", "deletions", deletions)
            audit_posts(query.batches("FROM staged_posts"))
            findings = judge("batch_profile", query.table(_PROFILE).cast(contract("batch_profile").schema))
            held = _reasons(findings)
            return findings, held | (self._tied_to(query, target, staged, held) if held else {})

    def _tied_to(
        self, query: Query, target: Table, staged: Mapping[Partition, Staged], held: Mapping[str, list[str]]
    ) -> dict[str, list[str]]:
        """Days that an item leaves for a held day, or reaches from one: alone they would show it twice or not at all.

        `query` has the staged rows; the tied days are given with the day that holds them back as their reason.
        """
        published = [file for partition in staged for file in target.of(partition)]
        coming = [file for pieces in staged.values() for file in pieces.files]
        ties = tied(moves(query, published, coming), held)
        return {day: [f"an item moves between it and {other}, which is held back"] for day, other in ties.items()}

    def _held_back(self, target: Table, partition: Partition, pieces: Staged) -> Change:
        """What is published stays; the new files lie beside it, in the place of those that were held back before."""
        former = [file for file in target.of(partition) if file.is_held or file.is_given_up]
        return Change(tuple(self._moved(file) for file in pieces.files), tuple(former))

    def _moved(self, file: File) -> File:
        values = {**dict(file.values), "verdict": f"{HELD}{file.verdict}"}
        place = self.lake.new_file("judged_posts", values, file.made_from)
        self.lake.move(file, place)
        return replace(place, rows=file.rows, bytes=file.bytes)


def winners(query: Query, days: Sequence[str]) -> list[dict[str, Any]]:
    """Of each partition with versions on `days` a hash of the winning ones, null without any; after `view_newest`."""
    (count,) = query.rows("SELECT count(*) AS winners FROM newest")
    parts = max(1, math.ceil(count["winners"] / TOGETHER))
    found = []
    for part in range(parts):
        own = f"hash(published_date, feed) % {parts} = {part}"
        found += query.rows(f"""
            WITH place AS (SELECT DISTINCT published_date, feed FROM history WHERE {sql_days(days)} AND {own}),
            winner AS (
                SELECT published_date, feed, md5(string_agg(
                    concat_ws(chr(31), post_id, batch_id, position, epoch_us(first_seen_at)), chr(30)
                    ORDER BY post_id)) AS versions
                FROM newest WHERE {own} GROUP BY ALL
            )
            SELECT place.published_date, place.feed, versions FROM place LEFT JOIN winner
            ON place.feed = winner.feed AND place.published_date IS NOT DISTINCT FROM winner.published_date
        """)
    return found


def _rules() -> str:
    """Hash of all that decides what validation makes of a version."""
    from models import language

    return fingerprint(*(contract(name).digest for name in ("raw_posts", *OUTPUTS)), language.version())[:8]


def _warn(findings: Iterable[Finding]) -> None:
    for finding in findings:
        if finding.broken and finding.severity == "warning":
            log.warning("%s is broken by %s", finding.rule, ", ".join(sorted({str(p.feed) for p in finding.broken})))


def _freshness(settings: Settings, view: View, asked: str) -> pa.Table:
    """Rows of feed_freshness: every feed of the settings, with its newest published day that has posts."""
    newest: dict[str | None, str] = {}
    for file in view.files("posts"):
        if file.day != UNDATED:
            newest[file.feed] = max(file.day, newest.get(file.feed, file.day))
    day = as_date(asked)
    rows = []
    for feed in settings.feeds:
        last = as_date(newest.get(feed.name, UNDATED))
        rows.append(
            {"feed": feed.name, "published_date": last, "days_behind": (day - last).days if day and last else None}
        )
    return pa.Table.from_pylist(rows, schema=contract("feed_freshness").schema)


def _reasons(findings: list[Finding]) -> dict[str, list[str]]:
    """Days that break an error rule, each with the rules and how to look at the rows."""
    held: dict[str, list[str]] = {}
    for finding in findings:
        for partition, row in finding.broken.items():
            if finding.severity == "error":
                held.setdefault(partition.day, []).append(
                    f"{finding.rule} of feed {partition.feed!r}: {finding.column} is {row[finding.column]:.3g} "
                    f"({row['quarantined']} of {row['items']} items quarantined). "
                    f"{finding.description} See `sentinela quarantine list --held --date {partition.day}`"
                )
    return dict(sorted(held.items()))


_PROFILE = f"""
WITH item AS (
    SELECT published_date, feed, text, language, true AS sound FROM staged_posts
    UNION ALL SELECT published_date, feed, text, language, false FROM staged_quarantine
), profile AS (
    SELECT published_date, feed, count(*) AS items,
        count(*) FILTER (sound) AS posts,
        count(*) FILTER (NOT sound) AS quarantined,
        count(*) FILTER (NOT sound AND text IS NOT NULL) / nullif(count(text), 0) AS quarantined_share,
        count(text) / count(*) AS text_share,
        median(length(text))::DOUBLE AS median_length,
        count(*) FILTER (sound AND language = 'other') / nullif(count(*) FILTER (sound), 0)
            AS other_language_share
    FROM item GROUP BY published_date, feed
)
SELECT {", ".join(contract("batch_profile").columns)} FROM profile ORDER BY published_date, feed
"""
