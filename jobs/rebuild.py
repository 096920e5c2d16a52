"""Rebuild: everything that is derived is made anew from raw_posts, table by table, each in one commit.

Readers see the old rows or the new ones. What raw_posts cannot give back stays as it is: the coverage ledger, people's
labels, the themes that were found, and the revisions of daily_polarity, which has a new one only where a figure comes
out otherwise.
"""

from __future__ import annotations

from jobs import versions
from jobs.coverage import windows
from jobs.held import warn_of
from jobs.lake.query import View
from jobs.lake.table import UNDATED, Lake
from jobs.pipeline import Carried, carry
from jobs.settings import Settings
from jobs.step import Order
from jobs.unfinished import finish, unfinished


def rebuild(settings: Settings) -> Carried:
    """Make the index, judged_posts, scored_posts, twins, topics and daily_polarity of every day anew.

    Of daily_polarity that was lost, the days come back that have items or that a feed was ever asked for.
    """
    lake = Lake(settings.lake)
    versions.remake(lake)
    view, marks = View(lake), unfinished(settings)
    counted = {file.day for file in view.files("daily_polarity")}
    days = {*versions.days(view), *view.days("judged_posts"), *windows(view), *counted, UNDATED}
    carried = carry(settings, days, own=(), order=Order.anew())
    finish(settings, marks, carried.days)
    warn_of(View(Lake(settings.lake)), carried.held.older)
    return carried
