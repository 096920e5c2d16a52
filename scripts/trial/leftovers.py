"""Do a day's upkeep on the lake of the settings and say what is left that nobody needs; exit code 1 when there is any.

The store's clock cannot be moved, so all that was never finished counts as a day old here. Only while nothing runs.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import pyarrow.fs as pafs

from jobs import tidy
from jobs.lake.table import TABLES, Lake
from jobs.settings import load

STATE = ("_state/cursors/", "_state/alerts/", "_state/begun", "_state/probed")


def main() -> int:
    """Tidy, then list."""
    settings = load()
    tidy.UNFINISHED = timedelta(0)
    tidied = tidy.tidy(settings, keep_days=0)
    deleted = sum(table.deleted for table in tidied.tables)
    print(f"{deleted} files of tables and {tidied.left} others were taken away")
    lake = Lake(settings.lake)
    needed = {file.path for name in TABLES for file in lake.table(name).files}
    stored = {info.path.removeprefix(f"{lake.base}/") for info in lake.listing("", recursive=True)
              if info.type == pafs.FileType.File}  # fmt: skip
    left = {path for path in stored - needed if "/_delta_log/" not in path and not path.startswith(STATE)}
    spilled = {str(path) for path in Path(tempfile.gettempdir()).glob("sentinela-*")}
    for path in sorted(left | spilled):
        print("left:", path)
    for path in sorted(needed - stored):
        print("missing:", path)
    return 1 if left or spilled or needed - stored else 0


if __name__ == "__main__":
    sys.exit(main())
