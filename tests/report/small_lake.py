"""A lake of sixty days, two brands and three feeds, with an outage, gaps of every sort and hostile texts."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from data_contracts import schema
from jobs.interval import mean_interval
from jobs.lake.table import Lake
from jobs.settings import Settings
from tests.stored import put

START, DAYS = date(2026, 8, 2), 60
END = START + timedelta(days=DAYS - 1)
OUTAGE = date(2026, 9, 14)
LAUNCH = date(2026, 9, 22)
SILENT = date(2026, 9, 9)
"""No feed brought a post, and every feed was seen."""
UNSEEN = date(2026, 9, 18)
"""No feed could be read."""
PARTIAL = date(2026, 9, 20)
"""One feed of three was refused."""
THIN = date(2026, 9, 6)
"""A handful of posts."""
ABSENT = date(2026, 9, 26)
"""The day was never computed."""

HOSTILE = (
    '<script>alert("aurora")</script><img src=x onerror=alert(1)> que café horrível',
    '=HYPERLINK("http://evil.example","aurora grátis")',
    "@SUM(1+1)*cmd|' /C calc'!A0 aurora",
    "</script><svg onload=alert(2)> aurora \u2028\u2029 {{7*7}} {% raw %}",
    "-2+3+cmd|' /C calc'!A0 Aurora \u202e gpj.exe",
    "+1 aurora \x00\x07\ufffe nulo",
    "\tAurora " + "a" * 900 + " sem espaço",
    "aurora ]]> <!-- <b>negrito</b> &amp; &lt;i&gt; '\" javascript:alert(3)",
)

GOOD = (
    "O pão de queijo da {b} saiu quentinho, atendimento impecável e o filtrado no ponto",
    "{b} continua sendo meu lugar favorito para trabalhar de manhã, wi-fi ótimo e gente simpática",
    "Lovely flat white at {b} this morning, the barista remembered my name",
    "Best cold brew in town, {b} really nailed the new roast",
    "Adorei o novo bolo de milho da {b}, voltarei com certeza",
    "The {b} almond croissant deserves a poem, flaky and warm",
)
PLAIN = (
    "Alguém sabe se a {b} da Savassi abre no feriado? O site não fala nada",
    "Passei na {b} antes do trabalho, pedi o de sempre e fui embora",
    "Meeting moved to {b} on Bermondsey at four, see you there",
    "{b} opens a second shop near the station next month, says the local paper",
)
BAD = (
    "Fila enorme na {b} e o café veio frio, esperava mais pelo preço",
    "Waited twenty minutes at {b} for a lukewarm latte, not coming back soon",
    "Mesa suja e música alta demais na {b}, saí sem terminar",
    "{b} changed the beans again and now everything tastes burnt",
)
OUTAGE_TEXTS = (
    "App da {b} fora do ar e a cobrança veio duas vezes no cartão, ninguém responde",
    "Cobrança duplicada no app da {b}! Quero meu estorno hoje",
    "{b} app is down and I was charged twice, support just hangs up",
    "Fui pagar na {b} e o app fora do ar de novo, cobrança em dobro, que vergonha",
    "Terceiro dia de cobrança errada, o app da {b} continua fora do ar",
)
LAUNCH_TEXTS = (
    "O cold brew de jabuticaba da {b} é a melhor coisa do ano, que lançamento",
    "Provei o cold brew de jabuticaba na {b} e já quero outro",
    "The jabuticaba cold brew at {b} is outrageous, what a launch",
    "{b} acertou demais no lançamento do cold brew de jabuticaba",
)
FEEDS = {"mastodon": "post", "avaliacoes": "review", "noticias": "news"}
ENDINGS = (
    "",
    " hoje",
    " mesmo",
    " outra vez",
    " again",
    " na Savassi",
    " em Pinheiros",
    " no centro",
    " this week",
    " !!",
)


def settings(root: Path, language: str = "pt", days: int = 30) -> Settings:
    """Settings that point at the lake below `root`."""
    return Settings.model_validate(
        {
            "timezone": "America/Sao_Paulo",
            "lake": str(root / "lake"),
            "reports": str(root / "reports"),
            "feeds": [
                {"name": name, "kind": kind, "reader": "rss", "path": "nowhere/*.xml"} for name, kind in FEEDS.items()
            ],
            "brands": [
                {"name": "Aurora", "terms": ["aurora", "café aurora", "#auroracafe"]},
                {"name": "Casa Brisa", "terms": ["casa brisa", "brisa"]},
            ],
            "report": {"language": language, "days": days},
        }
    )


def build(
    root: Path,
    start: date = START,
    days: int = DAYS,
    daily_posts: int = 40,
    seed: int = 7,
    hostile: bool = True,
    lake: str | None = None,
) -> None:
    """Write the lake below `root`, or at `lake`; the same bytes for the same arguments."""
    place = Lake(lake or str(root / "lake"))
    chance = random.Random(seed)
    calendar = [start + timedelta(days=n) for n in range(days)]
    posts = [row for day in calendar for row in _day(day, daily_posts, chance)]
    if hostile:
        posts += _hostile()
    put(place, "scored_posts", posts)
    put(place, "posts", [_as(row, "posts") for row in [*posts, *_undated(4)]])
    broken = [_broken(day, n, chance) for n, day in enumerate(calendar) if n % 4 == 0]
    put(place, "quarantine", broken)
    for dataset in ("raw_posts", "item_versions"):
        put(place, dataset, [_as(row, dataset) for row in [*posts, *_undated(4), *broken]])
    put(place, "daily_polarity", daily_rows(posts, [day for day in calendar if day != ABSENT]))
    put(place, "topics", [_topics(row) for row in posts])
    put(place, "coverage", [row for day in calendar for row in _coverage(day)])


def daily_rows(posts: Sequence[dict[str, Any]], days: Sequence[date]) -> list[dict[str, Any]]:
    """Rows of `daily_polarity` for `posts`, with a row of zeros for each empty day, brand and feed."""
    groups: dict[tuple[date, str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in posts:
        for brand in ("all", *[b for b in ("Aurora", "Casa Brisa") if b.lower() in row["text"].lower()]):
            groups[row["published_date"], brand, row["feed"], row["language"]].append(row)
    filled = {key[:3] for key in groups}
    for day in days:
        for brand in ("all", "Aurora", "Casa Brisa"):
            for feed in FEEDS:
                if (day, brand, feed) not in filled:
                    groups[day, brand, feed, "pt"] = []
    return [_daily(*key, rows) for key, rows in sorted(groups.items()) if key[0] in set(days)]


def _daily(day: date, brand: str, feed: str, language: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    scored = [row for row in rows if row["polarity"] is not None]
    ordered = sorted(scored, key=lambda row: row["post_id"], reverse=True)
    first = list({row["text"].strip().lower(): row for row in ordered}.values())
    sums = {
        f"{once}{name}_sum{power}": float(sum(row[name] ** (1 + bool(power)) for row in counted))
        for once, counted in (("", scored), ("distinct_", first))
        for name in ("polarity", "negative", "neutral", "positive")
        for power in ("", "_squares")
    }
    polarity = (sums["distinct_polarity_sum"], sums["distinct_polarity_sum_squares"])
    mean, low, high = (float(v) for v in mean_interval(*polarity, len(first)))
    return {
        "published_date": day,
        "brand": brand,
        "feed": feed,
        "kind": FEEDS[feed],
        "language": language,
        "counted": True,
        "posts": len(rows),
        "distinct_texts": len(first),
        "scored": len(scored),
        "unscored": len(rows) - len(scored),
        "quarantined": 0,
        **{label: sum(row["label"] == label for row in scored) for label in ("negative", "neutral", "positive")},
        "unsure": sum(row["unsure"] for row in scored),
        "mean_polarity": mean if scored else None,
        "model_low": low if scored else None,
        "model_high": high if scored else None,
        **sums,
        "recorded_at": datetime.combine(day + timedelta(days=1), time(10), UTC),
        "cause": "first",
        "made_from": "i.r.m.c.k.f.b",
    }


def _day(day: date, count: int, chance: random.Random) -> list[dict[str, Any]]:
    if day in (SILENT, UNSEEN, ABSENT):
        return []
    count += {5: -12, 6: -10}.get(day.weekday(), 0) + chance.randint(-4, 4)
    count = 4 if day == THIN else count
    rows = [_post(day, n, *_said(day, chance), chance) for n in range(count)]
    if day == PARTIAL:
        rows = [row for row in rows if row["feed"] != "avaliacoes"]
    return rows


def _hostile() -> list[dict[str, Any]]:
    """Texts at both ends of the scale, so that the report cannot but show most of them."""
    rows = [
        _post(END, 500 + n, text, (-1) ** n * 0.999, random.Random(1)) | {"feed": "mastodon", "kind": "post"}
        for n, text in enumerate(HOSTILE)
    ]
    return rows + [
        _post(day, 600 + n, text, (-1) ** n * 0.998, random.Random(1)) | {"feed": "mastodon", "kind": "post"}
        for day in (OUTAGE, LAUNCH)
        for n, text in enumerate(HOSTILE[:2])
    ]


def _said(day: date, chance: random.Random) -> tuple[str, float]:
    brand = "Aurora" if chance.random() < 0.62 else "Casa Brisa"
    ago, since = (day - OUTAGE).days, (day - LAUNCH).days
    if brand == "Aurora" and 0 <= ago < 4 and chance.random() < 0.85 - 0.2 * ago:
        pool, centre = OUTAGE_TEXTS, -0.85
    elif brand == "Aurora" and 0 <= since < 3 and chance.random() < 0.98 - 0.3 * since:
        pool, centre = LAUNCH_TEXTS, 0.9
    else:
        pool, centre = chance.choices([(GOOD, 0.75), (PLAIN, 0.05), (BAD, -0.7)], [44, 30, 26])[0]
    text = chance.choice(pool).format(b=brand) + chance.choice(ENDINGS)
    return text, max(-0.99, min(0.99, chance.gauss(centre, 0.12)))


def _post(day: date, number: int, text: str, polarity: float, chance: random.Random) -> dict[str, Any]:
    feed = chance.choices(list(FEEDS), [60, 30, 10])[0]
    language = "en" if any(w in text for w in (" the ", " at ", " and ", "The ", " my ", "app is")) else "pt"
    scored = chance.random() > 0.03
    moment = datetime.combine(day, time(12 + number % 10, number % 60), UTC)
    row = dict.fromkeys(schema("scored_posts").names)
    return row | {
        "feed": feed,
        "kind": FEEDS[feed],
        "post_id": f"{day:%m%d}-{number}",
        "published_at": moment,
        "published_date": day,
        "date_source": "feed",
        "first_seen_at": moment + timedelta(hours=6),
        "text": text,
        "url": "javascript:alert(4)" if number == 501 else f"https://cafe.example/{day:%m%d}/{number}?a=1&b=<2>",
        "language": language if scored else "other",
        "negative": max(0.0, -polarity) if scored else None,
        "neutral": 1 - abs(polarity) if scored else None,
        "positive": max(0.0, polarity) if scored else None,
        "polarity": polarity if scored else None,
        "label": ("negative" if polarity < -0.3 else "positive" if polarity > 0.3 else "neutral") if scored else None,
        "unsure": abs(polarity) < 0.2 if scored else None,
        "model_version": "balanced-1",
    }


def _topics(row: dict[str, Any]) -> dict[str, Any]:
    """The two subjects of the texts, of which some have both, some one and some none."""
    text = row["text"].lower()
    topics = [name for name, word in (("App", "app"), ("Café", "café")) if word in text]
    theme = "cold, brew, jabuticaba" if "jabuticaba" in text else None
    return {"published_date": row["published_date"], "feed": row["feed"], "post_id": row["post_id"],
            "topics": topics, "theme": theme}  # fmt: skip


def _as(row: dict[str, Any], dataset: str) -> dict[str, Any]:
    given = {
        "batch_id": "b1",
        "position": 0,
        "fetched_at": row["first_seen_at"],
        "source": "nowhere/1.xml",
        "payload": "{}",
        "body": row["text"],
        "content": "c",
        "fetched_date": row["first_seen_at"].date(),
    }
    return {name: row.get(name, given.get(name)) for name in schema(dataset).names}


def _undated(count: int) -> list[dict[str, Any]]:
    chance = random.Random(3)
    rows = [_post(START, 900 + n, "Aurora, sem data nenhuma", 0.1, chance) for n in range(count)]
    return [row | {"published_date": None, "published_at": None, "date_source": "fallback"} for row in rows]


def _broken(day: date, number: int, chance: random.Random) -> dict[str, Any]:
    rules = [["text_present"], ["date_plausible"], ["text_decoded", "rating_in_scale"]][number % 3]
    row = _as(_post(day, 700 + number, "", 0.0, chance), "quarantine")
    return row | {"rules": rules, "language": "other"}


def _coverage(day: date) -> list[dict[str, Any]]:
    rows = []
    for feed in FEEDS:
        status, message = "complete", None
        if day == UNSEEN:
            status, message = "failed", "connection <refused> by https://cafe.example"
        elif day == PARTIAL and feed == "avaliacoes":
            status, message = "refused", "HTTP 429: too many requests"
        elif day == date(2026, 9, 28) and feed == "mastodon":
            status, message = "capped", "only the newest 40 items were offered"
        rows.append(
            {
                "feed": feed,
                "window_start": day,
                "window_end": day,
                "fetched_date": day + timedelta(days=1),
                "fetched_at": datetime.combine(day + timedelta(days=1), time(9), UTC),
                "source": "nowhere/*.xml",
                "status": status,
                "items_seen": 0 if status == "failed" else 20,
                "batches": 1,
                "first_day": day,
                "last_day": day,
                "message": message,
            }
        )
    return rows
