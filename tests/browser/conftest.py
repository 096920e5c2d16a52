from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from jobs.lake.table import Lake
from jobs.report import Report, report
from tests import stored

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


LATE = "Casa Brisa"
"""The brand that is counted from a day in the period on."""
DAYS_BEFORE = 4
"""Days of the period before that."""


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A report of sixty days with hostile texts and a brand that was added late, made for an analyst to open."""
    source = Path(__file__).parents[1] / "report" / "small_lake.py"
    spec = importlib.util.spec_from_file_location("small_lake", source)
    assert spec
    assert spec.loader
    small_lake = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(small_lake)
    folder = tmp_path_factory.mktemp("browser")
    small_lake.build(folder)
    lake, added = Lake(str(folder / "lake")), date(2026, 9, 1 + DAYS_BEFORE)
    known = [r for r in stored.rows(lake, "daily_polarity") if r["brand"] != LATE or r["published_date"] >= added]
    stored.put(lake, "daily_polarity", known)
    return report(small_lake.settings(folder))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A headless Chromium: the system's, or the one Playwright brought. Without any the tests skip, in CI they fail."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        own = Path(playwright.chromium.executable_path)
        found = next((path for name in NAMES if (path := shutil.which(name))), str(own) if own.exists() else None)
        if found is None:
            why = f"no Chromium: none of {', '.join(NAMES)} on PATH; run `playwright install chromium`"
            if os.environ.get("CI"):
                pytest.fail(why)
            pytest.skip(why)
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()
