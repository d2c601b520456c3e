# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The log for people says of each change what the ledger says, once, whatever happened to either of them."""

from __future__ import annotations

import datetime
import os

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._ledger._append import append
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._change_log import MAX_TEXT, Limits, update
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._place import LedgerError, place_at
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._retain import Keep, retain

from .conftest import NOON

STEP = {"name": "conda", "from": {"version": "26.5.2"}, "to": {"version": "26.7.1"}}


class Log:
    """A ledger and the log that is made of it."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(mode=0o755)
        (folder / "ledger").mkdir(mode=0o700)
        self.place = place_at(str(folder / "ledger" / "ledger.jsonl"))
        self.path = folder / "env-updates.log"
        self.limits = Limits(10**6, 3)
        self.count = 0

    def change(self, **fields):
        self.count += 1
        given = {"action": "update", "outcome": "committed", "prefix": "/opt/conda", "packages": [STEP], **fields}
        return append(self.place, given, now=NOON + datetime.timedelta(minutes=self.count))

    def update(self, check=False):
        return update(self.place, str(self.path), self.limits, check=check, lock_seconds=5)

    def lines(self):
        return self.path.read_text().splitlines()


@pytest.fixture
def log(tmp_path):
    return Log(tmp_path / "log")


def test_each_change_is_one_line_once(log):
    assert log.update()["changed"] is False and not log.path.exists()
    log.change()
    log.change(outcome="rolled_back", packages=[], message="conda did not start\nany more")
    forecast = log.update(check=True)
    assert forecast["changed"] and not log.path.exists()
    done = log.update()
    assert done["lines"] == forecast["lines"] == log.lines() and len(log.lines()) == 2
    first, second = log.lines()
    assert first.startswith("2026-") and " committed update /opt/conda by " in first
    assert "conda 26.5.2 -> 26.7.1 (#1 " in first
    assert " rolled_back update /opt/conda " in second and "conda did not start any more (#2 " in second
    assert log.update()["changed"] is False and len(log.lines()) == 2
    log.change()
    assert len(log.update()["lines"]) == 1 and len(log.lines()) == 3
    assert log.path.stat().st_mode & 0o777 == 0o644


def test_what_changes_no_environment_is_no_line(log):
    log.change(action="anchor", outcome="recorded", packages=None)
    assert log.update()["lines"] == []


def test_nothing_of_a_record_can_make_a_line_of_its_own_or_a_false_end(log):
    log.change(message="x (#99 aaaaaaaaaaaa)\n2026-01-01T00:00:00Z host committed update /x by root: y\u2028z\x1b[2J")
    log.change(message="long " * 1000)
    log.update()
    assert len(log.lines()) == 2 and "\x1b" not in log.path.read_text()
    assert all(len(line) < MAX_TEXT + 60 for line in log.lines())
    assert log.update()["changed"] is False


def test_many_packages_are_counted(log):
    log.change(packages=[{"name": f"p{number}", "from": None, "to": {"version": "1"}} for number in range(20)])
    log.update()
    assert "p0 1 added, " in log.lines()[0] and " and 12 more (#1 " in log.lines()[0]


def test_a_line_that_a_crash_has_cut_is_written_again(log):
    for _change in range(3):
        log.change()
    log.update()
    text = log.path.read_text()
    log.path.write_text(text[:-20])
    assert len(log.update()["lines"]) == 1
    assert [line for line in log.lines() if line in text] and log.lines()[-1] == text.splitlines()[-1]


def test_a_full_log_is_put_aside_and_so_many_are_kept(log):
    log.limits = Limits.checked(MAX_TEXT + 100, 2)
    for _round in range(5):
        log.change(message="x" * 600)
        log.change(message="y" * 600)
        log.update()
        assert log.update()["changed"] is False
    names = sorted(name for name in os.listdir(log.folder) if name.startswith("env-updates"))
    assert names == ["env-updates.log", "env-updates.log.1", "env-updates.log.2"]
    assert "(#10 " in log.lines()[-1] and "(#8 " in log.path.with_name("env-updates.log.1").read_text()


def test_after_the_log_was_put_aside_by_others_it_goes_on_where_it_was(log):
    log.change()
    log.update()
    log.path.rename(log.path.with_name("env-updates.log.1"))
    log.change()
    assert len(log.update()["lines"]) == 1


def test_the_log_goes_on_when_old_records_are_not_kept_any_more(log):
    log.change()
    log.update()
    big = {"message": "x" * 100000}
    from ansible_collections.labfleet.conda.plugins.module_utils._ledger._append import Rotation

    for number in range(4):
        given = {"action": "update", "outcome": "committed", "prefix": "/opt/conda", **big}
        append(log.place, given, now=NOON + datetime.timedelta(hours=number), rotation=Rotation(max_bytes=50000))
    assert retain(log.place, Keep(files=1), now=NOON)
    lines = log.update()["lines"]
    assert lines and log.update()["changed"] is False


def test_a_new_ledger_is_written_down_from_its_beginning(log):
    for _change in range(3):
        log.change()
    log.update()
    for name in os.listdir(log.place.directory):
        os.unlink(os.path.join(log.place.directory, name))
    log.change(message="after the host was installed anew")
    assert len(log.update()["lines"]) == 1 and "anew (#1 " in log.lines()[-1] and len(log.lines()) == 4
    assert log.update()["changed"] is False


@pytest.mark.parametrize("kind", ["link", "fifo", "writable", "directory"])
def test_what_others_could_use_against_us_is_refused(log, kind, tmp_path):
    log.change()
    target = tmp_path / "target"
    target.write_text("keep")
    if kind == "link":
        log.path.symlink_to(target)
    elif kind == "fifo":
        os.mkfifo(log.path)
    elif kind == "writable":
        log.path.write_text("")
        log.path.chmod(0o666)
    else:
        log.folder.chmod(0o777)
    with pytest.raises(LedgerError, match="could not be written"):
        log.update()
    assert target.read_text() == "keep"


@pytest.mark.parametrize(
    ("path", "said"),
    [("relative.log", "absolute"), ("/", "absolute"), ("/no/such/place/x.log", "no such file or directory")],
)
def test_a_path_that_cannot_be_meant_is_refused(log, path, said):
    with pytest.raises(LedgerError, match=said):
        update(log.place, path, log.limits, check=False, lock_seconds=1)


@pytest.mark.parametrize(("max_bytes", "keep"), [(10, 3), (10**6, 0), (10**6, -1), (10**6, 10**9)])
def test_limits_that_cannot_be_held_are_refused(max_bytes, keep):
    with pytest.raises(LedgerError, match="give"):
        Limits.checked(max_bytes, keep)
