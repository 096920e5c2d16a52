"""Labels kept: a filled workbook is read, held against the lake and the contract, and committed once or not at all."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from data_contracts import contract, schema
from jobs import versions
from jobs.labels.agreement import Said, alpha
from jobs.labels.sample import CANNOT_SAY, CONTENT, LABELS, SCORED, LabelsError, scored_files
from jobs.labels.sheet import Filled, read
from jobs.lake.query import Query, View, open_query
from jobs.lake.table import Amendment, File, Lake, Table, as_day
from jobs.lake.writer import write
from jobs.rules import broken_rules
from jobs.settings import Settings, now

TICK = timedelta(microseconds=1)
"""The second sheet comes after the first."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Imported:
    """What an import found in a file: labels by labeller, how many are cannot_say, and how many were not known yet.

    `edited` counts posts whose text is another now or that are in no figure any more: their labels are kept, not used.
    `agreement` is Krippendorff's alpha of all people who labelled posts of this sample.
    """

    sample: str
    labels: Mapping[str, int]
    cannot_say: int
    new: int
    edited: int
    agreement: float | None


def import_labels(
    settings: Settings, path: Path, labeller: str | None = None, partial: bool = False, replace: bool = False
) -> Imported:
    """Import the workbook at `path`; the same one a second time changes nothing.

    See sheet.read for `labeller` and `partial`. With `replace` a label takes the place of another that the same person
    gave the post before. Raises LabelsError, SettingsError for a feed that the settings do not have, and LakeError;
    then nothing was imported.
    """
    filled = read(path, labeller, partial)
    feed = settings.feed(filled.sample.feed).name
    lake = Lake(settings.lake)
    rows = _rows(settings, filled)
    _check_contract(path, rows)
    _check_posts(path, View(lake), feed, rows)
    known: list[Row] = []

    def merged(table: Table) -> Amendment | None:
        known[:] = _stored(lake, table.files)
        fresh = _fresh(path, known, rows, replace)
        return _amendment(lake, table, known, fresh) if fresh else None

    lake.amend(LABELS, merged)
    said = [*_others(known, rows), *rows]
    return Imported(
        sample=filled.sample.id,
        labels={answers[0].labeller: len(answers) for answers in filled.answers},
        cannot_say=sum(row["label"] == CANNOT_SAY for row in rows),
        new=len(_fresh(path, known, rows, replace=True)),
        edited=_edited(View(lake), feed, rows),
        agreement=agreement(row for row in said if row["sample"] == filled.sample.id),
    )


def agreement(rows: Iterable[Mapping[str, Any]]) -> float | None:
    """Krippendorff's alpha of rows of labels; who cannot say has not answered."""
    return alpha(Said(row["labeller"], row["post_id"], row["label"]) for row in rows if row["label"] != CANNOT_SAY)


def _rows(settings: Settings, filled: Filled) -> list[Row]:
    """The answers as rows of the contract."""
    sample, moment = filled.sample, now()
    return [
        {
            "labelled_date": moment.astimezone(settings.zone).date(),
            "feed": sample.feed,
            "post_id": answer.post.post_id,
            "published_date": answer.post.day,
            "labeller": answer.labeller,
            "label": answer.label,
            "sample": sample.id,
            "sample_start": sample.window.start,
            "sample_end": sample.window.end,
            "weight": answer.post.weight,
            "content": answer.post.content,
            "labelled_at": moment + place * TICK,
        }
        for place, answers in enumerate(filled.answers)
        for answer in answers
    ]


def _check_contract(path: Path, rows: Sequence[Row]) -> None:
    batch = pa.RecordBatch.from_pylist(rows, schema=schema(LABELS))
    for row, broken in zip(rows, broken_rules(contract(LABELS).rules, batch).to_pylist(), strict=True):
        if broken:
            raise LabelsError(
                f"{path}: the label of post {row['post_id']!r} breaks {', '.join(broken)} of the contract"
            )


def _check_posts(path: Path, view: View, feed: str, rows: Sequence[Row]) -> None:
    with view.query() as query:
        query.view("version", versions.INDEX, [file for file in view.files(versions.INDEX) if file.feed == feed])
        _register(query, rows)
        strange = query.rows("FROM label ANTI JOIN version USING (post_id) ORDER BY post_id")
    if strange:
        raise LabelsError(
            f"{path}: {len({row['post_id'] for row in strange})} of its posts are not in the lake "
            f"{view.lake.root}, the first {strange[0]['post_id']!r}; import it where it was drawn"
        )


def _edited(view: View, feed: str, rows: Sequence[Row]) -> int:
    with view.query() as query:
        query.view("post", SCORED, scored_files(view, feed))
        _register(query, rows)
        stale = query.rows(f"""
            WITH own AS (SELECT post_id, text FROM post SEMI JOIN label USING (post_id))
            SELECT DISTINCT post_id FROM label
            ANTI JOIN (SELECT post_id, {CONTENT} AS content FROM own) USING (post_id, content)
        """)
    return len(stale)


def _register(query: Query, rows: Sequence[Row]) -> None:
    query.connection.register("label", pa.Table.from_pylist(list(rows), schema=schema(LABELS)))


def _stored(lake: Lake, files: Sequence[File]) -> list[Row]:
    with open_query(lake) as query:
        query.view(LABELS, LABELS, files)
        return query.rows(f"FROM {LABELS}")


def _key(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["feed"], row["post_id"], row["labeller"]


def _others(known: Iterable[Row], rows: Iterable[Row]) -> list[Row]:
    """Those of `known` that `rows` do not replace."""
    keys = {_key(row) for row in rows}
    return [row for row in known if _key(row) not in keys]


def _fresh(path: Path, known: Iterable[Row], rows: Sequence[Row], replace: bool) -> list[Row]:
    """Those of `rows` that say something new; LabelsError where a person said otherwise before, unless to `replace`."""
    before = {_key(row): row for row in known}
    fresh = [row for row in rows if _key(row) not in before or before[_key(row)]["label"] != row["label"]]
    changed = [row for row in fresh if _key(row) in before]
    if changed and not replace:
        row = changed[0]
        raise LabelsError(
            f"{path}: {row['labeller']} said {before[_key(row)]['label']} of post {row['post_id']!r} before and says "
            f"{row['label']} here, as of {len(changed)} posts in all; a post takes one label of a person: correct the "
            "sheet, or put these in the place of the former with --replace"
        )
    return fresh


def _amendment(lake: Lake, table: Table, known: Sequence[Row], fresh: Sequence[Row]) -> Amendment:
    """The days that `fresh` adds to or takes a replaced label from, one file each."""
    keys = {_key(row) for row in fresh}
    touched = {row["labelled_date"] for row in [*fresh, *(row for row in known if _key(row) in keys)]}
    rows = [*_others(known, fresh), *fresh]
    add = [file for day in sorted(touched) for file in _written(lake, day, rows)]
    days = {as_day(day) for day in touched}
    remove = [file for file in table.files if file.day in days]
    return Amendment(add, remove, {"step": "labels", "days": _published(fresh), "cause": "labels"})


def _written(lake: Lake, day: date, rows: Iterable[Row]) -> list[File]:
    own = sorted((row for row in rows if row["labelled_date"] == day), key=_key)
    batches = [pa.RecordBatch.from_pylist(own, schema=schema(LABELS))]
    return write(lake, LABELS, {"labelled_date": as_day(day)}, "labels", batches)


def _published(rows: Collection[Row]) -> list[str]:
    return sorted({as_day(row["published_date"]) for row in rows})
