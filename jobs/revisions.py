"""Reading daily_polarity, which keeps every revision of a point: the newest ones, those of a moment, what changed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from jobs.lake.query import Query, View, sql_days, sql_text, sql_until
from jobs.lake.table import File

TABLE = "daily_polarity"
_NEWEST = "QUALIFY row_number() OVER (PARTITION BY published_date, brand, feed, language ORDER BY recorded_at DESC) = 1"


class MadeFrom(NamedTuple):
    """What the points of a day are made from, one short hash each; the order tells which is named as the cause."""

    items: str
    rules: str
    model: str
    coverage: str
    contract: str
    feeds: str
    brands: str

    @classmethod
    def of(cls, file: File) -> MadeFrom:
        """What the newest revision in `file` was made from."""
        return cls(*file.made_from.split("."))


def read_revisions(query: Query, days: Iterable[str], as_of: datetime | None = None) -> None:
    """Make the tables `revision`, every revision of the points of `days`, of those recorded by `as_of` where given, and
    `daily_polarity`, the newest of each point."""
    query.keep(TABLE, days, name="revision")
    if as_of:
        query.connection.execute(f"DELETE FROM revision WHERE NOT ({sql_until('recorded_at', as_of)})")
    query.connection.execute(f"CREATE OR REPLACE TEMP TABLE {TABLE} AS FROM revision {_NEWEST}")


def view_current(query: Query, view: View, days: Iterable[str] | None, as_of: datetime | None = None) -> None:
    """Make `daily_polarity` the newest revision of every point of `days`, of those recorded by `as_of` where given."""
    query.view("revision", TABLE, view.files(TABLE, days))
    view_newest_revision(query, "revision", TABLE, as_of)


def view_newest_revision(query: Query, source: str, name: str, as_of: datetime | None = None) -> None:
    """Make `name` the newest revision (recorded at or before `as_of`) of every point in the view `source`."""
    query.connection.execute(f"""
        CREATE OR REPLACE TEMP VIEW {name} AS FROM {source} WHERE {sql_until("recorded_at", as_of)} {_NEWEST}
    """)


def newest_changes(query: Query, days: Iterable[str], brand: str) -> list[dict[str, Any]]:
    """What the newest revision of each of `days` changed of `brand`, by the table `revision`; revised days only, the
    newest revision first.

    A row has published_date, moment, causes (sorted), and posts, distinct_texts and distinct_polarity_sum of the day,
    over all feeds and languages, after it and, with the suffix `_before`, before it; `moment_before` is that of the
    revision before.
    """
    counts = ("posts", "distinct_texts", "distinct_polarity_sum")
    after = ", ".join(f"coalesce(sum({name} ORDER BY feed, language), 0)::DOUBLE AS {name}" for name in counts)
    former = ", ".join(f"coalesce(sum({name} ORDER BY feed, language), 0)::DOUBLE AS {name}_before" for name in counts)
    newest = "QUALIFY row_number() OVER (PARTITION BY published_date, feed, language ORDER BY recorded_at DESC) = 1"
    return query.rows(f"""
        WITH point AS (
            SELECT *, max(recorded_at) FILTER (cause <> 'first') OVER (PARTITION BY published_date) AS moment
            FROM revision WHERE brand = {sql_text(brand)} AND {sql_days(days)}
        ), now AS (
            SELECT published_date, moment, {after} FROM (FROM point WHERE moment IS NOT NULL {newest}) GROUP BY ALL
        ), former AS (
            SELECT published_date, max(recorded_at) AS moment_before, {former}
            FROM (FROM point WHERE recorded_at < moment {newest}) GROUP BY ALL
        ), why AS (
            SELECT published_date, list_sort(list(DISTINCT cause)) AS causes
            FROM point WHERE recorded_at = moment GROUP BY ALL
        )
        FROM now JOIN former USING (published_date) JOIN why USING (published_date)
        ORDER BY moment DESC, published_date DESC
    """)
