from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta

import pytest

from jobs.labels import LabelsError
from jobs.labels.sample import allocate, draw
from jobs.labels.store import Imported
from jobs.settings import SettingsError, Window
from tests.labelling import CALLED, JUNE, TEXTS, scored, truth
from tests.place import Place, item


def test_each_text_of_a_day_can_be_drawn_once_and_stands_for_as_many_as_the_others(made: Place) -> None:
    sample = draw(made.settings, "posts", JUNE, 30)
    assert (sample.population, len(sample.posts)) == (TEXTS, 30)
    assert len({post.text.split()[-1] for post in sample.posts}) == 30
    assert {post.weight for post in sample.posts} == {TEXTS / 30}
    assert all(JUNE.start <= post.day <= JUNE.end for post in sample.posts)
    assert sorted(post.number for post in sample.posts) == list(range(1, 31))
    assert sorted(post.second for post in sample.posts) == list(range(1, 31))
    assert [post.second for post in sample.posts] != [post.number for post in sample.posts]


def test_the_seed_and_the_question_make_the_sample(made: Place) -> None:
    def drawn(**how: object) -> tuple[str, set[str]]:
        sample = draw(made.settings, "posts", JUNE, 30, **how)  # type: ignore[arg-type]
        return sample.id, {post.post_id for post in sample.posts}

    first = drawn()
    assert drawn() == first
    assert drawn(seed=1)[1] != first[1]
    assert len({drawn(seed=1)[0], drawn(by="month")[0], first[0]}) == 3


def test_every_text_has_the_same_odds(made: Place) -> None:
    """Of ten draws of a half each text is in five, give or take what chance gives: a variance of 2.5."""
    drawn = [draw(made.settings, "posts", JUNE, TEXTS // 2, seed).posts for seed in range(10)]
    times = Counter(post.post_id for posts in drawn for post in posts)
    assert sum((times[f"p{n:03}"] - 5) ** 2 for n in range(TEXTS)) / TEXTS == pytest.approx(2.5, rel=0.4)


def test_groups_give_as_many_texts_and_the_weights_make_up_for_it(made: Place) -> None:
    sample = draw(made.settings, "posts", JUNE, 30, by="label")
    called = [CALLED[int(post.text.split()[-1]) % 4] for post in sample.posts]
    assert Counter(called) == {"negative": 10, "neutral": 10, "positive": 10}
    for label, texts in (("negative", 25), ("neutral", 25), ("positive", 50)):
        assert sum(post.weight for post, own in zip(sample.posts, called, strict=True) if own == label) == texts
    assert called[:10] != sorted(called)[:10]


def test_months_are_groups_too(made: Place) -> None:
    sample = draw(made.settings, "posts", JUNE, 10, by="month")
    assert {post.weight for post in sample.posts} == {10.0}


@pytest.mark.parametrize(
    ("sizes", "count", "quotas"),
    [
        ({"a": 50, "b": 50, "c": 50}, 30, {"a": 10, "b": 10, "c": 10}),
        ({"a": 3, "b": 50, "c": 50}, 30, {"a": 3, "b": 13, "c": 14}),
        ({"a": 3, "b": 4}, 100, {"a": 3, "b": 4}),
        ({"a": 9}, 1, {"a": 1}),
    ],
)
def test_a_group_that_is_too_small_gives_its_rest_to_the_others(
    sizes: dict[str, int], count: int, quotas: dict[str, int]
) -> None:
    assert allocate(sizes, count) == quotas


def test_fewer_texts_than_asked_for_are_all_drawn(made: Place) -> None:
    day = Window(start=JUNE.start, end=JUNE.start)
    sample = draw(made.settings, "posts", day, 100)
    assert len(sample.posts) == sample.population == 10
    assert {post.weight for post in sample.posts} == {1.0}


def test_what_has_a_label_is_not_drawn_again(place: Place, labelled_by: Callable[..., Imported]) -> None:
    labelled_by(60, ("Ana", truth))
    before = {row["post_id"] for row in place.rows("labels")}
    sample = draw(place.settings, "posts", JUNE, 100)
    assert sample.population == len(sample.posts) == 40
    assert not before & {post.post_id for post in sample.posts}


def test_posts_that_the_model_did_not_score_are_not_drawn(place: Place) -> None:
    unscored = dict.fromkeys(("negative", "neutral", "positive", "polarity", "label", "unsure"))
    day = {"id": "ru", "day": "2026-06-01", "text": "Кофе 1"}
    place.put("scored_posts", [scored(day, language="other", **unscored)])
    with pytest.raises(LabelsError, match=r"'posts' has no text between 2026-06-01 and 2026-06-01.*labels list"):
        draw(place.settings, "posts", Window(start=JUNE.start, end=JUNE.start), 5)


def test_a_feed_that_is_not_in_the_settings(made: Place) -> None:
    with pytest.raises(SettingsError, match="no feed 'gossip' in the settings; there are: posts, shop"):
        draw(made.settings, "gossip", JUNE, 5)


def test_days_that_were_never_looked_at_cannot_be_sampled(made: Place) -> None:
    later = Window(start=JUNE.start, end=JUNE.end + timedelta(days=1))
    with pytest.raises(LabelsError, match=r"'posts' was never looked at for 2026-06-11; .*--from 2026-06-11 --to 2026"):
        draw(made.settings, "posts", later, 5)
    with pytest.raises(LabelsError, match="'shop' was never looked at for 10 days between 2026-06-01 and 2026-06-10"):
        draw(made.settings, "shop", JUNE, 5)


def test_fewer_texts_than_groups_would_leave_one_out(made: Place) -> None:
    with pytest.raises(LabelsError, match="2 texts cannot come from 3 groups; ask for more with -n"):
        draw(made.settings, "posts", JUNE, 2, by="label")


def test_a_looked_at_day_without_posts_is_no_fault(tmp_path_factory: pytest.TempPathFactory) -> None:
    place = Place(tmp_path_factory.mktemp("gap"))
    place.add([item("a", "2026-06-01", "O café 1"), item("b", "2026-06-03", "O café 2")])
    place.put("scored_posts", [scored({"id": "a", "day": "2026-06-01", "text": "O café 1"})])
    assert len(draw(place.settings, "posts", Window(start=date(2026, 6, 1), end=date(2026, 6, 3)), 5).posts) == 1
