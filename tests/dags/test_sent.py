"""Lineage and metrics, sent by a run through Airflow to a real server where the settings say so."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.place import COLUMNS, Place, item

POSTS = {"reader": "jsonl", "url": None, "columns": COLUMNS, "path": "feeds/posts/*.jsonl"}


class Collector(ThreadingHTTPServer):
    """Takes whatever is posted on loopback, by path."""

    def __init__(self) -> None:
        self.taken: dict[str, list[bytes]] = defaultdict(list)
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        self.server.taken[self.path].append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_lineage_and_metrics_go_where_the_settings_say(
    run_day: Callable[..., Any], tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport = {"type": "http", "url": collector.address, "compression": None}
    monkeypatch.setenv("AIRFLOW__OPENLINEAGE__TRANSPORT", json.dumps(transport))
    monkeypatch.setenv("AIRFLOW__METRICS__OTEL_ON", "True")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.address)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    place = Place(tmp_path / "aurora")
    place.write([item("posts-1", "2026-09-30")])
    run = run_day(place.root, only=["posts"], posts=POSTS)
    assert run.code == 0, run.shown
    events = [json.loads(body) for body in collector.taken["/api/v1/lineage"]]
    ended = {event["job"]["name"]: event for event in events if event["eventType"] == "COMPLETE"}
    assert {"daily_polarity.validate", "daily_polarity.score", "daily_polarity.aggregate"} <= ended.keys()
    assert "columnLineage" in ended["daily_polarity.score"]["outputs"][0]["facets"]
    metrics = b"".join(collector.taken["/v1/metrics"])
    assert b"airflow.ti.finish" in metrics
    assert b"daily_polarity" in metrics
