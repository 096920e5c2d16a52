from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from jobs.settings import EngineChoice, SettingsError, Window, load, now

FEEDS = """\
feeds:
  - name: news
    kind: news
    reader: rss
    path: feeds/*.xml
"""


@pytest.fixture
def refused(tmp_path: Path) -> Callable[[str], str]:
    """The message with which a settings file of the given text is refused, its path cut to the name."""

    def message(text: str) -> str:
        file = tmp_path / "sentinela.yaml"
        file.write_text(text, encoding="utf-8")
        with pytest.raises(SettingsError) as caught:
            load(file)
        return str(caught.value).replace(f"{tmp_path}/", "")

    return message


def test_what_is_left_out_has_a_default(tmp_path: Path) -> None:
    (tmp_path / "sentinela.yaml").write_text(FEEDS)
    settings = load(tmp_path / "sentinela.yaml")
    assert settings.timezone == "UTC"
    assert settings.lake == str(tmp_path / "lake")
    assert settings.reports == str(tmp_path / "reports")
    assert settings.brands == ()
    assert settings.report.language == "en"
    assert settings.feeds[0].http.timeout_seconds == 30
    assert settings.feeds[0].timezone == "UTC"
    assert settings.scoring.budget_minutes == 10
    assert settings.scoring.unsure_below is None


def test_the_example_of_the_first_run_is_sound() -> None:
    settings = load(Path(__file__).parents[1] / "examples" / "aurora" / "sentinela.yaml")
    assert [feed.name for feed in settings.feeds] == ["reviews", "posts", "news"]
    assert settings.feed("posts").columns.author == "account.acct"


@pytest.mark.parametrize(
    ("text", "line", "setting"),
    [
        (FEEDS + "lakes: ./lake\n", 6, "lakes"),
        (FEEDS + "    encodng: latin-1\n", 6, "feeds.0.encodng"),
        (FEEDS + "    http:\n      retires: 3\n", 7, "feeds.0.http.retires"),
        (FEEDS + "    columns: {post_id: id,\n      txt: body}\n", 7, "feeds.0.columns.txt"),
        (FEEDS + "report:\n  langauge: pt\n", 7, "report.langauge"),
        (FEEDS + "brands:\n  - {name: A, terms: [ab]}\n  - name: B\n    terms: [cd]\n    red: 1\n", 10, "brands.1.red"),
    ],
)
def test_an_unknown_setting_is_refused_with_its_line_and_name(
    refused: Callable[[str], str], text: str, line: int, setting: str
) -> None:
    message = refused(text)
    assert message.startswith(f"sentinela.yaml:{line}: {setting}: unknown setting")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "start"),
    [
        (FEEDS + "report:\n  days: many\n", "sentinela.yaml:7: report.days:"),
        (FEEDS + "report:\n  days: 0\n", "sentinela.yaml:7: report.days:"),
        (FEEDS + "report: {language: fr}\n", "sentinela.yaml:6: report.language: 'fr' is no language"),
        (FEEDS + "scoring: {budget_minutes: 0}\n", "sentinela.yaml:6: scoring.budget_minutes:"),
        (FEEDS + "scoring: {budget_minutes: .inf}\n", "sentinela.yaml:6: scoring.budget_minutes:"),
        (FEEDS + "scoring:\n  unsure_below: 60\n", "sentinela.yaml:7: scoring.unsure_below:"),
        (FEEDS + "scoring: {model: ''}\n", "sentinela.yaml:6: scoring.model:"),
        (FEEDS + "scoring: {model: [a/b]}\n", "sentinela.yaml:6: scoring.model:"),
        (FEEDS + "lake: [a]\n", "sentinela.yaml:6: lake:"),
        (FEEDS + "brands: Aurora\n", "sentinela.yaml:6: brands:"),
        (FEEDS + "brands:\n  - {name: Aurora, terms: []}\n", "sentinela.yaml:7: brands.0.terms:"),
        (FEEDS + "brands:\n  - {name: All, terms: [tudo]}\n", "sentinela.yaml:7: brands.0: `all`"),
        (FEEDS.replace("kind: news", "kind: gossip"), "sentinela.yaml:3: feeds.0.kind:"),
        (FEEDS.replace("name: news", "name: Big News"), "sentinela.yaml:2: feeds.0.name:"),
        (FEEDS.replace("    kind: news\n", ""), "sentinela.yaml:2: feeds.0.kind: Field required"),
        (FEEDS + "    encoding: latin9x\n", "sentinela.yaml:6: feeds.0.encoding: 'latin9x' is no encoding"),
        (FEEDS + "    delimiter: ';;'\n", "sentinela.yaml:6: feeds.0.delimiter:"),
        (FEEDS + "    timezone: Mars/City\n", "sentinela.yaml:6: feeds.0.timezone: 'Mars/City' is no IANA time zone"),
        (FEEDS + "timezone: Brasilia\n", "sentinela.yaml:6: timezone: 'Brasilia' is no IANA time zone"),
        (FEEDS + "timezone: ../etc/passwd\n", "sentinela.yaml:6: timezone:"),
    ],
)
def test_a_wrong_value_is_refused_where_it_stands(refused: Callable[[str], str], text: str, start: str) -> None:
    assert refused(text).startswith(start)


def test_every_mistake_is_told_at_once(refused: Callable[[str], str]) -> None:
    lines = refused(FEEDS.replace("kind: news", "kind: gossip") + "lakes: x\nreport: {days: 0}\n").splitlines()
    assert {line.split(": ")[1] for line in lines} == {"feeds.0.kind", "lakes", "report.days"}


@pytest.mark.parametrize(
    "source",
    ["", "    path: a.xml\n    url: https://example.org/feed\n"],
    ids=["neither", "both"],
)
def test_a_feed_has_a_path_or_an_address(refused: Callable[[str], str], source: str) -> None:
    message = refused(FEEDS.replace("    path: feeds/*.xml\n", source))
    assert message.startswith("sentinela.yaml:2: feeds.0: give exactly one of path, url and service")


@pytest.mark.parametrize("reader", ["csv", "jsonl", "parquet"])
def test_a_tabular_feed_says_where_its_words_are(refused: Callable[[str], str], reader: str) -> None:
    assert "columns.text or columns.title" in refused(FEEDS.replace("reader: rss", f"reader: {reader}"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (FEEDS + FEEDS.removeprefix("feeds:\n"), "two feeds are called news"),
        (FEEDS + "brands: [{name: Brisa, terms: [aa]}, {name: Brisa, terms: [bb]}]\n", "two brands are called Brisa"),
    ],
)
def test_two_things_of_one_name_are_refused(refused: Callable[[str], str], text: str, told: str) -> None:
    assert told in refused(text)


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n- b\n", "lake\n"])
def test_a_file_without_settings_is_told_so(refused: Callable[[str], str], text: str) -> None:
    assert "expected settings such as" in refused(text)


@pytest.mark.parametrize("text", [FEEDS + "\tlake: a\n", FEEDS + "lake: {a\n", FEEDS + "report: {title: 2026-13-45}\n"])
def test_what_is_no_yaml_is_told_so(refused: Callable[[str], str], text: str) -> None:
    assert refused(text).startswith("sentinela.yaml: not valid YAML")


def test_a_file_of_another_encoding_is_told_so(tmp_path: Path) -> None:
    file = tmp_path / "sentinela.yaml"
    file.write_bytes((FEEDS + "report: {title: Café}\n").encode("latin-1"))
    with pytest.raises(SettingsError, match="UTF-8"):
        load(file)


def test_a_missing_file_is_named_with_the_ways_to_name_another(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.yaml: no such settings file.*--config.*SENTINELA_CONFIG"):
        load(tmp_path / "nowhere.yaml")


def test_relative_paths_are_taken_from_the_folder_of_the_file(
    settings_file: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = settings_file(lake="data/lake", reports="../reports")
    monkeypatch.chdir("/")
    settings = load(file)
    assert settings.lake == str(tmp_path / "data" / "lake")
    assert Path(settings.reports).resolve() == tmp_path.parent / "reports"
    assert settings.feeds[0].path == str(tmp_path / "feeds" / "*.xml")


def test_absolute_paths_and_addresses_are_left_alone(settings_file: Callable[..., Path]) -> None:
    feed = {"name": "news", "kind": "news", "reader": "rss", "url": "https://example.org/feed?a=1"}
    settings = load(settings_file(lake="s3://bucket/lake", reports="/srv/reports", feeds=[feed]))
    assert settings.lake == "s3://bucket/lake"
    assert settings.reports == "/srv/reports"
    assert settings.feeds[0].url == "https://example.org/feed?a=1"
    assert settings.feeds[0].path is None


def test_an_address_is_one_of_the_web(refused: Callable[[str], str]) -> None:
    assert "feeds.0.url" in refused(FEEDS.replace("path: feeds/*.xml", "url: ftp://example.org/feed"))


def test_the_file_is_the_given_one_else_of_the_environment_else_of_the_folder(
    settings_file: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = settings_file(timezone="UTC")
    named = here.rename(tmp_path / "named.yaml")
    settings_file(timezone="Europe/Lisbon")
    monkeypatch.chdir(tmp_path)
    assert load().timezone == "Europe/Lisbon"
    monkeypatch.setenv("SENTINELA_CONFIG", str(named))
    assert load().timezone == "UTC"
    assert load(tmp_path / "sentinela.yaml").timezone == "Europe/Lisbon"


def test_the_engine_is_local_unless_the_settings_name_spark(settings_file: Callable[..., Path]) -> None:
    assert load(settings_file()).engine == EngineChoice(kind="local", workers=None)
    assert load(settings_file(engine={"kind": "local", "workers": 3})).engine.workers == 3
    for master in ("local", "local[2]", "local[*]", "local[2,4]", "spark://10.0.0.1:7077", "spark://a:7077,b:7077"):
        asked = {"kind": "spark", "master": master, "options": {"spark.cores.max": "40"}}
        assert load(settings_file(engine=asked)).engine == EngineChoice.model_validate(asked)


@pytest.mark.parametrize(
    ("engine", "told"),
    [
        ("{kind: spark}", "engine: kind spark needs a master"),
        ("{kind: spark, master: yarn}", "engine.master: 'yarn' is no master of Spark; write"),
        ("{kind: spark, master: 'spark://host'}", "engine.master: 'spark://host' is no master"),
        ("{kind: spark, master: 'local[2]', workers: 2}", "engine: workers are of kind local"),
        ("{kind: local, master: 'local[2]'}", "engine: master and options are of kind spark"),
        ("{workers: 0}", "engine.workers: "),
        ("{kind: ray}", "engine.kind: "),
    ],
)
def test_an_engine_that_there_is_not_is_refused(refused: Callable[[str], str], engine: str, told: str) -> None:
    assert refused(f"{FEEDS}engine: {engine}\n").startswith(f"sentinela.yaml:6: {told}")


def test_the_engine_does_not_change_the_digest(settings_file: Callable[..., Path]) -> None:
    assert load(settings_file(engine={"workers": 3})).digest() == load(settings_file()).digest()


def test_settings_are_frozen(settings_file: Callable[..., Path]) -> None:
    settings = load(settings_file())
    with pytest.raises(ValidationError, match="frozen"):
        settings.lake = "elsewhere"  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        settings.feeds[0].http.retries = 9  # type: ignore[misc]


def test_the_digest_is_the_same_in_every_process_and_follows_every_setting(settings_file: Callable[..., Path]) -> None:
    file = settings_file()
    digest = load(file).digest()
    script = "import sys, jobs.settings; print(jobs.settings.load(sys.argv[1]).digest())"
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    other = subprocess.run(
        [sys.executable, "-c", script, file],
        check=True, capture_output=True, text=True, env=environment, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    assert other.stdout.strip() == digest
    assert load(settings_file(report={"days": 31})).digest() != digest
    assert load(settings_file(brands=[{"name": "A", "terms": ["aa"]}])).digest() != digest


def test_an_unknown_feed_is_told_with_the_known_ones(settings_file: Callable[..., Path]) -> None:
    settings = load(settings_file())
    assert settings.feed("news").kind == "news"
    with pytest.raises(SettingsError, match="no feed 'olds' in the settings; there are: news"):
        settings.feed("olds")


def test_today_is_the_day_of_the_reports_zone(
    settings_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(datetime(2026, 10, 1, 1, tzinfo=UTC).timestamp())))
    assert now() == datetime(2026, 10, 1, 1, tzinfo=UTC)
    assert load(settings_file(timezone="America/Sao_Paulo")).today() == date(2026, 9, 30)
    assert load(settings_file(timezone="Asia/Tokyo")).today() == date(2026, 10, 1)


def test_now_is_the_present_in_utc() -> None:
    before = datetime.now(UTC)
    assert before <= now() <= datetime.now(UTC)
    assert now().tzinfo is UTC


def test_a_clock_that_is_given_tells_the_present_unless_it_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = datetime(2031, 2, 3, 1, tzinfo=ZoneInfo("Asia/Tokyo"))
    assert now(clock) == clock
    assert now(clock).tzinfo is UTC
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1790825400")
    assert now(clock) == datetime(2026, 10, 1, 3, 30, tzinfo=UTC)


def test_a_window_holds_both_of_its_ends() -> None:
    assert Window(start=date(2026, 2, 27), end=date(2026, 3, 1)).days == ["2026-02-27", "2026-02-28", "2026-03-01"]
    assert Window(start=date(2026, 3, 1), end=date(2026, 3, 1)).days == ["2026-03-01"]


def test_a_window_does_not_end_before_it_starts() -> None:
    with pytest.raises(ValidationError, match="2026-03-02, after its end 2026-03-01"):
        Window(start=date(2026, 3, 2), end=date(2026, 3, 1))


def with_http(http: str) -> str:
    return FEEDS.replace("path: feeds/*.xml", "url: https://example.org/feed") + f"    http: {http}\n"


@pytest.mark.parametrize(
    ("http", "variables"),
    [
        ("{}", None),
        ("{token_env: A}", {"token": "A"}),
        ("{auth: {kind: bearer, token_env: A}}", {"token": "A"}),
        ("{auth: {kind: header, name: X-Api-Key, token_env: A}}", {"token": "A"}),
        ("{auth: {kind: query, name: api_key, token_env: A}}", {"token": "A"}),
        ("{auth: {kind: basic, username_env: A, password_env: B}}", {"username": "A", "password": "B"}),
    ],
)
def test_a_feed_says_where_its_secrets_are(tmp_path: Path, http: str, variables: dict[str, str] | None) -> None:
    (tmp_path / "sentinela.yaml").write_text(with_http(http))
    credentials = load(tmp_path / "sentinela.yaml").feeds[0].http.credentials
    assert (credentials and credentials.variables) == variables


@pytest.mark.parametrize(
    ("http", "told"),
    [
        ("{token_env: A, auth: {kind: bearer, token_env: B}}", "feeds.0.http: give either token_env or auth"),
        ("{auth: {kind: digest, token_env: A}}", "feeds.0.http.auth: Input tag 'digest'"),
        ("{auth: {token_env: A}}", "feeds.0.http.auth: Unable to extract tag"),
        ("{auth: {kind: bearer, token: abc}}", "feeds.0.http.auth.bearer.token: unknown setting"),
        ("{auth: {kind: basic, username_env: A}}", "feeds.0.http.auth.basic.password_env: Field required"),
        ("{auth: {kind: header, name: 'X: y', token_env: A}}", "feeds.0.http.auth.header.name:"),
        ("{auth: {kind: query, token_env: A}}", "feeds.0.http.auth.query.name: Field required"),
    ],
)
def test_credentials_that_are_none_are_told(refused: Callable[[str], str], http: str, told: str) -> None:
    message = refused(with_http(http))
    assert f"sentinela.yaml:6: {told}" in message
    assert "abc" not in message


def test_a_secret_in_the_file_is_refused(refused: Callable[[str], str]) -> None:
    message = refused(FEEDS + "    http: {token: abc}\n")
    assert message.startswith("sentinela.yaml:6: feeds.0.http.token: unknown setting")
    assert "abc" not in message


def test_the_contact_is_told_to_the_servers_of_every_feed_that_names_no_other(tmp_path: Path) -> None:
    own = (
        FEEDS.replace("feeds:\n", "").replace("name: news", "name: other") + "    http: {contact: https://n.example}\n"
    )
    (tmp_path / "sentinela.yaml").write_text(f"contact: ana@n.example\n{FEEDS}{own}")
    contacts = [feed.http.contact for feed in load(tmp_path / "sentinela.yaml").feeds]
    assert contacts == ["ana@n.example", "https://n.example"]


@pytest.mark.parametrize("contact", ["ana", '"ana (x)@n.example"', '"a@b\\nX: y"', "é@n.example"])
def test_a_contact_is_an_address_that_a_header_can_hold(refused: Callable[[str], str], contact: str) -> None:
    assert "contact" in refused(f"contact: {contact}\n{FEEDS}")
