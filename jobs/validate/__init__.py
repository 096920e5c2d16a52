"""Validate: raw_posts -> posts + quarantine, by write, audit, publish.

The newest version of every item is judged by the row rules of the contracts and staged; Great Expectations then
judges what was staged, day by day. Days that pass are published, days that do not are held back for a person to
look at. Fetching and scoring do not belong here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import contract
from jobs.progress import track
from jobs.settings import Settings
from jobs.storage import (
    HELD,
    UNDATED,
    Lake,
    Partition,
    Query,
    Staging,
    as_date,
    as_day,
    fingerprint,
    partition_runs,
    sql_days,
)
from jobs.validate.audit import AuditError, Finding, audit_posts, judge
from jobs.validate.page import publish_page
from jobs.validate.rules import broken_rules

__all__ = ["AuditError", "Finding", "Validated", "validate"]

log = logging.getLogger(__name__)

NEWEST_FIRST = "updated_at DESC NULLS LAST, fetched_at DESC, source DESC, batch_id DESC, position DESC"
OUTPUTS = ("posts", "quarantine")


@dataclass(frozen=True)
class Validated:
    """What one validation did. `days` are published or were up to date; `held` gives the reasons of the others."""

    days: list[str]
    held: dict[str, list[str]]
    posts: int
    quarantined: int


def validate(settings: Settings, days: Sequence[str], newest: date | None = None) -> Validated:
    """Publish posts and quarantine of `days` (YYYY-MM-DD or `undated`) in one pass over all of them.

    Days that another version of one of their items lies on are judged with them, so that no item is lost or doubled
    when its date changed; they are among the days of the result.
    Freshness is measured against `newest`, by default the last dated one of `days`. Raises AuditError, publishing
    nothing, when a staged post breaks a rule that the split should have caught.
    """
    lake = Lake(settings.lake)
    raw = lake.partitions("raw_posts")  # listed once: what is ingested from here on is for the next run
    last = max(set(days) - {UNDATED}, default=UNDATED)
    with lake.query() as query, lake.staging() as stage:
        days = _with_days_of_other_versions(query, raw, days)
        partitions = {partition: paths for partition, paths in raw.items() if partition.day in days}
        _choose_newest_versions(query, raw, partitions, days)
        snapshots = _snapshots(query, partitions)
        stale = {p: made_from for p, made_from in snapshots.items() if not _up_to_date(lake, p, made_from)}
        log.info("validate: %d of %d partitions to make", len(stale), len(snapshots))
        _release(lake, snapshots.keys() - stale.keys())
        if not stale and newest is None:
            return Validated(sorted(set(days)), {}, 0, 0)
        counts = _stage(query, stage, stale) if stale else {}
        findings = _audit(query, stage) if stale else []
        held = _held(findings)
        _hold_back(lake, stage, stale, held)
        stage.publish()
    asked = newest.isoformat() if newest else last
    findings += judge("feed_freshness", _freshness(settings, lake, asked))
    if stale:
        publish_page(settings, findings, held, asked)
    for finding in findings:
        if finding.broken and finding.severity == "warning":
            log.warning("%s is broken by %s", finding.rule, ", ".join(sorted({str(p.feed) for p in finding.broken})))
    for day, reasons in held.items():
        log.warning("%s held back, nothing of it published: %s", day, "; ".join(reasons))
    published = [counts[p] for p in stale if p.day not in held]
    return Validated(sorted(set(days) - held.keys()), held, sum(n for n, _ in published), sum(n for _, n in published))


def _with_days_of_other_versions(query: Query, raw: dict[Partition, list[str]], days: Sequence[str]) -> list[str]:
    """`days`, and every other day on which a version of an item of theirs lies, sorted."""
    _view_raw(query, raw, {partition: paths for partition, paths in raw.items() if partition.day in set(days)})
    found = query.rows("SELECT DISTINCT published_date FROM history SEMI JOIN touched USING (feed, post_id)")
    return sorted({*days, *(as_day(row["published_date"]) for row in found)})


def _view_raw(query: Query, raw: dict[Partition, list[str]], touched: dict[Partition, list[str]]) -> None:
    feeds = {partition.feed for partition in touched}
    query.view("history", "raw_posts", [path for p, paths in raw.items() if p.feed in feeds for path in paths])
    query.view("touched", "raw_posts", [path for paths in touched.values() for path in paths])


def _choose_newest_versions(
    query: Query, raw: dict[Partition, list[str]], touched: dict[Partition, list[str]], days: Sequence[str]
) -> None:
    """Table `newest`: the version that wins of each item, where it lies on one of `days`.

    All versions of an item compete, on whatever day they lie: an item whose date was changed counts once.
    """
    _view_raw(query, raw, touched)
    query.connection.execute(f"""
        CREATE TEMP TABLE newest AS SELECT * EXCLUDE (rank) FROM (
            SELECT feed, post_id, batch_id, position, published_date,
                min(fetched_at) OVER (PARTITION BY feed, post_id) AS first_seen_at,
                row_number() OVER (PARTITION BY feed, post_id ORDER BY {NEWEST_FIRST}) AS rank
            FROM history SEMI JOIN touched USING (feed, post_id)
        ) WHERE rank = 1 AND {sql_days(days)}
    """)


def _snapshots(query: Query, partitions: Iterable[Partition]) -> dict[Partition, str]:
    """Snapshot of each partition: a hash of its winning versions and of the rules they are judged by."""
    from models import language

    rules = fingerprint(*(contract(name).digest for name in ("raw_posts", *OUTPUTS)), language.version())
    found = query.rows("""
        SELECT published_date, feed, count(*) AS items,
            bit_xor(hash(post_id, batch_id, position, first_seen_at)) AS versions
        FROM newest GROUP BY ALL
    """)
    winners = {Partition(as_day(row["published_date"]), row["feed"]): (row["items"], row["versions"]) for row in found}
    return {partition: fingerprint(partition, winners.get(partition), rules) for partition in partitions}


def _up_to_date(lake: Lake, partition: Partition, snapshot: str) -> bool:
    return all(lake.snapshot(lake.path(name, partition)) == snapshot for name in OUTPUTS)


def _stage(query: Query, stage: Staging, stale: dict[Partition, str]) -> dict[Partition, tuple[int, int]]:
    """Split the candidates of the stale partitions into staged posts and quarantine; returns the rows of both."""
    query.keys("stale", stale)
    candidates = query.batches("""
        SELECT touched.*, newest.first_seen_at
        FROM touched JOIN newest USING (feed, batch_id, position)
        WHERE EXISTS (FROM stale WHERE stale.feed = touched.feed
                      AND stale.published_date IS NOT DISTINCT FROM touched.published_date)
        ORDER BY touched.published_date NULLS FIRST, feed, touched.post_id
    """)
    judged = (_judged(batch) for batch in track(candidates, "validate"))
    counts = {p: _split(stage, p, pieces, stale[p]) for p, pieces in partition_runs("posts", judged)}
    return counts | {p: _split(stage, p, [], stale[p]) for p in sorted(stale.keys() - counts.keys())}


def _judged(batch: pa.RecordBatch) -> pa.RecordBatch:
    """`batch` of raw_posts rows with their text, language and the names of the rules they break."""
    from models import language

    texts = [
        joined_text(title, body)
        for title, body in zip(batch.column("title").to_pylist(), batch.column("body").to_pylist(), strict=True)
    ]
    batch = batch.append_column("text", pa.array(texts, pa.string()))
    batch = batch.append_column("language", pa.array(language.identify([text or "" for text in texts]), pa.string()))
    rules = [rule for name in ("raw_posts", "posts") for rule in contract(name).rules if rule.severity == "error"]
    return batch.append_column("rules", broken_rules(rules, batch))


def joined_text(title: str | None, body: str | None) -> str | None:
    """Title and body as the model reads them; a body that begins with its title is not given it twice."""
    if not title or not body:
        return title or body
    return body if body.startswith(title) else f"{title}\n{body}"


def _split(stage: Staging, partition: Partition, pieces: Iterable[pa.RecordBatch], snapshot: str) -> tuple[int, int]:
    """Stage the sound rows of one partition as posts, the others as quarantine; returns the rows of both."""
    posts, quarantine = (stage.lake.path(name, partition) for name in OUTPUTS)
    sound, broken = 0, 0
    with stage.writer("posts", posts, snapshot) as kept, stage.writer("quarantine", quarantine, snapshot) as refused:
        for piece in pieces:
            passes = pc.equal(pc.list_value_length(piece.column("rules")), 0)
            sound += kept.write(piece.filter(passes))
            broken += refused.write(piece.filter(pc.invert(passes)))
    return sound, broken


def _audit(query: Query, stage: Staging) -> list[Finding]:
    """Verdict of Great Expectations on the staged posts (AuditError) and on the profile of each day (findings)."""
    query.staged_view("staged_posts", "posts", stage)
    query.staged_view("staged_quarantine", "quarantine", stage)
    audit_posts(query.batches("FROM staged_posts"))
    columns = ", ".join(contract("batch_profile").columns)
    return judge(
        "batch_profile",
        query.table(f"""
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
        SELECT {columns} FROM profile ORDER BY published_date, feed
        """).cast(contract("batch_profile").schema),
    )


def _freshness(settings: Settings, lake: Lake, asked: str) -> pa.Table:
    """Rows of feed_freshness: every feed of the settings, with its newest published day that has posts."""
    newest: dict[str | None, str] = {}
    for partition, (path,) in sorted(lake.partitions("posts").items(), reverse=True):
        if partition.feed not in newest and partition.day != UNDATED and lake.rows(path):
            newest[partition.feed] = partition.day
    day = as_date(asked)
    rows = []
    for feed in settings.feeds:
        last = as_date(newest.get(feed.name, UNDATED))
        rows.append(
            {"feed": feed.name, "published_date": last, "days_behind": (day - last).days if day and last else None}
        )
    return pa.Table.from_pylist(rows, schema=contract("feed_freshness").schema)


def _held(findings: list[Finding]) -> dict[str, list[str]]:
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


def _hold_back(lake: Lake, stage: Staging, stale: Iterable[Partition], held: dict[str, list[str]]) -> None:
    """Send the staged files of held days beside the datasets, where they can be looked at, and drop older ones."""
    for partition in stale:
        if partition.day in held:
            for target in (lake.path(name, partition) for name in OUTPUTS):
                stage.redirect(target, f"{HELD}/{target}")
    _release(lake, (partition for partition in stale if partition.day not in held))


def _release(lake: Lake, partitions: Iterable[Partition]) -> None:
    """Drop what was held back of `partitions`, which are published as they should be."""
    for partition in partitions:
        for name in OUTPUTS:
            lake.discard(f"{HELD}/{lake.path(name, partition)}")
