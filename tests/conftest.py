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
LONG = ("tests/gates/test_sanity.py", "tests/integration/", "tests/gates/test_pythons.py")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the longest first when several processes share the tests, file by file ("pytest -n 2 --dist loadfile").

    Of the integration tests those on the lab's hosts come first: only one file at a time can use these, and while one
    process runs them, another has enough else to do.
    """
    if hasattr(config, "workerinput"):
        on_hosts = {item.path for item in items if "lab_hosts" in getattr(item, "fixturenames", ())}
        items.sort(key=lambda item: (_turn(item.nodeid), item.path not in on_hosts))


def _turn(nodeid: str) -> int:
    return next((turn for turn, start in enumerate(LONG) if nodeid.startswith(start)), len(LONG))
