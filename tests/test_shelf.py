"""Pages lie in a folder or in an object store; who reads them sees a report whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.lake.faults import LakeError
from jobs.shelf import Shelf
from jobs.validate import validate
from tests.lake.object_store import BUCKET, KEYS, client, moto
from tests.place import Place, item


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with moto() as address:
        yield address


@pytest.fixture(params=["folder", "store"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    if request.param == "folder":
        return Shelf(str(tmp_path / "reports"))
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": request.getfixturevalue("address")}.items():
        monkeypatch.setenv(name, value)
    return Shelf(f"s3://{BUCKET}/listed/reports")


def test_what_is_published_can_be_listed_and_replaced(shelf: Shelf) -> None:
    assert shelf.each("summary.json") == {}
    shelf.publish("2026-09", {"report.html": b"page", "summary.json": b"1"})
    shelf.publish("2026-10", {"report.html": b"page", "summary.json": b"2"})
    shelf.publish("2026-09", {"report.html": b"page", "summary.json": b"3"})
    shelf.publish("broken-off", {"report.html": b"page"})
    shelf.write("index.html", b"all")
    assert shelf.name(shelf.place("2026-09/report.html")) == "2026-09/report.html"
    assert (shelf.names("2026-09"), shelf.names("2026-11")) == (["report.html", "summary.json"], [])
    assert shelf.each("summary.json") == {"2026-09": b"3", "2026-10": b"2"}
    assert str(shelf.place("2026-09/report.html")).endswith("/reports/2026-09/report.html")


def test_in_a_store_the_last_file_comes_when_the_others_are_there_and_each_says_what_it_is(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": address}.items():
        monkeypatch.setenv(name, value)
    shelf, written = Shelf(f"s3://{BUCKET}/kinds"), []
    write = Shelf.write

    def noted(self: Shelf, name: str, content: bytes) -> None:
        written.append(name)
        write(self, name, content)

    monkeypatch.setattr(Shelf, "write", noted)
    shelf.publish("2026-09", {"report.html": b"page", "daily_polarity.csv": b"a,b", "summary.json": b"{}"})
    assert written == [f"2026-09/{name}" for name in ("report.html", "daily_polarity.csv", "summary.json")]
    kinds: dict[str, Any] = {
        name: client(address).head_object(Bucket=BUCKET, Key=f"kinds/{name}")["ContentType"] for name in written
    }
    assert list(kinds.values()) == ["text/html", "text/csv", "application/json"]


def test_a_store_that_cannot_be_written_is_said_in_one_sentence(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": address}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(LakeError, match=r"no-such-bucket/reports/index.html: cannot be written: .*make the bucket"):
        Shelf("s3://no-such-bucket/reports").write("index.html", b"")


def test_verdicts_go_where_the_reports_go(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    place = Place(tmp_path / "place", reports=shelf.root)
    for day in ("2026-06-01", "2026-06-02"):
        validate(place.settings, place.add([item(day, day)], file=day))
    assert shelf.names("data_docs") == ["2026-06-01.html", "2026-06-02.html", "index.html"]
    assert not Path("s3:").exists()
