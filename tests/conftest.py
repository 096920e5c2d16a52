"""What the tests of every area share: a present that stands still, a settings file, no stray environment."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import yaml

# As the engines say it: scores of operations that several cores share differ in their last digits.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # as models.sentiment.savedmodel has it

# Airflow, TensorFlow and Great Expectations leave so many objects that looking through them is a tenth of the time,
# and a quarter of the time of a process that does little but load them.
gc.set_threshold(100_000, 50, 100)
STARTUP = str(Path(__file__).with_name("startup"))
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (STARTUP, os.environ.get("PYTHONPATH"))))

hypothesis.settings.register_profile(
    "sentinela",
    deadline=None,
    max_examples=60,
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("sentinela")


@pytest.fixture(autouse=True)
def _no_stray_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SENTINELA_CONFIG", "SENTINELA_AUTHOR_KEY", "SENTINELA_AUTHOR_KEY_FILE", "SOURCE_DATE_EPOCH"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def present(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """Noon UTC of 1 October 2026, which every `now()` of the test gives."""
    moment = datetime(2026, 10, 1, 12, tzinfo=UTC)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(moment.timestamp())))
    return moment


@pytest.fixture
def settings_file(tmp_path: Path) -> Callable[..., Path]:
    """Write sentinela.yaml into tmp_path: one RSS feed in São Paulo, with any top-level setting overridden."""

    def write(**overrides: Any) -> Path:
        document = {
            "timezone": "America/Sao_Paulo",
            "lake": "./lake",
            "reports": "./reports",
            "feeds": [{"name": "news", "kind": "news", "reader": "rss", "path": "feeds/*.xml"}],
            **overrides,
        }
        file = tmp_path / "sentinela.yaml"
        file.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8")
        return file

    return write
