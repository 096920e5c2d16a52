"""Days stand out when something happened, seldom otherwise, and never for what was not seen or not counted alike."""

from __future__ import annotations

import numpy as np
import pytest

from jobs.statistics.changes import Daily
from jobs.statistics.unusual import ALARM, Unusual, last, listed, suspiciously_few, unusual_mood, unusual_volume

POSTS, SPREAD, MONTH = 150, 0.55, 30


def days(rng: np.random.Generator, series: int, length: int, tau: float) -> np.ndarray:
    """Means of days of `POSTS` posts that swing by `tau`."""
    return rng.normal(size=(series, length)) * np.hypot(tau, SPREAD / np.sqrt(POSTS))


def daily(means: np.ndarray, posts: float | np.ndarray = POSTS) -> Daily:
    n = np.broadcast_to(np.asarray(posts, dtype=float), means.shape)
    return Daily(n, means * n, n * means**2 + np.maximum(n - 1, 0) * SPREAD**2)


@pytest.mark.parametrize(("tau", "at_most"), [(0.0, 0.1), (0.06, 0.3)])
def test_ordinary_months_have_few_alarms(tau: float, at_most: float) -> None:
    found = last(unusual_mood(daily(days(np.random.default_rng(1), 200, 28 + MONTH, tau))), MONTH)
    assert found.alarm.mean() * MONTH <= at_most


@pytest.mark.parametrize(
    ("tau", "shift", "found"), [(0.0, 0.15, 0.25), (0.06, 0.15, 0.2), (0.06, 0.3, 0.8), (0.13, 0.3, 0.59)]
)
def test_a_shift_is_found_within_two_days(tau: float, shift: float, found: float) -> None:
    means = days(np.random.default_rng(2), 300, 58, tau)
    means[:, -2:] += shift
    assert unusual_mood(daily(means)).alarm[:, -2:].any(axis=1).mean() >= found


def test_a_campaign_of_one_text_does_not_stand_out_since_it_is_one_text() -> None:
    means = days(np.random.default_rng(3), 400, 40, 0.06)
    texts, total = np.full(means.shape, float(POSTS)), means * POSTS
    texts[:, -1] = POSTS / 2 + 1
    total[:, -1] = means[:, -1] * POSTS / 2 - 1
    found = unusual_mood(Daily(texts, total, texts * (SPREAD**2 + means**2)))
    assert found.alarm[:, -1].mean() <= 0.07


def test_a_day_is_judged_by_the_days_before_it_alone() -> None:
    means = days(np.random.default_rng(4), 3, 120, 0.06)
    whole, part = unusual_mood(daily(means)), unusual_mood(daily(means[:, :100]))
    np.testing.assert_allclose(whole.z[:, :100], part.z)
    np.testing.assert_allclose(whole.p[:, :100], part.p)


def test_one_wild_day_does_not_mark_the_calm_days_after_it_nor_what_is_usual() -> None:
    means = np.zeros((1, 60))
    means[:, 40] = 0.9
    found = unusual_mood(daily(means))
    assert np.flatnonzero(found.alarm[0]).tolist() == [40]
    assert abs(found.expected[0, 41]) < 0.01


def test_a_pattern_of_the_week_is_no_move_once_it_is_known_and_until_then_it_widens() -> None:
    rng = np.random.default_rng(5)
    pattern = 0.3 * np.isin(np.arange(140) % 7, (5, 6))
    means = days(rng, 40, 140, 0.03) + pattern
    found = unusual_mood(daily(means))
    assert found.alarm[:, 84:].mean() * MONTH < 0.3
    assert found.spread[:, 119].mean() < found.spread[:, 35].mean() / 1.5
    np.testing.assert_allclose((found.expected - pattern)[:, 119].mean(), 0, atol=0.02)
    means[:, 138] += 0.3 * (1 - 2 * (pattern[138] > 0))
    assert unusual_mood(daily(means)).alarm[:, 138].mean() > 0.8


def test_chance_is_seldom_taken_for_a_pattern_of_the_week() -> None:
    means = days(np.random.default_rng(6), 200, 130, 0.06)
    long, short = unusual_mood(daily(means)), unusual_mood(daily(means[:, 90:]))
    assert np.isclose(long.expected[:, -1], short.expected[:, -1]).mean() > 0.85


@pytest.mark.parametrize("value", [0.9, -0.9])
def test_days_that_were_not_seen_are_no_moves_and_not_usual_either(value: float) -> None:
    means = days(np.random.default_rng(7), 1, 60, 0.03)
    known = np.ones(60, dtype=bool)
    known[30:36] = False
    disturbed = means.copy()
    disturbed[:, 30:36] = value
    quiet, loud = unusual_mood(daily(means), known), unusual_mood(daily(disturbed), known)
    for name in ("z", "average", "p", "expected"):
        np.testing.assert_allclose(getattr(quiet, name)[:, known], getattr(loud, name)[:, known])
    assert np.isnan(loud.p[:, 30:36]).all()
    assert not loud.alarm[:, 30:36].any()


def test_days_without_texts_are_not_judged() -> None:
    means = days(np.random.default_rng(8), 1, 60, 0.03)
    posts = np.full(means.shape, float(POSTS))
    posts[:, 40:44] = 0
    found = unusual_mood(daily(means, posts))
    assert np.isnan(found.z[:, 40:44]).all()
    assert np.isfinite(found.z[:, 44:]).all()


def test_another_model_or_other_feeds_are_a_step_and_no_move() -> None:
    means = days(np.random.default_rng(9), 20, 80, 0.03)
    means[:, 40:] -= 0.5
    era = np.where(np.arange(80) < 40, 1, 2)
    assert unusual_mood(daily(means)).alarm[:, 40].all()
    found = unusual_mood(daily(means), era=era)
    assert not found.alarm[:, 40:47].any()
    assert np.isnan(found.z[:, 40:47]).all()
    assert found.alarm.mean() * MONTH < 0.3


def test_a_handful_of_texts_does_not_make_a_move() -> None:
    means = days(np.random.default_rng(10), 1, 40, 0.03)
    posts = np.full(means.shape, float(POSTS))
    means[:, -1], posts[:, -1] = -0.9, 3
    assert not unusual_mood(daily(means, posts)).alarm[:, -1].any()


def counts(rng: np.random.Generator, series: int, length: int, rate: float, burst: float) -> np.ndarray:
    return rng.poisson(rate * rng.gamma(1 / burst**2, burst**2, size=(series, length)))


@pytest.mark.parametrize("rate", [3, 150])
def test_ordinary_volume_has_few_alarms_and_three_times_as_much_is_found(rate: float) -> None:
    posts = counts(np.random.default_rng(11), 200, 58, rate, 0.2)
    assert last(unusual_volume(posts), MONTH).alarm.mean() * MONTH <= 0.3
    posts[:, -2:] *= 3
    found = unusual_volume(posts)
    assert found.alarm[:, -2:].any(axis=1).mean() >= (0.4 if rate == 3 else 0.95)
    assert (found.z[:, -1] > 0).mean() > 0.9


def test_quiet_weekends_are_no_move_of_volume_and_a_quiet_workday_is() -> None:
    rng = np.random.default_rng(12)
    weekend = np.isin(np.arange(120) % 7, (5, 6))
    posts = rng.poisson(np.where(weekend, 40, 200) * rng.gamma(100, 1 / 100, size=(50, 120)))
    assert unusual_volume(posts).alarm[:, 84:].mean() * MONTH < 0.3
    posts[:, 115] = 40
    assert not weekend[115]
    assert unusual_volume(posts).alarm[:, 115].mean() > 0.9


def test_a_silent_day_that_was_seen_is_judged_and_one_that_was_not_is_not() -> None:
    posts = np.full((1, 40), 100.0)
    posts[:, -1] = 0
    seen, unseen = unusual_volume(posts), unusual_volume(posts, known=np.arange(40) < 39)
    assert seen.alarm[0, -1]
    assert seen.z[0, -1] < -ALARM
    assert not unseen.alarm[0, -1]


def test_a_series_of_nothing_at_all_is_calm() -> None:
    assert not unusual_volume(np.zeros((2, 60))).alarm.any()
    assert not unusual_mood(Daily(*[np.zeros((2, 60))] * 3)).alarm.any()


def month(p: np.ndarray, z: np.ndarray) -> Unusual:
    return Unusual(np.zeros(p.shape), np.ones(p.shape), z, np.zeros(p.shape), p)


def test_the_more_series_are_looked_at_the_more_a_day_must_stand_out() -> None:
    one = month(np.array([0.003]), np.array([3.2]))
    calm = month(np.full((20, 30), 0.5), np.zeros((20, 30)))
    assert listed([one])[0].all()
    first, rest = listed([one, calm])
    assert not first.any()
    assert not rest.any()
    assert rest.shape == (20, 30)


def test_unknown_days_count_for_nothing_in_the_list() -> None:
    one = month(np.array([0.003, *[np.nan] * 600]), np.array([3.2, *[np.nan] * 600]))
    assert listed([one])[0].tolist() == [True] + [False] * 600
    assert listed([]) == []


def test_a_report_of_ordinary_series_lists_a_day_in_one_of_ten_at_most() -> None:
    found = last(unusual_mood(daily(days(np.random.default_rng(13), 300, 84 + MONTH, 0.06))), MONTH)
    names = ("expected", "spread", "z", "average", "p")
    reports = [Unusual(*(getattr(found, name)[i : i + 6] for name in names)) for i in range(0, 300, 6)]
    assert np.mean([listed([report])[0].any() for report in reports]) <= 0.1


@pytest.mark.parametrize(
    ("count", "before", "told"),
    [
        (0, [12, 9, 14, 11, 10, 12, 13, 9], True),
        (3, [120, 90, 140, 110, 100, 120, 130, 90], True),
        (0, [12, 0, 14, 0, 10, 12, 13, 9], True),
        (0, [12, 0, 14, 0, 0, 12, 13, 9], False),
        (5, [12, 9, 14, 11, 10, 12, 13, 9], False),
        (0, [3, 2, 4, 1, 2, 3, 5, 2], False),
        (0, [500, 600, 400], False),
        (0, [], False),
    ],
)
def test_a_count_is_suspiciously_low_by_the_same_weekdays_before(count: int, before: list[int], told: bool) -> None:
    assert suspiciously_few(count, before) is told
