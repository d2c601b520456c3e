# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes the checkout importable as ansible_collections.labfleet.conda, and says which tests belong together."""

from __future__ import annotations

import os
import sys

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


# What comes first when several processes share the tests: what takes longest.
LONG = ("tests/integration/", "tests/gates/test_sanity.py", "tests/gates/test_pythons.py")


@pytest.hookimpl(tryfirst=True)  # before the plugin looks for these marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Say which tests belong together when several processes share them ("pytest -n 2 --dist loadgroup").

    The tests on the lab's hosts share these, and so one process; all others of a file stay together, and each long gate
    is for itself.
    """
    if not hasattr(config, "workerinput"):
        return
    on_hosts = {_file(item) for item in items if "lab_hosts" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: (_file(item) not in on_hosts, _turn(item.nodeid)))
    for item in items:
        group = "hosts" if _file(item) in on_hosts else _file(item)
        if not group.startswith("tests/integration/") and item.nodeid.startswith(LONG[1:]):
            group = item.nodeid
        item.add_marker(pytest.mark.xdist_group(group))


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def _turn(nodeid: str) -> int:
    return next((turn for turn, start in enumerate(LONG) if nodeid.startswith(start)), len(LONG))
