"""Three services as they behave on the wire, each over a list of posts: (moment, text)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.service import Asked, Said

Post = tuple[datetime, str]
Answer = Callable[[Asked], Said]


def snowflake(moment: datetime) -> int:
    """The id that Mastodon gives to a post."""
    return int(moment.timestamp() * 1000) << 16


def status(post: Post) -> dict[str, Any]:
    """A post as Mastodon writes it."""
    number = str(snowflake(post[0]))
    account = {"id": "7", "acct": "ana@other.example", "display_name": "Ana"}
    at = post[0].isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "id": number, "created_at": at, "edited_at": None, "spoiler_text": "", "content": f"<p>{post[1]}</p>",
        "uri": f"https://other.example/users/ana/statuses/{number}", "url": f"https://other.example/@ana/{number}",
        "account": account, "mentions": [{"acct": "rui"}], "reblog": None, "replies_count": 0,
    }  # fmt: skip


def mastodon(posts: list[Post], most: int = 2) -> Answer:
    """Newest first, `most` a page, bounds exclusive; Link leads on, without the lower bound, also to an empty page."""

    def answer(asked: Asked) -> Said:
        since, before = int(asked.query.get("since_id", 0)), int(asked.query.get("max_id", 1 << 80))
        fit = [post for post in sorted(posts, reverse=True) if since < snowflake(post[0]) < before][:most]
        headers = {"X-RateLimit-Remaining": "299", "X-RateLimit-Reset": "2026-09-30T12:05:00.123456Z"}
        if fit:
            host = f"http://{asked.headers['Host']}{asked.path}"
            headers["Link"] = (
                f'<{host}?limit=40&max_id={snowflake(fit[-1][0])}>; rel="next", '
                f'<{host}?limit=40&min_id={snowflake(fit[0][0])}>; rel="prev"'
            )
        return Said([status(post) for post in fit], headers=headers)

    return answer


def hacker_news(posts: list[Post], most: int = 2, reachable: int = 1000) -> Answer:
    """Newest first, `most` a page, never more than `reachable` of a query, whose total is told."""

    def hit(number: int, post: Post) -> dict[str, Any]:
        epoch = int(post[0].timestamp())
        tags = ["comment", "author_ana"]
        return {"objectID": str(number), "created_at_i": epoch, "comment_text": post[1], "author": "ana", "_tags": tags}

    def answer(asked: Asked) -> Said:
        found = re.fullmatch(r"created_at_i>=(\d+),created_at_i<(\d+)", asked.query["numericFilters"])
        assert found
        start, end = (datetime.fromtimestamp(int(bound), UTC) for bound in found.groups())
        hits = [hit(number, post) for number, post in enumerate(posts) if start <= post[0] < end]
        hits.sort(key=lambda item: -item["created_at_i"])
        page = int(asked.query["page"])
        shown = hits[:reachable][page * most : (page + 1) * most]
        pages = -(-min(len(hits), reachable) // most)
        return Said({"hits": shown, "nbHits": len(hits), "page": page, "nbPages": pages})

    return answer


def bluesky(posts: list[Post], most: int = 2) -> Answer:
    """A session first; then newest first, `since` until before `until`, the cursor a number of posts to leave out."""

    def view(number: int, post: Post) -> dict[str, Any]:
        return {
            "uri": f"at://did:plc:ana/app.bsky.feed.post/{number}", "cid": f"cid{number}",
            "author": {"did": "did:plc:ana", "handle": "ana.bsky.social"},
            "record": {"text": post[1], "createdAt": post[0].isoformat().replace("+00:00", "Z")},
            "indexedAt": post[0].isoformat(),
        }  # fmt: skip

    def answer(asked: Asked) -> Said:
        if asked.path.endswith("createSession"):
            return Said({"accessJwt": "jwt", "refreshJwt": "other"})
        assert asked.headers["Authorization"] == "Bearer jwt"
        since, until = (datetime.fromisoformat(asked.query[name]) for name in ("since", "until"))
        fit = [view(number, post) for number, post in enumerate(posts) if since <= post[0] < until][::-1]
        start = int(asked.query.get("cursor", 0))
        more = {"cursor": str(start + most)} if start + most < len(fit) else {}
        return Said({"posts": fit[start : start + most], **more})

    return answer
