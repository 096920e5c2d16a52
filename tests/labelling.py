"""A feed of a hundred texts with scores that no model had to give, and people who label them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from jobs.labels.sample import Sample
from jobs.settings import Window
from tests.sheets import fill

JUNE = Window(start=date(2026, 6, 1), end=date(2026, 6, 10))
TEXTS = 100
"""Ten a day; the tenth of each day is said three times, in other letters and spaces."""
PROBABILITIES = ((0.7, 0.2, 0.1), (0.2, 0.5, 0.3), (0.1, 0.2, 0.7), (0.1, 0.1, 0.8))
CALLED = ("negative", "neutral", "positive", "positive")


def posts() -> list[dict[str, Any]]:
    """Identity, day and text of every post."""
    said = [{"id": f"p{n:03}", "day": f"2026-06-{1 + n // 10:02}", "text": f"O café número {n}"} for n in range(TEXTS)]
    tenths = [post for post in said if post["text"].endswith("9")]
    again = [
        {**post, "id": f"q{post['id']}{copy}", "text": "  " + post["text"].upper().replace(" ", "\n ")}
        for post in tenths
        for copy in "ab"
    ]
    return said + again


def scored(post: dict[str, Any], **other: Any) -> dict[str, Any]:
    """`post` as a row of scored_posts."""
    place = int(post["text"].split()[-1]) % 4
    negative, neutral, positive = PROBABILITIES[place]
    return {
        "feed": "posts", "kind": "post", "post_id": post["id"], "published_date": date.fromisoformat(post["day"]),
        "text": post["text"], "url": f"https://x.example/{post['id']}", "language": "pt", "negative": negative,
        "neutral": neutral, "positive": positive, "polarity": positive - negative, "label": CALLED[place],
        "unsure": False, "model_version": "m", **other,
    }  # fmt: skip


def fill_in(path: Path, sample: Sample, *people: tuple[str, Callable[[str], str | None]]) -> None:
    """Fill in the sheets of the workbook of `sample` by what each of `people` says of a text."""
    orders = (sample.posts, sorted(sample.posts, key=lambda post: post.second))
    for sheet, order, (name, says) in zip(("Labels", "Second person"), orders, people, strict=False):
        fill(path, sheet, name, [says(post.text) for post in order])


def truth(text: str) -> str:
    """What a careful person says: what the model says, but for each tenth text, which is positive."""
    number = int(text.split()[-1])
    return "positive" if number % 10 == 0 else CALLED[number % 4]
