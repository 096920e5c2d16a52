"""A run that finds everything up to date: what it loads and what it leaves alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.idle import up_to_date
from tests.place import Place

RUN = "import json, sys; from tests.idle import run_all; run_all(); print(json.dumps(sorted(sys.modules)))"


def test_a_run_with_nothing_to_do_imports_neither_great_expectations_nor_tensorflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    place = up_to_date(tmp_path)
    before = kept(place)
    environment = {**os.environ, "SENTINELA_CONFIG": str(place.config)}
    done = subprocess.run([sys.executable, "-c", RUN], env=environment, capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}
    assert {"great_expectations", "tensorflow", "keras", "nltk", "sklearn", "scipy"} & loaded == set()
    assert kept(place) == before


def kept(place: Place) -> dict[str, int]:
    """The files of the lake by the moment of their writing; each poll adds to the ledger and moves its feed's mark."""
    return {
        name: at for name, at in place.mtimes("lake").items() if not name.startswith(("lake/_state", "lake/coverage"))
    }
