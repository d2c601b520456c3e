# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes the checkout importable as ansible_collections.labfleet.conda, and says which tests belong together."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
import tempfile
import typing as t

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
CHECKOUT = os.path.dirname(HERE)


def _make_importable():
    """Put a folder on sys.path in which the checkout stands at its installed place.

    A symbolic link is enough: ansible_collections and labfleet are namespace packages.
    """
    parts = os.path.abspath(CHECKOUT).split(os.sep)
    if parts[-3:] == ["ansible_collections", "labfleet", "conda"]:
        collections = os.sep.join(parts[:-3])
    else:
        collections = os.path.join(CHECKOUT, "build", "collections")
        link = os.path.join(collections, "ansible_collections", "labfleet", "conda")
        os.makedirs(os.path.dirname(link), exist_ok=True)
        if not os.path.islink(link):
            os.symlink(CHECKOUT, link)
    if collections not in sys.path:
        sys.path.insert(0, collections)


_make_importable()

# Where the machine has so much free memory, in gigabytes, the tests may put so much of their files into it.
FREE, TAKEN = 14, 10


def pytest_configure(config: pytest.Config) -> None:
    """Put the tests' files into memory, where root may and there is room: those of a conda take long on a disk.

    Who sets TMPDIR, as to look at the files of a test that failed, has them there.
    """
    if hasattr(config, "workerinput") or "TMPDIR" in os.environ or os.geteuid() != 0 or _free_gigabytes() < FREE:
        return
    place = tempfile.mkdtemp(prefix="memory-")
    mount = ["mount", "-t", "tmpfs", "-o", f"mode=1777,size={TAKEN}g", "tmpfs", place]
    if subprocess.run(mount, stderr=subprocess.DEVNULL, check=False).returncode == 0:
        os.environ["TMPDIR"], tempfile.tempdir = place, None
        config.add_cleanup(lambda: (subprocess.run(["umount", "--lazy", place], check=True), os.rmdir(place)))
    else:
        os.rmdir(place)


def _free_gigabytes() -> int:
    try:
        with open("/proc/meminfo", encoding="ascii") as stream:
            values = dict(line.split(":", 1) for line in stream)
        return int(values["MemAvailable"].split()[0]) // 1024**2
    except (OSError, LookupError):  # not Linux
        return 0


# What comes first when several processes share the tests: what takes longest.
LONG = ("tests/gates/test_sanity.py", "tests/integration/", "tests/gates/test_pythons.py")
# A file that names one of these fixtures uses the hosts of the lab, which one process at a time can do.
HOSTS = re.compile(r"\blab_(?:hosts|inventory|run)\b")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the longest first when several processes share the tests ("pytest -n 2").

    A test with the mark "long" is one of several alike, and is left to "make soak", which sets LABFLEET_LONG.
    """
    if "LABFLEET_LONG" not in os.environ:
        long = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: (_turn(item.nodeid), _scope(item.nodeid) != "hosts"))


def _turn(nodeid: str) -> int:
    return next((turn for turn, start in enumerate(LONG) if nodeid.startswith(start)), len(LONG))


@functools.lru_cache(maxsize=None)
def _uses_hosts(path: str) -> bool:
    with open(os.path.join(CHECKOUT, path), encoding="utf-8") as stream:
        return path.startswith("tests/integration/") and bool(HOSTS.search(stream.read()))


def _scope(nodeid: str) -> str:
    """What is run by one process: a file, and all files that use the hosts of the lab."""
    path = nodeid.split("::", 1)[0]
    return "hosts" if _uses_hosts(path) else path


@pytest.hookimpl(optionalhook=True)  # not every Python has xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: t.Any) -> t.Any:
    """Share the tests out file by file, and those on the lab's hosts to one process."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFileAndHosts(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _scope(nodeid)

    return ByFileAndHosts(config, log)
