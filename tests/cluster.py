"""Spark on loopback: a session, or a standalone cluster of a master and workers of one core each, as processes."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jobs.engine import end_java

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

JAVA = shutil.which("java") is not None
needs_java = pytest.mark.skipif(not JAVA, reason="there is no Java on this machine")
DEPLOY = "org.apache.spark.deploy"
SECONDS_TO_REGISTER = 120
QUICK_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""For a Java that lives for seconds: to compile better takes longer than it saves."""


@contextmanager
def session() -> Iterator[SparkSession]:
    """A session with a Java process of its own, which takes relative paths from the present folder and ends with it."""
    from pyspark.sql import SparkSession

    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    os.environ.setdefault("JAVA_TOOL_OPTIONS", QUICK_JAVA)
    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
    running = builder.config("spark.sql.session.timeZone", "UTC").config("spark.log.level", "ERROR").getOrCreate()
    try:
        yield running
    finally:
        running.stop()
        end_java()


@contextmanager
def cluster(workers: int, folder: Path) -> Iterator[str]:
    """A running cluster, its logs and work in `folder`; gives the address of its master."""
    address = f"spark://127.0.0.1:{_free_port()}"
    port = address.rpartition(":")[2]
    with ExitStack() as stack:
        log = folder / "master.log"
        stack.enter_context(_daemon(log, f"{DEPLOY}.master.Master", "--port", port))
        _wait_for(log, "I have been elected leader", 1)
        for number in range(workers):
            place = folder / f"worker-{number}"
            arguments = ("--cores", "1", "--memory", "1g", "--work-dir", str(place), address)
            stack.enter_context(_daemon(folder / f"worker-{number}.log", f"{DEPLOY}.worker.Worker", *arguments))
        _wait_for(log, "Registering worker", workers)
        yield address


@contextmanager
def _daemon(log: Path, main: str, *arguments: str) -> Iterator[None]:
    """A process of Spark that writes to `log`, until the context is left."""
    import pyspark

    spark = Path(pyspark.__file__).parent
    command = [str(spark / "bin" / "spark-class"), main, "--host", "127.0.0.1", "--webui-port", "0", *arguments]
    given = os.environ | {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_HOME": str(spark), "SPARK_DAEMON_MEMORY": "256m"}
    with log.open("w") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT, env=given)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _wait_for(log: Path, words: str, times: int) -> None:
    end = time.monotonic() + SECONDS_TO_REGISTER
    while log.read_text().count(words) < times:
        if time.monotonic() > end:
            raise TimeoutError(f"{log}: no {words!r}:\n{log.read_text()}")
        time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
