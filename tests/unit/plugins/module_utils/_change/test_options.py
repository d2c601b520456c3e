# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of no use are refused before anything is looked at, and errors of the host are told in one sentence."""

from __future__ import annotations

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._options import refuse_options, stopped
from ansible_collections.labfleet.conda.plugins.module_utils._change._replace import replace
from ansible_collections.labfleet.conda.plugins.module_utils._change._snapshot_task import Task, run_task
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import SnapshotError
from ansible_collections.labfleet.conda.plugins.module_utils._change._update import update


@pytest.mark.parametrize("path", ["", "/", "opt/conda", "./conda", "/opt/../conda", "/opt/conda\0x", "~/conda"])
def test_what_is_no_absolute_path_is_refused(path):
    for name in ("prefix", "environment", "ledger"):
        with pytest.raises(Refused, match="^%s: .* is no absolute path" % name) as error:
            refuse_options({name: path})
        assert str(error.value).isprintable()


@pytest.mark.parametrize("number", [-1, -0.5, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["lock_seconds", "busy_seconds", "reserve", "keep_snapshots", "time_limit"])
def test_a_number_that_counts_nothing_is_refused(name, number):
    with pytest.raises(Refused, match="^%s: .* give 0 or more" % name):
        refuse_options({"prefix": "/opt/conda", name: number, "check": True})


def test_usual_options_are_taken():
    refuse_options({"prefix": "/opt/with blank\u00fc/", "environment": None, "lock_seconds": 0, "keep_days": None})


def test_all_that_change_a_prefix_ask(tmp_path):
    options = {"prefix": str(tmp_path), "lock_seconds": float("nan"), "environment": None}
    for change in (update, replace):
        with pytest.raises(Refused, match="lock_seconds"):
            change(options, check=True, note=lambda text: None)
    with pytest.raises(SnapshotError, match="lock_seconds"):
        run_task(Task(str(tmp_path), "listed", "latest", "", 5, None, None, False, float("nan"), False, 0.0, "0000ab"))


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError(28, "No space left on device", "/opt/a\nb"), "No space left on device (/opt/a b)"),
        (MemoryError(), "MemoryError: MemoryError"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), "UnicodeDecodeError: "),
    ],
)
def test_an_error_of_the_host_is_one_line(error, text):
    told = stopped("The update of /opt/conda", error)
    assert told.startswith("The update of /opt/conda stopped: " + text) and told.isprintable()
