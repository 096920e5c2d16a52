"""Every shipped service over small answers of its shape: the exact items out, over all pages, and its own faults."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from jobs.connect.connector import SourceError
from jobs.connect.fetch import Fetch, fetch
from jobs.declaration import SCHEMA, SHIPPED, schema_text, shipped, shipped_names
from jobs.read.read import read
from jobs.read.record import Record
from jobs.settings import Feed, Window
from jobs.values import parse_date
from tests.connect.networks import bluesky, hacker_news, mastodon
from tests.connect.services_table import PAGE, written
from tests.service import Said, Service, killed_after
from tests.service import service as service

NOON = datetime(2026, 9, 29, 12, tzinfo=UTC)
ANSWERS = Path(__file__).parent / "answers"
PAGED = sorted(file.stem for file in ANSWERS.glob("*.json"))
LIVING = {
    "mastodon": (mastodon([(NOON, "a")]), {"tags": ["aurora"]}),
    "hacker_news": (hacker_news([(NOON, "a")]), {"query": "aurora"}),
    "bluesky": (bluesky([(NOON, "a")]), {"query": "aurora"}),
}
FILES = {"telegram_export"}


def sample(name: str) -> dict[str, Any]:
    """The parameters of a feed, the pages that its service answers one after the other, and the items in them."""
    said: dict[str, Any] = json.loads((ANSWERS / f"{name}.json").read_text(encoding="utf-8"))
    return said


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(datetime(2026, 9, 30, 6, tzinfo=UTC).timestamp())))
    for name in shipped_names():
        for what in ("USERNAME", "PASSWORD", "TOKEN"):
            monkeypatch.setenv(f"{name.upper()}_{what}", "s3cret")


@pytest.fixture
def replayed(service: Service, tmp_path: Path) -> Any:
    """A fetch of a sample's feed, whose service answers its pages in order and then 500."""

    def run(name: str) -> tuple[Feed, Fetch]:
        said = sample(name)
        pages = [Said({"access_token": "t"})] if shipped(name).sign_in and said.get("signs_in") else []
        pages += [
            Said(page["body"], page.get("status", 200), page.get("headers", {}), page.get("text"))
            for page in said["pages"]
        ]
        service.faults = pages
        service.answer = lambda _: Said({}, 500)
        parameters = {name: service.url if value == "HERE" else value for name, value in said["feed"].items()}
        feed = Feed.model_validate({**service.feed(name, **parameters), "http": {"retries": 0}})
        window = Window(start=date(2026, 9, 29), end=date(2026, 9, 29))
        return feed, fetch(feed, window, {}, tmp_path)

    return run


def told(feed: Feed, record: Record) -> dict[str, Any]:
    """What a record says, its dates understood."""
    fields = {name: value for name, value in record.fields.items() if value not in (None, "")}
    dates = {name: parse_date(fields.pop(name), feed) for name in ("published_at", "updated_at") if name in fields}
    moments = {name: moment.isoformat().replace("+00:00", "Z") for name, moment in dates.items() if moment}
    return {
        **{name: str(value) for name, value in fields.items()},
        **moments,
        **({"error": record.error} if record.error else {}),
    }


def test_every_service_has_answers() -> None:
    assert sorted([*PAGED, *LIVING, *FILES]) == shipped_names()


@pytest.mark.parametrize("name", PAGED)
def test_the_pages_of_a_service_give_exactly_their_items(replayed: Any, service: Service, name: str) -> None:
    feed, bodies = replayed(name)
    records = [record for body in bodies for record in read(feed, body.path)]
    here = json.dumps([told(feed, record) for record in records]).replace(service.url, "HERE")
    assert json.loads(here) == sample(name)["items"]
    assert bodies.reach is not None
    assert bodies.reach.missing == ()
    assert service.faults == []
    for asked, query in zip(service.asked[-len(sample(name)["pages"]) :], sample(name)["asks"], strict=True):
        assert {**asked.query, "path": asked.path}.items() >= query.items()


@pytest.mark.parametrize("name", PAGED)
def test_payloads_of_a_service_name_nobody(replayed: Any, name: str) -> None:
    feed, bodies = replayed(name)
    for body in bodies:
        for record in read(feed, body.path):
            assert "Ana" not in json.dumps(record.payload)


@pytest.mark.parametrize("name", PAGED)
def test_a_kill_between_two_requests_of_a_service_moves_no_cursor(replayed: Any, service: Service, name: str) -> None:
    requests = len(sample(name)["pages"]) + bool(sample(name).get("signs_in"))
    for killed_at in range(requests):
        _, bodies = replayed(name)
        with killed_after(killed_at):
            list(bodies)
        assert bodies.cursor is None


@pytest.mark.parametrize("name", PAGED)
def test_an_answer_of_another_kind_is_no_page_of_a_service(replayed: Any, service: Service, name: str) -> None:
    for page in (
        Said(text="<html>log in</html>"),
        Said({"wrong": 1}),
        Said({}, 403),
        Said({}, 429, {"Retry-After": "9999"}),
    ):
        if page.document == {"wrong": 1} and shipped(name).items.absent == "empty":
            continue  # what such a service answers when it has nothing
        _, bodies = replayed(name)
        service.faults = [*service.faults[: bool(sample(name).get("signs_in"))], page]
        with pytest.raises(SourceError):
            list(bodies)


@pytest.mark.parametrize("name", sorted(LIVING))
def test_the_services_that_are_played_whole_give_an_item(service: Service, tmp_path: Path, name: str) -> None:
    service.answer, parameters = LIVING[name]
    if name == "bluesky":
        service.faults = [Said({"accessJwt": "jwt"})]
    feed = Feed.model_validate(service.feed(name, **parameters))
    bodies = fetch(feed, Window(start=NOON.date(), end=NOON.date()), {}, tmp_path)
    (record,) = [record for body in bodies if body.path for record in read(feed, body.path)]
    assert parse_date(record.fields["published_at"], feed) == NOON
    assert "ana" not in json.dumps(record.payload)


def test_an_exported_chat_is_a_file(tmp_path: Path) -> None:
    chat = {
        "name": "c", "type": "public_channel", "id": 1, "messages": [
            {"id": 1, "type": "service", "date": "2026-09-29T12:00:00", "actor": "Ana", "text": ""},
            {"id": 2, "type": "message", "date": "2026-09-29T09:00:00", "from": "Ana", "from_id": "user7",
             "text": ["veja ", {"type": "link", "text": "https://a.example"}, " hoje"]},
            {"id": 3, "type": "message", "date": "2026-09-29T09:00:00", "date_unixtime": "1790683200", "from": None,
             "from_id": "user7", "text": "", "text_entities": [{"type": "plain", "text": "novo"}]},
        ],
    }  # fmt: skip
    path = tmp_path / "result.json"
    path.write_text(json.dumps(chat), encoding="utf-8")
    feed = Feed.model_validate(
        {"name": "t", "kind": "post", "service": "telegram_export", "path": str(path), "timezone": "America/Sao_Paulo"}
    )
    assert [told(feed, record) for record in read(feed, path)] == [
        {
            "post_id": "2",
            "text": "veja https://a.example hoje",
            "author": "user7",
            "published_at": "2026-09-29T12:00:00Z",
        },
        {"post_id": "3", "text": "novo", "author": "user7", "published_at": "2026-09-29T12:00:00Z"},
    ]
    assert "Ana" not in json.dumps([record.payload for record in read(feed, path)])


def test_the_published_schema_is_that_of_the_model_and_of_every_file() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema_text()
    validator = jsonschema.Draft202012Validator(json.loads(schema_text()))
    for name in shipped_names():
        validator.validate(yaml.safe_load((SHIPPED / f"{name}.yaml").read_text(encoding="utf-8")))
        assert shipped(name).name == name


def test_the_table_of_services_in_the_documents_is_theirs() -> None:
    assert PAGE.read_text(encoding="utf-8") == written(), "run python -m tests.connect.services_table"
