"""A packaged model on disk: a folder with a manifest, whose checksums say whether the files are what was packaged.

Folders of the models that are shipped lie in ``artifacts/NAME/VERSION``. What their files mean to a model is known to
the module of its kind, and which kinds there are to ``loading``.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from models.sentiment.contract import LABELS, ArtifactError, UnknownModelError
from models.sentiment.spread import Spread

ARTIFACTS = Path(__file__).with_name("artifacts")
MANIFEST = "manifest.json"
DEFAULT = "balanced"

_REMEDY = "restore the folder from version control, or train and package the model again"
_DIGEST_CHUNK = 1024 * 1024
_REQUIRED = {"name": str, "version": str, "format": str, "labels": list, "serving": dict, "sha256": dict}


def available() -> list[str]:
    """Names of the packaged models, sorted."""
    return sorted(folder.name for folder in ARTIFACTS.glob("*") if folder.is_dir() and _versions(folder))


def folder_of(name: str) -> Path:
    """Folder of an artefact: the path that ``name`` is, or the newest version of a packaged model.

    Raises:
        UnknownModelError: no such model; the message lists those there are.
    """
    if "/" in name:
        return Path(name)
    if name not in available():
        raise UnknownModelError(f"there is no sentiment model {name!r}; there are: {', '.join(available()) or 'none'}")
    return _versions(ARTIFACTS / name)[-1]


def version(name: str = DEFAULT) -> str:
    """Version of the model that ``loading.load`` would give, without loading it. Raises as that does."""
    return full_version(verify(folder_of(name)))


def spread(name: str = DEFAULT) -> Spread | None:
    """How far a model's means lie from people's; None where nobody measured it. Raises as ``loading.load`` does."""
    folder = folder_of(name)
    return _spread_in(folder, verify(folder).get("spread"))


def spread_of(version: str, configured: str = DEFAULT) -> Spread | None:
    """The spread of the model that scored rows name by ``version``; see ``packaged_as``.

    Also that of a version whose place a later one took, by what the newest remembers as ``former``; None of any other.
    Raises as ``loading.load`` does.
    """
    if folder := packaged_as(version, configured):
        return spread(str(folder))
    name, _, number = version.rpartition("-")
    if name not in available():
        return None
    newest = folder_of(name)
    return _spread_in(newest, verify(newest).get("former", {}).get(number))


def packaged_as(version: str, configured: str = DEFAULT) -> Path | None:
    """Folder of the model that scored rows name by ``version``, which has the name before it (``balanced-6``).

    It is ``configured`` where that is the folder of an artefact of that version, else a packaged one; None where
    neither is it. Raises as ``loading.load`` does.
    """
    if "/" in configured and full_version(verify(Path(configured))) == version:
        return Path(configured)
    name, _, number = version.rpartition("-")
    folder = ARTIFACTS / name / number
    return folder if folder.is_dir() else None


def _spread_in(folder: Path, stored: dict[str, Any] | None) -> Spread | None:
    try:
        return None if stored is None else Spread.from_dict(stored)
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"{folder / MANIFEST} has no usable spread ({error}); {_REMEDY}") from error


def full_version(manifest: dict[str, Any]) -> str:
    """The version with the name before it, as scored rows keep it."""
    return f"{manifest['name']}-{manifest['version']}"


def stage_folder(folder: Path, stage: dict[str, Any]) -> Path:
    """Folder of the very model that read beside the one in ``folder`` when that was packaged, no later version of it.

    Args:
        folder: of the model whose manifest it is, for the message.
        stage: what that says of the other one: ``model``, ``version`` and the ``sha256`` of its manifest.

    Raises:
        ArtifactError: it is not there, or not as it was.
    """
    path: Path = ARTIFACTS / stage["model"] / stage["version"]
    if not path.is_dir() or sha256(path / MANIFEST) != stage["sha256"]:
        raise ArtifactError(
            f"{folder} reads together with {stage['model']}-{stage['version']}, and {path} is not there as it was "
            "then; restore it from version control, or train and package the model again"
        )
    return path


def verify(folder: Path) -> dict[str, Any]:
    """Compare every file of a packaged model with the manifest's sha256 sums and return the manifest.

    Raises:
        ArtifactError: naming the file that is missing, changed or unknown and what to do about it.
    """
    path = folder / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        wrong = [key for key, kind in _REQUIRED.items() if not isinstance(manifest[key], kind)]
        sums: dict[str, str] = manifest["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{path} is missing or unreadable ({error}); {_REMEDY}") from error
    if wrong or tuple(manifest["labels"]) != LABELS:
        raise ArtifactError(f"{path}: {', '.join(wrong) or 'labels'} is not what this version expects; {_REMEDY}")
    known = {folder / relative for relative in sums} | {path}
    if unknown := sorted(file for file in folder.rglob("*") if file.is_file() and file not in known):
        raise ArtifactError(f"{unknown[0]} was not packaged with the others; {_REMEDY}")
    for relative, expected in sums.items():
        file = folder / relative
        if not file.is_file():
            raise ArtifactError(f"{file} is missing; {_REMEDY}")
        if sha256(file) != expected:
            raise ArtifactError(f"{file} differs from the one that was packaged (sha256); {_REMEDY}")
    return manifest


def sha256(path: Path) -> str:
    """Hexadecimal sha256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_DIGEST_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _versions(folder: Path) -> list[Path]:
    """Version folders (plain numbers, as TensorFlow Serving wants them), oldest first."""
    found = [path for path in folder.iterdir() if path.name.isdecimal() and (path / MANIFEST).is_file()]
    return sorted(found, key=lambda path: int(path.name))
