# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host's file tree to look at, made in a temporary directory."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import types

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._system._report import Report
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root


def _stand_in_for_ansible():
    """Let a module's argument spec be read on a Python too old for any ansible-core that we support.

    A fake, and only of the name that modules import: the tests of this folder call what is below a module.
    """
    basic = types.ModuleType("ansible.module_utils.basic")
    basic.AnsibleModule = None
    for name in ("ansible", "ansible.module_utils"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules[basic.__name__] = basic


if importlib.util.find_spec("ansible") is None:
    _stand_in_for_ansible()


class HostTree:
    """Writes files below a directory that stands for the root of a host."""

    def __init__(self, top):
        self.top = str(top)
        self.users = [("root", 0, "/root")]
        self.write("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n")
        os.makedirs(self.path("/root"))

    def path(self, path):
        """The real path of a path inside the tree."""
        return self.top + path

    def write(self, path, content="", mode=None):
        """Write a file, with its directories; returns its path inside the tree."""
        full = self.path(path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as stream:
            stream.write(content if isinstance(content, bytes) else content.encode("utf-8"))
        if mode is not None:
            os.chmod(full, mode)
        return path

    def link(self, path, target):
        """Make a symbolic link."""
        full = self.path(path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        os.symlink(target, full)

    def user(self, name, uid, home=None):
        """Add a user with a home; returns the home."""
        home = home or "/home/" + name
        self.users.append((name, uid, home))
        self.write("/etc/passwd", "".join("%s:x:%d:%d::%s:/bin/bash\n" % (n, u, u, h) for n, u, h in self.users))
        os.makedirs(self.path(home), exist_ok=True)
        return home

    def environment(self, prefix, packages=("python-3.12.1-h1_0",), history="", channel="conda-forge", files=None):
        """Write an environment: records as conda writes them, and a history; returns the prefix."""
        for package in packages:
            name, version, build = package.rsplit("-", 2)
            record = {
                "name": name,
                "version": version,
                "build": build,
                "build_number": 0,
                "channel": "https://conda.anaconda.org/%s/linux-64" % channel,
                "subdir": "linux-64",
                "url": "https://conda.anaconda.org/%s/linux-64/%s.conda" % (channel, package),
                "files": (files or {}).get(name, []),
                "depends": [],
            }
            text = json.dumps(record, indent=2, sort_keys=True)
            self.write("%s/conda-meta/%s.json" % (prefix, package), text)
        if history is not None:
            self.write(prefix + "/conda-meta/history", history)
        return prefix

    def root(self, **options):
        """The tree as a root to look at."""
        return Root(self.top, **options)


@pytest.fixture
def host(tmp_path):
    """An empty host."""
    return HostTree(tmp_path / "host")


@pytest.fixture
def report():
    """Takes what could not be read."""
    return Report()


@pytest.fixture
def as_root():
    """For tests that need files of several owners."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to make files of other users")
