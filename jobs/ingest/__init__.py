"""Ingest: feed -> raw_posts, and a line on the coverage ledger for every attempt.

feed.py carries one feed through, items.py makes a row of a record, store.py drops what is known and commits the rest,
watch.py says where a feed has fewer items than it usually has.
Whether an item is any good is not decided here.
"""

from jobs.ingest.feed import FeedError, Ingested, ingest

__all__ = ["FeedError", "Ingested", "ingest"]
