# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table and the files of what was changed in the containers of a fleet."""

from __future__ import annotations

import pytest

from ansible_collections.labfleet.conda.plugins.plugin_utils._drift_report import (
    drift_document,
    drifted,
    summary,
    table_rows,
)
from tests.unit.plugins.plugin_utils.test_container_export import container as with_drift
from tests.unit.plugins.plugin_utils.test_container_export import environment, gone, package
from tests.unit.plugins.plugin_utils.test_contents import container, host


def of(drift, **more):
    return container(drift=drift["drift"], **more)


@pytest.fixture
def results():
    pip = [{"name": "six", "change": "changed", "before": "1", "after": "2"}]
    tools = [{"prefix": "/opt/conda", "name": "conda", "before": "4.10.3", "after": "26.9.4"}]
    settings = [{"path": "/root/.condarc", "change": "added", "settings": [], "complete": True}]
    changed = with_drift(
        environment(packages=[package("numpy"), gone("mkl")], pip=pip, pinned={"before": [], "after": ["numpy 1"]}),
        tools=tools,
        settings=settings,
        image={"there": False},
    )
    return {
        "gpu01": host(
            [
                of(changed),
                of(with_drift(changed=False), name="same", id="1" * 64),
                of(with_drift(changed=False, complete=False), name="half", id="2" * 64),
                of(with_drift(status="unknown", reason="its layers are gone", changed=None), name="lost", id="3" * 64),
                of(with_drift(environment(packages=[package("x;id")])), name="bad", id="4" * 64),
                container("unasked", id="5" * 64),
            ]
        ),
        "gpu02": {"unreachable": True, "msg": "no route"},
        "gpu03": None,
    }


def test_each_container_has_a_row_that_says_what_was_changed(results):
    rows = {row[0]: row[2] for row in table_rows(results, drifted(results))}
    assert rows["gpu01/docker/web"] == (
        "conda 4.10.3 to 26.9.4 in /opt/conda. /opt/conda changed (packages 1 added, 1 removed; pip packages 1 changed;"
        " pins). /root/.condarc added. its image is no longer there"
    )
    assert rows["gpu01/docker/same"] == "none"
    assert rows["gpu01/docker/half"] == "none in what could be read"
    assert rows["gpu01/docker/lost"] == "unknown: its layers are gone"
    assert 'not exported: "x;id" in /opt/conda is no name of a package' in rows["gpu01/docker/bad"]
    assert rows["gpu02"] == "unreachable: no route" and rows["gpu03"].startswith("failed")
    assert "gpu01/docker/unasked" not in rows


def test_the_numbers_count_what_is_not_known(results):
    found = summary(results, drifted(results))
    assert found == {"hosts": 3, "hosts_not_seen": 2, "containers": 5, "changed": 2, "unknown": 2, "refused": 1}


def test_the_document_names_the_files(results):
    document = drift_document(results, drifted(results))
    files = document["containers"]["gpu01/docker/web"]["files"]
    assert files["Containerfile"] == "gpu01-docker-web/Containerfile"
    assert document["containers"]["gpu01/docker/bad"]["files"] == {}
    assert document["hosts"]["gpu02"] == {"status": "unreachable", "message": "no route"}


def test_no_name_of_a_container_leads_out_of_the_directory():
    names = ["../../etc/cron.d/x", "a/b", "a-b", "..", "x" * 300]
    items = [of(with_drift(changed=False), name=name, id=str(number) * 64) for number, name in enumerate(names)]
    folders = [item.folder for item in drifted({"h": host(items)})]
    assert len(set(folders)) == len(names)
    assert all("/" not in folder and not folder.startswith(".") and len(folder) < 130 for folder in folders)
