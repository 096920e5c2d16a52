"""All that one report tells, in one record: what page and workbook are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jobs.report.figures import Figures
from jobs.report.mattered import Words
from jobs.report.pins import Pins
from jobs.report.posts import Behind
from jobs.report.quality import Quality
from jobs.report.talk import Talk
from jobs.report.why import Why
from jobs.settings import Settings


@dataclass(frozen=True)
class Content:
    """The figures of a report, the posts behind them, what was talked about and what moved each brand by its name, the
    words that mattered in the posts, how good it all is, and its pins."""

    settings: Settings
    figures: Figures
    behind: Behind
    talk: Mapping[str, Talk]
    why: Mapping[str, Why]
    mattered: Words
    quality: Quality
    pins: Pins
