"""The command line `sentinela`: every step by hand, and what a data engineer looks at when something broke.

Exit codes: 0 done, 1 failed (what could be published was), 2 wrong use. Heavy libraries are imported by the steps
when they are called, so that --help and mistakes answer at once.
"""

from __future__ import annotations

import logging
import os
import sys
from datetime import UTC, date, datetime
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

from jobs.settings import CHUNK_DAYS, MOST_MINUTES, STEPS, Scoring, Settings, SettingsError, Window, load

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from jobs.decision import Decision
    from jobs.lake.commits import Commit
    from jobs.status import FeedStatus

FAILED, WRONG_USE = 1, 2
SHOWN_DAYS, SHOWN_COMMITS, WIDTH = 14, 40, 160

app = typer.Typer(
    name="sentinela",
    help="Watch what people say about your brands, and report each day how the mood moved.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
quarantine_app = typer.Typer(no_args_is_help=True, help="Look at items that broke the contract, and replay them.")
app.add_typer(quarantine_app, name="quarantine")
lake_app = typer.Typer(no_args_is_help=True, help="Keep the lake small, and make it anew from raw_posts.")
app.add_typer(lake_app, name="lake")
labels_app = typer.Typer(no_args_is_help=True, help="Let people label posts drawn at random, to set figures right.")
app.add_typer(labels_app, name="labels")

connect_app = typer.Typer(no_args_is_help=True, help="See which services there are, and try a feed.")
app.add_typer(connect_app, name="connect")

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="Settings file; else SENTINELA_CONFIG, else ./sentinela.yaml.")
]
DateOption = Annotated[datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="One published day.")]
FromOption = Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First published day.")]
ToOption = Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last published day.")]
AsOfOption = Annotated[
    str | None,
    typer.Option(
        "--as-of", metavar="TIMESTAMP", help="Figures as recorded by then (ISO 8601; UTC where no zone is named)."
    ),
]
FeedOption = Annotated[str | None, typer.Option("--feed", help="One feed of the settings; all by default.")]


@app.callback()
def _set_up(quiet: Annotated[bool, typer.Option("--quiet", help="Log warnings and errors only.")] = False) -> None:
    _log_to_stderr(logging.WARNING if quiet else logging.INFO)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@app.command()
def ingest(
    day: DateOption = None, first: FromOption = None, last: ToOption = None, feed: FeedOption = None,
    config: ConfigOption = None,
) -> None:  # fmt: skip
    """Fetch feeds into raw_posts (today's window by default)."""
    from jobs.ingest import FeedError
    from jobs.pipeline import ingest_each

    settings = load(config)
    today = settings.today()
    window = _window(day, first, last) or Window(start=today, end=today)
    failures = []
    names = [settings.feed(feed).name] if feed else [f.name for f in settings.feeds]
    for name, result in ingest_each(settings, names, window):
        if isinstance(result, FeedError):
            failures.append(str(result))
            continue
        typer.echo(f"{name}: {result.status}, {result.items_seen} items seen, {result.items_new} new")
        failures += [f"feed {name!r}: {result.message}"] if result.failed else []
    _end(failures)


@app.command()
def validate(
    day: DateOption = None, first: FromOption = None, last: ToOption = None, config: ConfigOption = None
) -> None:
    """Judge raw_posts into posts and quarantine (every day of the lake by default)."""
    from jobs.validate import validate as step

    settings = load(config)
    result = step(settings, _days(settings, "raw_posts", day, first, last))
    typer.echo(
        f"{len(result.days)} days up to date, {result.posts} posts and {result.quarantined} quarantined items written"
    )
    _end([f"{held} held back: {reason}" for held, reasons in result.held.items() for reason in reasons])


@app.command()
def score(day: DateOption = None, first: FromOption = None, last: ToOption = None, config: ConfigOption = None) -> None:
    """Score posts with the packaged model (every day of the lake by default)."""
    from jobs.score import score as step

    settings = load(config)
    result = step(settings, _days(settings, "posts", day, first, last))
    typer.echo(
        f"{len(result.days)} days up to date, {result.posts} posts written, {result.unscored} of them not scored"
    )


@app.command()
def twins(day: DateOption = None, first: FromOption = None, last: ToOption = None, config: ConfigOption = None) -> None:
    """Find posts that say again what another said before them (every day of the lake by default)."""
    from jobs.enrich.twins import twins as step

    settings = load(config)
    result = step(settings, _days(settings, "posts", day, first, last))
    typer.echo(f"{len(result.days)} days up to date, {result.posts} posts compared, {result.copies} of them copies")


@app.command()
def topics(
    day: DateOption = None, first: FromOption = None, last: ToOption = None, config: ConfigOption = None
) -> None:
    """Find the topics of the settings, and themes, in the posts (every day of the lake by default)."""
    from jobs.enrich.topics import topics as step

    settings = load(config)
    if not (settings.topics or settings.themes):
        typer.echo("the settings name no topics and ask for no themes", err=True)
    result = step(settings, _days(settings, "posts", day, first, last))
    typer.echo(f"{len(result.days)} days up to date, {result.posts} posts read, {result.told} have a topic or theme")


@app.command()
def aggregate(
    day: DateOption = None, first: FromOption = None, last: ToOption = None, config: ConfigOption = None
) -> None:
    """Add scored posts up into daily_polarity (every day of the lake by default)."""
    from jobs.aggregate import aggregate as step

    settings = load(config)
    result = step(settings, _days(settings, "scored_posts", day, first, last))
    typer.echo(f"{len(result.days)} days up to date, {result.rows} rows written")


@app.command()
def report(
    day: DateOption = None, first: FromOption = None, last: ToOption = None, as_of: AsOfOption = None,
    pinned: Annotated[
        Path | None,
        typer.Option(
            "--pinned", exists=True, dir_okay=False, metavar="FILE",
            help="The pins.json of a report: make that very report again, beside it.",
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:  # fmt: skip
    """Write the report: --date ends the settings' period, --from/--to give another; by default the newest one."""
    from jobs.report import report as step
    from jobs.report import report_again

    if pinned:
        if day or first or last or as_of:
            raise typer.BadParameter("--pinned says the days and the moment itself; give it alone")
        typer.echo(report_again(pinned, config))
        return
    settings = load(config)
    window = _report_window(settings, day, _window(day, first, last))
    typer.echo(step(settings, window, _moment(as_of)).path)


@app.command()
def run(day: DateOption = None, first: FromOption = None, last: ToOption = None, config: ConfigOption = None) -> None:
    """Run all steps for a day (today by default) or a range, and every day that the feeds touch."""
    from jobs.pipeline import run as line

    settings = load(config)
    today = settings.today()
    window = _window(day, first, last) or Window(start=today, end=today)
    outcome = line(settings, window, _report_window(settings, day, window) if day or first else None)
    typer.echo(outcome.report)
    _end(outcome.failures)


@app.command()
def reprocess(
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First published day.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last published day.")],
    steps: Annotated[
        str | None, typer.Option("--steps", metavar="STEP,...", help=f"Some of {','.join(STEPS)}; all by default.")
    ] = None,
    feed: Annotated[list[str] | None, typer.Option("--feed", help="A feed; may be given again. Else all.")] = None,
    chunk_days: Annotated[int, typer.Option("--chunk-days", min=1, help="So many days at a time.")] = CHUNK_DAYS,
    reason: Annotated[str, typer.Option("--reason", help="Why; every commit says so.")] = "",
    made_before: Annotated[
        str | None,
        typer.Option(
            "--made-before", metavar="TIMESTAMP", help="Also what is up to date and was made by then (ISO 8601)."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what it would do, and leave it at that.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Go on above the limits of the settings, too.")] = False,
    config: ConfigOption = None,
) -> None:  # fmt: skip
    """Carry stored days through the steps again, after a new model, contract or setting; a preview comes first."""
    from jobs.reprocess.carry import reprocess as carry
    from jobs.reprocess.page import lines, publish
    from jobs.reprocess.preview import preview
    from jobs.reprocess.request import Request

    settings = load(config)
    asked = steps.split(",") if steps else ()
    moment = _moment(made_before, "--made-before")
    request = Request.of(settings, first.date(), last.date(), asked, feed or (), reason, chunk_days, moment)
    seen = preview(settings, request)
    for what, told in lines(seen):
        typer.echo(f"{what}: {_printable(told)}")
    typer.echo(f"preview: {publish(settings, seen)}")
    if dry_run or not seen.days:
        return
    if above := seen.above(settings.reprocess.approve_above):
        typer.echo("\n".join(above), err=True)
        if not yes and not (sys.stdin.isatty() and typer.confirm("Go on all the same?", err=True)):
            _fail("nothing was reprocessed; look at the preview and say --yes", FAILED)
        request = request.approved(_user())
    failures = [line for chunk in carry(settings, request) for line in chunk.failures]
    typer.echo(f"{len(seen.days)} days reprocessed; `sentinela report` tells what moved")
    _end(failures)


@app.command()
def predict(
    source: Annotated[Path, typer.Argument(metavar="IN", help="CSV, JSONL or Parquet with a `text` column.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="File to write; its ending chooses the format.")],
    model: Annotated[
        str, typer.Option("--model", help="Name of a packaged model, `cascade`, or the folder of an artefact.")
    ] = Scoring().model,
    budget_minutes: Annotated[
        float,
        typer.Option("--budget-minutes", min=0, max=MOST_MINUTES, help="What a cascade may spend on the file."),
    ] = Scoring().budget_minutes,
) -> None:
    """Score a file of your own; rows, their order and their columns are kept."""
    from jobs.predict import predict as step

    typer.echo(f"{step(source, target, model, budget_minutes)} rows scored into {target}")


@app.command()
def status(
    days: Annotated[int, typer.Option("--days", min=0, help="How many of the newest days to list.")] = SHOWN_DAYS,
    as_of: AsOfOption = None,
    runs: Annotated[
        bool, typer.Option("--runs", help="Show what the last runs did instead: rows, seconds, versions, outcome.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Show what the lake holds, per feed and day, with gaps."""
    from jobs.status import newest_commits
    from jobs.status import status as step

    if runs:
        commits = newest_commits(load(config), SHOWN_COMMITS)
        _console().print(_commits_table(commits) if commits else "nothing was committed yet")
        return
    moment = _moment(as_of)
    console, feeds = _console(), step(load(config), moment)
    if moment:
        console.print(f"as of {moment.isoformat()}, by the figures recorded until then", highlight=False)
    console.print(_feeds_table(feeds))
    if days:
        console.print(_days_table(feeds, days))
    for feed in feeds:
        if feed.gaps:
            console.print(f"{feed.feed}: nothing on {_ranges(feed.gaps)}", highlight=False)
        if feed.unlooked:
            console.print(f"{feed.feed}: never looked for on {_ranges(feed.unlooked)}", highlight=False)
    held = sorted({held_day for feed in feeds for held_day in feed.held})
    if held:
        console.print(
            f"held back: {_ranges(held)}; see `sentinela quarantine list --held`", style="bold", highlight=False
        )


@app.command()
def alerts(config: ConfigOption = None) -> None:
    """Tell of each cause that is new or over by webhook and mail, and show those that stand."""
    from rich.table import Table

    from jobs.alerts.alerts import settle

    standing = settle(load(config))
    table = Table("since (UTC)", "what", "look at it with")
    for alert in standing:
        table.add_row(*map(_plain, (f"{alert.since:%Y-%m-%d %H:%M}", alert.cause.what, alert.cause.look)))
    _console().print(table if standing else "nothing is wrong")


@quarantine_app.command("list")
def quarantine_list(
    day: DateOption = None, first: FromOption = None, last: ToOption = None, feed: FeedOption = None,
    rule: Annotated[str | None, typer.Option("--rule", help="Only items that broke this rule.")] = None,
    held: Annotated[bool, typer.Option("--held", help="Items of days that are held back.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many to list.")] = 50,
    config: ConfigOption = None,
) -> None:  # fmt: skip
    """List quarantined items, newest day first."""
    from rich.table import Table

    from jobs.quarantine import list_items

    window = _window(day, first, last)
    items = list_items(load(config), window.days if window else None, feed, rule, held, limit)
    table = Table("day", "feed")
    table.add_column("post_id", overflow="fold")
    table.add_column("rules", no_wrap=True)
    table.add_column("text")
    for item in items:
        when, text = item["published_date"] or "undated", (item["text"] or "").replace("\n", " ")
        table.add_row(*map(_plain, (when, item["feed"], item["post_id"], "\n".join(item["rules"]), text[:100])))
    _console().print(table if items else "nothing in quarantine")


@app.command()
def link(feed: str, post_id: str, config: ConfigOption = None) -> None:
    """Show where a post can be read, also where its link holds a name and only the key of the lake opens it."""
    from jobs.links import link_of

    typer.echo(_printable(link_of(load(config), feed, post_id)))


@quarantine_app.command("show")
def quarantine_show(post_id: str, config: ConfigOption = None) -> None:
    """Show everything known of one quarantined item, its payload as it was received included."""
    from jobs.quarantine import show_item

    items = show_item(load(config), post_id)
    if not items:
        _fail(f"no item {post_id!r} in quarantine; `sentinela quarantine list` names them", WRONG_USE)
    for item in items:
        for name, value in item.items():
            typer.echo(f"{name}: {_printable(value)}")


@quarantine_app.command("replay")
def quarantine_replay(
    day: DateOption = None, first: FromOption = None, last: ToOption = None, config: ConfigOption = None
) -> None:
    """Judge quarantined and held items again, after a contract or a feed was mended, through to daily_polarity."""
    from jobs.quarantine import replay

    window = _window(day, first, last)
    result = replay(load(config), window.days if window else None)
    typer.echo(f"{len(result.days)} days judged again: {result.before} items in quarantine before, {result.after} now")
    _end([f"{held} held back: {reason}" for held, reasons in result.held.items() for reason in reasons])


WhyOption = Annotated[str, typer.Option("--why", help="The reason, which is kept with the day.")]
ByOption = Annotated[str | None, typer.Option("--by", help="Who decides; the user of this machine by default.")]


@quarantine_app.command("release")
def quarantine_release(
    why: WhyOption, by: ByOption = None, day: DateOption = None, first: FromOption = None, last: ToOption = None,
    config: ConfigOption = None,
) -> None:  # fmt: skip
    """Publish days that are held back as they are, with the days that share items with them."""
    from jobs.decision import release

    days = release(load(config), *_decision(why, by, _window(day, first, last)))
    typer.echo(f"released: {_ranges(days)}")


@quarantine_app.command("give-up")
def quarantine_give_up(
    why: WhyOption, by: ByOption = None, day: DateOption = None, first: FromOption = None, last: ToOption = None,
    config: ConfigOption = None,
) -> None:  # fmt: skip
    """Leave days that are held back as they were published before, and warn of them no more."""
    from jobs.decision import give_up

    days = give_up(load(config), *_decision(why, by, _window(day, first, last)))
    typer.echo(f"given up: {_ranges(days)}")


@lake_app.command("tidy")
def lake_tidy(
    keep_days: Annotated[
        int,
        typer.Option("--keep-days", min=1, max=30, help="For how many days readers keep what was replaced."),
    ] = 7,
    config: ConfigOption = None,
) -> None:
    """Merge small files and delete what no reader needs any more; safe beside running writers."""
    from rich.table import Table

    from jobs.tidy import tidy

    result = tidy(load(config), keep_days)
    table = Table("table", "files before", "files after", "files deleted", "bytes freed")
    for one in result.tables:
        table.add_row(*map(str, (one.name, one.before, one.after, one.deleted, one.freed_bytes)))
    _console().print(table)
    if result.left:
        typer.echo(f"{result.left} leftovers of killed processes deleted")


@lake_app.command("rebuild")
def lake_rebuild(config: ConfigOption = None) -> None:
    """Make all tables but raw_posts, themes, the ledger and labels anew; readers see the old rows or the new."""
    from jobs.rebuild import rebuild

    carried = rebuild(load(config))
    typer.echo(f"{len(carried.validated.days)} days made anew from raw_posts")
    _end(carried.failures)


@lake_app.command("backup")
def lake_backup(
    place: Annotated[str, typer.Argument(metavar="PLACE", help="A folder or a bucket (s3://...) beside the lake.")],
    keep: Annotated[int, typer.Option("--keep", min=1, help="How many backups stay there.")] = 14,
    config: ConfigOption = None,
) -> None:
    """Copy what of the lake is not in PLACE yet, and name it a backup; safe beside running writers."""
    from jobs.backup import backup

    done = backup(load(config), place, keep)
    copied = f"{done.copied} of them new ({done.copied_bytes} bytes)"
    typer.echo(f"backup {done.name}: {done.tables} tables, {done.files} files, {copied}")


@lake_app.command("restore")
def lake_restore(
    place: Annotated[str, typer.Argument(metavar="PLACE", help="Where `lake backup` wrote to.")],
    name: Annotated[str | None, typer.Option("--backup", metavar="NAME", help="Another than the newest.")] = None,
    config: ConfigOption = None,
) -> None:
    """Make an empty lake what it was at a backup; the next run looks at every day once."""
    from jobs.backup import restore

    done = restore(load(config), place, name)
    typer.echo(f"restored backup {done.name}: {done.tables} tables, {done.files} files")


@labels_app.command("sample")
def labels_sample(
    feed: Annotated[str, typer.Option("--feed", help="The feed to draw from.")],
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First published day.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last published day.")],
    count: Annotated[int, typer.Option("-n", min=1, max=10_000, help="How many texts to draw.")] = 100,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE.xlsx", help="The workbook to write.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Another number draws other texts.")] = 0,
    by: Annotated[
        Literal["label", "month"] | None,
        typer.Option("--by", help="As many texts of each label that the model gives, or of each month."),
    ] = None,
    config: ConfigOption = None,
) -> None:  # fmt: skip
    """Draw texts of a feed and period at random into a workbook that people fill in."""
    from jobs.labels.sample import draw
    from jobs.labels.sheet import minutes, write

    if first > last:
        raise typer.BadParameter("--from lies after --to")
    settings, window = load(config), Window(start=first.date(), end=last.date())
    target = out or Path(f"labels-{feed}-{window.start}-{window.end}.xlsx")
    sample = draw(settings, feed, window, count, seed, by)
    write(target, sample, settings.report.language)
    typer.echo(
        f"{target}: {len(sample.posts)} of {sample.population} different texts, some {minutes(sample)} min to label"
    )
    if len(sample.posts) < count:
        typer.echo(f"these are all: {count} were asked for")


@labels_app.command("import")
def labels_import(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A workbook of `labels sample`, filled in.")],
    labeller: Annotated[
        str | None, typer.Option("--labeller", help="Who filled in a sheet that has no name at its top.")
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Take a sheet that was filled in from the top, but not to the end.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put labels in the place of others that the same person gave before.")
    ] = False,
    config: ConfigOption = None,
) -> None:  # fmt: skip
    """Store what people filled in; all of it or, where anything is wrong, nothing."""
    from jobs.labels.agreement import reading
    from jobs.labels.store import import_labels

    done = import_labels(load(config), source, labeller, partial, replace)
    people = ", ".join(f"{count} by {name}" for name, count in done.labels.items())
    labels = sum(done.labels.values())
    typer.echo(f"{_printable(people)}: {labels} labels, {done.new} of them new, {done.cannot_say} cannot say")
    if done.edited:
        typer.echo(f"{done.edited} posts read otherwise by now or are gone: their labels are kept and not used")
    if len(done.labels) > 1 or done.agreement is not None:
        typer.echo(f"agreement: {_alpha(done.agreement)}: {reading(done.agreement)}")


@labels_app.command("list")
def labels_list(config: ConfigOption = None) -> None:
    """Show every labelled sample: how many, by whom, how far they agree, how often the model is right."""
    from rich.table import Table

    from jobs.labels.overview import overview

    samples = overview(load(config))
    table = Table("sample", "feed", "from", "to", "posts", "labels", "cannot say", "alpha", "model right")
    for one in samples:
        people = "\n".join(f"{count} by {name}" for name, count in one.labels.items())
        right = f"in {one.right} of {one.used}"
        days = (one.period.start, one.period.end)
        cells = (one.sample, one.feed, *days, one.posts, people, one.cannot_say, _alpha(one.agreement), right)
        table.add_row(*map(_plain, cells))
    _console().print(table if samples else "no labels")


@labels_app.command("export")
def labels_export(
    target: Annotated[Path, typer.Argument(metavar="FILE.parquet", help="File to write.")],
    feed: FeedOption = None,
    config: ConfigOption = None,
) -> None:
    """Write labelled texts for `sentinela-train NAME --data FILE.parquet`."""
    from jobs.labels.export import export

    typer.echo(f"{export(load(config), target, feed)} labelled texts in {target}")


@connect_app.command("list")
def connect_list(config: ConfigOption = None) -> None:
    """Show every service, what a feed of it gives and the secrets that it needs."""
    from rich.table import Table

    from jobs.trial import offers

    own = load(config).own_services if config else ()
    table = Table("service", "what it is", "a feed gives (* must, [] or a list)", "environment", "how to get it")
    for offer in offers(own):
        table.add_row(
            *map(_plain, (offer.name, offer.title, *map("\n".join, (offer.parameters, offer.secrets)), offer.how))
        )
    _console().print(table)


@connect_app.command("try")
def connect_try(
    feed: Annotated[str, typer.Argument(help="A feed of the settings.")],
    day: Annotated[
        datetime | None, typer.Option("--day", formats=["%Y-%m-%d"], help="One published day; today by default.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Fetch one page of a feed and show what would come of it; nothing is stored."""
    from rich.table import Table

    from jobs.trial import attempt

    settings = load(config)
    result = attempt(settings, feed, day.date() if day else settings.today())
    table = Table("post_id", "published (UTC)", "date from", "language", "broken rules", "text")
    for item in result.items:
        rules = "\n".join([*item["rules"], *filter(None, [item["read_error"]])])
        text = (item["text"] or "").replace("\n", " ")[:100]
        cells = (item["post_id"], item["published_at"], item["date_source"], item["language"], rules, text)
        table.add_row(*map(_plain, cells))
    console = _console()
    console.print(table if result.items else "no items")
    console.print(_plain(result.summary), highlight=False)


def main() -> None:
    """Run the command line; expected failures become one message and an exit code."""
    from data_contracts import ContractError

    try:
        app()
    except (SettingsError, ContractError) as fault:
        _fail(str(fault), WRONG_USE)
    except Exception as fault:
        if type(fault).__module__.split(".")[0] not in ("jobs", "models"):
            raise
        from jobs.decision import DecisionError
        from jobs.labels import LabelsError
        from jobs.predict import FileError
        from jobs.reprocess.request import ReprocessError
        from models.sentiment import UnknownModelError

        wrong_use = (DecisionError, FileError, LabelsError, ReprocessError, UnknownModelError)
        _fail(str(fault), WRONG_USE if isinstance(fault, wrong_use) else FAILED)


def _window(day: datetime | None, first: datetime | None, last: datetime | None) -> Window | None:
    """The window that the options ask for; None when they ask for none."""
    if day and (first or last):
        raise typer.BadParameter("give either --date or --from and --to")
    if bool(first) != bool(last):
        raise typer.BadParameter("--from and --to go together")
    if first and last and first > last:
        raise typer.BadParameter("--from lies after --to")
    start, end = day or first, day or last
    return Window(start=start.date(), end=end.date()) if start and end else None


def _decision(why: str, by: str | None, window: Window | None) -> tuple[list[str], Decision]:
    from jobs.decision import Decision

    if window is None:
        raise typer.BadParameter("name the day with --date, or days with --from and --to")
    return window.days, Decision(by or _user(), why)


def _report_window(settings: Settings, day: datetime | None, window: Window | None) -> Window | None:
    if day is None or window is None:
        return window
    return Window(start=date.fromordinal(window.end.toordinal() - settings.report.days + 1), end=window.end)


def _moment(text: str | None, option: str = "--as-of") -> datetime | None:
    """The moment that an option names, in UTC."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{option} {text!r} is no ISO 8601 time; write one such as 2026-05-12T06:00Z"
        ) from None
    if moment.tzinfo is None:
        typer.echo(f"{option} {text} names no zone: it is taken as UTC", err=True)
        return moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)


def _days(
    settings: Settings, dataset: str, day: datetime | None, first: datetime | None, last: datetime | None
) -> list[str]:
    from jobs import versions
    from jobs.lake.query import View
    from jobs.lake.table import Lake

    window, view = _window(day, first, last), View(Lake(settings.lake))
    if window:
        return window.days
    return versions.days(view) if dataset == versions.RAW else sorted({file.day for file in view.files(dataset)})


def _feeds_table(feeds: list[FeedStatus]) -> Table:
    from rich.table import Table

    table = Table("feed", "days", "posts", "quarantined", "deleted", "undated", "gap days", "last fetch")
    for feed in feeds:
        days = f"{min(feed.days)} to {max(feed.days)}" if feed.days else "-"
        fetch = "never" if feed.last_fetch is None else " ".join(str(part) for part in feed.last_fetch if part)
        undated = feed.undated and feed.undated[0]
        known = ("-" if count is None else count for count in (feed.deleted, undated))
        counts = (feed.posts, feed.quarantined, *known, len(feed.gaps))
        table.add_row(*map(_plain, (feed.feed, days, *counts, fetch)))
    return table


def _days_table(feeds: list[FeedStatus], count: int) -> Table:
    from rich.table import Table

    table = Table("day", *(feed.feed for feed in feeds), title="posts (+ quarantined)")
    for day in sorted({day for feed in feeds for day in feed.days}, reverse=True)[:count]:
        cells = [feed.days.get(day, (0, 0)) for feed in feeds]
        table.add_row(day, *(f"{posts} (+{broken})" if broken else str(posts) for posts, broken in cells))
    return table


def _commits_table(commits: list[Commit]) -> Table:
    from rich.table import Table

    table = Table(box=None)
    for name in ("when (UTC)", "step", "made", "days", "rows", "seconds", "rows/s", "outcome"):
        table.add_column(name, no_wrap=True, justify="right" if name in ("rows", "seconds", "rows/s") else "left")
    table.add_column("from", overflow="fold")
    for one in commits:
        step = " ".join(filter(None, (one.step, one.said.get("feed"), one.said.get("model"))))
        days = "-" if not one.days else f"{one.days[0]} to {one.days[-1]}" if one.days[1:] else one.days[0]
        seconds, rate = ("-" if value is None else f"{value:,.1f}" for value in (one.seconds, one.rate))
        sources = ", ".join(f"{name} {version}" for name, version in one.made_from.items() if name != one.table)
        made = (f"{one.table} {one.version}", days, f"{one.rows:,}", seconds, rate, one.outcome, sources)
        table.add_row(*map(_plain, (f"{one.moment:%m-%d %H:%M:%S}", step, *made)))
    return table


def _user() -> str:
    """Who is at the command line; the number of one without a name."""
    try:
        return getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _console() -> Console:
    """Standard output; wide where it is no terminal, so that nothing is cut in a file."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else WIDTH)


def _ranges(days: list[str]) -> str:
    """Days with neighbours drawn together: 2026-05-01 to 2026-05-03, 2026-05-09."""
    spans: list[list[date]] = []
    for day in map(date.fromisoformat, (d for d in days if d[:1].isdigit())):
        if spans and day.toordinal() - spans[-1][-1].toordinal() == 1:
            spans[-1].append(day)
        else:
            spans.append([day])
    named = [str(span[0]) if len(span) == 1 else f"{span[0]} to {span[-1]}" for span in spans]
    return ", ".join(named + [d for d in days if not d[:1].isdigit()])


def _alpha(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _plain(value: Any) -> str:
    """`value` as text in which neither Rich finds markup nor a terminal control characters."""
    from rich.markup import escape

    return escape(_printable(value))


def _printable(value: Any) -> str:
    return "".join(c for c in str(value) if c == "\n" or c.isprintable())


def _log_to_stderr(level: int) -> None:
    handler: logging.Handler = logging.StreamHandler()
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.logging import RichHandler

        handler = RichHandler(console=Console(stderr=True), show_path=False)
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in ("jobs", "models", "data_contracts"):
        logging.getLogger(name).setLevel(level)


def _end(failures: list[str]) -> None:
    if failures:
        _fail("\n".join(failures), FAILED)


def _fail(message: str, code: int) -> NoReturn:
    typer.echo(_printable(message), err=True)
    raise SystemExit(code)
