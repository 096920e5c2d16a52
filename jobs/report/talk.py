"""What was talked about and by whom: topics, themes, campaigns of repeated posts, the busiest authors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jobs.enrich.campaigns import Authors, Campaign, Repeated, busiest, campaigns, make_members, repeated
from jobs.enrich.voices import TopicShare, voices
from jobs.lake.query import Query
from jobs.report.figures import FEW, Figures
from jobs.settings import Settings

CAMPAIGNS, TOPICS, AUTHORS = 5, 12, 5
"""At most so many are told of a brand."""


@dataclass(frozen=True)
class Talk:
    """What was said of one brand."""

    topics: tuple[TopicShare, ...]
    campaigns: tuple[Campaign, ...]
    repeated: Repeated
    authors: Authors


def talk(query: Query, settings: Settings, figures: Figures) -> Mapping[str, Talk]:
    """The talk of each brand over the report's period, by name, from what `read_posts` and `make_voices` made."""
    days = figures.window.days
    topics = {name: _worth_telling(voices(query, name, figures.window)) for name in figures.names}
    make_members(query, settings, days)
    return {
        name: Talk(
            topics=topics[name],
            campaigns=campaigns(query, name, CAMPAIGNS),
            repeated=repeated(query, name),
            authors=busiest(query, name, AUTHORS),
        )
        for name in figures.names
    }


def _worth_telling(found: Sequence[TopicShare]) -> tuple[TopicShare, ...]:
    """All topics of the settings, and the themes that have enough texts to say something of."""
    return tuple(one for one in found if not one.is_theme or one.texts >= FEW)[:TOPICS]
