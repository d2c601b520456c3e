# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The dashboard is the one that its description makes, of metrics that are documented, and Grafana's types take it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from gates import dashboard, toolbox

from ansible_collections.labfleet.conda.plugins.plugin_utils._metrics import HELP

PAGES = dashboard.CHECKOUT / "docs" / "docsite" / "rst"
SDK = "grafana-foundation-sdk==1769699998!10.1.0"
# Reads the dashboard into the types of Grafana, and tells what of it they do not know.
READ = """
import json, sys
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
def differing(given, kept, at=""):
    if isinstance(given, dict) and isinstance(kept, dict):
        return [found for key in given for found in differing(given[key], kept.get(key), at + "/" + key)]
    if isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        return [found for number, (one, other) in enumerate(zip(given, kept))
                for found in differing(one, other, "%s/%d" % (at, number))]
    return [] if given == kept else [at]
given = json.load(open(sys.argv[1]))
print(json.dumps(differing(given, json.loads(json.dumps(Dashboard.from_json(given), cls=JSONEncoder)))))
"""


def queries() -> list[str]:
    return [target["expr"] for panel in dashboard.dashboard()["panels"] for target in panel["targets"]]


def test_the_file_is_up_to_date():
    again = "PYTHONPATH=tests .venv/bin/python -m gates.dashboard"
    assert (dashboard.CHECKOUT / dashboard.FILE).read_text("utf-8") == dashboard.text(), f"run {again}"


def test_no_panel_lies_on_another():
    taken = set()
    for panel in dashboard.dashboard()["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken and max(x for x, _y in cells) < 24, panel["title"]
        taken |= cells


def test_all_metrics_are_ours_and_documented_and_none_of_ours_is_left_out():
    named = {name for query in queries() for name in re.findall(r"labfleet_conda_([a-z_]+)", query)}
    nightly = {name for name in named if name.startswith("nightly_")}
    page = PAGES.joinpath("monitoring.rst").read_text("utf-8")
    assert all(f"``{name}``" in page for name in named - nightly)
    assert all(f"labfleet_conda_{name}" in PAGES.joinpath("nightly.rst").read_text("utf-8") for name in nightly)
    # How far a host is behind the newest and the floor is for alerts and questions; places are for the rules.
    assert set(HELP) - named == {"release_index", "releases_behind_newest", "releases_behind_floor"}
    assert not named - nightly - set(HELP)


def test_the_hosts_that_are_chosen_are_those_of_each_query():
    for query in queries():
        for name, chosen in re.findall(r"([a-z_:]+){([^}]*)}", query):
            assert dashboard.HOSTS in chosen, name


def test_the_types_of_grafana_take_it(tmp_path):
    try:
        bins = toolbox.venv("grafana", Path(sys.executable).resolve(), SDK)
    except toolbox.ToolFailedError:
        pytest.skip(f"{SDK} cannot be installed here, so the dashboard was not read by Grafana's own types")
    reader = tmp_path / "read.py"
    reader.write_text(READ)
    said = toolbox.run([bins / "python", reader, dashboard.CHECKOUT / dashboard.FILE], cwd=tmp_path)
    # What Grafana's editor of variables shows is in no type.
    assert json.loads(said) == ["/templating/list/1/definition", "/templating/list/2/definition"]
