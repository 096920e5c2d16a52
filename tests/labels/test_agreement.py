from __future__ import annotations

import pytest

from jobs.labels.agreement import Said, alpha, reading

# Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), example C: four observers, twelve units, gaps.
PUBLISHED = {
    "A": "1 2 3 3 2 1 4 1 2 . . .",
    "B": "1 2 3 3 2 2 4 1 2 5 . 3",
    "C": ". 3 3 3 2 3 4 2 2 5 1 .",
    "D": "1 2 3 3 2 4 4 1 2 5 1 .",
}


def told(table: dict[str, str]) -> list[Said]:
    return [
        Said(person, str(unit), label)
        for person, row in table.items()
        for unit, label in enumerate(row.split())
        if label != "."
    ]


def test_alpha_is_that_of_the_published_example() -> None:
    assert alpha(told(PUBLISHED)) == pytest.approx(0.743, abs=5e-4)


def test_alpha_of_two_people_is_that_of_the_published_example() -> None:
    """Example B of the same paper: nominal data, two observers, no gaps."""
    published = {"A": "1 1 2 2 4 3 3 3 5 4 4 1", "B": "2 1 2 2 2 3 3 3 5 4 4 4"}
    assert alpha(told(published)) == pytest.approx(0.692, abs=5e-4)


@pytest.mark.parametrize("table", [{}, {"A": "a b c"}, {"A": "a b .", "B": ". . c"}, {"A": "a a", "B": "a a"}])
def test_there_is_no_alpha_without_posts_of_two_people_or_without_any_difference(table: dict[str, str]) -> None:
    assert alpha(told(table)) is None


def test_full_agreement_and_guessing() -> None:
    assert alpha(told({"A": "a b c", "B": "a b c"})) == 1
    assert alpha(told({"A": "a a b b", "B": "a b a b"})) == pytest.approx(0.125)


def test_a_word_on_how_to_read_it() -> None:
    words = [reading(value) for value in (None, 0.3, 0.667, 0.8, 1.0)]
    assert len(set(words)) == 4
    assert words[3] == words[4]
    assert "rely" in words[4]
