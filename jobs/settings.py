"""The user's settings: one YAML file read into one frozen model that refuses what it does not know.

Secrets are not settings: they come from the environment (or, in Airflow, from a connection).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from jobs.declaration import (
    Basic,
    Bearer,
    Declaration,
    KeyInHeader,
    KeyInQuery,
    SignIn,
    load_declaration,
    shipped,
)
from jobs.document import Frozen, read_document
from jobs.document import SettingsError as SettingsError
from jobs.expressions import filled

DEFAULT_FILE = "sentinela.yaml"
MOST_MINUTES = 100_000
STEPS = ("validate", "score", "enrich", "aggregate")
"""What stored days are carried through, in this order."""
CHUNK_DAYS = 30
"""Stored days are reprocessed so many at a time; a process that is killed loses one such chunk at most. The fewer they
are, the more weighs what a chunk costs by itself: the audit, the days that twins look back on, a start in Airflow."""
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
EnvironmentName = Annotated[str, StringConstraints(min_length=1)]
Kind = Literal["news", "review", "post"]


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no IANA time zone; write one such as America/Sao_Paulo") from None


def _zone_name(name: str) -> str:
    return _zone(name).key


def _master(name: str) -> str:
    if not re.fullmatch(r"local(\[(\d+|\*)(,\d+)?\])?|spark://[^/,\s]+:\d+(,[^/,\s]+:\d+)*", name):
        raise ValueError(f"{name!r} is no master of Spark; write one such as local[2] or spark://host:7077")
    return name


def _codec_name(name: str) -> str:
    try:
        "".encode(name)
    except LookupError:
        raise ValueError(f"{name!r} is no encoding that Python knows; write one such as latin-1, or none") from None
    return name


def _report_language(code: str) -> str:
    # Looked up as files: steps never meet in imports, and every step reads settings.
    spoken = sorted(path.stem for path in (Path(__file__).parent / "report" / "phrases").glob("*.yaml"))
    if code not in spoken:
        raise ValueError(f"{code!r} is no language of the report; write one of {', '.join(spoken)}")
    return code


def _term(term: str) -> str:
    if not any(c.isalnum() for c in term):
        raise ValueError("each term needs a letter or digit; one without would be found everywhere")
    return term


Contact = Annotated[str, StringConstraints(pattern=r"^[!-'*-~]+[@:][!-'*-~]+$", max_length=200)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=60, strip_whitespace=True)]
Term = Annotated[str, StringConstraints(min_length=2, strip_whitespace=True), AfterValidator(_term)]
Terms = tuple[Term, ...]
ZoneName = Annotated[str, AfterValidator(_zone_name)]
CodecName = Annotated[str, AfterValidator(_codec_name)]
Master = Annotated[str, AfterValidator(_master)]
ReportLanguage = Annotated[str, AfterValidator(_report_language)]


class Columns(Frozen):
    """Where a tabular or JSON feed keeps each thing: a column name, or a dotted path into nested JSON."""

    post_id: str | None = None
    published_at: str | None = None
    updated_at: str | None = None
    title: str | None = None
    text: str | None = None
    author: str | None = None
    url: str | None = None
    rating: str | None = None


class _TokenAuth(Frozen):
    token_env: EnvironmentName

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that hold a secret, by what it is: username, password or token."""
        return {"token": self.token_env}


class BearerAuth(_TokenAuth):
    """A token in the header `Authorization: Bearer`."""

    kind: Literal["bearer"] = "bearer"

    @property
    def way(self) -> SignIn:
        """How the secret is shown."""
        return Bearer(kind="bearer")


class HeaderAuth(_TokenAuth):
    """A key in the header `name`."""

    kind: Literal["header"]
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$")]

    @property
    def way(self) -> SignIn:
        """How the secret is shown."""
        return KeyInHeader(kind="header", name=self.name)


class QueryAuth(_TokenAuth):
    """A key in the parameter `name` of the query."""

    kind: Literal["query"]
    name: Annotated[str, StringConstraints(min_length=1)]

    @property
    def way(self) -> SignIn:
        """How the secret is shown."""
        return KeyInQuery(kind="query", name=self.name)


class BasicAuth(Frozen):
    """A user name and a password, HTTP basic."""

    kind: Literal["basic"]
    username_env: EnvironmentName
    password_env: EnvironmentName

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that hold a secret, by what it is: username, password or token."""
        return {"username": self.username_env, "password": self.password_env}

    @property
    def way(self) -> SignIn:
        """How the secrets are shown."""
        return Basic(kind="basic")


Auth = BearerAuth | HeaderAuth | QueryAuth | BasicAuth


class Http(Frozen):
    """How a feed is fetched over HTTP; `token_env` is short for an `auth` of kind bearer."""

    timeout_seconds: float = Field(30, gt=0, le=600)
    max_megabytes: float = Field(50, gt=0, le=4096)
    retries: int = Field(4, ge=0, le=10)
    deadline_seconds: float = Field(
        600, gt=0, le=86_400, description="For all that one fetch asks: answers, however slow, retries and waits."
    )
    private: bool = Field(False, description="Whether names and redirects may lead into private networks.")
    contact: Contact | None = Field(None, description="Address of mail or web that servers are told.")
    token_env: EnvironmentName | None = Field(None, description="Environment variable that holds a bearer token.")
    auth: Auth | None = Field(None, discriminator="kind")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.token_env and self.auth:
            raise ValueError("give either token_env or auth")
        return self

    @property
    def credentials(self) -> Auth | None:
        """How requests are made known to the server, if at all."""
        return BearerAuth(token_env=self.token_env) if self.token_env else self.auth


class Feed(Frozen):
    """One source of posts. Give `path` (a file or a glob), `url`, or `service` with the parameters that it declares."""

    name: Slug
    kind: Kind
    reader: Literal["csv", "jsonl", "parquet", "rss", "declared"] = Field(
        description="What is in the bytes; `declared`, of a service, need not be given."
    )
    path: str | None = None
    url: Annotated[str, StringConstraints(pattern=r"^https?://")] | None = None
    service: Declaration | None = Field(None, description="Given by its name.")
    parameters: dict[str, tuple[str, ...]] = Field({}, description="Of the service; given beside the other settings.")
    credentials: Slug | None = Field(
        None, description="Of a service: the secrets are NAME_TOKEN and such; its own name by default."
    )
    back_days: int = Field(
        30, ge=1, le=36_500, description="Of a service: how far it is read back to go on from the last fetch."
    )
    requests_per_run: int | None = Field(
        None, ge=1, description="Of a service: at most so many; by default its share of what the service allows."
    )
    columns: Columns = Columns()
    encoding: CodecName | None = Field(None, description="Of a CSV; detected when absent.")
    delimiter: str | None = Field(None, min_length=1, max_length=1, description="Of a CSV; detected when absent.")
    date_format: str | None = Field(None, description="strptime format; ISO 8601, RFC 822 and Unix times need none.")
    timezone: ZoneName = Field("UTC", description="Of dates that name no zone.")
    http: Http = Http()

    @model_validator(mode="before")
    @classmethod
    def _declared(cls, given: Any) -> Any:
        """What a feed of a service says, as settings: parameters are checked, declared dates are taken over."""
        if not isinstance(given, dict) or given.get("service") is None or "parameters" in given:
            return given
        service = given["service"] if isinstance(given["service"], Declaration) else shipped(str(given["service"]))
        own = {name: value for name, value in given.items() if name in cls.model_fields}
        parameters = service.checked({name: value for name, value in given.items() if name not in own})
        dates = {"date_format": service.dates.format, "timezone": service.dates.zone}
        placed = service.at(_base_url(service, parameters))
        return {"reader": "declared", **dates, **own, "service": placed, "parameters": parameters}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.url and "@" in self.url.split("/", 3)[2]:
            raise ValueError("url: a password does not belong into the settings; use http.auth")
        from_file = self.service is not None and not self.service.requests
        places = [self.path, self.url, None if from_file else self.service]
        if sum(place is not None for place in places) != 1:
            raise ValueError("give exactly one of path, url and service")
        if (self.reader == "declared") != (self.service is not None):
            raise ValueError("reader declared and service go together")
        if self.service and (self.http.token_env or self.http.auth):
            raise ValueError("a service signs in by its own way; name the secrets with `credentials`")
        if self.reader not in ("rss", "declared") and not (self.columns.text or self.columns.title):
            raise ValueError(f"a {self.reader} feed needs columns.text or columns.title: where its words are")
        return self

    @property
    def ways(self) -> tuple[tuple[SignIn, dict[str, str]], ...]:
        """The ways to sign in, and the environment variables of the secrets of each, by what they are: token and such.

        The one that its service would rather have stands first.
        """
        if self.service is None:
            auth = self.http.credentials
            return ((auth.way, auth.variables),) if auth else ()
        prefix = (self.credentials or self.service.name).upper().replace("-", "_")
        return tuple((way, {what: f"{prefix}_{what.upper()}" for what in way.secrets}) for way in self.service.ways)

    @property
    def sign_in(self) -> SignIn | None:
        """How it signs in: the first way whose secrets are set, else the first."""
        return self._way[0]

    @property
    def secrets(self) -> dict[str, str]:
        """The environment variables of the secrets for that, by what they are."""
        return self._way[1]

    @property
    def _way(self) -> tuple[SignIn | None, dict[str, str]]:
        ready = (one for one in self.ways if all(map(os.environ.get, one[1].values())))
        return next(ready, self.ways[0] if self.ways else (None, {}))

    @property
    def base_url(self) -> str:
        """Where its service is asked, which all paths follow; empty without one."""
        return _base_url(self.service, self.parameters) if self.service else ""

    def value(self, parameter: str) -> str | None:
        """What the feed gives for a parameter of its service that takes one value; None when it gives none."""
        return next(iter(self.parameters.get(parameter, ())), None)


def _base_url(service: Declaration, parameters: Mapping[str, tuple[str, ...]]) -> str:
    return (filled(service.base_url or "", lambda name: next(iter(parameters.get(name, ())), None)) or "").rstrip("/")


class Near(Frozen):
    """Terms of which one must stand at most `within` words from the term that counts; 1 is the next word."""

    terms: Terms = Field(min_length=1)
    within: int = Field(5, ge=1, le=1000)


class Said(Frozen):
    """What a text must say: one of `terms`, none of `exclude`, and `near` close by where it is given."""

    name: Name
    terms: Terms = Field(min_length=1)
    exclude: Terms = Field((), description="A text with one of these is left out.")
    near: Near | None = None

    def said(self) -> tuple[str, ...]:
        """Everything that decides which texts count, in an order that does not depend on how it was written down."""
        near = (f"within {self.near.within}", *sorted(self.near.terms)) if self.near else ()
        exclude = ("exclude", *sorted(self.exclude)) if self.exclude else ()
        return (*sorted(self.terms), *exclude, *near)


class Brand(Said):
    """A brand and the words that name it, matched whole, ignoring case and accents."""

    @model_validator(mode="after")
    def _not_all(self) -> Self:
        if self.name.casefold() == "all":
            raise ValueError("`all` is the name of the row that counts every post; choose another brand name")
        return self


class Topic(Said):
    """Something that posts are about, and the words for it, matched whole, ignoring case, accents and inflection."""


class Twins(Frozen):
    """How copies of a text are found."""

    days: int = Field(7, ge=1, le=60, description="A text is compared with those of its day and of the days before.")


class Scoring(Frozen):
    """Which model scores the posts: a packaged one by name, `cascade`, or the folder of an artefact."""

    model: Annotated[str, StringConstraints(min_length=1)] = "balanced"
    budget_minutes: float = Field(10, gt=0, le=MOST_MINUTES, description="Of a cascade, for each day of each feed.")
    unsure_below: float | None = Field(None, ge=0, le=1, description="Probability; what the model says when absent.")


class EngineChoice(Frozen):
    """What scores and judges posts: threads of this machine, or the executors of a Spark cluster."""

    kind: Literal["local", "spark"] = "local"
    workers: int | None = Field(None, ge=1, le=1024, description="Threads of `local`; one a core when absent.")
    master: Master | None = Field(
        None, description="Of `spark`: `local[2]` for cores of this machine, `spark://host:7077` for a cluster."
    )
    options: dict[str, str] = Field({}, description="Properties of Spark, such as spark.cores.max, as they are.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.kind == "spark" and not self.master:
            raise ValueError("kind spark needs a master, such as local[2] or spark://host:7077")
        if self.kind == "spark" and self.workers:
            raise ValueError("workers are of kind local; the cores of kind spark are spark.cores.max among the options")
        if self.kind == "local" and (self.master or self.options):
            raise ValueError("master and options are of kind spark")
        return self


class Report(Frozen):
    """How the report is written."""

    language: ReportLanguage = "en"
    title: str | None = None
    days: int = Field(30, ge=1, le=400, description="Length of the period, which is compared with the one before.")
    mark_words: bool = Field(
        False, description="Underline in the posts shown what the model went by; it is opened for that."
    )


class Alerts(Frozen):
    """When a person is told; whom, the environment says."""

    quarantined: int = Field(1000, ge=0, description="So many items in quarantine are no alert yet.")
    quarantine_days: int = Field(30, ge=1, le=3650, description="Published days of which they are counted.")
    late_minutes: float = Field(240, gt=0, le=10_080, description="A daily run that takes longer is late.")


class Limits(Frozen):
    """What may be reprocessed without asking a person: no more than any of these."""

    days: int = Field(31, ge=0, description="Days that would be made.")
    posts: int = Field(100_000, ge=0, description="Items of these days.")
    moved: float = Field(0.05, ge=0, le=1, description="Share of the posts whose label would be another one.")
    minutes: float = Field(30, ge=0, description="How long it would take.")


class Reprocess(Frozen):
    """How stored days are carried through the steps again."""

    approve_above: Limits = Limits()
    sample_posts: int = Field(
        20_000, ge=1, description="A preview tries whole days of about so many posts, of a longer range a sample."
    )


class Settings(Frozen):
    """Everything a run needs to know. `lake` is a folder or a URL such as s3://bucket/prefix."""

    timezone: ZoneName = "UTC"
    lake: str = "./lake"
    reports: str = "./reports"
    reports_url: Annotated[str, StringConstraints(pattern=r"^https?://")] | None = Field(
        None, description="Where people open what lies in `reports`."
    )
    contact: Contact | None = Field(None, description="Address of mail or web that all servers are told.")
    services: tuple[str, ...] = Field((), description="Files that declare services of one's own.")
    feeds: tuple[Feed, ...] = Field(min_length=1)
    brands: tuple[Brand, ...] = ()
    topics: tuple[Topic, ...] = ()
    themes: int = Field(0, ge=0, le=200, description="How many themes to find in the posts themselves; none by 0.")
    twins: Twins = Twins()
    scoring: Scoring = Scoring()
    engine: EngineChoice = EngineChoice()
    report: Report = Report()
    alerts: Alerts = Alerts()
    reprocess: Reprocess = Reprocess()

    @model_validator(mode="before")
    @classmethod
    def _with_own_services(cls, given: Any) -> Any:
        """`given` with the declaration in the place of the name of each service that one of its `services` declares."""
        if not isinstance(given, dict) or not all(
            isinstance(given.get(name), list | tuple) for name in ("services", "feeds")
        ):
            return given
        own = {service.name: service for service in map(load_declaration, map(Path, given["services"]))}
        feeds = [
            {**feed, "service": own.get(str(feed["service"]), feed["service"])}
            if isinstance(feed, dict) and "service" in feed
            else feed
            for feed in given["feeds"]
        ]
        return {**given, "feeds": feeds}

    @model_validator(mode="before")
    @classmethod
    def _with_contact(cls, given: Any) -> Any:
        """`given` with the contact in the `http` of every feed that names none."""
        if not isinstance(given, dict) or not given.get("contact") or not isinstance(given.get("feeds"), list | tuple):
            return given
        return {**given, "feeds": [_reachable(feed, given["contact"]) for feed in given["feeds"]]}

    @model_validator(mode="after")
    def _unique(self) -> Self:
        named: dict[str, Sequence[Feed | Said]] = {"feed": self.feeds, "brand": self.brands, "topic": self.topics}
        for what, things in named.items():
            names = [thing.name for thing in things]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"two {what}s are called {', '.join(twice)}; give each its own name")
        return self

    @property
    def own_services(self) -> tuple[Declaration, ...]:
        """The services that the files named by `services` declare."""
        return tuple(load_declaration(Path(file)) for file in self.services)

    @property
    def public_handles(self) -> frozenset[str]:
        """The handles (@name) among the terms of brands and topics, folded and without the @: nobody's but theirs."""
        terms = (term for said in (*self.brands, *self.topics) for term in said.terms)
        return frozenset(term[1:].casefold() for term in terms if term.startswith("@"))

    @property
    def zone(self) -> ZoneInfo:
        """The report's time zone."""
        return _zone(self.timezone)

    def digest(self) -> str:
        """Short hash of what decides here what is made, for lineage: not who makes it, how and when, or who is told."""
        return hashlib.sha256(self.model_dump_json(exclude={"engine", "reprocess", "alerts"}).encode()).hexdigest()[:12]

    def feed(self, name: str) -> Feed:
        """The feed called `name`; SettingsError naming the known ones otherwise."""
        for feed in self.feeds:
            if feed.name == name:
                return feed
        raise SettingsError(f"no feed {name!r} in the settings; there are: {', '.join(f.name for f in self.feeds)}")

    def today(self) -> date:
        """The calendar day of `now()` in the report's time zone."""
        return now().astimezone(self.zone).date()


def _reachable(feed: Any, contact: Any) -> Any:
    if not isinstance(feed, dict) or not isinstance(feed.get("http", {}), dict):
        return feed
    return {**feed, "http": {"contact": contact, **feed.get("http", {})}}


class Window(Frozen):
    """Published days from `start` to `end`, both included."""

    start: date
    end: date

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.start > self.end:
            raise ValueError(f"the window starts on {self.start}, after its end {self.end}")
        return self

    @property
    def days(self) -> list[str]:
        """Every day as YYYY-MM-DD, in order."""
        count = (self.end - self.start).days + 1
        return [(self.start + timedelta(days=n)).isoformat() for n in range(count)]


def now(clock: datetime | None = None) -> datetime:
    """The present in UTC: SOURCE_DATE_EPOCH (reproducible-builds.org) where a run must be repeatable, else `clock`.

    Without `clock` the machine's is read.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    return datetime.fromtimestamp(int(epoch), UTC) if epoch else (clock or datetime.now(UTC)).astimezone(UTC)


def load(path: str | Path | None = None) -> Settings:
    """Settings of `path`, else of the file SENTINELA_CONFIG names, else of ./sentinela.yaml.

    Relative paths inside are taken from the folder of the file. Raises SettingsError, naming file and line.
    """
    file = Path(path or os.environ.get("SENTINELA_CONFIG") or DEFAULT_FILE).expanduser().resolve()
    if not file.is_file():
        raise SettingsError(f"{file}: no such settings file; name one with --config or SENTINELA_CONFIG")
    anchor = partial(_anchored, folder=file.parent)
    return read_document(file, Settings, "settings such as `lake:` and `feeds:`", anchor)


def _anchored(document: dict[str, Any], folder: Path) -> dict[str, Any]:
    """`document` with relative paths joined to the folder of the settings file."""

    def join(value: Any) -> Any:
        return str(folder / Path(value).expanduser()) if isinstance(value, str) and "://" not in value else value

    anchored = {"lake": "./lake", "reports": "./reports", **document}
    anchored |= {name: join(anchored[name]) for name in ("lake", "reports")}
    scoring = document.get("scoring")
    if isinstance(scoring, dict) and "/" in str(scoring.get("model")):
        anchored["scoring"] = {**scoring, "model": join(scoring["model"])}
    if isinstance(document.get("services"), list):
        anchored["services"] = [join(file) for file in document["services"]]
    if isinstance(document.get("feeds"), list):
        anchored["feeds"] = [
            {**feed, "path": join(feed["path"])} if isinstance(feed, dict) and "path" in feed else feed
            for feed in document["feeds"]
        ]
    return anchored
