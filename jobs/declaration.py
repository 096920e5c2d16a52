"""What a service is, said in one YAML file: where it is asked, how it signs in, pages and limits, what its items are.

Nothing here speaks to a server (jobs/connect) or makes records (jobs/read). Shipped files lie in jobs/connect/services.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path as File
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from jobs import expressions
from jobs.document import Frozen, SettingsError, read_document
from jobs.expressions import Path, Template, found, holds, names

SHIPPED = File(__file__).parent / "connect" / "services"
SCHEMA = SHIPPED / "schema.json"
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
Header = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]+$")]
EPOCH = datetime.fromtimestamp(0, UTC)
NAMED_FORMATS = {"iso8601": "%Y-%m-%dT%H:%M:%SZ", "date": "%Y-%m-%d"}
SECRETS = ("username", "password", "token", "key")
WINDOW, PAGE = ("start", "end"), "page"
"""What the connector itself gives to the templates of a request."""


def _is_pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from None
    return text


Pattern = Annotated[str, AfterValidator(_is_pattern)]


class About(Frozen):
    """What a person should know before asking the service."""

    title: str
    docs: str = Field(description="Address of the service's own documentation.")
    terms: str = Field(description="What its terms allow and ask for, in a sentence.")
    robots: str = Field("", description="What its robots.txt or its users' wishes ask for.")
    notes: str = Field("", description="What cannot be seen through it, and what its dates mean.")


class Parameter(Frozen):
    """Something that a feed says of what it wants: a query, an account, an app."""

    about: str
    required: bool = False
    many: bool = Field(False, description="A feed may give a list.")
    default: str | None = None
    pattern: Pattern | None = Field(None, description="What each value must match, whole.")


class _SignIn(Frozen):
    optional: bool = Field(False, description="Without the secrets it is asked without signing in.")
    how: str = Field("", description="How to get the secrets.")

    @property
    def secrets(self) -> tuple[str, ...]:
        """Which of username, password, token and key are needed."""
        return ("token",)


class Bearer(_SignIn):
    """The token in the header `Authorization`, after `scheme`."""

    kind: Literal["bearer"]
    scheme: str = "Bearer"


class KeyInHeader(_SignIn):
    """The token in the header `name`."""

    kind: Literal["header"]
    name: Header


class KeyInQuery(_SignIn):
    """The token in the parameter `name` of the query."""

    kind: Literal["query"]
    name: str


class Basic(_SignIn):
    """A user name and a password, HTTP basic."""

    kind: Literal["basic"]

    @property
    def secrets(self) -> tuple[str, ...]:
        """Both of them."""
        return ("username", "password")


class Granting(_SignIn):
    """The service gives a token for the secrets, which is shown as a bearer token, and another when that expires."""

    url: Template = Field(description="Where the secrets are posted.")
    token: Path = Field("access_token", description="Where in the answer the token lies.")


class Exchange(Granting):
    """Secrets are posted and a token comes back: sessions, OAuth 2 with client credentials or a refresh token."""

    kind: Literal["exchange"]
    form: dict[str, Template] = Field({}, description="What is posted as a form; {username}, {password}, {token}.")
    body: dict[str, Template] = Field({}, description="What is posted as JSON instead.")
    basic: bool = Field(False, description="User name and password go as HTTP basic.")

    @property
    def secrets(self) -> tuple[str, ...]:
        """Those that the templates name."""
        named = set().union(*map(names, [*self.form.values(), *self.body.values()]))
        return tuple(name for name in SECRETS if name in named or (self.basic and name in ("username", "password")))


class ServiceAccount(Granting):
    """OAuth 2 with a signed JWT (RFC 7523): the key is the JSON of a service account, or names a file with that."""

    kind: Literal["service_account"]
    scope: str = Field(description="What the token is asked for.")
    instead: Exchange | None = Field(None, description="The way to take when its secrets are set, and the key is not.")

    @property
    def secrets(self) -> tuple[str, ...]:
        """The key alone."""
        return ("key",)


SignIn = Annotated[Bearer | KeyInHeader | KeyInQuery | Basic | Exchange | ServiceAccount, Field(discriminator="kind")]


class LinkHeader(Frozen):
    """The next page is the header `Link` with `rel`; the last one is empty, or has none."""

    kind: Literal["link_header"]
    rel: str = "next"


class NextUrl(Frozen):
    """The address of the next page lies in the answer; the last page has none."""

    kind: Literal["next_url"]
    at: Path


class BodyCursor(Frozen):
    """What the next page is asked with as {page} lies in the answer; the last page has none. Pages may be empty."""

    kind: Literal["body_cursor"]
    at: Path


class PageNumber(Frozen):
    """Pages are numbered from `first`. The last is known by `more`, `pages` or `total`, else by being empty."""

    kind: Literal["page_number"]
    first: int = 1
    more: Path | None = Field(None, description="Where the answer says that there is another page.")
    pages: Path | None = Field(None, description="Where the answer says how many pages there are.")
    pages_header: Header | None = Field(None, description="The header that says how many pages there are.")
    total: Path | None = Field(None, description="Where the answer says how many items there are in all.")


class Offset(Frozen):
    """Pages are asked for by how many items to leave out as {page}; the last is empty, or ends at `total`."""

    kind: Literal["offset"]
    total: Path | None = None


class IdWindow(Frozen):
    """The next page is asked for with the `id` of the last item as {page}; the last page is empty, or repeats that."""

    kind: Literal["id_window"]
    id: Path


class OnePage(Frozen):
    """There is no other page."""

    kind: Literal["none"]


Paging = Annotated[
    LinkHeader | NextUrl | BodyCursor | PageNumber | Offset | IdWindow | OnePage, Field(discriminator="kind")
]


class Range(Frozen):
    """A window is asked for with {start} and {end}, however far back unless `history_days` says."""

    kind: Literal["range"]
    format: str = Field("iso8601", description="iso8601, epoch_s, epoch_ms, date, or a strftime format; in UTC.")
    shift: int = Field(0, ge=0, le=40, description="Bits that the number is shifted left, where ids hold the time.")
    start: Literal["inclusive", "exclusive"] = "inclusive"
    end: Literal["inclusive", "exclusive"] = "exclusive"
    history_days: int | None = Field(None, ge=1, description="How far back the service goes.")
    lag_seconds: int = Field(0, ge=0, description="How long before now the newest moment lies that may be asked for.")

    @property
    def unit(self) -> timedelta:
        """The finest difference that the service understands."""
        if self.format == "epoch_ms":
            return timedelta(milliseconds=1)
        daily = self.format == "date" or ("%" in self.format and not re.search("%-?[HIcXsT]", self.format))
        return timedelta(days=1) if daily else timedelta(seconds=1)

    def bounds(self, start: datetime, end: datetime) -> dict[str, str]:
        """The values of {start} and {end} for the moments from `start` until before `end`, widened to whole units."""
        first = (start - EPOCH) // self.unit * self.unit
        last = -((EPOCH - end) // self.unit) * self.unit
        return {
            "start": self._said(first, -1 if self.start == "exclusive" else 0),
            "end": self._said(last, -1 if self.end == "inclusive" else 0),
        }

    def _said(self, since_epoch: timedelta, step: int) -> str:
        """The moment `since_epoch`, `step` of what the service counts in added."""
        if self.shift:
            return str((since_epoch // self.unit << self.shift) + step)
        moment = since_epoch + step * self.unit
        if self.format in ("epoch_s", "epoch_ms"):
            return str(moment // self.unit)
        return (EPOCH + moment).strftime(NAMED_FORMATS.get(self.format, self.format))


class NewestFirst(Frozen):
    """The service gives its newest items first: it is read until all items of a page are older than the window."""

    kind: Literal["newest_first"]
    by: Literal["published_at", "updated_at"] = Field("published_at", description="The date that items are sorted by.")
    slack_minutes: int = Field(0, ge=0, description="How far items may lie out of order.")
    history_days: int | None = Field(None, ge=1, description="How far back the service goes.")
    pinned: Path | None = Field(None, description="What holds of items that stand first whatever their date.")

    @property
    def slack(self) -> timedelta:
        """How far items may lie out of order."""
        return timedelta(minutes=self.slack_minutes)


class NoWindow(Frozen):
    """All that the service gives is read, whatever days were asked for."""

    kind: Literal["none"]


Span = Annotated[Range | NewestFirst | NoWindow, Field(discriminator="kind")]


class Cap(Frozen):
    """How many items, or pages, one query gives at most; what lies beyond is asked for in halves of the time."""

    items: int | None = Field(None, ge=1)
    pages: int | None = Field(None, ge=1)
    total: Path | None = Field(None, description="Where the answer says how many items there are in all.")
    floor_minutes: int | None = Field(None, ge=1, description="The shortest time asked for; without it, no halves.")


class Limits(Frozen):
    """How often the service may be asked, and where it says so."""

    requests_per_run: int | None = Field(
        None, ge=1, description="At most so many of all feeds of the service together; each has an equal share."
    )
    pace_seconds: float = Field(0, ge=0, le=60, description="From the start of one request to that of the next.")
    remaining: Header | None = Field(None, description="Requests that are left.")
    reset: Header | None = Field(None, description="When there are some again.")
    unit: Literal["seconds", "epoch_s", "iso8601"] = Field("seconds", description="How `reset` says so.")
    usage: Header | None = Field(None, description="JSON in a header whose numbers are per cent of what may be used.")
    regain: str | None = Field(None, description="The key in `usage` of the minutes until it may be asked again.")
    backoff: Path | None = Field(None, description="Seconds to wait, in the answer.")
    text: Pattern | None = Field(None, description="Finds the seconds to wait in the text of a refusal.")


Meaning = Literal["retry", "split", "refused", "expired", "gone", "config", "empty"]


class Verdict(Frozen):
    """What an answer means when all that is given here holds of it; read before the status is."""

    status: tuple[int, ...] = Field((), description="One of these HTTP statuses.")
    when: Path | None = Field(None, description="JMESPath that holds of the answer.")
    text: Pattern | None = Field(None, description="Found in the text of the answer.")
    means: Meaning = Field(
        description="retry: wait and ask again; split: too much at once; refused: not to be had; "
        "expired: sign in anew; gone: what is asked for is no more; config: the feed asks wrongly; empty: nothing."
    )
    say: str = Field("", description="What the user is told to do.")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.status or self.when or self.text):
            raise ValueError("give one of status, when and text")
        return self


class Items(Frozen):
    """Where the items of an answer lie: a list, or an object that is the only one."""

    at: Path
    absent: Literal["empty", "fault"] = Field("fault", description="What it means when nothing lies there.")
    skip: Path | None = Field(None, description="What holds of something that is no item.")
    deleted: Path | None = Field(None, description="What holds of an item that was deleted.")

    def of(self, document: Any) -> list[Any]:
        """The items of the answer `document`, those to skip too; ValueError where nothing lies that could be some."""
        value = found(self.at, document)
        if value in (None, False) and self.absent == "fault":
            raise ValueError(f"nothing at {self.at!r}, where its items should lie")
        if value in (None, False):
            return []
        return value if isinstance(value, list) else [value]


class Composed(Frozen):
    """A text with paths in braces, such as {base_url}/t/{topic_id}; {base_url} is where the feed asks the service."""

    template: Template


class Matched(Frozen):
    """What lies at `at`; where `match` finds something in it, that, put into `template` as {1}, {2} and so on."""

    at: Path
    match: Pattern
    template: Template = "{1}"


Rule = Path | Composed | Matched


class Fields(Frozen):
    """What an item's id, dates and texts are: where they lie, how they are composed, or a part of what lies there."""

    post_id: Rule
    published_at: Rule
    updated_at: Rule | None = None
    title: Rule | None = None
    text: Rule | None = None
    author: Rule | None = None
    url: Rule | None = None
    rating: Rule | None = None

    def of(self, item: Any) -> dict[str, Any]:
        """The values of all fields that are given, by name."""
        return {name: _value(rule, item) for name, rule in self if rule is not None}


def _value(rule: str | Composed | Matched, item: Any) -> Any:
    if isinstance(rule, str):
        return found(rule, item)
    if isinstance(rule, Matched):
        value = found(rule.at, item)
        match = re.search(rule.match, value) if isinstance(value, str) else None
        return expressions.filled(rule.template, lambda number: match[int(number)]) if match else value
    return expressions.filled(rule.template, lambda path: found(path, item))


class Dates(Frozen):
    """How dates are written where they are neither ISO 8601, RFC 822 nor Unix times."""

    format: str | None = Field(None, description="strptime format.")
    zone: str = Field("UTC", description="IANA time zone of dates that name none.")


class Detail(Frozen):
    """What is asked besides for each item of a page of which `when` holds, such as the answers to it; read whole."""

    when: Path
    values: dict[Name, Path] = Field(description="What of the item the names in braces are.")
    path: Template
    query: dict[str, Template] = Field({}, description="A parameter is left out when a name in braces has no value.")
    paging: Paging = OnePage(kind="none")

    @property
    def names(self) -> set[str]:
        """The names in braces that are not of the item."""
        return set().union(*map(names, [self.path, *self.query.values()])) - set(self.values)

    @property
    def endpoint(self) -> Endpoint:
        """The way of asking for it."""
        return Endpoint(path=self.path, query=self.query, paging=self.paging, window=NoWindow(kind="none"), cap=Cap())


class Control(Frozen):
    """What is asked when nothing was found, to tell that from a service that cannot look: it finds something surely."""

    query: dict[str, Template] = Field(description="Parameters in the place of those of the same name.")
    say: str = Field(description="What it means when that finds nothing, too.")


class Endpoint(Frozen):
    """A way of asking: once, or once for each value of the parameter `each`, and not when the feed gives none of it."""

    path: Template
    query: dict[str, Template] = Field({}, description="A parameter is left out when a name in braces has no value.")
    each: Name | None = None
    paging: Paging | None = Field(None, description="Where it differs from the service's.")
    window: Span | None = Field(None, description="Where it differs from the service's.")
    cap: Cap | None = Field(None, description="Where it differs from the service's.")
    detail: Detail | None = None
    control: Control | None = None

    @property
    def names(self) -> set[str]:
        """All names in braces."""
        asked = [self.path, *self.query.values(), *(self.control.query.values() if self.control else ())]
        return set().union(*map(names, asked), self.detail.names if self.detail else ())


class Declaration(Frozen):
    """One service. A service without requests is a kind of JSON file, which lies at the feed's `path`."""

    name: Name
    version: int = Field(ge=1, description="Raised when feeds should be read anew from where they began.")
    about: About
    base_url: Template | None = Field(None, description="Address that all paths follow.")
    headers: dict[Header, str] = Field({})
    parameters: dict[Name, Parameter] = Field({})
    sign_in: SignIn | None = None
    requests: dict[Name, Endpoint] = Field({})
    paging: Paging = OnePage(kind="none")
    window: Span = NoWindow(kind="none")
    overlap_minutes: int = Field(60, ge=0, description="How far before the last fetch it is read again for late items.")
    cap: Cap = Cap()
    limits: Limits = Limits()
    verdicts: tuple[Verdict, ...] = ()
    items: Items
    fields: Fields
    people: tuple[str, ...] = Field((), description="Dotted paths in an item that name people; they are not stored.")
    dates: Dates = Dates()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.base_url is None) != (not self.requests):
            raise ValueError("base_url and requests go together")
        sign_in = names(self.sign_in.url) if isinstance(self.sign_in, Granting) else set()
        used = {"base_url": names(self.base_url or ""), "sign_in.url": sign_in}
        used |= {f"requests.{name}": endpoint.names - {*WINDOW, PAGE} for name, endpoint in self.requests.items()}
        for place, wanted in used.items():
            if unknown := sorted(wanted - set(self.parameters)):
                raise ValueError(f"{place}: {{{unknown[0]}}} is no parameter; declare it under `parameters`")
        for name, endpoint in self.requests.items():
            if endpoint.each and endpoint.each not in self.parameters:
                raise ValueError(f"requests.{name}.each: {endpoint.each!r} is no parameter")
            lists = {one for one in endpoint.names & set(self.parameters) if self.parameters[one].many}
            for one in sorted(lists - {endpoint.each}):
                raise ValueError(
                    f"requests.{name}: {{{one}}} may be a list; say `each: {one}`, else its first is asked"
                )
        return self

    @property
    def ways(self) -> tuple[SignIn, ...]:
        """Every way to sign in, the one that it would rather have first."""
        if isinstance(self.sign_in, ServiceAccount) and self.sign_in.instead:
            return (self.sign_in, self.sign_in.instead)
        return (self.sign_in,) if self.sign_in else ()

    def checked(self, given: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        """The values of every parameter that a feed `given` these has; ValueError that says what is wrong with them."""
        unknown = sorted(set(given) - set(self.parameters))
        if unknown:
            known = ", ".join(self.parameters) or "none"
            raise ValueError(f"{unknown[0]}: service {self.name} has no such parameter; it has {known}")
        values = {name: self._values(name, given.get(name)) for name in self.parameters}
        ways = [endpoint for endpoint in self.requests.values() if not endpoint.each or values[endpoint.each]]
        if self.requests and not ways:
            each = dict.fromkeys(str(endpoint.each) for endpoint in self.requests.values())
            told = "; ".join(f"{name}: {self.parameters[name].about}" for name in each)
            raise ValueError(f"service {self.name} needs one of these: {told}")
        return {name: value for name, value in values.items() if value}

    def _values(self, name: str, given: Any) -> tuple[str, ...]:
        parameter = self.parameters[name]
        if given is None:
            if parameter.required and parameter.default is None:
                raise ValueError(f"{name} is missing: service {self.name} needs it: {parameter.about}")
            return () if parameter.default is None else (parameter.default,)
        if isinstance(given, list | tuple) and not parameter.many:
            raise ValueError(f"{name}: one value, not a list: {parameter.about}")
        values = tuple(str(value) for value in (given if isinstance(given, list | tuple) else [given]))
        for value in values:
            if not value or (parameter.pattern and not re.fullmatch(parameter.pattern, value)):
                raise ValueError(f"{name}: {value!r} does not fit: {parameter.about}")
        return values

    def at(self, base_url: str) -> Declaration:
        """This service as it is for a feed that asks it at `base_url`, which fields may be composed of."""
        composed = {name: rule for name, rule in self.fields if isinstance(rule, Composed)}
        placed = {
            name: Composed(template=rule.template.replace("{base_url}", base_url)) for name, rule in composed.items()
        }
        return self.model_copy(update={"fields": self.fields.model_copy(update=placed)})

    def reading(self) -> str:
        """All that decides which records the same bytes become."""
        return self.model_dump_json(include={"name", "items", "fields", "people", "dates"})

    def is_skipped(self, item: Any) -> bool:
        """Whether `item` is none."""
        return not isinstance(item, dict) or holds(self.items.skip, item)


def load_declaration(file: File) -> Declaration:
    """The service that `file` declares; SettingsError that names file, line and field where it does not."""
    return read_document(file, Declaration, "a service such as `name:`, `requests:` and `items:`")


@cache
def shipped(name: str) -> Declaration:
    """The service called `name` that comes with Sentinela; SettingsError that names all of them for another one."""
    known = shipped_names()
    if name not in known:
        raise SettingsError(
            f"no service {name!r}; there are {', '.join(known)}. One of your own is a file that `services` names"
        )
    return load_declaration(SHIPPED / f"{name}.yaml")


def shipped_names() -> list[str]:
    """The services that come with Sentinela, sorted."""
    return sorted(file.stem for file in SHIPPED.glob("*.yaml"))


def schema_text() -> str:
    """The JSON schema of a service's file, as jobs/connect/services/schema.json has it."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Declaration.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
