"""Every real feed as one configuration: each item ends in exactly one of posts and quarantine."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import pytest

from jobs.lake.query import View
from jobs.lake.table import Lake
from jobs.pipeline import restate
from jobs.revisions import view_current
from jobs.settings import Settings, Window, load

CONFIG = Path(__file__).parent / "real_feeds.yaml"
FEEDS = Path(__file__).parents[3] / "shared" / "data" / "feeds"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not FEEDS.is_dir(), reason=f"the real feeds are not at {FEEDS}"),
]


def independent_counts() -> dict[str, int]:
    """Different items in the files of each feed, counted without any code of ours."""
    import pandas as pd

    parquet = {
        "olist": "olist_reviews_pt",
        "b2w": "b2w_reviews_pt",
        "bluesky": "bluesky_posts_pt",
        "netflix": "netflix_app_reviews_en",
        "youtube": "youtube_comments_soccer_en",
        "noticias": "noticias_br_2026_pt",
    }
    counts = {feed: pd.read_parquet(FEEDS / f"{name}.parquet")["id"].nunique() for feed, name in parquet.items()}
    counts["valor"] = len(
        {
            item.findall("guid")[-1].text
            for path in FEEDS.glob("rss_de_valor_xml/*/*.xml")
            for item in ElementTree.parse(path).iter("item")
        }
    )
    with (FEEDS / "mls_csv/news_articles.csv").open(encoding="utf-8", newline="") as source:
        counts["mls-news"] = len({row["url"].split("?")[0].split("#")[0] for row in csv.DictReader(source)})
    with (FEEDS / "mls_csv/app_reviews.csv").open(encoding="utf-8", newline="") as source:
        counts["mls-apps"] = len({(row["text"].strip(), row["date"]) for row in csv.DictReader(source)})
    return counts


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("real")
    settings = load(CONFIG).model_copy(update={"lake": str(folder / "lake"), "reports": str(folder / "reports")})
    _, failures = restate(settings, Window(start=date(2026, 7, 24), end=date(2026, 7, 24)))
    assert failures == []
    return settings


def test_every_item_ends_in_exactly_one_of_posts_and_quarantine(real: Settings) -> None:
    with View(Lake(real.lake)).query() as query:
        for dataset in ("raw_posts", "posts", "quarantine"):
            query.read(dataset)
        ends = query.rows("""
            SELECT feed, post_id, count(*) AS n FROM (
                SELECT feed, post_id FROM posts UNION ALL SELECT feed, post_id FROM quarantine
            ) GROUP BY ALL
        """)
        fetched = query.rows("SELECT DISTINCT feed, post_id FROM raw_posts")
    assert {(row["feed"], row["post_id"]) for row in ends} == {(row["feed"], row["post_id"]) for row in fetched}
    assert [row for row in ends if row["n"] != 1] == []
    assert Counter(row["feed"] for row in ends) == independent_counts()


def test_every_post_of_a_day_is_counted_in_daily_polarity(real: Settings) -> None:
    with View(Lake(real.lake)).query() as query:
        query.read("posts")
        view_current(query, query.at, None)
        query.read("quarantine")
        (counted,) = query.rows(
            "SELECT sum(posts) AS posts, sum(quarantined) AS bad FROM daily_polarity WHERE brand = 'all'"
        )
        (stored,) = query.rows("SELECT count(published_date) AS posts FROM posts")
        (refused,) = query.rows("SELECT count(published_date) AS bad FROM quarantine")
    assert (counted["posts"], counted["bad"]) == (stored["posts"], refused["bad"])


def test_the_reasons_of_the_quarantine_are_the_known_faults_of_the_files(real: Settings) -> None:
    with View(Lake(real.lake)).query() as query:
        query.read("quarantine")
        rows = query.rows("""
            SELECT feed, rule, count(*) AS n
            FROM (SELECT feed, unnest(rules) AS rule FROM quarantine) GROUP BY ALL
        """)
    reasons = {(row["feed"], row["rule"]): row["n"] for row in rows}
    assert reasons[("olist", "text_present")] > 10_000, "ratings without words"
    assert reasons[("mls-news", "date_readable")] > 800, "dates cut to ten characters"
    assert {feed for feed, _ in reasons} == {"olist", "mls-news", "netflix", "youtube"}
