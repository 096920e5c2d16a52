"""Compare two lakes row by row: `compare_lakes.py ONE TWO`; exit code 1, and a line a dataset, where they differ.

How often a day was written does not count, nor what a fetch noted about itself: the ledger of fetches is left out, and
of daily_polarity the newest revision of each point is compared, less what it says of itself.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

from jobs.lake.query import View
from jobs.lake.table import Lake
from jobs.revisions import view_current

DATASETS = ("raw_posts", "item_versions", "posts", "quarantine", "scored_posts", "twins", "topics")
ABOUT_THE_REVISION = "recorded_at, cause, made_from"


def main() -> int:
    """Compare the lakes that the command line names; the exit code."""
    one, two = map(contents, sys.argv[1:3])
    same = True
    for dataset, rows in one.items():
        more, fewer = rows - two[dataset], two[dataset] - rows
        same &= not (more or fewer)
        verdict = "the same" if not (more or fewer) else f"{more.total()} rows only there, {fewer.total()} only here"
        print(f"{dataset}: {rows.total()} rows, {verdict}")
    return 0 if same else 1


def contents(root: str) -> dict[str, Counter[Any]]:
    """The rows of every dataset of the lake at `root`, each with how often it is there."""
    found = {}
    with View(Lake(root)).query() as query:
        for dataset in DATASETS:
            query.read(dataset)
            found[dataset] = _counted(query.rows(f"FROM {dataset}"))
        view_current(query, query.at, None)
        found["daily_polarity"] = _counted(query.rows(f"SELECT * EXCLUDE ({ABOUT_THE_REVISION}) FROM daily_polarity"))
    return found


def _counted(rows: list[dict[str, Any]]) -> Counter[Any]:
    return Counter(tuple(map(repr, row.values())) for row in rows)


if __name__ == "__main__":
    sys.exit(main())
