# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recorded answers of real versions, and facts about a base prefix, for the tests of this room."""

from __future__ import annotations

import json
import os

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._change._answer import parse_answer
from ansible_collections.labfleet.conda.plugins.module_utils._change._tool import Tool
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import RecordName, parse_record

FOLDER = os.path.join(os.path.dirname(__file__), "transcripts")


class Recording:
    """One command that was recorded."""

    def __init__(self, source, entry):
        kind, self.version = source.split("-")[:2]
        self.tool = Tool(kind, self.version, "/opt/x/bin/" + kind, "/opt/x", "/opt/x/bin/python")
        self.command = entry["command"]
        self.code = entry["code"]
        self.stdout = entry["stdout"].encode("utf-8")
        self.stderr = entry["stderr"].encode("utf-8")

    def answer(self, what="apply"):
        """The answer as it is read, with --dry-run always a plan."""
        what = "plan" if "--dry-run" in self.command and what == "apply" else what
        return parse_answer(self.stdout, self.stderr, self.code, tool=self.tool, what=what)


@pytest.fixture
def recorded():
    """Gives a recording by the name of its file and its own."""

    def read(source, name):
        with open(os.path.join(FOLDER, source + ".json"), encoding="utf-8") as stream:
            return Recording(source, json.load(stream)[name])

    return read


def make_record(name, version, build="0", depends=(), constrains=(), channel="https://conda.anaconda.org/conda-forge"):
    """A record as it is read from a prefix."""
    content = {
        "name": name,
        "version": version,
        "build": build,
        "build_number": 0,
        "channel": channel + "/linux-64",
        "subdir": "linux-64",
        "url": "%s/linux-64/%s-%s-%s.conda" % (channel, name, version, build),
        "depends": list(depends),
        "constrains": list(constrains),
        "files": [],
    }
    return parse_record(json.dumps(content).encode("utf-8"), expected=RecordName(name, version, build))


@pytest.fixture
def record():
    """Makes a record."""
    return make_record
