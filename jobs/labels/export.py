"""Labelled texts as a file that `sentinela-train NAME --data FILE` learns from."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.labels.read import feeds, find_labelled
from jobs.labels.sample import LabelsError
from jobs.lake.query import View
from jobs.lake.table import Lake
from jobs.settings import Settings
from models.files import whole


def export(settings: Settings, target: Path, feed: str | None = None) -> int:
    """Write the labelled texts, of `feed` only where given, to the Parquet file `target`; returns how many.

    Its columns are text, label, language and kind, and feed, post_id and published_date to find a text again. Each text
    has one label, as for figures. Raises LabelsError when there is none or `target` cannot be written, and
    SettingsError for an unknown feed.
    """
    chosen = [settings.feed(feed).name] if feed else None
    if target.suffix != ".parquet":
        raise LabelsError(f"{target}: labels are exported as Parquet; let the name end in .parquet")
    if not target.parent.is_dir():
        raise LabelsError(f"{target}: there is no folder {target.parent}; make it first")
    view = View(Lake(settings.lake))
    tables = [_labelled_texts(view, name) for name in feeds(view) if chosen is None or name in chosen]
    rows: int = sum(table.num_rows for table in tables)
    if not rows:
        raise LabelsError(f"{settings.lake}: no label of {feed or 'any feed'} to export; see `sentinela labels list`")
    with whole(target) as aside:
        pq.write_table(pa.concat_tables(tables), aside)
    return rows


def _labelled_texts(view: View, feed: str) -> pa.Table:
    with view.query() as query:
        find_labelled(query, feed)
        return query.table("""
            SELECT text, told AS label, language, kind, feed, post_id, published_date
            FROM labelled ORDER BY published_date, post_id
        """)
