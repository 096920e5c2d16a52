"""The links of stored posts, also of those whose link is sealed because it holds a name."""

from __future__ import annotations

import json

from jobs.ingest.feed import author_key
from jobs.ingest.people import SEALED, SEALED_ID, People
from jobs.lake.query import View, sql_text
from jobs.lake.table import Lake
from jobs.settings import Settings, SettingsError


def link_of(settings: Settings, feed: str, post_id: str) -> str:
    """Where the newest version of a post can be read at its source, else what that calls it.

    The post is known by its id in the lake, or by its id at the source where only the key tells one from the other.
    Raises SettingsError where there is no such post, it has neither, or the key is not the one that it was sealed with.
    """
    lake = Lake(settings.lake)
    people = People(feed, author_key(lake))
    known_by = (post_id, people.in_id(post_id, ()))
    with View(lake).query() as query:
        query.read("raw_posts")
        rows = query.rows(f"""
            SELECT url, payload FROM raw_posts
            WHERE feed = {sql_text(feed)} AND post_id IN ({", ".join(map(sql_text, known_by))})
            ORDER BY fetched_at DESC LIMIT 1
        """)
    if not rows:
        raise SettingsError(f"no post {post_id!r} of feed {feed!r} is stored")
    payload = json.loads(rows[0]["payload"])
    kept = payload if isinstance(payload, dict) else {}
    sealed = kept.get(SEALED) or (None if rows[0]["url"] else kept.get(SEALED_ID))
    if sealed is None and rows[0]["url"] is None:
        raise SettingsError(f"post {post_id!r} of feed {feed!r} came without a link")
    try:
        return people.opened(sealed) if sealed else str(rows[0]["url"])
    except ValueError as fault:
        raise SettingsError(f"{fault}; set SENTINELA_AUTHOR_KEY to that one") from None
