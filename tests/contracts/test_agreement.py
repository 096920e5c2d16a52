"""Schema, suite and written data say the same: the real steps write sample rows, every file is held to its contract."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from data_contracts import contract, names, schema, suite
from jobs.aggregate import aggregate
from jobs.declaration import Declaration
from jobs.enrich.themes import Themes, keep_themes
from jobs.enrich.topics import topics
from jobs.enrich.twins import twins
from jobs.ingest import ingest
from jobs.labels.sample import draw
from jobs.labels.sheet import write as write_sheet
from jobs.labels.store import import_labels
from jobs.lake.query import View, batches
from jobs.lake.table import TABLES, Lake
from jobs.lake.writer import write
from jobs.score import with_scores
from jobs.settings import Settings, Window
from jobs.validate import validate
from models.sentiment.cascade import scorer
from tests.sheets import fill

POSTS = [
    {"id": "1", "at": "2026-09-29T12:00:00Z", "text": "Adorei o café da Aurora, ótimo", "stars": 5, "by": "ana"},
    {"id": "2", "at": "2026-09-30T12:00:00Z", "text": "The coffee was cold, the queue long", "stars": 1, "by": None},
    {"id": "3", "at": None, "text": "Sem data, mas com muito amor pelo café"},
    {"id": "4", "at": "2026-09-30T13:00:00Z", "text": None},
]
GONE = {"id": "5", "at": "2026-09-30T14:00:00Z", "text": "Já não está aqui", "gone": True}
CHAT = {
    "name": "chat", "version": 1, "about": {"title": "Chat", "docs": "https://chat.example", "terms": "None."},
    "items": {"at": "@", "deleted": "gone"}, "fields": {"post_id": "id", "published_at": "at", "text": "text"},
}  # fmt: skip
NEVER_STORED = {"batch_profile", "feed_freshness"}
OF_SOME_SHAPES = "judged_posts"
"""Its files have the columns of posts, of quarantine or of deletions."""
STORED = sorted(set(names()) - NEVER_STORED - {OF_SOME_SHAPES})


class LengthModel:
    """A sentiment model that prefers long texts."""

    name, version, labels = "length", "length-1", ("negative", "neutral", "positive")

    def predict(
        self, texts: Sequence[str], languages: Sequence[str] | None = None, kinds: Sequence[str] | None = None
    ) -> np.ndarray:
        lengths = np.array([[1, 1, len(text)] for text in texts], np.float32).reshape(-1, 3)
        return lengths / lengths.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A lake that every step has written to."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SOURCE_DATE_EPOCH", str(int(datetime(2026, 10, 1, tzinfo=UTC).timestamp())))
        yield _filled(tmp_path_factory.mktemp("agreement"))


def _filled(tmp_path: Path) -> Lake:
    (tmp_path / "posts.jsonl").write_text("\n".join(map(json.dumps, POSTS)) + "\n{broken\n", encoding="utf-8")
    columns = {"post_id": "id", "published_at": "at", "text": "text", "rating": "stars", "author": "by"}
    path = str(tmp_path / "posts.jsonl")
    feed = {"name": "posts", "kind": "post", "reader": "jsonl", "path": path, "columns": columns}
    (tmp_path / "chat.json").write_text(json.dumps([GONE]), encoding="utf-8")
    service = Declaration.model_validate(CHAT)
    chat = {"name": "chat", "kind": "post", "service": service, "path": str(tmp_path / "chat.json")}
    settings = Settings.model_validate(
        {
            "lake": str(tmp_path / "lake"), "reports": str(tmp_path / "reports"), "feeds": [feed, chat],
            "brands": [{"name": "Aurora", "terms": ["aurora"]}], "topics": [{"name": "Café", "terms": ["café"]}],
        }
    )  # fmt: skip
    lake = Lake(settings.lake)
    window = Window(start=date(2026, 9, 29), end=date(2026, 9, 30))
    days = sorted({day for name in ("posts", "chat") for day in ingest(settings, name, window).days})
    days = validate(settings, days).days
    judged, view = scorer(LengthModel(), []), View(lake)
    scored = [
        written
        for file in view.files("posts")
        for rows in [[with_scores(batch, judged, LengthModel.version) for batch in batches(lake, file)]]
        for written in write(lake, "scored_posts", dict(file.values), f"{file.made_from}.s", rows)
    ]
    lake.commit(view.table("scored_posts"), scored, [], step="score", days=days, cause="inputs")
    twins(settings, days)
    keep_themes(lake, "2026-09-28", Themes(("café",), ("cafe",), np.ones((1, 1)), np.ones(1)))
    topics(settings, days)
    aggregate(settings, days)
    _label(settings, tmp_path / "labels.xlsx")
    return lake


def _label(settings: Settings, sheet: Path) -> None:
    write_sheet(sheet, draw(settings, "posts", Window(start=date(2026, 9, 29), end=date(2026, 9, 30)), 2), "en")
    fill(sheet, "Labels", "Ana", ["positive", "negative"])
    import_labels(settings, sheet)


def disagreements(lake: Lake, dataset: str, agreed: pa.Schema) -> list[str]:
    """The files of `dataset` whose schema is not `agreed`, each with what it has instead."""
    paths = [file.path for file in View(lake).files(dataset)]
    found = {path: pq.read_schema(f"{lake.base}/{path}").remove_metadata() for path in paths}
    return [f"{path}: {stored}" for path, stored in found.items() if not stored.equals(agreed)]


def test_schema_suite_and_written_data_agree(lake: Lake) -> None:
    for dataset in STORED:
        assert View(lake).files(dataset), f"no step wrote {dataset}"
        assert disagreements(lake, dataset, contract(dataset).stored_schema) == []
        with View(lake).query() as query:
            query.read(dataset, name="item")
            table = query.table("FROM item")
        assert table.num_rows
        assert table.schema.names == schema(dataset).names
        assert table.schema.types == schema(dataset).types
        required = {f.name for f in schema(dataset) if not f.nullable}
        assert not {name for name in required if table[name].null_count}
        assert {e.column for e in suite(dataset).expectations if getattr(e, "column", None)} <= set(table.schema.names)


def test_the_key_is_one(lake: Lake) -> None:
    for dataset in STORED:
        key = ", ".join(contract(dataset).key)
        with View(lake).query() as query:
            query.read(dataset, name="item")
            assert query.rows(f"SELECT {key} FROM item GROUP BY {key} HAVING count(*) > 1") == []


@pytest.mark.parametrize("name", TABLES)
def test_any_reader_of_delta_tables_sees_the_columns_and_rows_of_the_contract(lake: Lake, name: str) -> None:
    table = DeltaTable(lake.uri(name)).to_pyarrow_table()
    assert dict(zip(table.schema.names, table.schema.types, strict=True)) == {f.name: f.type for f in schema(name)}
    assert not {f.name for f in schema(name) if not f.nullable and table[f.name].null_count}
    assert table.num_rows == View(lake).rows(name) > 0
    key = table.select(contract(name).key)
    assert len(key.group_by(contract(name).key).aggregate([])) == len(key)


def test_the_table_of_judged_posts_has_all_columns_of_what_is_stored_in_it() -> None:
    for name in ("posts", "quarantine", "deletions"):
        assert contract(name).table == OF_SOME_SHAPES
        for column in schema(name):
            assert schema(OF_SOME_SHAPES).field(column.name).type == column.type


@pytest.mark.parametrize("change", ["renamed", "retyped", "dropped", "nullable"])
def test_a_difference_would_be_seen(lake: Lake, change: str) -> None:
    agreed = contract("posts").stored_schema
    place = agreed.get_field_index("text")
    other = {
        "renamed": lambda: agreed.set(place, agreed.field(place).with_name("body")),
        "retyped": lambda: agreed.set(place, agreed.field(place).with_type(pa.large_string())),
        "dropped": lambda: agreed.remove(place),
        "nullable": lambda: agreed.set(place, agreed.field(place).with_nullable(True)),
    }[change]()
    assert len(disagreements(lake, "posts", other)) == len(View(lake).files("posts")) > 0
