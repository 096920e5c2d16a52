"""Libraries that tasks need, loaded once by a scheduler that runs them itself: its workers and tasks are forks of it.

A task would spend half a second of CPU on importing them, several times a run. Sentinela's own modules are not among
them, so that a task runs the code as it is, nor are those that start threads when they are loaded (TensorFlow).
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from airflow.configuration import conf
from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

LIBRARIES = ("deltalake", "duckdb", "numpy", "pandas", "pyarrow.compute", "pyarrow.parquet", "pydantic", "yaml")


class LoadedOnce:
    """Listens for the start of a scheduler."""

    @hookimpl
    def on_starting(self, component: Any) -> None:  # noqa: ARG002
        """Load LIBRARIES in a scheduler with the LocalExecutor; every process of Airflow comes by here.

        The job that starts does not know yet what it is, but the command line does.
        """
        if sys.argv[1:2] == ["scheduler"] and conf.get("core", "executor") == "LocalExecutor":
            for name in LIBRARIES:
                import_module(name)


class LoadedOncePlugin(AirflowPlugin):
    """What Airflow finds in its folder of plugins."""

    name = "sentinela_loaded_once"
    listeners = [LoadedOnce()]  # noqa: RUF012
