from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import data_contracts
import data_contracts.odcs
from data_contracts import FOLDER, SUFFIX, contract, lint

FILE = f"posts{SUFFIX}"


@pytest.fixture
def contracts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the contract of `posts`, which the contracts are read from."""
    shutil.copy(FOLDER / FILE, tmp_path)
    contract.cache_clear()
    for module in (data_contracts.odcs, lint):
        monkeypatch.setattr(module, "FOLDER", tmp_path)
    yield tmp_path
    contract.cache_clear()


def test_every_contract_passes_the_published_json_schema() -> None:
    assert lint.problems() == []


def test_the_command_says_by_its_exit_code_that_all_is_well() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "data_contracts.lint"], capture_output=True, text=True, cwd=FOLDER.parent, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda d: d.pop("version"), "version"),
        (lambda d: d.update(apiVersion="v0"), "apiVersion"),
        (lambda d: d.update(owner="me"), "owner"),
        (lambda d: d["schema"][0]["properties"][0].update(logicalType="text"), "schema/0/properties/0"),
        (lambda d: d["schema"][0]["properties"][0].update(physicalType="money"), "money"),
        (lambda d: d["schema"][0]["properties"][1]["quality"][0].update(engine="soda"), "greatExpectations"),
        (lambda d: d["schema"][0]["properties"][1]["quality"][0].pop("severity"), "severity"),
        (lambda d: d.update(name="gossip"), "must be 'posts'"),
        (lambda d: d["schema"][0]["properties"][0].update(transformSourceObjects=["posts.mood"]), "posts.mood"),
    ],
    ids=["version", "api", "unknown", "logical", "physical", "engine", "severity", "name", "source"],
)
def test_a_broken_file_is_named_with_the_place(
    contracts: Path, change: Callable[[dict[str, Any]], object], told: str
) -> None:
    assert lint.problems() == []
    contract.cache_clear()
    document = yaml.safe_load((contracts / FILE).read_text(encoding="utf-8"))
    change(document)
    (contracts / FILE).write_text(yaml.safe_dump(document), encoding="utf-8")
    problems = lint.problems()
    assert problems
    assert all(problem.startswith(f"{FILE}: ") for problem in problems)
    assert any(told in problem for problem in problems)
