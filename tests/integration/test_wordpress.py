"""A real WordPress, read by the shipped service: days, years, pages, kills, edits, deletions, and no name in clear."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from jobs.ingest import FeedError, Ingested, ingest
from jobs.lake.state import State
from jobs.lake.table import Lake
from jobs.settings import Settings, Window
from jobs.validate import validate
from tests import stored
from tests.integration.wordpress import WordPress, needs_wordpress
from tests.integration.wordpress import wordpress as wordpress
from tests.service import killed_after

pytestmark = [pytest.mark.slow, needs_wordpress]

SITE_ZONE = ZoneInfo("America/Sao_Paulo")
BUSY, LATER, OLD = date(2026, 9, 28), date(2026, 9, 29), date(2016, 5, 4)
RENDERED = {
    "O café <strong>estava</strong> ótimo &amp; quente <em>hoje</em> 😀": "O café estava ótimo & quente hoje 😀",
    'Veja <a href="https://a.example/?x=1&amp;y=2">aqui</a>\n\nsegunda linha': "Veja aqui\nsegunda linha",
    'It\'s "great" <script>alert(1)</script> -- really': "It\u2019s \u201cgreat\u201d alert(1) \u2014 really",
    "custa < 10 reais, e é bom": "custa < 10 reais, e é bom",
}
"""What visitors wrote, and how it reads."""


class Visitors:
    """Comments on the posts of a site, as visitors leave them; `left` are the texts and moments of those shown."""

    def __init__(self, site: WordPress) -> None:
        self.site = site
        given = {"post_content": "x", "post_author": 1, "post_date": "2016-01-01 08:00:00"}
        shown, hidden, closed = site.call(
            ("wp_insert_post", [{**given, "post_title": "Café", "post_status": "publish"}]),
            ("wp_insert_post", [{**given, "post_title": "Rascunho", "post_status": "private"}]),
            (
                "wp_insert_post",
                [{**given, "post_title": "Sócios", "post_status": "publish", "post_password": "s3cret"}],
            ),
        )
        self.shown, self.unseen = shown, (hidden, closed)
        self.left: dict[str, tuple[str, datetime]] = {}

    def leave(self, comments: list[tuple[datetime, str]], post: int | None = None, parents: Any = ()) -> list[int]:
        """Let visitors comment; the ids of the comments."""
        calls = []
        for number, (moment, text) in enumerate(comments):
            calls.append(self._call(number, moment, text, post or self.shown, dict(parents).get(number, 0)))
        ids: list[int] = self.site.call(*calls)
        assert all(isinstance(one, int) for one in ids), ids
        if post is None:
            self.left |= {str(one): (text, moment) for one, (moment, text) in zip(ids, comments, strict=True)}
        return ids

    def _call(self, number: int, moment: datetime, text: str, post: int, parent: int) -> tuple[str, list[Any]]:
        person = ("Doroteia Quintanilha", "Benvindo Sapucaia")[number % 2]
        data = {
            "comment_post_ID": post,
            "comment_parent": parent,
            "comment_author": person,
            "comment_author_email": f"{person.split()[0].lower()}@correio.example",
            "comment_author_url": f"https://{person.split()[1].lower()}.example/",
            "comment_author_IP": f"192.0.2.{number % 250}",
            "comment_agent": "Mozilla/5.0",
            "comment_content": text,
            "comment_date": f"{moment.astimezone(SITE_ZONE):%Y-%m-%d %H:%M:%S}",
            "comment_date_gmt": f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
        }
        return "wp_new_comment", [data, True]

    def of(self, *days: date) -> dict[str, datetime]:
        """The comments of `days`, in the zone of the site: id -> moment."""
        return {one: at for one, (_, at) in self.left.items() if at.astimezone(SITE_ZONE).date() in days}


@pytest.fixture(scope="module")
def visitors(wordpress: WordPress) -> Visitors:
    """A busy day of 130 comments from its first to its last second, others around it and ten years before it."""
    made = Visitors(wordpress)
    midnight = datetime(2026, 9, 28, tzinfo=SITE_ZONE)
    inner = [midnight + timedelta(minutes=11 * n + 5) for n in range(130 - 2)]
    moments = [midnight, *inner, midnight + timedelta(hours=24, seconds=-1)]
    texts = [*RENDERED, *(f"Comentário número {n}, bom café" for n in range(130 - len(RENDERED)))]
    first, *_ = made.leave(list(zip(moments, texts, strict=True)))
    replies = [(midnight + timedelta(hours=30), "@Doroteia concordo"), (midnight + timedelta(hours=31), "I agree, too")]
    made.leave(replies, parents={0: first, 1: first})
    made.leave([(midnight - timedelta(seconds=1), "na véspera")])
    made.leave([(datetime(2016, 5, 4, 21, 30, tzinfo=SITE_ZONE), "há dez anos")])
    for post in made.unseen:
        made.leave([(midnight + timedelta(hours=1, minutes=n), f"oculto {post} {n}") for n in range(60)], post)
    return made


class Desk:
    """A lake and a feed of the site."""

    def __init__(self, root: Path, site: WordPress, **feed: Any) -> None:
        given = {"name": "blog", "kind": "post", "service": "wordpress", "instance": f"{site.url}/wp-json", **feed}
        self.settings = Settings.model_validate(
            {"lake": str(root / "lake"), "timezone": SITE_ZONE.key, "feeds": [{"http": {"retries": 0}, **given}]}
        )
        self.lake = Lake(self.settings.lake)

    def ingest(self, first: date, last: date | None = None) -> Ingested:
        return ingest(self.settings, "blog", Window(start=first, end=last or first))

    def rows(self, dataset: str = "raw_posts") -> list[dict[str, Any]]:
        return stored.rows(self.lake, dataset)

    def had(self) -> dict[str, datetime]:
        """The items in the lake, each of them once."""
        rows = self.rows()
        assert set(Counter(row["post_id"] for row in rows).values()) <= {1}
        return {row["post_id"]: row["published_at"] for row in rows}


@pytest.fixture
def desk(wordpress: WordPress, tmp_path: Path, present: datetime) -> Callable[..., Desk]:
    return lambda **feed: Desk(tmp_path, wordpress, **feed)


def test_a_day_comes_whole_over_pages_and_nothing_of_other_days(desk: Callable[..., Desk], visitors: Visitors) -> None:
    done = desk().ingest(BUSY)
    assert (done.status, done.message) == ("complete", None)
    assert desk().had() == visitors.of(BUSY)
    (line,) = desk().rows("coverage")
    moments = sorted(visitors.of(BUSY).values())
    assert (line["pages"], line["seen_from"], line["seen_until"]) == (3, moments[0], moments[-1])


def test_what_visitors_wrote_reads_as_they_meant_it(desk: Callable[..., Desk], visitors: Visitors) -> None:
    desk().ingest(BUSY, LATER)
    bodies = {row["post_id"]: row["body"] for row in desk().rows()}
    written = {one: text for one, (text, _) in visitors.left.items() if one in bodies}
    assert {RENDERED[text] for text in written.values() if text in RENDERED} <= set(bodies.values())
    plain = {one: text for one, text in written.items() if text not in RENDERED and "@" not in text}
    assert {one: bodies[one] for one in plain} == plain


def test_nobody_is_named_in_the_lake(desk: Callable[..., Desk], visitors: Visitors) -> None:
    desk().ingest(BUSY, LATER)
    rows = desk().rows()
    assert len({row["author"] for row in rows}) == 2
    everything = json.dumps([*rows, *desk().rows("coverage")], default=str).casefold()
    for name in ("doroteia", "quintanilha", "benvindo", "sapucaia", "correio.example", "gravatar"):
        assert name not in everything


def test_a_day_ten_years_back_is_asked_for_as_such(desk: Callable[..., Desk], visitors: Visitors) -> None:
    desk().ingest(LATER)
    assert desk().ingest(OLD).items_seen == 1
    assert desk().had() == visitors.of(LATER, OLD)


def test_ten_years_are_read_in_steps_and_come_whole(desk: Callable[..., Desk], visitors: Visitors) -> None:
    assert desk().ingest(date(2016, 1, 1), LATER).status == "complete"
    assert set(desk().had()) == set(visitors.left)


def test_a_kill_between_two_requests_loses_and_doubles_nothing(desk: Callable[..., Desk], visitors: Visitors) -> None:
    for killed_at in range(3):
        with killed_after(killed_at):
            desk().ingest(BUSY)
        assert State(desk().lake).cursor("blog") == {}
    desk().ingest(BUSY)
    assert desk().had() == visitors.of(BUSY)
    assert desk().ingest(BUSY).items_new == 0


def test_requests_that_are_spent_are_gone_on_from(desk: Callable[..., Desk], visitors: Visitors) -> None:
    statuses: list[str] = []
    while "complete" not in statuses and len(statuses) < 9:
        statuses.append(desk(requests_per_run=3).ingest(date(2026, 9, 27), LATER).status)
    assert (statuses[0], statuses[-1]) == ("partial", "complete")
    assert set(desk().had()) == set(visitors.left) - set(visitors.of(OLD))


def test_an_edited_comment_is_a_newer_version_and_a_deleted_one_only_vanishes(
    desk: Callable[..., Desk], visitors: Visitors, monkeypatch: pytest.MonkeyPatch
) -> None:
    day, noon = date(2026, 9, 30), datetime(2026, 9, 30, 12, tzinfo=SITE_ZONE)
    hourly = [(noon + timedelta(minutes=n), f"no dia trinta {n}") for n in range(12)]
    edited, deleted, spam, *_ = visitors.leave(hourly)
    desk().ingest(day)
    validate(desk().settings, [day.isoformat()])
    visitors.site.call(
        ("wp_update_comment", [{"comment_ID": edited, "comment_content": "mudei de ideia"}]),
        ("wp_delete_comment", [deleted, True]),
        ("wp_spam_comment", [spam]),
    )
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(datetime(2026, 10, 2, 12, tzinfo=UTC).timestamp())))
    assert desk().ingest(date(2026, 10, 1)).items_new == 1
    validate(desk().settings, [day.isoformat()])
    posts = {row["post_id"]: row["text"] for row in desk().rows("posts")}
    assert len(posts) == 12
    assert posts[str(edited)] == "mudei de ideia"
    assert {str(deleted), str(spam)} < set(posts)
    for one in (deleted, spam):
        del visitors.left[str(one)]


def test_a_comment_that_was_held_for_days_is_not_missed(
    desk: Callable[..., Desk], visitors: Visitors, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitors.site.call(("update_option", ["comment_moderation", 1]))
    (held,) = visitors.leave([(datetime(2026, 9, 30, 8, tzinfo=SITE_ZONE), "esperou dois dias")])
    visitors.site.call(("update_option", ["comment_moderation", 0]))
    desk().ingest(date(2026, 9, 30))
    assert str(held) not in desk().had()
    visitors.site.call(("wp_set_comment_status", [held, "approve"]))
    for day in (1, 2):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(datetime(2026, 10, day + 1, 12, tzinfo=UTC).timestamp())))
        desk().ingest(date(2026, 10, day))
    assert str(held) in desk().had()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("add_filter('rest_authentication_errors', fn() => new WP_Error('rest_login_required', 'Log in.', "
         "['status' => 401]));", "the site does not show its comments"),
        ("add_filter('rest_endpoints', fn($all) => array_diff_key($all, ['/wp/v2/comments' => 1]));",
         "has no such interface"),
        ("add_action('parse_request', fn() => wp_die('Em obras', '', ['response' => 503]), 1);", "503"),
        ("add_action('parse_request', function() { echo '<html>log in</html>'; exit; }, 1);", "200 OK: a page"),
        ("add_action('parse_request', function() { wp_redirect(wp_login_url()); exit; }, 1);", "302"),
        ("add_action('parse_request', function() { echo '[]<br />Warning: x'; exit; }, 1);", "JSON that is broken"),
    ],
    ids=["login required", "no comments", "maintenance", "a page", "a redirect", "a warning of PHP"],
)  # fmt: skip
def test_a_site_that_does_not_answer_is_no_day_without_comments(
    desk: Callable[..., Desk], visitors: Visitors, code: str, said: str
) -> None:
    with visitors.site.plugin(code), pytest.raises(FeedError, match=said):
        desk().ingest(BUSY)
    assert desk().rows() == []
    desk().ingest(BUSY)
    assert desk().had() == visitors.of(BUSY)


def test_an_address_that_is_not_that_of_the_interface_is_told(desk: Callable[..., Desk], visitors: Visitors) -> None:
    with pytest.raises(FeedError, match="wp-json"):
        desk(instance=visitors.site.url).ingest(BUSY)
