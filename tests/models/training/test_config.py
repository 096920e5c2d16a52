"""Configurations: those that are there can be used, and what cannot is refused before anything is trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.sentiment.artifact import folder_of, verify
from models.training.config import Config, ConfigError, network_of, read_config, trainings
from models.training.data.catalogue import read_catalogue
from models.training.families import bag
from models.training.families.registry import trainer
from models.training.networks.encoder import EncoderShape
from models.training.networks.universal import UniversalShape

SHIPPED = ("accurate", "balanced", "fast")


@pytest.mark.parametrize("name", trainings())
def test_every_configuration_can_be_read_and_has_a_family(name: str) -> None:
    config = read_config(name)
    assert config.name == name.removesuffix("_further")
    assert callable(trainer(config.family))
    assert set(config.data.rates) <= set(read_catalogue())


def test_fast_is_taken_further_as_the_next_version_of_itself() -> None:
    first, further = read_config("fast"), read_config("fast_further")
    assert (further.name, further.start) == ("fast", "fast")
    assert further.serving == first.serving


@pytest.mark.parametrize("name", ["balanced", "encoder", "fast", "universal"])
def test_the_sizes_of_what_is_trained_are_known_and_said(name: str) -> None:
    config = read_config(name)
    kind = {"bag": bag.Network, "encoder": EncoderShape, "universal": UniversalShape}[config.family]
    network_of(config, kind)
    said = {"bag": {"token_bits", "width", "members"}, "encoder": {"depth"}, "universal": {"dropout"}}
    assert set(config.network) >= said[config.family]


@pytest.mark.parametrize("name", SHIPPED)
def test_what_is_shipped_reads_in_windows_and_says_how_fast(name: str) -> None:
    serving = read_config(name).serving
    assert serving.window_chars
    assert serving.chars_per_second


@pytest.mark.parametrize("name", ["balanced", "encoder", "fast", "universal"])
def test_students_are_taught_by_models_that_are_trained_before_them(name: str) -> None:
    settings = read_config(name).distillation
    assert settings
    assert {Path(teacher).parent.name or teacher for teacher in settings.teachers} <= {
        *set(trainings()) - {name},
        "accurate",
    }


@pytest.mark.parametrize("name", ["fast", "balanced"])
def test_what_an_artefact_says_of_its_training_is_read_again(name: str) -> None:
    Config.model_validate(verify(folder_of(name))["config"])


def test_what_is_stacked_has_a_training() -> None:
    assert [read_config(Path(member).parent.name).family for member in read_config("accurate").members] == [
        "encoder",
        "universal",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('family = "cnn"\n[text]\nsteps = ["spelling"]', "no cleaning step is called spelling"),
        ('family = "cnn"\n[text]\nsteps = ["lower"]', "lower runs in Python alone"),
        ('family = "cnn"\n[text]\nbuckets = [32, 16]', "they must ascend"),
        ('family = "encoder"\n[text]\nbuckets = [64, 512]', "to 130 at most"),
        ('family = "cnn"\n[augmentation]\nshouting = 0.1', "no augmentation is called shouting"),
        ('family = "cnn"\n[augmentation]\nlower_case = 10', "less than or equal to 1"),
        ('family = "encoder"\n[schedule]\npatience = 2', "the family encoder never stops early"),
        ('family = "cnn"\n[schedule]\nlayer_decay = 0.9', "the family cnn has no schedule.layer_decay"),
        ('family = "encoder"\n[schedule]\nkeep = 0.5', "schedule.keep is of what a training goes on from"),
        ('family = "cnn"\nmembers = ["fast"]', "members are of a stack"),
        ('family = "stack"', "members are of a stack, which needs some"),
        ('family = "stack"\nmembers = ["a"]\n[distillation]\nteachers = ["b"]', "take distillation out"),
        ('family = "gru"\n[schedule]\naverage = 0.9', "the family gru has no schedule.average"),
        ('family = "cnn"\nstart = "accurate"', "the family cnn only begins anew; take start out"),
        ('family = "tfidf"\n[distillation]\nteachers = ["accurate"]', "the family tfidf learns from labels alone"),
        (
            'family = "bag"\n'
            '[serving.first]\nmodel = "fast"\nsure_from = { usually = 0.6, turned = 0.9 }\n'
            '[serving.last]\nmodel = "accurate"\nsure_from = { usually = 0.7, turned = 0.9 }',
            "what the first reader is sure of stays",
        ),
        (
            'family = "bag"\n'
            '[serving.first]\nmodel = "fast"\nsure_from = { usually = 0.6, turned = 0.9 }\n'
            '[serving.last]\nmodel = "accurate"\nsure_from = { usually = 0.5, turned = 0.9, brief = 1.0 }',
            "what the first reader is sure of stays",
        ),
        ('family = "cnn"\ncolour = 1', "colour"),
        ('family = "cnn', "Unclosed|Illegal|unterminated|Unterminated|newline"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_file_and_the_setting(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message) as caught:
        read_config(str(path))
    assert str(path) in str(caught.value)


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(
        ConfigError,
        match="there is no training called 'bert'; there are: accurate, balanced",
    ):
        read_config("bert")


def test_a_size_that_the_family_does_not_know_is_named() -> None:
    with pytest.raises(ConfigError, match=r"(?s)mine, \[network\].*depth"):
        network_of(Config(name="mine", family="bag", network={"depth": 2}), bag.Network)
