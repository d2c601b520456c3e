# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever a user puts into their own files, an audit ends in time and memory, and is right about all others."""

from __future__ import annotations

import json
import os
import time

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._audit import _gpu_truth
from ansible_collections.labfleet.conda.plugins.module_utils._audit._catalogue import RULES
from ansible_collections.labfleet.conda.plugins.module_utils._audit._consistency import Consistency
from ansible_collections.labfleet.conda.plugins.module_utils._audit._result import _plain
from ansible_collections.labfleet.conda.plugins.module_utils._prefix import _records
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import read_environment
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._history_replay import replay
from ansible_collections.labfleet.conda.plugins.module_utils._system._allowance import Allowance
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import ShareIsUp

BASE = ["conda-26.7.1-py313_0", "python-3.13.1-h1_0"]


@pytest.fixture
def lab(as_root, host):
    """A host with a base prefix, a user whose settings hold a token, and one who may put anything into their home."""
    host.environment("/opt/conda", BASE)
    host.write(host.user("zoe", 1000) + "/.condarc", "channels: [https://conda.anaconda.org/t/ab-12345678-abcd/x]\n")
    host.home = host.user("mallory", 4711)
    os.chown(host.path(host.home), 4711, 4711)
    return host


def give(host, path):
    """Make all below a path mallory's."""
    for top, names, files in os.walk(host.path(path)):
        for name in [top] + [os.path.join(top, item) for item in names + files]:
            os.chown(name, 4711, 4711, follow_symlinks=False)


def rules(*names):
    return [rule for rule in RULES if rule.id in names]


@pytest.mark.load
def test_many_files_of_settings_of_one_user_hide_nothing_of_others(lab, run_audit):
    text = "".join("k%d: password=hunter2 https://a:b@c.example/%s\n" % (number, "x" * 60) for number in range(600))
    for number in range(900):
        lab.write(lab.home + "/.condarc.d/%03d.yml" % number, text)
    give(lab, lab.home)
    started = time.process_time()
    auditing = run_audit(lab, rules("secret.condarc"), time_limit=20.0)
    assert time.process_time() - started < 20
    assert "/home/zoe/.condarc" in [item["subject"] for item in auditing.judgement.findings]
    assert auditing.look.complete


def test_the_judgement_on_dependencies_can_be_ended():
    record = _records.Record("a", "1", "0", 0, None, None, None, frozenset(), tuple("b >=%d" % n for n in range(9000)))
    other = record._replace(name="b", depends=())
    calls = []

    def check():
        calls.append(1)
        if len(calls) > 5:
            raise ShareIsUp("/x")

    with pytest.raises(ShareIsUp):
        Consistency(check).lacks([record, other])


def test_a_package_whose_record_was_not_read_is_not_missing():
    record = _records.Record("a", "1", "0", 0, None, None, None, frozenset(), ("b >=1", "c"))
    lacks, unjudged = Consistency().lacks([record], {"a", "b"})
    assert [lack.spec for lack in lacks] == ["c"] and unjudged == ["b >=1"]


def test_a_fourth_of_what_others_have_left_is_for_one_user_and_all_for_root():
    allowance = Allowance(100, least=2)
    assert allowance.take(1, 25) and not allowance.take(1, 1)
    assert allowance.take(2, 18) and not allowance.take(2, 1)
    assert allowance.take(0, 57) and not allowance.take(0, 1)
    assert allowance.take(3, 2) and not allowance.take(3, 1)


def test_the_records_of_one_user_fill_so_much_memory_and_those_of_others_are_read(lab, report):
    memory = _records.RecordMemory(most=200000)
    places = [lab.home + "/env", "/home/zoe/env"]
    for place in places:
        lab.environment(place, ["p%d-1-0" % number for number in range(200)])
        os.chown(lab.path(place), 4711 if "mallory" in place else 1000, 0)
    for number in range(200):
        path = lab.path(places[0] + "/conda-meta/p%d-1-0.json" % number)
        with open(path) as stream:
            record = json.load(stream)
        record["depends"] = ["d%d-%d" % (number, item) for item in range(900)]
        with open(path, "w") as stream:
            json.dump(record, stream)

    def read(place):
        with lab.root().directory(place) as directory:
            return read_environment(directory, report=report, with_details=True, memory=memory)

    evil = read(places[0])
    assert len(evil.details or ()) < 200 and "memory for one user" in str(report.entries)
    memory = _records.RecordMemory()
    assert len(read(places[1]).details) == 200


@pytest.mark.parametrize("text", ['{"a": [%s1]}' % ("1," * 1100000), '{"build_number": %s}' % ("9" * 100000)])
def test_what_takes_too_much_to_read_is_no_record(text):
    with pytest.raises(_records.BadRecord):
        _records.load_json(text.encode())


@pytest.mark.load
def test_a_history_of_a_million_lines_is_read_line_by_line():
    import tracemalloc

    data = b"+a\n" * 3000000
    tracemalloc.start()
    replay(data)
    _size, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60 * 1024 * 1024


def test_an_environment_that_makes_the_summary_of_gpus_fail_ends_nothing(lab, run_audit, monkeypatch):
    lab.environment(lab.home + "/env", ["pytorch-2.5.1-cuda124_0"])
    give(lab, lab.home)

    def fail(*_arguments):
        raise ZeroDivisionError

    monkeypatch.setattr(_gpu_truth, "judge", fail)
    auditing = run_audit(lab, RULES, search_paths=[lab.home], gpu_driver="550.54")
    assert _plain(auditing)["findings"]


@pytest.mark.parametrize("kind", ["fifo", "sparse", "deep", "escape", "cycle"])
def test_nothing_in_a_home_changes_what_is_said_of_others(lab, run_audit, kind):
    def said(auditing):
        return [item for item in auditing.judgement.findings if "mallory" not in item["subject"]]

    before = said(run_audit(lab, RULES, time_limit=30.0))
    prefix = lab.environment(lab.home + "/.conda/envs/\x1b[31m\nroot: ok", BASE)
    for place in (".condarc", ".conda/environments.txt", ".config/pip/pip.conf"):
        path = lab.path(lab.home + "/" + place)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if kind == "fifo":
            os.mkfifo(path)
        elif kind == "sparse":
            with open(path, "wb") as stream:
                stream.truncate(1 << 40)
        elif kind == "cycle":
            os.symlink(os.path.basename(path), path)
        else:
            lab.write(lab.home + "/" + place, "[" * 60000 if kind == "deep" else "\x1b]0;x\x07: \x1b[2J\n")
    lab.write(prefix + "/conda-meta/pinned", "\x1b[2J ==\n")
    give(lab, lab.home)
    auditing = run_audit(lab, RULES, time_limit=30.0)
    assert said(auditing) == before
    assert not [entry for entry in auditing.judgement.unjudged if "please report" in entry["reason"]]
    for item in auditing.judgement.findings:
        assert "\x1b" not in item["evidence"] and "\n" not in item["evidence"], item["rule"]
