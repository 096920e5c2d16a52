"""Everything the lake keeps that is no data: cursors, marks of unfinished work and a key, all explained here.

They lie as small files under `_state/`, each replaced in one step:

- `cursors/<feed>.json`, the connector's cursor: where the last whole fetch of the feed ended (HTTP validators, the size
  and times of files). It moves only when everything that the fetch brought is committed to raw_posts.
- `pending/<batch>.json`, a mark: days (YYYY-MM-DD or `undated`) that are to be restated because of what a fetch
  brought. Written before the commit to raw_posts, taken away when daily_polarity has the days or validation holds them
  back. A feed forgets old items, so the days of a run that died cannot be had from the feed again.
- `begun`: the state was kept since the lake began. Where it is missing, every day counts as unfinished once.
- `alerts/<kind>.<subject>.json`, a cause that a person is told of, by which channels, until it is over. Who makes the
  file tells him, so that of several that see the cause at once one does. Without it he is told again.
- `author.key`, of a local lake without SENTINELA_AUTHOR_KEY: the key of the authors' pseudonyms, made once, readable by
  its owner alone. It is the one thing here that cannot be made again: without it the same person has a new pseudonym.
- `probed`, of a lake in an object store: the store was seen to refuse a second commit of one version.

Losing all of it costs one full read of every feed and one validation of every day, and nothing else: what is read
again is found in the index `item_versions` and not stored twice. What a table holds does not belong here.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.fs as pafs

from jobs.lake.faults import LakeError, speaking
from jobs.lake.table import Lake
from jobs.lake.writer import open_new
from models.files import write_whole

FOLDER = "_state"
PENDING = "pending"
ALERTS = "alerts"


@dataclass(frozen=True)
class State:
    """The state of one lake."""

    lake: Lake

    def cursor(self, feed: str) -> dict[str, Any]:
        """Where the last whole fetch of `feed` ended; empty when there was none."""
        content = self._read(f"cursors/{feed}.json")
        return json.loads(content) if content else {}

    def feeds(self) -> list[str]:
        """Feeds that a cursor is kept of, sorted."""
        return self._names("cursors")

    def keep_cursor(self, feed: str, cursor: Mapping[str, Any]) -> None:
        """Keep `cursor` as the end of the last whole fetch of `feed`, unless it is there already."""
        if dict(cursor) != self.cursor(feed):
            self._write(f"cursors/{feed}.json", json.dumps(cursor, sort_keys=True).encode())

    def mark(self, batch: str, days: Sequence[str]) -> None:
        """Say that `days` are to be restated because of `batch`."""
        self._write(f"{PENDING}/{batch}.json", json.dumps(sorted(days)).encode())

    def unmark(self, batch: str) -> None:
        """Take back the mark of a `batch` that was not committed."""
        self._drop(f"{PENDING}/{batch}.json")

    def pending(self) -> dict[str, list[str]]:
        """Days to be restated, by the batch that asks for it; batches that are not committed yet are left out.

        Who validates now cannot have the rows of those, so their marks must not be his to take away.
        """
        names = self.marked()
        committed = {file.name for file in self.lake.table("raw_posts").files}
        return {name: json.loads(self._read(f"{PENDING}/{name}.json") or b"[]") for name in names if name in committed}

    def marked(self) -> list[str]:
        """Batches that there is a mark of, committed or not, sorted."""
        return self._names(PENDING)

    def finish(self, marks: Mapping[str, Collection[str]], days: Collection[str]) -> None:
        """Take away those of `marks`, as `pending` gave them, whose days are all among `days`."""
        for batch, asked in marks.items():
            if set(asked) <= set(days):
                self._drop(f"{PENDING}/{batch}.json")

    def alerts(self) -> dict[str, dict[str, Any]]:
        """The causes that a person is told of, by their key."""
        kept = {key: self._read(f"{ALERTS}/{key}.json") for key in self._names(ALERTS)}
        return {key: json.loads(content) for key, content in kept.items() if content}

    def claim_alert(self, key: str, alert: Mapping[str, Any]) -> bool:
        """Keep a new `alert`; whether it is ours to tell of, for there was none and nobody else was faster."""
        name, content = f"{ALERTS}/{key}.json", _as_json(alert)
        return self._create(name, content) if self.lake.is_local else self._put_new(name, content)

    def keep_alert(self, key: str, alert: Mapping[str, Any]) -> None:
        """Keep `alert` in the place of the one that there is."""
        self._write(f"{ALERTS}/{key}.json", _as_json(alert))

    def drop_alert(self, key: str) -> None:
        """Say that a person was told that it is over."""
        self._drop(f"{ALERTS}/{key}.json")

    def sweep(self, before: datetime) -> int:
        """Take away what killed processes left before that moment; returns how many files.

        These are marks of batches that were never committed, and files that were never put in their place.
        """
        committed = {file.name for file in self.lake.table("raw_posts").files}
        infos = self.lake.listing(FOLDER, recursive=True)
        old = [info for info in infos if info.type == pafs.FileType.File and info.mtime < before]
        left = [
            info
            for info in old
            if info.base_name.startswith(".")
            or (f"/{PENDING}/" in info.path and info.base_name.removesuffix(".json") not in committed)
        ]
        for info in left:
            self.lake.delete(info.path.removeprefix(f"{self.lake.base}/"))
        return len(left)

    @property
    def begun(self) -> bool:
        """Whether the state was kept since the lake began; not when it is new or was lost."""
        return self._read("begun") is not None

    def begin(self) -> None:
        """Say that from now on the state is kept."""
        self._write("begun", b"")

    @property
    def probed(self) -> bool:
        """Whether the store was seen to refuse a second commit of one version."""
        return self._read("probed") is not None

    def keep_probed(self) -> None:
        """Say that the store was seen to refuse it."""
        self._write("probed", b"")

    def author_key(self) -> bytes | None:
        """The key of the authors' pseudonyms that the lake keeps."""
        return self._read("author.key")

    def keep_author_key(self, key: bytes) -> None:
        """Keep the key of a local lake, for its owner alone, unless there is one: the first stays."""
        self._create("author.key", key, mode=0o600)

    def _create(self, name: str, content: bytes, mode: int = 0o666) -> bool:
        """Write a new file of a local lake in one step; False when there is one."""
        path = Path(self.lake.base, FOLDER, name)
        with speaking(str(path), "written"):
            self.lake.make_room(f"{FOLDER}/{name}")
            aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
            try:
                aside.touch(mode)
                with aside.open("wb") as sink:
                    sink.write(content)
                    sink.flush()
                    os.fsync(sink.fileno())
                path.hardlink_to(aside)
            except FileExistsError:
                return False
            finally:
                aside.unlink(missing_ok=True)
        return True

    def _put_new(self, name: str, content: bytes) -> bool:
        """Put a new object into a store, which heeds conditional puts or has no lake; False when there is one."""
        import obstore
        from obstore.exceptions import AlreadyExistsError, BaseError

        place = self.lake.uri(FOLDER)
        options: Any = self.lake.options
        is_plain = options.pop("AWS_ALLOW_HTTP", "false") == "true"
        with speaking(f"{place}/{name}", "written"):
            try:
                store = obstore.store.from_url(place, config=options, client_options={"allow_http": is_plain})
                obstore.put(store, name, content, mode="create")
            except AlreadyExistsError:
                return False
            except BaseError as fault:
                raise OSError(str(fault)) from fault
        return True

    def _read(self, name: str) -> bytes | None:
        try:
            if not self.lake.has(f"{FOLDER}/{name}"):
                return None
            with self.lake.open(f"{FOLDER}/{name}") as source:
                return bytes(source.read())
        except LakeError as fault:
            if isinstance(fault.__cause__, FileNotFoundError):  # another process has just taken it away
                return None
            raise

    def _write(self, name: str, content: bytes) -> None:
        path = f"{FOLDER}/{name}"
        with speaking(self.lake.uri(path), "written"):
            if self.lake.is_local:
                self.lake.make_room(path)
                write_whole(Path(self.lake.base, path), content)
            else:
                with open_new(self.lake, path) as sink:
                    sink.write(content)

    def _names(self, folder: str) -> list[str]:
        return sorted(info.base_name.removesuffix(".json") for info in self.lake.listing(f"{FOLDER}/{folder}"))

    def _drop(self, name: str) -> None:
        self.lake.delete(f"{FOLDER}/{name}")


def _as_json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, ensure_ascii=False).encode()
