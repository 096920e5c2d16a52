"""Where finished pages lie: a folder, or a place in an object store, each report in a folder of its own.

What a page looks like is not known here.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow.fs as pafs

from jobs.lake.faults import speaking
from jobs.lake.table import Lake
from models.files import whole, write_whole


@dataclass(frozen=True)
class Shelf:
    """The place `root`: a folder's path, or the address of a place in a store that pyarrow knows (`s3://...`)."""

    root: str

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of this machine."""
        return "://" not in self.root

    def place(self, name: str) -> Path | str:
        """Where the file `name` is found: a path, or an address in the store."""
        return Path(self.root, name) if self.is_folder else f"{self.root.split('?', 1)[0].rstrip('/')}/{name}"

    def name(self, place: Path | str) -> str:
        """The name of the file that is found at `place`."""
        return str(place).removeprefix(str(self.place(""))).lstrip("/")

    def publish(self, folder: str, files: Mapping[str, bytes]) -> None:
        """Put `files` into `folder`: a new one appears whole, in an old one each file changes in one step.

        A store knows no folders: there the files appear in their order, the last of them when all are there.
        """
        if not self.is_folder:
            for name, content in files.items():
                self.write(f"{folder}/{name}", content)
            return
        place = Path(self.root, folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            try:
                with whole(place) as aside:
                    aside.mkdir()
                    for name, content in files.items():
                        (aside / name).write_bytes(content)
                return
            except OSError:
                # Another run may have published the same folder in the meantime; then its files are replaced below.
                if not place.exists():
                    raise
        for name, content in files.items():
            write_whole(place / name, content)

    def write(self, name: str, content: bytes) -> None:
        """Put one file in its place in one step. Raises LakeError when the store cannot be written."""
        if self.is_folder:
            write_whole(Path(self.root, name), content)
            return
        store, kind = Lake(self.root), mimetypes.guess_type(name)[0] or "application/octet-stream"
        with (
            speaking(store.uri(name), "written"),
            store.fs.open_output_stream(f"{store.base}/{name}", metadata={"Content-Type": kind}) as sink,
        ):
            sink.write(content)

    def names(self, folder: str) -> list[str]:
        """The files in `folder`, sorted; none when it is not there."""
        if self.is_folder:
            return sorted(file.name for file in Path(self.root, folder).glob("*") if file.is_file())
        listed = Lake(self.root).listing(folder)
        return sorted(info.base_name for info in listed if info.type == pafs.FileType.File)

    def each(self, name: str) -> dict[str, bytes]:
        """The content of the file `name` in every folder that has one, by the folder's name, sorted."""
        if self.is_folder:
            found = sorted(Path(self.root).glob(f"*/{name}"))
            return {file.parent.name: file.read_bytes() for file in found if not file.parent.name.startswith(".")}
        store = Lake(self.root)
        folders = sorted(info.base_name for info in store.listing("") if info.type == pafs.FileType.Directory)
        there = {}
        for folder in folders:
            if store.has(f"{folder}/{name}"):
                with store.open(f"{folder}/{name}") as stream:
                    there[folder] = bytes(stream.read())
        return there
