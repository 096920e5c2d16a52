"""The chart of scores: every name can be read and stands beside its own point."""

from __future__ import annotations

from itertools import combinations
from math import log10

from models.evaluation.charts import place_names

RATES, SCORES = [10.0, 100_000.0], [30.0, 75.0]
PIXELS = 320 / (SCORES[1] - SCORES[0])
LETTER, LINE = 7.2, 14.99

Named = dict[str, tuple[str, float]]


def named(*points: tuple[str, float, float]) -> Named:
    """The sides and heights of names, of points given as name, rate and score."""
    given = [{"name": name, "rate": rate, "score": score} for name, rate, score in points]
    place_names(given, RATES, SCORES)
    return {str(point["name"]): (str(point["side"]), float(str(point["named"]))) for point in given}


def test_a_name_alone_stands_to_the_right_of_its_point() -> None:
    assert named(("fast", 9_000, 65.0), ("accurate", 50, 65.1), ("slow", 9_000, 40.0)) == {
        "fast": ("right", 65.0),
        "accurate": ("right", 65.1),
        "slow": ("right", 40.0),
    }


def test_a_name_keeps_clear_of_a_point() -> None:
    assert named(("tfidf", 7_000, 65.0), ("baseline", 10_000, 64.9))["tfidf"] == ("left", 65.0)


def test_a_name_keeps_within_the_chart() -> None:
    assert named(("fast", 90_000, 65.0), ("slow", 11, 40.0)) == {"fast": ("left", 65.0), "slow": ("right", 40.0)}


def test_names_that_would_lie_on_each_other_are_parted() -> None:
    points = (("gru", 19_000, 56.7), ("cnn", 19_100, 56.9), ("bilstm", 12_000, 56.2), ("lstm", 18_000, 55.0))
    found = named(*points)
    for (one, one_rate, _), (other, other_rate, _) in combinations(points, 2):
        apart = abs(found[one][1] - found[other][1]) * PIXELS >= LINE
        beside = starts(one, one_rate, found) - starts(other, other_rate, found)
        assert apart or beside >= LETTER * len(other) or -beside >= LETTER * len(one)


def starts(name: str, rate: float, found: Named) -> float:
    """Where a name begins, in pixels."""
    x = 600 * log10(rate / RATES[0]) / log10(RATES[1] / RATES[0])
    return x + 9 if found[name][0] == "right" else x - 9 - LETTER * len(name)


def test_a_name_that_finds_no_free_place_still_stands_at_its_point() -> None:
    crowd = [(f"model-{number}", 10_000 + number, 50 + number / 100) for number in range(60)]
    assert all(abs(height - 50.3) < 15 for _, height in named(*crowd).values())
