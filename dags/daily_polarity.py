"""## Purpose
Publishes how one day's posts sound: reads every feed, validates what they hold, scores it and adds it up. One run is
one published day, the partition key `YYYY-MM-DD`; the run after midnight takes the day that ended. A run started by
hand without a key does the same; give the key for another day, or create a backfill for a range of days. Late items
restate their own day, so a run handles every day that its feeds touched, each step in one call.

A feed that fails keeps nobody waiting: what the others brought is published at once, it is tried again beside that, in
the group `late`, and restates its days when it comes.

The trigger form takes `feeds`, to read these alone, and `dry_run`, which fetches a page of each, shows in the log of
`ingest` what would come of it, and stores nothing.

## Owner
The Sentinela data team, data@sentinela.example.

## Triage
The task that failed says what to do; these are the ways it goes wrong. Each is told of once by webhook and mail where
they are set up, and once more when it is over (`sentinela alerts`).

- **`verdict` failed, all before it green**: the other feeds and days are published. Its last line names each feed that
  could not be read and each day that was held back. Mend the cause, then clear the named `late.ingest` task or, for a
  held day, `validate`, downstream tasks included; running again is always safe.
- **`ingest [feed]` failed**: the feed did not answer or is not what the settings say. `late.ingest` tries it again,
  four times; where that is green the day is whole. The coverage ledger (`sentinela status`) has the same message. The
  day's numbers stay without that feed until the task is cleared and succeeds.
- **a warning of suspiciously few items**: the feed answered as if whole, with far fewer items than on the same weekday
  before. Look at the source; nothing was held back.
- **a day was held back**: a rule about the whole batch broke; `sentinela quarantine list --held --date DAY` shows
  the rows. What was published for that day before is untouched. The run of that day fails, and the one that held it
  back first; later runs name it, and how long it has been so, in a warning of `verdict`. Release it as it is or give it
  up with the DAG `held_day` or `sentinela quarantine release` and `give-up`.
- **`score`, `enrich` or `aggregate` failed**: a fault of ours or of the machine (memory, disk, lake). Readers
  still see the previous numbers. Clear the task.
- **`feeds` failed**: the day has not begun, lies before all data, or the run was asked for something that is not known;
  nothing was done.
- **import error of this file**: the settings file is missing or wrong; the error names file and line.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterable
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

from airflow.sdk import (
    DAG,
    Connection,
    CronPartitionTimetable,
    Param,
    TriggerRule,
    get_current_context,
    task,
    task_group,
)
from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException, AirflowSkipException
from sentinela_defaults import EVERY, POLARITY, PageLink, asked, day_of, deadline, default_args, published

from jobs.alerts.runs import unforeseen, unread
from jobs.settings import Feed, Settings, Window, load, now

log = logging.getLogger(__name__)
SETTINGS = load()
STEPS = ("feeds", "validate", "score", "enrich", "aggregate")
LATE = ("ingest", "missed", "late.ingest", "late.validate", "late.score", "late.enrich", "late.aggregate")
"""Tasks that are well where every feed has come, though it be without them."""
VERDICTS = PageLink("data_docs/index.html")


def published_day(settings: Settings) -> date:
    """The day of this run: its partition, or the day that ended before a run that was started without one.

    What cannot give a run its key, such as DAG.test(), gives it as `partition_key` in the run's configuration.
    """
    day = day_of_run(settings, get_current_context()["dag_run"])
    if day > settings.today():
        raise AirflowFailException(f"{day} has not begun; today is {settings.today()} in {settings.timezone}")
    return day


def day_of_run(settings: Settings, run: Any) -> date:
    """The day of `run`, whether or not it has begun."""
    # The key of a scheduled run is a day late where the clocks went forward at midnight, as in Santiago or Cairo.
    key = None if run.run_type == "scheduled" else run.partition_key
    if key := key or (run.conf or {}).get("partition_key"):
        return day_of(str(key))
    # The sample has a present of its own, whenever it is started.
    return now(run.run_after).astimezone(settings.zone).date() - timedelta(days=1)


def lend_secrets(feed: Feed) -> None:
    """Put login and password of connection `sentinela_<feed>` where the feed looks for its secrets, unless set there.

    Feeds that name `credentials` share the connection of that name. A token is the password or, beside a password,
    `token` in the extra; a key is the password. Of several ways to sign in the connection decides by what it has.
    Without such a connection ingest says which variable is missing.
    """
    name = f"sentinela_{feed.credentials or feed.name}"
    missing = {what: variable for what, variable in feed.secrets.items() if not os.environ.get(variable)}
    if not missing:
        return
    try:
        connection = Connection.get(name)
    except AirflowNotFoundException:
        log.warning("%s not set and there is no connection %s to take it from", " and ".join(missing.values()), name)
        return
    for _, secrets in sorted(feed.ways, key=lambda way: len(way[1]), reverse=True):
        found = {
            variable: os.environ.get(variable) or part_for(what, secrets, connection)[1]
            for what, variable in secrets.items()
        }
        lent = {variable: secret for variable, secret in found.items() if secret}
        if len(lent) == len(secrets):
            os.environ.update(lent)
            return
    what = next(what for what in missing if not part_for(what, feed.secrets, connection)[1])
    part, _ = part_for(what, feed.secrets, connection)
    raise AirflowFailException(f"connection {name} has no {part}: put the {what} of {feed.name} there")


def part_for(what: str, secrets: Collection[str], connection: Any) -> tuple[str, str | None]:
    """The part of a connection that holds one of some secrets, and that."""
    if what == "token" and "password" in secrets:
        return "`token` in its extra", connection.extra_dejson.get("token")
    part = "login" if what == "username" else "password"
    return part, getattr(connection, part)


def tried(settings: Settings, feed: str, day: date) -> dict[str, Any]:
    """What a page of `feed` would become, in the log; SourceError when there is none to be had."""
    from jobs.trial import attempt

    trial = attempt(settings, feed, day)
    log.info("%s", "\n".join([*map(str, trial.items), trial.summary]))
    return {"feed": feed, "status": "tried", "days": [], "message": trial.summary}


def landed(late: dict[str, Any] | Iterable[dict[str, Any] | None] | None) -> list[dict[str, Any]]:
    """What came of the feeds that were tried again, of those that came."""
    return [one for one in ([late] if isinstance(late, dict) else late or ()) if one]  # one alone comes without a list


def complaints(
    feeds: Iterable[str], ingested: Iterable[dict[str, Any]], held: dict[str, list[str]], finished: bool
) -> list[str]:
    """One line for each feed that failed or was cut short, each day held back and a line not finished."""
    from jobs.coverage import UNSEEN

    results = {result["feed"]: result for result in ingested}
    lines = [
        f"feed {feed} could not be read: the log of `late.ingest [{feed}]` says why; mend it and clear that task"
        for feed in feeds
        if feed not in results
    ]
    lines += [
        f"feed {feed} is {result['status']}: {result['message']}; mend it and clear `ingest [{feed}]`"
        for feed, result in results.items()
        if result["status"] in UNSEEN
    ]
    lines += [f"day {day} was held back: {'; '.join(reasons)}" for day, reasons in sorted(held.items())]
    return lines if finished else [*lines, "the numbers were not made anew: clear the step that failed, see its log"]


with DAG(
    dag_id="daily_polarity",
    description="Feeds to polarity, one published day a run",
    doc_md=__doc__,
    schedule=CronPartitionTimetable("0 0 * * *", timezone=SETTINGS.timezone, run_offset=-1, key_format="%Y-%m-%d"),
    **EVERY,
    tags=["sentinela", "daily"],
    deadline=deadline("daily_polarity", SETTINGS.alerts.late_minutes),
    params={
        "feeds": Param(
            [],
            type="array",
            items={"type": "string", "enum": [feed.name for feed in SETTINGS.feeds]},
            examples=[feed.name for feed in SETTINGS.feeds],
            description="Read these alone; all by default.",
        ),
        "dry_run": Param(False, type="boolean", description="Fetch a page of each feed, show it, and store nothing."),
    },
    default_args={**default_args(hours=2), "on_success_callback": None},  # `verdict` looks at all of them at once
) as dag:

    @task
    def feeds() -> list[str]:
        """Names of the feeds to read, once it is known that the run is asked for something that there is."""
        settings, context = load(), get_current_context()
        asked(context["dag_run"].conf, ["partition_key", "feeds", "dry_run"])
        published_day(settings)
        return [settings.feed(name).name for name in context["params"]["feeds"]] or [f.name for f in settings.feeds]

    @task(map_index_template="{{ task.op_kwargs['feed'] }}", multiple_outputs=False, on_failure_callback=unread)
    def ingest(feed: str) -> dict[str, Any]:
        """Feed -> raw_posts; of a dry run, feed -> log."""
        from jobs.connect.connector import SourceError
        from jobs.ingest import FeedError, ingest

        settings = load()
        day = published_day(settings)
        lend_secrets(settings.feed(feed))
        try:
            if get_current_context()["params"]["dry_run"]:
                return tried(settings, feed, day)
            return asdict(ingest(settings, feed, Window(start=day, end=day)))
        except (FeedError, SourceError) as fault:  # the latter of a dry run
            if fault.refused:  # another try would be refused, too
                raise AirflowFailException(str(fault)) from fault
            raise

    # A backfill has many runs at once that touch the same days: one makes them, the others find them made.
    @task(trigger_rule=TriggerRule.ALL_DONE, multiple_outputs=False, max_active_tis_per_dag=1)
    def validate(feeds: list[str] | None, ingested: Iterable[dict[str, Any]]) -> dict[str, Any]:
        """raw_posts -> posts and quarantine, for every touched day, the day of the run and what a dead run left."""
        from jobs.held import held_days
        from jobs.lake.query import View
        from jobs.lake.table import Lake
        from jobs.unfinished import unfinished
        from jobs.validate import validate
        from jobs.versions import before_all, first_day

        if feeds is None or get_current_context()["params"]["dry_run"]:
            raise AirflowSkipException("nothing was read, so there is nothing to publish")
        settings, results = load(), list(ingested)
        view = View(Lake(settings.lake))
        day, marks, before = published_day(settings), unfinished(settings), view.held()
        if refusal := before_all(first_day(view), day):
            raise AirflowFailException(refusal)
        touched = {day.isoformat()}.union(*(result["days"] for result in results), *marks.values())
        validated = validate(settings, sorted(touched), newest=day)
        held = held_days(validated, [day.isoformat()], before)
        return {**asdict(validated), **asdict(held), "marks": marks, "ingested": results}

    @task(multiple_outputs=False, max_active_tis_per_dag=1)
    def score(validated: dict[str, Any]) -> dict[str, Any]:
        """posts -> scored_posts."""
        from jobs.score import score

        return asdict(score(load(), validated["days"]))

    @task(multiple_outputs=False, max_active_tis_per_dag=1)
    def enrich(validated: dict[str, Any]) -> dict[str, Any]:
        """posts -> twins and topics, and themes where they are due."""
        from jobs.enrich.topics import topics
        from jobs.enrich.twins import twins

        settings = load()
        return {step.__name__: asdict(step(settings, validated["days"])) for step in (twins, topics)}

    @task(multiple_outputs=False, max_active_tis_per_dag=1, outlets=[POLARITY])
    def aggregate(validated: dict[str, Any], outlet_events: Any = None) -> dict[str, Any]:
        """scored_posts -> daily_polarity; returns what was published, the results of `ingest` included."""
        from jobs.aggregate import aggregate
        from jobs.unfinished import finish

        settings = load()
        result = asdict(aggregate(settings, validated["days"]))
        finish(settings, validated["marks"], [*validated["days"], *validated["held"]])
        # A run without a key has an event with one.
        published(outlet_events, validated["days"], published_day(settings).isoformat())
        return result | {"ingested": validated["ingested"], "failing": validated["failing"]}

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def missed(feeds: list[str] | None, ingested: Iterable[dict[str, Any]]) -> list[str]:
        """Feeds that could not be read at the first try."""
        if feeds is None or get_current_context()["params"]["dry_run"]:
            raise AirflowSkipException("nothing was read, or it is not to be tried again")
        read = {result["feed"] for result in ingested}
        return [feed for feed in feeds if feed not in read]

    @task_group
    def late(feed: str) -> Any:
        """A feed that failed, tried again beside the others, and its days restated when it comes."""
        come: Any = ingest(feed=feed)
        validated: Any = validate.override(trigger_rule=TriggerRule.ALL_SUCCESS)([feed], [come])
        validated.operator.operator_extra_links = (VERDICTS,)
        carried: Any = aggregate(validated)
        score(validated) >> enrich(validated) >> carried
        return carried

    @task(trigger_rule=TriggerRule.ALL_DONE, max_active_tis_per_dag=1, on_failure_callback=unforeseen)
    def verdict(
        feeds: list[str] | None,
        ingested: Iterable[dict[str, Any]],
        validated: dict[str, Any] | None,
        aggregated: dict[str, Any] | None,
        late: dict[str, Any] | Iterable[dict[str, Any] | None] | None,
    ) -> None:
        """Tell of what is wrong, and fail the run for a failed feed or a held day that is its to mend.

        That comes after all that could be published was.
        """
        from jobs.alerts.runs import conclude
        from jobs.coverage import SEEN
        from jobs.held import warn_of
        from jobs.lake.query import View
        from jobs.lake.table import Lake

        settings, come = load(), landed(late)
        results = [*ingested, *(result for one in come for result in one["ingested"])]
        read = {result["feed"] for result in results}
        missing = [feed for feed in feeds or () if feed not in read]
        if get_current_context()["params"]["dry_run"] and feeds is not None:
            if missing:
                raise AirflowFailException(f"could not be tried, see the logs of `ingest`: {', '.join(missing)}")
            return
        well = ["verdict", *(STEPS if aggregated else ()), *(LATE if aggregated and not missing else ())]
        conclude(settings, "daily_polarity", well, read, missing, finished=aggregated is not None)
        if feeds is None:
            raise AirflowFailException("nothing was done: the log of `feeds` says why")
        view = View(Lake(settings.lake))
        still = set(view.held())  # without what a feed that came late made whole
        failing = [one["failing"] for one in (validated, *come) if one]
        held = {day: reasons for one in failing for day, reasons in one.items() if day in still}
        warn_of(view, validated["older"] if validated else [])
        for result in results:
            if result["message"] and result["status"] in SEEN:
                log.warning("feed %s is %s: %s", result["feed"], result["status"], result["message"])
        if lines := complaints(feeds, results, held, finished=aggregated is not None):
            raise AirflowFailException("\n".join(["this run is not whole", *lines]))

    # Any: each of these stands for a value that is there when the run has come to it.
    names: Any = feeds()
    ingested: Any = ingest.override(retries=0).expand(feed=names)
    validated: Any = validate(names, ingested)
    validated.operator.operator_extra_links = (VERDICTS,)
    aggregated: Any = aggregate(validated)
    score(validated) >> enrich(validated) >> aggregated
    come: Any = late.expand(feed=missed(names, ingested))
    verdict(names, ingested, validated, aggregated, come)
