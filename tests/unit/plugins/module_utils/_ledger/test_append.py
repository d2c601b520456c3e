# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Appending to a ledger: what a line holds, crashes, rotation, many at once, and places that are refused."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import stat
import subprocess
import time

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._ledger import _append, _chain
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._append import (
    Rotation,
    append,
    append_anchor,
)
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._chain import GENESIS, Head
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._place import LedgerError, place_at
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._read import read, verify
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._record import Filters
from ansible_collections.labfleet.conda.plugins.module_utils._system import _log_files

NOON = _append.datetime.datetime(2026, 11, 22, 12, 0, 0, tzinfo=_append.datetime.timezone.utc)
SMALL = Rotation(max_bytes=3000)
CHANGE = {
    "action": "update",
    "outcome": "committed",
    "prefix": "/opt/conda",
    "before": {"conda": "4.3.16"},
    "after": {"conda": "26.7.1"},
    "packages": [{"name": "conda", "from": {"version": "4.3.16"}, "to": {"version": "26.7.1", "sha256": "ab" * 32}}],
    "snapshot": "20261122T120000Z-abcdef",
    "verification": {"passed": True},
    "who": {"controller": "alice", "run": "job-7"},
}


def forked(work):
    """Run work in a child process; returns its number. The child ends with code 0 if work came to its end."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return child


def test_a_record_tells_who_did_what_where_and_when(book):
    entry = append(book.place, CHANGE, now=NOON)
    record = json.loads(book.lines()[0])
    assert (record["sequence"], record["hash"], record["previous"]) == (1, entry.hash, GENESIS)
    assert record["time"] == "2026-11-22T12:00:00Z" and record["schema"] == 1
    for name in ("action", "outcome", "prefix", "before", "after", "packages", "snapshot", "verification"):
        assert record[name] == CHANGE[name]
    assert record["who"]["run"] == "job-7" and record["who"]["user"]
    assert set(record["who"]) == {"user", "login", "sudo_user", "controller", "run"}
    assert record["host"]["name"] == os.uname().nodename and "machine" in record["host"]


def test_the_machine_id_itself_is_not_told(monkeypatch, tmp_path):
    from ansible_collections.labfleet.conda.plugins.module_utils._system import _actor

    (tmp_path / "id").write_text("0123456789abcdef0123456789abcdef\n")
    monkeypatch.setattr(_actor, "_MACHINE_ID", str(tmp_path / "id"))
    machine = _actor.this_host()["machine"]
    assert len(machine) == 32 and machine != "0123456789abcdef0123456789abcdef"
    monkeypatch.setattr(_actor, "_MACHINE_ID", str(tmp_path / "none"))
    assert _actor.this_host()["machine"] is None


def test_a_line_can_be_checked_without_reading_json(book):
    book.append(3, message="Grüße \x7f \u2028")
    for line in book.lines():
        assert line.isascii() if hasattr(line, "isascii") else max(line) < 128
        assert hashlib.sha256(b"{" + line[len('{"hash":"') + 64 + len('",') : -1]).hexdigest().encode() == line[9:73]


def test_secrets_are_masked(book):
    book.append(
        message="conda install -c https://conda.example.org/t/tk-123-abc/private x --password hunter2",
        verification={"url": "https://alice:hunter2@example.org/x", "token": "tk-999"},
    )
    text = b"".join(book.lines())
    assert b"********" in text
    for secret in (b"tk-123", b"hunter2", b"tk-999"):
        assert secret not in text


@pytest.mark.parametrize(
    "record, said",
    [
        ({"action": "update", "outcome": "committed", "color": "red"}, "has no field color"),
        ({"outcome": "committed"}, "needs an action"),
        ({"action": "update", "outcome": "done"}, "the outcome 'done' is none of"),
        ({"action": "update", "outcome": "failed", "after": {"x": float("nan")}}, "what JSON has not"),
        ({"action": "update", "outcome": "failed", "after": {"x": b"bytes"}}, "what JSON has not"),
        ({"action": "update", "outcome": "failed", "message": "x" * 5000000}, "more than the limit"),
        ({"action": "ledger_rotation", "outcome": "recorded"}, "only the ledger itself says"),
    ],
)
def test_what_is_no_record_is_refused_and_nothing_is_written(book, record, said):
    with pytest.raises(LedgerError, match=said):
        append(book.place, record, now=NOON)
    assert not os.path.exists(book.path) or book.lines() == []


def test_permissions_do_not_depend_on_the_umask(tmp_path):
    before = os.umask(0)
    try:
        place = place_at(str(tmp_path / "new" / "deep" / "ledger.jsonl"))
        append(place, CHANGE, now=NOON)
    finally:
        os.umask(before)
    root = os.geteuid() == 0
    assert stat.S_IMODE(os.stat(place.path).st_mode) == (0o640 if root else 0o600)
    assert stat.S_IMODE(os.stat(place.directory).st_mode) == (0o750 if root else 0o700)
    assert stat.S_IMODE(os.stat(place.path + ".lock").st_mode) == 0o600


def test_a_torn_line_is_kept_aside_and_the_chain_goes_on(book):
    book.append(3)
    torn = book.lines()[-1][:100]
    book.write(book.lines()[:2] + [torn])
    assert book.problems() == [("torn", 3, 3, "ledger.jsonl", 3)]
    book.append()
    assert book.problems() == [] and book.entries() == 4
    record = json.loads(book.lines()[2])
    assert record["action"] == "ledger_repair" and record["outcome"] == "recovered"
    with open(os.path.join(book.directory, record["damaged"]["file"]), "rb") as stream:
        assert stream.read() == torn
    assert record["damaged"]["sha256"] == hashlib.sha256(torn).hexdigest()
    assert verify(book.place).verification.recovered == [3]


@pytest.mark.load
@pytest.mark.parametrize("size", [1, 63, 200, 400000])
def test_what_a_power_loss_leaves_behind_the_last_line_is_put_aside(book, size):
    book.append(3)
    lines = book.lines()
    for rest in (b"\0" * size, b"\0" * size + b"\n", b"\n" * size, b"garbage\n" * size):
        book.write([*lines, rest])
        book.append()
        assert book.problems() == [] and book.entries() == 5
        assert verify(book.place).verification.recovered == [4]


def test_a_record_that_lacks_its_line_end_only_is_kept(book):
    book.append(3)
    book.write(book.lines()[:2] + [book.lines()[2][:-1]])
    book.append()
    assert book.problems() == [] and book.entries() == 4


def test_an_edited_last_line_is_not_taken_for_a_torn_one(book):
    book.append(3)
    lines = book.lines()
    book.write([*lines[:2], lines[2].replace(b"committed", b"forgotten")])
    book.append(2)
    assert book.problems() == [("edited", 3, 3, "ledger.jsonl", 3)]


def test_a_run_killed_in_the_middle_of_a_repair_is_repaired(book, monkeypatch):
    book.append(3)
    book.write([*book.lines(), b'{"hash":"torn'])

    def killed(self, data, offset=None):
        raise KeyboardInterrupt

    monkeypatch.setattr(_log_files.LogFile, "append", killed)
    with pytest.raises(KeyboardInterrupt):
        book.append()
    monkeypatch.undo()
    book.append()
    assert book.problems() == [] and book.entries() == 5


def test_an_error_in_the_middle_of_a_line_leaves_the_file_as_it_was(book, monkeypatch):
    book.append(2)
    before, real, calls = book.lines(), os.pwrite, []

    def full(descriptor, data, offset):
        calls.append(offset)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return real(descriptor, data[:10], offset)

    monkeypatch.setattr(_log_files.os, "pwrite", full)
    with pytest.raises(LedgerError, match="no space left on device"):
        book.append()
    monkeypatch.undo()
    assert book.lines() == before and book.problems() == []


def test_rotation_keeps_the_chain_and_never_overwrites(book):
    book.append(30, rotation=SMALL)
    full = [name for name in book.names() if name.startswith("ledger-")]
    assert full == ["ledger-%04d.jsonl" % (number + 1) for number in range(len(full))] and len(full) > 3
    assert book.problems() == []
    contents = {name: book.lines(name) for name in full}
    for name, following in zip(full, [*full[1:], "ledger.jsonl"]):
        last, first = json.loads(book.lines(name)[-1]), json.loads(book.lines(following)[0])
        assert first["action"] == "ledger_rotation" and first["previous"] == last["hash"]
        assert first["continues"] == {"file": name, "sequence": last["sequence"], "hash": last["hash"]}
    book.append(10, rotation=SMALL)
    assert {name: book.lines(name) for name in full} == contents


def test_rotation_by_age(book):
    book.append(2)
    book.append(days=300)
    assert "ledger-0001.jsonl" not in book.names()
    book.append(days=400)
    assert "ledger-0001.jsonl" in book.names() and book.problems() == [] and book.entries() == 5
    book.append(days=401)
    assert "ledger-0002.jsonl" not in book.names()


@pytest.mark.parametrize("step", ["keep_as", "write_new", "replace"])
@pytest.mark.parametrize("done", [False, True])
def test_a_rotation_killed_at_any_step_is_finished(book, monkeypatch, step, done):
    book.append(10)
    real = getattr(_log_files.LogDirectory, step)

    def killed(self, *arguments, **options):
        if done:
            real(self, *arguments, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(_log_files.LogDirectory, step, killed)
    with pytest.raises(KeyboardInterrupt):
        book.append(rotation=SMALL)
    monkeypatch.undo()
    assert book.problems() == []
    book.append(5)
    assert book.problems() == []
    numbers = [json.loads(line)["sequence"] for name in ("ledger-0001.jsonl", "ledger.jsonl")
               if name in book.names() for line in book.lines(name)]  # fmt: skip
    assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) >= 15


def test_a_lost_file_that_grows_is_continued_and_said_so(book):
    book.append(30, rotation=SMALL)
    os.unlink(book.path)
    book.append()
    assert book.problems() == []
    first = json.loads(book.lines()[0])
    assert first["action"] == "ledger_repair" and first["message"] == "ledger.jsonl was missing."
    assert verify(book.place).verification.recovered == [first["sequence"]]


def test_twenty_processes_at_once_keep_one_chain(book):
    children = [forked(lambda: book.append(10, rotation=Rotation(max_bytes=20000))) for _unused in range(20)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 20
    found = read(book.place, Filters(outcomes=["committed"]))
    assert found.verification.problems == [] and len(found.records) == 200
    assert found.verification.recovered == []


@pytest.mark.load
def test_processes_killed_in_the_middle_of_appends_keep_the_chain(book):
    acknowledged = os.path.join(book.directory, "acknowledged")

    def work():
        with open(acknowledged, "ab", 0) as stream:
            while True:
                entry = book.append(message="y" * 9000, rotation=Rotation(max_bytes=60000))
                stream.write(b"%d %s\n" % (entry.sequence, entry.hash.encode()))

    for turn in range(25):
        children = [forked(work) for _unused in range(2)]
        size = os.path.getsize(acknowledged) if os.path.exists(acknowledged) else 0
        deadline = time.monotonic() + 20
        while not os.path.exists(acknowledged) or os.path.getsize(acknowledged) <= size + 7 * turn:
            assert time.monotonic() < deadline
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        torn = [problem for problem in book.problems() if problem[0] != "torn"]
        assert torn == []
        book.append()
        assert book.problems() == []
    kept = {record["sequence"]: record["hash"] for record in read(book.place).records}
    with open(acknowledged) as stream:
        told = [line.split() for line in stream if line.endswith("\n")]
    assert len(told) > 25 and all(kept[int(sequence)] == digest for sequence, digest in told)


def test_a_lock_that_is_held_is_waited_for_only_so_long(book):
    book.append()
    with _log_files.LogDirectory.to_write(book.directory) as directory, directory.locked(
        book.place.lock
    ), pytest.raises(LedgerError, match="another run has held this lock for 0.05 seconds"):
        append(book.place, CHANGE, now=NOON, lock_seconds=0.05)
    append(book.place, CHANGE, now=NOON)


def plant(path, what):
    if what == "link":
        with open(path + ".target", "wb"):
            pass
        os.symlink(path + ".target", path)
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "directory":
        os.mkdir(path)
    else:
        with open(path, "wb"):
            pass
        os.chmod(path, 0o666)


@pytest.mark.parametrize("name", ["ledger.jsonl", "ledger.jsonl.lock"])
@pytest.mark.parametrize(
    "what, said",
    [
        ("link", "it is a symbolic link"),
        ("fifo", "it is a FIFO"),
        ("directory", "it is a directory"),
        ("writable", "others can write to it"),
    ],
)
def test_a_file_that_is_not_ours_alone_is_refused(book, name, what, said):
    plant(os.path.join(book.directory, name), what)
    with pytest.raises(LedgerError, match=said):
        book.append()
    assert not os.path.exists(book.path + ".target") or os.path.getsize(book.path + ".target") == 0


@pytest.mark.parametrize("mode", [0o777, 0o1777])
def test_a_directory_that_others_can_write_to_is_refused(book, mode):
    os.chmod(book.directory, mode)
    with pytest.raises(LedgerError, match="others can write to it"):
        book.append()
    assert os.listdir(book.directory) == []


def test_a_directory_above_that_others_can_write_to_is_refused_unless_it_is_sticky(tmp_path):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    place = place_at(str(tmp_path / "open" / "log" / "ledger.jsonl"))
    with pytest.raises(LedgerError, match="others can write to it"):
        append(place, CHANGE, now=NOON)
    (tmp_path / "open").chmod(0o1777)
    assert append(place, CHANGE, now=NOON).sequence == 1


def test_a_directory_that_is_a_link_is_refused_and_one_above_is_followed(tmp_path):
    (tmp_path / "real" / "log").mkdir(parents=True, mode=0o700)
    (tmp_path / "way").symlink_to("real")
    (tmp_path / "real" / "link").symlink_to("log")
    append(place_at(str(tmp_path / "way" / "log" / "ledger.jsonl")), CHANGE, now=NOON)
    assert (tmp_path / "real" / "log" / "ledger.jsonl").exists()
    with pytest.raises(LedgerError, match="it is a symbolic link"):
        append(place_at(str(tmp_path / "way" / "link" / "ledger.jsonl")), CHANGE, now=NOON)


def test_what_belongs_to_another_user_is_refused(as_root, book, tmp_path):
    book.append()
    os.chown(book.path, 12345, 0)
    with pytest.raises(LedgerError, match="it belongs to 12345"):
        book.append()
    os.chown(book.path, 0, 0)
    os.chown(book.directory, 12345, 0)
    with pytest.raises(LedgerError, match="it belongs to 12345"):
        book.append()
    os.chown(book.directory, 0, 0)
    (tmp_path / "way").symlink_to("log")
    os.lchown(str(tmp_path / "way"), 12345, 0)
    with pytest.raises(LedgerError, match="it is a symbolic link of 12345"):
        append(place_at(str(tmp_path / "way" / "below" / "ledger.jsonl")), CHANGE, now=NOON)


def test_a_log_directory_of_a_system_group_is_used_and_one_of_users_is_not(as_root, tmp_path):
    above = tmp_path / "log"
    above.mkdir()
    os.chown(str(above), 0, 104)
    above.chmod(0o775)
    place = place_at(str(above / "labfleet-conda" / "ledger.jsonl"))
    assert append(place, CHANGE, now=NOON).sequence == 1
    os.chown(str(above), 0, 5000)
    with pytest.raises(LedgerError, match="others can write to it"):
        append(place, CHANGE, now=NOON)


def test_a_ledger_that_others_can_write_to_is_a_problem_when_it_is_read(book):
    book.append(2)
    os.chmod(book.path, 0o666)
    os.chmod(book.directory, 0o777)
    assert [(kind, file) for kind, _first, _last, file, _line in book.problems()] == [
        ("writable", book.directory),
        ("writable", "ledger.jsonl"),
    ]


@pytest.mark.parametrize("what", ["link", "fifo", "directory"])
def test_reading_what_is_no_file_neither_hangs_nor_follows(book, what):
    plant(book.path, what)
    assert [problem[0] for problem in book.problems()] == ["unreadable"]


@pytest.mark.parametrize("path", ["ledger.jsonl", "/var/log/ledger.txt", "/var/log/.jsonl", "/var/log/"])
def test_what_cannot_be_a_ledger_is_refused(path):
    with pytest.raises(LedgerError, match="cannot be a ledger"):
        place_at(path)


def test_records_are_filtered(book):
    book.append(3, prefix="/opt/a")
    book.append(2, prefix="/opt/b", outcome="rolled_back", days=2)
    append_anchor(book.place, "kept elsewhere", now=NOON + _append.datetime.timedelta(days=3))

    def numbers(**filters):
        return [record["sequence"] for record in read(book.place, Filters(**filters)).records]

    assert numbers() == [1, 2, 3, 4, 5, 6]
    assert numbers(prefix="/opt/b") == [4, 5]
    assert numbers(outcomes=["rolled_back", "recorded"]) == [4, 5, 6]
    assert numbers(since="2026-11-24") == [4, 5, 6]
    assert numbers(since="2026-11-24T12:00:01Z") == [6]
    assert numbers(after=4) == [5, 6]
    assert numbers(prefix="/opt/a", last=2) == [2, 3]
    append_anchor(book.place, "taken over", "/opt/c", now=NOON + _append.datetime.timedelta(days=3))
    assert numbers(prefix="/opt/c") == [7]


def test_a_known_head_is_compared(book):
    entry = book.append(5)
    book.append(5)
    assert book.problems(known=[Head(*entry)]) == []
    assert book.problems(known=[Head(5, "0" * 64)]) == [("forked", 5, 5, "ledger.jsonl", 5)]


DOCUMENT = os.path.join(os.path.dirname(__file__), *[".."] * 5, "docs", "docsite", "rst", "ledger.rst")


def documented(start, end):
    """The lines of a code block, given how its first and its last line start."""
    with open(DOCUMENT, encoding="utf-8") as stream:
        lines = [line[2:] for line in stream.read().split("\n")]
    first = next(index for index, line in enumerate(lines) if line.startswith(start))
    last = next(index for index, line in enumerate(lines) if index >= first and line.startswith(end))
    return lines[first : last + 1]


def test_the_example_of_the_documentation_is_intact():
    assert _chain.parse("".join(documented('{"hash"', '"who"')).encode()).intact


def test_the_check_by_hand_of_the_documentation_works(book):
    script = "\n".join(documented("previous=", "done"))

    def by_hand():
        done = subprocess.run(["sh", "-c", script], cwd=book.directory, stdout=subprocess.PIPE, check=True)
        return done.stdout.decode()

    book.append(12, rotation=SMALL, message="Grüße \\ $HOME `x`")
    assert "ledger-0001.jsonl" in book.names() and by_hand() == ""
    lines = book.lines()
    book.write([lines[0].replace(b'"time":"2026', b'"time":"2025'), *lines[1:]])
    assert by_hand().startswith("does not fit: ")
    book.write(lines[1:])
    assert by_hand().startswith("does not fit: ")
