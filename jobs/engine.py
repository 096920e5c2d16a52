"""Where the making happens. A kernel is a picklable function from a task to what it made; an engine maps it over tasks.

The rows do not depend on the engine nor on its number of workers: a task is a whole partition or several, and
whatever is computed in it is computed by itself, on one core. What is stale is decided elsewhere, and files are
committed elsewhere: a file that a killed worker left was never committed, and whoever repeats its task writes another.
"""

from __future__ import annotations

import ctypes
import gc
import ipaddress
import os
import pickle
import shutil
import signal
import socket
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import pyarrow as pa

from jobs.settings import EngineChoice

if TYPE_CHECKING:
    from pyspark import SparkContext

Task = TypeVar("Task")
Result = TypeVar("Result")

THREADS_OF_AN_OPERATION, OPERATIONS_AT_ONCE = "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"
PIECE_TASKS = 256
"""Tasks of one Spark job; two jobs are under way, so up to so many cores are never without work."""
GIVEN_BACK_SECONDS = 1
"""Free memory is given back once in so many: to look through all of it and to ask for it anew takes milliseconds."""
CONNECT_SECONDS = 5
LOOPBACK = "127.0.0.1"


class EngineError(RuntimeError):
    """The engine of the settings cannot be had, or broke; the message says what to do."""


class Engine(Protocol):
    """Maps kernels over tasks."""

    def map(self, kernel: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
        """The results of `kernel` for `tasks`, in any order; the first fault ends the map and is raised."""


@contextmanager
def open_engine(choice: EngineChoice) -> Iterator[Engine]:
    """The engine that the settings ask for; it starts with the first map, and nothing of it is left afterwards.

    TensorFlow is told to compute each operation on one core, where the environment says nothing else: sums that are
    split among cores differ in their last digits. Raises EngineError, as `map` does, where Spark cannot be had.
    """
    local = LocalEngine(choice.workers)
    os.environ.setdefault(THREADS_OF_AN_OPERATION, "1")
    os.environ.setdefault(OPERATIONS_AT_ONCE, str(local.workers))
    if choice.kind == "local":
        yield local
        return
    spark = SparkEngine(str(choice.master), choice.options)
    try:
        yield spark
    finally:
        spark.close()


def _give_back() -> None:
    """Give memory that is free to the system, much of which glibc and Arrow would keep."""
    pa.default_memory_pool().release_unused()
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)


class LocalEngine:
    """Threads of this process, one a core. TensorFlow, DuckDB and Arrow compute without Python's lock."""

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or cores()
        self._gave_back = 0.0

    def map(self, kernel: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
        """The results as they are done. With one worker or one task nothing is started."""
        try:
            yield from self._results(kernel, tasks)
        finally:
            _give_back()

    def _results(self, kernel: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
        if self.workers == 1 or len(tasks) < 2:
            yield from map(partial(self._done, kernel), tasks)
            return
        with ThreadPoolExecutor(self.workers, thread_name_prefix="engine") as pool:
            waiting: set[Future[Result]] = set()
            try:
                for task in tasks:
                    waiting.add(pool.submit(self._done, kernel, task))
                    if len(waiting) > 2 * self.workers:
                        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                        yield from (future.result() for future in done)
                while waiting:
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in done)
            finally:
                for future in waiting:
                    future.cancel()

    def _done(self, kernel: Callable[[Task], Result], task: Task) -> Result:
        """What `kernel` makes of `task`; in a long map what tasks have freed is given back in between, too."""
        result, now = kernel(task), time.monotonic()
        if now - self._gave_back >= GIVEN_BACK_SECONDS:
            self._gave_back = now
            _give_back()
        return result


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class SparkEngine:
    """Executors of Spark. They write into the lake themselves, so it must lie where all of their machines see it.

    A task whose executor was lost is given to another one. A fault of the kernel is raised here as it was there.
    """

    def __init__(self, master: str, options: Mapping[str, str] | None = None) -> None:
        self.master, self.options = master, dict(options or {})

    def map(self, kernel: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
        """The results, a piece of the tasks at a time. Raises EngineError where Spark cannot be had or gave up."""
        if not tasks:
            return
        context = self._context
        pieces = [tasks[start : start + PIECE_TASKS] for start in range(0, len(tasks), PIECE_TASKS)]
        try:
            for results in LocalEngine(2).map(partial(self._collect, kernel), pieces):
                yield from results
        finally:
            context.cancelAllJobs()

    def close(self) -> None:
        """Stop Spark, and the Java process with it."""
        if "_context" in self.__dict__:
            self.__dict__.pop("_context").stop()
            end_java()

    @cached_property
    def _context(self) -> SparkContext:
        """Spark, started when it is first asked for."""
        pyspark = _pyspark()
        _find_java()
        _find_master(self.master)
        if pyspark.SparkContext._active_spark_context:
            raise EngineError("this process runs Spark already: stop that one, or use the local engine beside it")
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        if _is_here(self.master):
            os.environ.setdefault("SPARK_LOCAL_IP", LOOPBACK)
        properties = _properties(self.master) | self.options
        conf = pyspark.SparkConf().setAll(list(properties.items()))
        try:
            context: SparkContext = pyspark.SparkContext(self.master, "sentinela", conf=conf)
        except Exception as fault:
            end_java()
            raise EngineError(f"Spark at {self.master} did not start: {_first_line(fault)}") from fault
        return context

    def _collect(self, kernel: Callable[[Task], Result], tasks: Sequence[Task]) -> list[Result]:
        """The results of one job."""
        job = self._context.parallelize(tasks, len(tasks)).map(_Kept(kernel))
        try:
            outcomes = job.collect()
        except Exception as fault:
            raise EngineError(f"Spark at {self.master} gave up: {_first_line(fault)}") from fault
        results: list[Result] = []
        for outcome in outcomes:
            if outcome.fault:
                self._context.cancelAllJobs()
                raise outcome.fault
            results.append(outcome.result)
        return results


@dataclass(frozen=True)
class _Outcome:
    """What became of a task: its result, or the fault that ended it."""

    result: Any = None
    fault: BaseException | None = None


@dataclass(frozen=True)
class _Kept(Generic[Task, Result]):
    """A kernel whose faults come back as outcomes: Spark would repeat them and make one long text of them."""

    kernel: Callable[[Task], Result]

    def __call__(self, task: Task) -> _Outcome:
        try:
            result = self.kernel(task)
            _keep_what_is_loaded()
            return _Outcome(result)
        except Exception as fault:
            fault.add_note("".join(traceback.format_exception(fault)))
            return _Outcome(fault=fault if _travels(fault) else RuntimeError(f"{type(fault).__name__}: {fault}"))


@cache
def _keep_what_is_loaded() -> None:
    """Spare what the first task loaded: pyspark collects garbage after every task, and would look through all of it."""
    gc.collect()
    gc.freeze()


def _travels(fault: BaseException) -> bool:
    try:
        return isinstance(pickle.loads(pickle.dumps(fault)), BaseException)
    except Exception:  # whatever its class does when it is put together again
        return False


def _properties(master: str) -> dict[str, str]:
    """How Spark is started, where the settings say nothing else."""
    properties = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "WARN",
        "spark.executorEnv.PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        f"spark.executorEnv.{THREADS_OF_AN_OPERATION}": os.environ.get(THREADS_OF_AN_OPERATION, "1"),
        f"spark.executorEnv.{OPERATIONS_AT_ONCE}": "1",
        "spark.executorEnv.TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3"),
    }
    if _is_here(master):
        properties |= {"spark.driver.host": LOOPBACK, "spark.driver.bindAddress": LOOPBACK}
    return properties


def _pyspark() -> Any:
    try:
        import pyspark
    except ImportError:
        raise EngineError("`engine.kind` is spark, and it is not installed: pip install 'sentinela[spark]'") from None
    # It is about data frames, of which there are none here.
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    return pyspark


def _find_java() -> None:
    home = os.environ.get("JAVA_HOME")
    if not shutil.which("java", path=f"{home}/bin" if home else None):
        raise EngineError(f"no Java in {home or 'PATH'}: Spark needs Java 17; install it, or name it with JAVA_HOME")


def _find_master(master: str) -> None:
    """Raise EngineError where a cluster's master does not answer: Spark would ask for minutes."""
    addresses = _addresses(master)
    if addresses and not any(map(_answers, addresses)):
        raise EngineError(f"no Spark master answers at {master}: start it, or mend `engine.master` in the settings")


def _answers(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


def _addresses(master: str) -> list[tuple[str, int]]:
    """Host and port of each master of a cluster; none of `local[2]`."""
    if not master.startswith("spark://"):
        return []
    pairs = (address.rpartition(":") for address in master.removeprefix("spark://").split(","))
    return [(host.strip("[]"), int(port)) for host, _, port in pairs]


def _is_here(master: str) -> bool:
    """Whether Spark needs to be seen by this machine alone."""
    return all(_is_loopback(host) for host, _ in _addresses(master))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _first_line(fault: BaseException) -> str:
    """What Java says went wrong, without its stack."""
    java = getattr(fault, "java_exception", None)
    return str(java or fault).strip().splitlines()[0]


def end_java() -> None:
    """End the Java process that pyspark keeps for the next context of this process, and its answer to Ctrl-C."""
    from pyspark import SparkContext

    handler = signal.getsignal(signal.SIGINT)
    if getattr(handler, "__module__", None) == SparkContext.__module__:
        # It would ask Spark, which is gone, to stop its jobs.
        signal.signal(signal.SIGINT, signal.default_int_handler)

    gateway = SparkContext._gateway
    SparkContext._gateway = SparkContext._jvm = None
    if gateway is not None:
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait()
