"""The command measures packaged models and baselines on made-up data and writes both pages, in one run."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from models.evaluation.cli import app
from models.evaluation.contestants import packaged
from models.evaluation.scores import KeptScores
from models.sentiment import artifact
from models.sentiment.artifact import folder_of, sha256, verify
from models.sentiment.calibration import Calibration
from models.sentiment.contract import LABELS
from models.sentiment.rules import Grammar, LanguageRules, Rulebook
from models.sentiment.spread import ALL
from models.training.data.catalogue import read_catalogue
from models.training.data.rows import load_rows
from models.training.packaging.spread import FEWEST_SETS, NEW_TO_KNOWN_SETS

SETS = {
    "shop_reviews_en": ("en", "review", LABELS),
    "street_posts_en": ("en", "post", LABELS),
    "two_sided_pt": ("pt", "post", ("negative", "positive")),
}
UNSEEN = {"far_posts_en": ("en", "post", LABELS), "taught_posts_en": ("en", "post", LABELS)}
TELLING = {
    "en": {"negative": "awful", "neutral": "plain", "positive": "lovely"},
    "pt": {"negative": "horrível", "positive": "maravilhoso"},
}
NOUNS = ["kettle", "garden", "window", "bicycle", "market", "river", "engine", "candle", "mirror", "pocket", "ladder"]


def made_up(name: str, rows: int = 80) -> pd.DataFrame:
    """Texts of random words, one of which tells the label, mostly."""
    language, _, labels = (SETS | UNSEEN)[name]
    random = Random(name)
    lines = []
    for place in range(rows):
        label = labels[place % len(labels)]
        told = label if random.random() < 0.9 else random.choice(labels)
        words = [*random.sample(NOUNS, 7), TELLING[language][told]]
        random.shuffle(words)
        lines.append({"text": " ".join(words), "label": label, "split": ""})
    return pd.DataFrame(lines)


def write_rules(folder: Path, name: str, valences: dict[str, float]) -> Path:
    """A packaged rules model that knows these English and Portuguese words."""
    folder = folder / name / "1"
    folder.mkdir(parents=True)
    languages = {"en": LanguageRules(valences), "pt": LanguageRules(valences, Grammar())}
    rules = Rulebook((), languages).as_dict()
    contents = {"rules.json": rules, "calibration.json": Calibration.identity().as_dict()}
    for file, content in contents.items():
        (folder / file).write_text(json.dumps(content), encoding="utf-8")
    manifest = {
        "name": name,
        "version": "1",
        "format": "rules",
        "labels": list(LABELS),
        "serving": {"window_chars": None, "batch_chars": 65_536, "chars_per_second": None},
        "unsure_below": 0.5,
        "training_data": [{"name": "shop_reviews_en", "rows": 1_000_000}, {"name": "taught_posts_en", "rows": 1}],
        "sha256": {file: sha256(folder / file) for file in contents},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


@dataclass(frozen=True)
class Run:
    """What one run was given and what it left."""

    data: Path
    catalogue: Path
    models: list[Path]
    cache: Path
    said: str
    markdown: str
    html: str


def invoke(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return done.exit_code, done.stderr


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Run:
    root = tmp_path_factory.mktemp("evaluate")
    data, cache, out, catalogue = root / "data", root / "cache", root / "docs", root / "catalogue.toml"
    data.mkdir()
    entries = []
    for name, (language, kind, _) in (SETS | UNSEEN).items():
        made_up(name).to_parquet(data / f"{name}.parquet")
        entries.append(
            f'[{name}]\nlanguage = "{language}"\nkind = "{kind}"\nlabels = "human"\n'
            'licence = "ours"\nsource = "made up"\nnon_commercial = false\n'
            f"unseen = {str(name in UNSEEN).lower()}\n"
        )
    catalogue.write_text("\n".join(entries), encoding="utf-8")
    models = [
        write_rules(root, "fast", {"awful": -3, "lovely": 3}),
        write_rules(root, "accurate", {"awful": -3, "lovely": 3, "horrivel": -3, "maravilhoso": 3}),
    ]
    given = ["--data", data, "--catalogue", catalogue, "--out", out, "--cache", cache, "--seconds", 0.001]
    code, said = invoke(*models, *given)
    assert code == 0, said
    pages = [(out / name).read_text(encoding="utf-8") for name in ("leaderboard.md", "leaderboard.html")]
    return Run(data, catalogue, models, cache, said, *pages)


def line_of(page: str, section: str, name: str) -> list[str]:
    """Cells of the first line of a Markdown section that begins with a name."""
    part = page.split(f"\n## {section}\n", 1)[1]
    line = next(line for line in part.splitlines() if line.startswith(f"| {name}"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_models_and_baselines_are_measured_in_one_run(measured: Run) -> None:
    scores = {
        name: float(line_of(measured.markdown, "Who is best", name)[1].split()[0])
        for name in ("accurate-1", "fast-1", "VADER", "TextBlob", "TF-IDF")
    }
    assert scores["accurate-1"] > scores["fast-1"] + 10
    assert next(iter(scores)) == re.findall(r"^\| (\S+) \|", measured.markdown, re.MULTILINE)[1]
    assert "Wrote" in measured.said


def test_speed_size_and_certainty_are_told(measured: Run) -> None:
    _, _, _, _, error, unsure, right, near, far, times, size = line_of(measured.markdown, "Who is best", "fast-1")
    assert 0 <= float(error) <= 1
    assert unsure.endswith("%")
    assert right.endswith("%")
    assert all(float(rate.replace(",", "")) > 0 for rate in (near, far))
    assert len(times.split(" / ")) == 2
    assert float(size) >= 0
    assert line_of(measured.markdown, "Who is best", "VADER")[4:7] == ["–", "–", "–"]


def test_groups_and_sets_have_scores_with_intervals(measured: Run) -> None:
    interval = r"\d+\.\d \(\d+\.\d to \d+\.\d\)"
    for section, name in (
        ("By language and kind", "en review"),
        ("By language and kind", "mean"),
        ("By data set", "two_sided_pt"),
    ):
        cells = line_of(measured.markdown, section, name)[1:]
        assert len(cells) == 5
        assert all(re.fullmatch(interval, cell) for cell in cells)
    of_two = measured.markdown.split("### Accuracy on sets of two labels")[1].split("##")[0]
    assert "two_sided_pt" in of_two
    assert "shop_reviews_en" not in of_two


def test_sources_that_no_model_learnt_from_are_measured_apart(measured: Run) -> None:
    mean = line_of(measured.markdown, "Who is best", "fast-1")[2]
    assert line_of(measured.markdown, "Sources left out", "mean")[2] == mean
    assert line_of(measured.markdown, "Sources left out", "far_posts_en (80 texts)")[2] == mean
    part = measured.markdown.split("## Sources left out")[1].split("\n## ")[0]
    assert "taught_posts_en" not in part
    assert line_of(measured.markdown, "By data set", "taught_posts_en")
    assert "far_posts_en" not in measured.markdown.replace(part, "")


def test_the_cascade_is_drawn_when_both_its_models_take_part(measured: Run) -> None:
    none, whole = (line_of(measured.markdown, "What time buys: the cascade", share) for share in ("0%", "100%"))
    assert float(whole[1]) > float(none[1]) + 10


def test_the_leak_check_is_part_of_the_page(measured: Run) -> None:
    assert "Leak check of this run" in measured.markdown
    assert "0 held-out texts have the same words" in measured.markdown


def test_training_on_other_rows_is_told(measured: Run) -> None:
    assert "fast-1 was trained on another number of rows of shop_reviews_en" in measured.markdown


def test_behaviour_fairness_and_failures_are_in_both_pages(measured: Run) -> None:
    for page in (measured.markdown, measured.html):
        for words in ("negation, pt", "factual headlines, en", "disability, es", "Where it fails", "should be"):
            assert words in page


def test_the_page_loads_nothing(measured: Run) -> None:
    addresses = set(re.findall(r"https?://[^\s\"'<>)]+", measured.html))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert not re.search(r"<(script|link|img|iframe|object|embed)\b|\bsrc=|url\(|@import", measured.html)
    assert "default-src 'none'" in measured.html
    assert "prefers-color-scheme:dark" in measured.html
    assert measured.html.count("<svg") == 3


def test_no_text_of_the_data_is_printed(measured: Run) -> None:
    texts = [text for name in SETS for text in made_up(name)["text"]]
    assert not any(text in page for text in texts for page in (measured.markdown, measured.html))


def test_scores_are_kept_for_the_next_run(measured: Run, tmp_path: Path) -> None:
    scores = KeptScores(packaged(str(measured.models[0])), tmp_path)
    given = ["lovely tea", "awful tea"], ["en", "en"], ["post", "post"]
    first = scores.predict(*given)
    (kept,) = tmp_path.iterdir()
    np.testing.assert_array_equal(np.load(kept), first)
    np.save(kept, first[::-1])
    np.testing.assert_array_equal(scores.predict(*given), first[::-1])
    np.testing.assert_allclose(scores.predict(*(values[:1] for values in given)), first[:1])


def test_a_changed_model_is_scored_anew(measured: Run, tmp_path: Path) -> None:
    other = write_rules(tmp_path, "fast", {"awful": 3})
    assert packaged(str(other)).version == packaged(str(measured.models[0])).version
    assert packaged(str(other)).digest != packaged(str(measured.models[0])).digest


def test_a_sample_is_a_part_of_the_rows_and_says_so(measured: Run, tmp_path: Path) -> None:
    given = ["--data", measured.data, "--catalogue", measured.catalogue, "--cache", measured.cache, "--seconds", 0.001]
    code, said = invoke(measured.models[0], *given, "--out", tmp_path, "--sample", 5, "--no-baselines")
    assert code == 0, said
    page = (tmp_path / "leaderboard.md").read_text(encoding="utf-8")
    assert "20 texts" in page
    assert "A quick run on at most 5 held-out texts" in page
    assert "VADER" not in line_of(page, "By data set", "two_sided_pt")
    assert "What time buys" not in page


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nobody", "--data", "."], "there is no sentiment model 'nobody'"),
        (["./nowhere", "--data", "."], "manifest.json is missing"),
    ],
)
def test_a_wrong_model_is_told_in_a_line(arguments: list[str], complaint: str) -> None:
    code, said = invoke(*arguments)
    assert code == 1
    assert complaint in " ".join(said.split())
    assert "Traceback" not in said


def test_data_that_the_catalogue_does_not_name_are_told_in_a_line(measured: Run, tmp_path: Path) -> None:
    made_up("two_sided_pt").to_parquet(tmp_path / "stranger.parquet")
    code, said = invoke(measured.models[0], "--data", tmp_path, "--catalogue", measured.catalogue)
    assert code == 1
    assert "stranger: not in the catalogue" in " ".join(said.split())


def test_the_spread_is_written_into_the_model_and_no_page(tmp_path: Path) -> None:
    data, catalogue, model = tmp_path / "data", tmp_path / "catalogue.toml", tmp_path / "plain" / "1"
    data.mkdir()
    names = [f"set_{place}_en" for place in range(FEWEST_SETS)]
    kept_away = "elsewhere_en"
    for name in [*names, kept_away]:
        random = Random(name)
        lines = [
            (" ".join([*random.sample(NOUNS, 9), TELLING["en"][LABELS[place % 3]]]), LABELS[place % 3])
            for place in range(300)
        ]
        pd.DataFrame(lines, columns=["text", "label"]).assign(split="").to_parquet(data / f"{name}.parquet")
    told = 'language = "en"\nkind = "post"\nlabels = "human"\nlicence = "ours"\nsource = "us"\nnon_commercial = false\n'
    sections = [f"[{name}]\n{told}" for name in names] + [f"[{kept_away}]\n{told}unseen = true\n"]
    catalogue.write_text("\n".join(sections), encoding="utf-8")
    trained = load_rows(data, read_catalogue(catalogue)).query("part == 'train'")["dataset"].value_counts()
    write_rules(tmp_path, "plain", {"awful": -3, "lovely": 3})
    manifest = verify(folder_of("fast")) | json.loads((model / "manifest.json").read_text(encoding="utf-8"))
    shipped = verify(folder_of("fast"))["training_data"][0]
    manifest["training_data"] = [shipped | {"name": name, "rows": int(trained[name])} for name in names]
    (model / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    given = ["--data", data, "--catalogue", catalogue, "--out", tmp_path / "docs", "--cache", tmp_path / "cache"]
    code, said = invoke(model, *given, "--spread")
    assert code == 0, said
    found = artifact.spread(str(model))
    assert found is not None
    assert found.known[ALL].sets == FEWEST_SETS
    assert found.new[ALL].sets == NEW_TO_KNOWN_SETS + 1
    assert not (tmp_path / "docs").exists()
    manifest["training_data"][0]["rows"] += 1
    (model / "manifest.json").write_text(json.dumps(manifest | {"sha256": verify(model)["sha256"]}), encoding="utf-8")
    code, said = invoke(model, *given, "--spread")
    assert code == 1
    assert "plain-1 was trained on another number of rows of set_0_en" in " ".join(said.split())
