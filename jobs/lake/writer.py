"""Files of bounded memory and equal bytes: the same rows give the same row groups, whatever batches they came in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts import contract
from jobs.lake.faults import LakeError, sentence
from jobs.lake.table import File, Lake, Partition, as_day

if TYPE_CHECKING:
    from typing import IO

BATCH_ROWS = 16_384


@dataclass
class Writer:
    """A file that takes batches holding at least the stored columns of its dataset; `begin` opens it for the first."""

    begin: Callable[[], pq.ParquetWriter]
    schema: pa.Schema
    group_rows: int
    rows: int = 0
    waiting: list[pa.RecordBatch] = field(default_factory=list)

    @cached_property
    def parquet(self) -> pq.ParquetWriter:
        """Where the rows go."""
        return self.begin()

    def write(self, batch: pa.RecordBatch) -> int:
        """Write the stored columns of `batch`; returns its rows."""
        self.waiting.append(batch.select(self.schema.names).cast(self.schema))
        self.rows += batch.num_rows
        if sum(piece.num_rows for piece in self.waiting) >= self.group_rows:
            self._flush(self.group_rows)
        return int(batch.num_rows)

    def close(self) -> None:
        """Write what waits."""
        self._flush(1)

    def _flush(self, at_least: int) -> None:
        table = pa.Table.from_batches(self.waiting, self.schema)
        while table.num_rows >= at_least:
            self.parquet.write_table(table.slice(0, self.group_rows).combine_chunks())
            table = table.slice(self.group_rows)
        self.waiting = table.to_batches()


@contextmanager
def writing(lake: Lake, dataset: str, file: File, into: list[File], group_rows: int = BATCH_ROWS) -> Iterator[Writer]:
    """A writer of `file` of `dataset` (of Lake.new_file); closed, and with rows, it joins `into` with its size.

    Without rows there is no file, and one that could not be written whole is taken away again. Raises LakeError.
    """
    schema = contract(dataset).stored_schema

    def begin() -> pq.ParquetWriter:
        sink = opened.enter_context(open_new(lake, file.path))
        return opened.enter_context(pq.ParquetWriter(sink, schema, compression="zstd", store_schema=True))

    try:
        with ExitStack() as opened:
            writer = Writer(begin, schema, group_rows)
            yield writer
            writer.close()
    except BaseException as fault:
        _drop(lake, file)
        if isinstance(fault, OSError):
            raise LakeError(sentence(lake.uri(file.path), "written", fault)) from fault
        raise
    if writer.rows:
        size = lake.fs.get_file_info(f"{lake.base}/{file.path}").size
        into.append(replace(file, rows=writer.rows, bytes=size))


def write(
    lake: Lake, dataset: str, values: Mapping[str, str | None], made_from: str, batches: Iterable[pa.RecordBatch]
) -> list[File]:
    """`batches` as one new file of `dataset` in the partition `values`; no file when there are no rows."""
    written: list[File] = []
    with writing(lake, dataset, lake.new_file(dataset, values, made_from), written) as writer:
        for batch in batches:
            writer.write(batch)
    return written


def open_new(lake: Lake, path: str) -> IO[bytes]:
    """A new file at `path` below the lake root, its folder made."""
    lake.make_room(path)
    return lake.fs.open_output_stream(f"{lake.base}/{path}")  # type: ignore[no-any-return]


def partition_runs(
    dataset: str, batches: Iterable[pa.RecordBatch]
) -> Iterator[tuple[Partition, Iterator[pa.RecordBatch]]]:
    """Cut a stream sorted by the partition columns into (partition, its pieces); use each group before the next."""

    def pieces() -> Iterator[tuple[Partition, pa.RecordBatch]]:
        keys = contract(dataset).partition
        for batch in batches:
            if not batch.num_rows:
                continue
            columns = [np.asarray(batch.column(key).to_numpy(zero_copy_only=False)).astype(str) for key in keys]
            changed = np.zeros(batch.num_rows - 1, dtype=bool)
            for column in columns:
                changed |= column[1:] != column[:-1]
            starts = [0, *(np.flatnonzero(changed) + 1).tolist(), batch.num_rows]
            for start, end in pairwise(starts):
                day, *feed = (batch.column(key)[start].as_py() for key in keys)
                yield Partition(as_day(day), *feed), batch.slice(start, end - start)

    for partition, group in groupby(pieces(), key=lambda piece: piece[0]):
        yield partition, (piece for _, piece in group)


def _drop(lake: Lake, file: File) -> None:
    try:
        lake.discard([file])
    except LakeError:  # the place is gone or full: tidying takes the rest away
        return
