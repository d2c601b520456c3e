# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the lab builds is built once: a folder of its own for every kind and recipe, complete or absent."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import time
import types
import typing as t
from pathlib import Path

KEPT_DAYS = 14


def root() -> Path:
    """The cache folder: LABFLEET_CACHE, else labfleet-conda in the user's cache folder."""
    named = os.environ.get("LABFLEET_CACHE")
    if named:
        return Path(named).expanduser().absolute()
    user_cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(user_cache).absolute() / "labfleet-conda"


def recipe_key(*parts: object) -> str:
    """A short hash over everything a build depends on.

    A module stands for its source text, so that a changed recipe is another key.
    """
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, types.ModuleType):
            part = Path(str(part.__file__)).read_text(encoding="utf-8")
        digest.update(repr(part).encode())
    return digest.hexdigest()[:12]


@contextlib.contextmanager
def locked(name: str) -> t.Iterator[None]:
    """Hold the cache's lock of this name; a second process waits for the first."""
    root().mkdir(parents=True, exist_ok=True)
    with open(root() / f".{name}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def path_of(kind: str, key: str) -> Path:
    """Where the cache keeps what was built as this kind under this key."""
    return root() / f"{kind}-{key}"


def built(kind: str, key: str, build: t.Callable[[Path], None], *, what: str = "") -> Path:
    """Return the cached folder of this kind and key, and build it first when it is missing.

    ``build`` fills an empty temporary folder, which is renamed when it is complete: an interrupted build leaves nothing
    that looks like a result. A build removes folders of the same kind that nobody has asked for in KEPT_DAYS.
    """
    final = path_of(kind, key)
    if final.is_dir():
        os.utime(final)
        return final
    with locked(kind):
        if final.is_dir():
            return final
        started = time.monotonic()
        partial = final.with_name(f".{final.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        build(partial)
        partial.rename(final)
        remove_forgotten(kind)
        say(f"built {what or kind}", started)
    return final


def remove_forgotten(kind: str) -> None:
    """Remove the folders of this kind that were last asked for more than KEPT_DAYS ago."""
    limit = time.time() - KEPT_DAYS * 24 * 3600
    for folder in root().glob(f"{kind}-*"):
        if folder.stat().st_mtime < limit:
            shutil.rmtree(folder, ignore_errors=True)


def say(text: str, started: float | None = None) -> None:
    """Print one progress line, with the seconds since ``started`` (a time.monotonic value)."""
    seconds = "" if started is None else f" ({time.monotonic() - started:.1f} s)"
    print(f"lab: {text}{seconds}", flush=True)


__all__ = ("built", "locked", "path_of", "recipe_key", "root", "say")
