"""The sample's last day through Airflow: whole, again, and with a feed that cannot be read."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from jobs import versions
from jobs.alerts.alerts import open_alerts
from jobs.labels.read import labelled
from jobs.labels.sample import draw
from jobs.labels.store import Imported, import_labels
from jobs.lake.query import View
from jobs.lake.state import State
from jobs.lake.table import Lake
from jobs.settings import Window, load
from tests.place import COLUMNS, PT, Place, item

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "examples" / "aurora"
LABELS = SAMPLE / "labels" / "posts-september.xlsx"

STEPS = [
    "feeds", "ingest [reviews]", "ingest [posts]", "ingest [news]", "missed", "validate", "score", "enrich",
    "aggregate", "verdict",
]  # fmt: skip
# What the button Trigger makes, a run without a partition key, at each of the presents that are given.
TRIGGER = """
import sys
from datetime import datetime
from pathlib import Path
from airflow.dag_processing.dagbag import BundleDagBag
from airflow.utils.db import initdb

initdb()
dag = BundleDagBag(sys.argv[1], bundle_path=Path(sys.argv[1])).dags["daily_polarity"]
dag.deadline = None  # as scripts/run_day.py says
for present in map(datetime.fromisoformat, sys.argv[2:]):
    run = dag.test(logical_date=None, run_after=present)
    print(run.partition_key, run.run_after.isoformat(), run.state)
"""

SMALL = {"reader": "jsonl", "url": None, "columns": COLUMNS}
"""A feed of a few posts in the layout of Place, instead of the sample's."""
DATASETS = ["posts", "scored_posts", "twins", "topics", "daily_polarity"]


@pytest.fixture(scope="module")
def whole(run_day: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    return run_day(tmp_path_factory.mktemp("whole") / "aurora", labels=LABELS)


@pytest.fixture(scope="module")
def broken(run_day: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("broken") / "aurora"
    place = Place(folder)
    for feed in ("posts", "news"):
        place.write([item(f"{feed}-{n}", "2026-09-30", f"{PT} {n}") for n in range(5)], feed)
    small = {feed: {**SMALL, "path": f"feeds/{feed}/*.jsonl"} for feed in ("posts", "news")}
    unheard = {"path": None, "url": "http://127.0.0.1:9/reviews.csv", "http": {"private": True, "retries": 0}}
    return run_day(folder, reviews=unheard, **small)


class FeedServer(ThreadingHTTPServer):
    """Serves the sample's feeds on loopback, after `deaf` failures, and keeps the credentials that it is shown."""

    def __init__(self) -> None:
        self.authorizations: list[str | None] = []
        self.deaf = 0
        super().__init__(("127.0.0.1", 0), partial(_Handler, directory=str(SAMPLE / "feeds")))

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(SimpleHTTPRequestHandler):
    server: FeedServer

    def do_GET(self) -> None:
        self.server.authorizations.append(self.headers["Authorization"])
        if self.server.deaf > 0:
            self.server.deaf -= 1
            return self.send_error(503)
        return super().do_GET()


@pytest.fixture
def feed_server() -> Iterator[FeedServer]:
    with FeedServer() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def lake(run: Any) -> Lake:
    return Lake(load(run.folder / "sentinela.yaml").lake)


def view(run: Any) -> View:
    return View(lake(run))


def shown(run: Any, how: str) -> set[str]:
    """Names of the tasks that ended `how`, from lines such as `  validate   1.0 s  done`."""
    ends = [line.rsplit(" s  ", 1) for line in run.shown.splitlines() if " s  " in line]
    return {task.rsplit(maxsplit=1)[0].strip() for task, end in ends if end.startswith(how)}


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_run_succeeds_and_shows_every_task(whole: Any) -> None:
    assert whole.code == 0, whole.shown
    assert shown(whole, "done") == {*STEPS, "labels", "report"}


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_run_publishes_every_dataset_for_its_day(whole: Any, dataset: str) -> None:
    assert "2026-09-30" in view(whole).days(dataset)


def test_the_run_publishes_every_day_that_the_feeds_touch(whole: Any) -> None:
    touched = [day for day in versions.days(view(whole)) if day != "undated"]
    assert len(touched) >= 60
    assert set(view(whole).days("daily_polarity")) >= {day for day in touched if day <= "2026-09-30"}


def test_the_lineage_of_the_run_leads_from_feeds_to_figures(whole: Any) -> None:
    ends = [event for event in whole.lineage if event["eventType"] == "COMPLETE"]
    made = {
        (Path(source["name"]).name, Path(output["name"]).name)
        for event in ends
        for output in event["outputs"]
        for source in event["inputs"]
    }
    path = ["reviews", "raw_posts", "judged_posts", "scored_posts", "daily_polarity"]
    assert made >= set(pairwise(path))
    assert ("daily_polarity", "report.html") in made
    (figures,) = [o for e in ends for o in e["outputs"] if e["job"]["name"] == "daily_polarity.aggregate"]
    assert figures["facets"]["version"]["datasetVersion"] == str(lake(whole).table("daily_polarity").version)
    assert {one["field"] for one in figures["facets"]["columnLineage"]["fields"]["mean_polarity"]["inputFields"]} == {
        "polarity", "text"
    }  # fmt: skip


def test_the_run_says_where_the_report_lies(whole: Any) -> None:
    (line,) = [line for line in whole.shown.splitlines() if line.startswith("report: ")]
    page = Path(line.removeprefix("report: "))
    assert page.is_relative_to(whole.folder / "reports")
    text = page.read_text(encoding="utf-8")
    assert "Aurora" in text
    assert "by people&#39;s labels of these posts" in text, "the sample's posts are labelled"


def test_beside_its_tasks_are_buttons_to_the_report_and_the_verdicts(whole: Any) -> None:
    root = "https://reports.example/all"
    assert whole.buttons["report"] == f"{root}/2026-09-01_2026-09-30/report.html"
    assert whole.buttons["validate"] == f"{root}/data_docs/index.html"


@pytest.mark.slow
def test_running_again_commits_nothing(run_day: Callable[..., Any], whole: Any) -> None:
    before = files_below(whole.folder / "lake")
    again = run_day(whole.folder)
    assert again.code == 0, again.shown
    assert files_below(whole.folder / "lake") == before


def test_the_labels_of_the_sample_are_of_its_posts(whole: Any, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(whole.folder, tmp_path / "aurora"))
    settings, september = load(folder / "sentinela.yaml"), Window(start=date(2026, 9, 1), end=date(2026, 9, 30))
    shutil.rmtree(folder / "lake" / "labels")
    drawn = draw(settings, "posts", september, 100)
    done = import_labels(settings, LABELS)
    assert done == Imported(drawn.id, {"sample author": 100}, cannot_say=0, new=100, edited=0, agreement=None)
    found = labelled(View(Lake(settings.lake)), "posts", settings.brands)
    assert len(found) == 100
    assert found.periods == (september,)
    assert 50 < found.right < 100
    assert min(len(found.of(brand.name)) for brand in settings.brands) > 10


def test_a_feed_that_cannot_be_read_is_tried_again_beside_the_others_and_fails_the_run(broken: Any) -> None:
    assert broken.code == 1
    assert shown(broken, "failed") == {"ingest [reviews]", "late.ingest [reviews]", "verdict"}
    assert len([line for line in broken.shown.splitlines() if line.startswith("  ingest [reviews]")]) == 1
    tries = [line for line in broken.shown.splitlines() if line.startswith("  late.ingest [reviews]")]
    assert len(tries) == 4
    assert all("127.0.0.1:9" in line for line in tries)


def test_the_rest_is_published_all_the_same(broken: Any) -> None:
    assert shown(broken, "done") == {*STEPS, "report"} - {"ingest [reviews]", "verdict"}
    published = {file.feed for file in view(broken).files("posts")}
    assert published == {"posts", "news"}
    assert "2026-09-30" in view(broken).days("daily_polarity")


def test_what_is_wrong_stands_as_an_alert(broken: Any) -> None:
    alerts = open_alerts(load(broken.folder / "sentinela.yaml"))
    assert [alert.cause.key for alert in alerts] == ["failed.reviews"]


@pytest.mark.slow
def test_a_feed_that_comes_late_restates_its_days_and_the_run_is_whole(
    run_day: Callable[..., Any], tmp_path: Path, feed_server: FeedServer
) -> None:
    feed_server.deaf = 1
    late = {"path": None, "url": f"{feed_server.address}/posts.jsonl", "http": {"private": True, "retries": 0}}
    run = run_day(tmp_path / "aurora", only=["posts", "news"], posts=late)
    assert run.code == 0, run.shown
    assert shown(run, "failed") == {"ingest [posts]"}
    assert {f"late.{step}" for step in ("validate", "score", "enrich", "aggregate")} <= shown(run, "done")
    assert {file.feed for file in view(run).files("scored_posts")} == {"posts", "news"}


@pytest.mark.slow
def test_a_feed_without_its_secret_is_not_tried_in_vain(run_day: Callable[..., Any], tmp_path: Path) -> None:
    tokenless = {"path": None, "url": "http://127.0.0.1:9/posts.jsonl", "http": {"token_env": "NO_SUCH_TOKEN"}}
    run = run_day(tmp_path / "aurora", only=["posts"], posts=tokenless)
    assert run.code == 1
    tries = [line for line in run.shown.splitlines() if "the environment variable NO_SUCH_TOKEN" in line]
    assert len([line for line in tries if line.startswith("  late.ingest [posts]")]) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"day": "2019-01-01"}, "2019-01-01 lies before all data: no feed gave anything older than 20"),
        ({"day": "yesterday"}, "'yesterday' is no published day; write one such as 2026-05-12"),
        ({"conf": {"feed": "posts"}}, "unknown in the run's configuration: feed; known: partition_key, feeds, dry_run"),
        ({"conf": {"feeds": ["nobody"]}}, "nobody"),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_a_run_that_is_asked_for_what_there_is_not_is_refused(
    run_day: Callable[..., Any], tmp_path: Path, asked: dict[str, Any], said: str
) -> None:
    run = run_day(tmp_path / "aurora", only=["news"], **asked)
    assert run.code == 1
    assert said in run.shown + run.log
    assert view(run).days("daily_polarity") == []


@pytest.mark.slow
def test_a_dry_run_shows_what_would_come_and_stores_nothing(run_day: Callable[..., Any], tmp_path: Path) -> None:
    run = run_day(tmp_path / "aurora", conf={"feeds": ["news"], "dry_run": True})
    assert run.code == 1, "nothing is published of it"
    assert shown(run, "done") == {"feeds", "ingest [news]", "verdict"}
    assert "post_id" in run.log
    assert not (tmp_path / "aurora" / "lake").exists()


@pytest.mark.slow
@pytest.mark.parametrize("http", [{"token_env": "NO_SUCH_TOKEN"}, {"private": True, "retries": 0}])
def test_a_dry_run_whose_feed_cannot_be_read_is_red_and_tries_once(
    run_day: Callable[..., Any], tmp_path: Path, http: dict[str, Any]
) -> None:
    away = {"path": None, "url": "http://127.0.0.1:9/posts.jsonl", "http": http}
    run = run_day(tmp_path / "aurora", only=["posts"], conf={"dry_run": True}, posts=away)
    assert shown(run, "failed") == {"ingest [posts]", "verdict"}
    assert len([line for line in run.shown.splitlines() if line.startswith("  ingest [posts]")]) == 1
    assert "could not be tried, see the logs of `ingest`: posts" in run.shown
    assert not (tmp_path / "aurora" / "lake").exists()


def test_the_verdict_names_the_feed_and_what_to_do(broken: Any) -> None:
    (line,) = [line for line in broken.shown.splitlines() if line.startswith("feed reviews")]
    assert "could not be read" in line
    assert "clear that task" in line
    assert not [line for line in broken.shown.splitlines() if line.startswith(("feed posts", "feed news", "day "))]


def test_the_report_of_what_was_published_is_written_all_the_same(broken: Any) -> None:
    (line,) = [line for line in broken.shown.splitlines() if line.startswith("report: ")]
    assert Path(line.removeprefix("report: ")).is_file()


@pytest.mark.slow
def test_a_day_that_has_not_begun_fails_at_once_and_publishes_nothing(
    run_day: Callable[..., Any], tmp_path: Path
) -> None:
    early = run_day(tmp_path / "aurora", day="2026-10-05")
    assert early.code == 1
    assert "2026-10-05 has not begun; today is 2026-10-01 in America/Sao_Paulo" in early.shown
    assert "nothing was done" in early.shown
    assert shown(early, "done") == set()
    assert early.shown.count("feeds  ") == 1
    assert [kept.name for kept in (tmp_path / "aurora" / "lake").iterdir()] == ["_state"]  # that it was told of


@pytest.mark.slow
def test_a_held_day_fails_the_run_that_holds_it_back_and_is_a_warning_to_the_next(
    run_day: Callable[..., Any], tmp_path: Path
) -> None:
    folder = tmp_path / "aurora"
    place = Place(folder)
    place.write([item(f"flood-{n}", "2026-09-28", f"{PT} {n}", stars=500) for n in range(20)])
    small = {**SMALL, "path": "feeds/posts/*.jsonl"}
    first = run_day(folder, day="2026-09-29", only=["posts"], posts=small)
    assert first.code == 1
    assert shown(first, "failed") == {"verdict"}
    assert "day 2026-09-28 was held back: quarantined_share_low" in first.shown

    later = run_day(folder, only=["posts"], posts=small)
    assert later.code == 0, later.shown
    assert view(later).held() == ["2026-09-28"]
    assert State(lake(later)).pending() == {}
    assert "2026-09-28 is held back since an earlier run of 20" in later.log
    assert "see `sentinela quarantine list --held --date 2026-09-28`" in later.log


@pytest.mark.slow
def test_a_trigger_without_a_key_takes_the_day_that_ended_in_the_present_of_the_sample(tmp_path: Path) -> None:
    shutil.copytree(SAMPLE, tmp_path / "aurora", ignore=shutil.ignore_patterns("lake", "reports"))
    program, settings = tmp_path / "trigger.py", tmp_path / "aurora" / "sentinela.yaml"
    program.write_text(TRIGGER)
    presents = ["2031-02-03T04:05:06+00:00", "2025-02-03T04:05:06+00:00"]
    done = subprocess.run(
        [sys.executable, str(program), str(ROOT / "dags"), *presents],
        env={
            **os.environ,
            "AIRFLOW_HOME": str(tmp_path / "home"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
            "SENTINELA_CONFIG": str(settings),
            "SOURCE_DATE_EPOCH": "1790825400",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert [line for line in done.stdout.splitlines() if line.startswith("None ")] == [
        f"None {present} success" for present in presents
    ], done.stdout + done.stderr
    days = View(Lake(load(settings).lake)).days("daily_polarity")
    assert days[0] > "2026-01-01"
    assert "2026-09-30" in days


BASIC = {"kind": "basic", "username_env": "POSTS_USER", "password_env": "POSTS_PASSWORD"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("http", "shown"),
    [
        pytest.param({"token_env": "POSTS_TOKEN"}, "Bearer s3cret", id="token"),
        pytest.param({"auth": BASIC}, "Basic YW5hOnMzY3JldA==", id="basic"),
    ],
)
def test_the_secrets_of_a_feed_come_from_its_airflow_connection(
    run_day: Callable[..., Any],
    tmp_path: Path,
    feed_server: FeedServer,
    monkeypatch: pytest.MonkeyPatch,
    http: dict[str, Any],
    shown: str,
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SENTINELA_POSTS", "http://ana:s3cret@unused")
    fetched = {"path": None, "url": f"{feed_server.address}/posts.jsonl", "http": http}
    run = run_day(tmp_path / "aurora", only=["posts"], posts=fetched)
    assert run.code == 0, run.shown
    assert feed_server.authorizations == [shown]
    assert "s3cret" not in run.shown + run.log
