"""What the processes that test_rerun starts and kills have loaded before they begin."""

import importlib
import sys

# PySpark, which Great Expectations imports where there is one, ends a process whose main module has no file.
sys.modules["__main__"].__file__ = __file__

for name in ("tensorflow", "great_expectations", "duckdb", "deltalake", "jobs.pipeline"):
    importlib.import_module(name)
