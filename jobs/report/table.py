"""The CSV of a report: the rows of `daily_polarity` as they are, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import pyarrow as pa

from data_contracts import contract
from jobs.lake.query import Query, sql_days
from jobs.settings import Settings, Window

CELL_STARTS = ("=", "+", "-", "@", "\t", "\r")

_ROWS = """
WITH place AS (
    SELECT published_date, brand, feed, kind
    FROM (SELECT DISTINCT published_date FROM daily_polarity WHERE {days})
    CROSS JOIN wanted_brand CROSS JOIN wanted_feed
), stored AS (
    FROM daily_polarity WHERE brand IN (FROM wanted_brand) AND {days}
)
FROM stored
UNION ALL BY NAME
SELECT *, false AS counted FROM place ANTI JOIN stored USING (published_date, brand, feed) CROSS JOIN wanted_language
"""


def table(query: Query, settings: Settings, names: Sequence[str], window: Window) -> bytes:
    """The rows of `daily_polarity` in `window` of the brands `names`, as `read_revisions` made it.

    What a spreadsheet would run begins with '. A brand or feed that a stored day knows nothing of has rows there too,
    which are not counted and hold no figure.
    """
    agreed = contract("daily_polarity")
    (languages,) = (rule.kwargs["value_set"] for rule in agreed.rules if rule.name == "language_known")
    feeds = [{"feed": feed.name, "kind": feed.kind} for feed in settings.feeds]
    for name, rows in {
        "wanted_brand": [{"brand": name} for name in names],
        "wanted_feed": feeds,
        "wanted_language": [{"language": name} for name in languages],
    }.items():
        query.connection.register(name, pa.Table.from_pylist(rows))
    sink = io.StringIO(newline="")
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(agreed.columns)
    # Sorted whole: parallel scans give their batches in any order.
    ordered = query.batches(
        f"SELECT {', '.join(agreed.columns)} FROM ({_ROWS.format(days=sql_days(window.days))}) "
        f"ORDER BY {', '.join(agreed.key)}"
    )
    for batch in ordered:
        writer.writerows(zip(*(_written(batch.column(name)) for name in agreed.columns), strict=True))
    return sink.getvalue().encode()


def _written(values: pa.Array) -> list[str | None]:
    """`values` as texts. Most of a column is said many times, so each is put into words once."""
    coded = values.dictionary_encode()
    words: list[str | None] = [harmless(v) if isinstance(v, str) else str(v) for v in coded.dictionary.to_pylist()]
    return [*map([*words, None].__getitem__, coded.indices.fill_null(len(words)).to_pylist())]


def harmless(text: str) -> str:
    """`text` so that a spreadsheet takes it for text: an apostrophe before what could begin a formula."""
    return f"'{text}" if text.startswith(CELL_STARTS) else text
