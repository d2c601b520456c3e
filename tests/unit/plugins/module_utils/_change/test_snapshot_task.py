# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One task of conda_snapshot, from options to result, without Ansible around it."""

from __future__ import annotations

import json
import os
import pwd

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._change import _owner, _snapshot_task
from ansible_collections.labfleet.conda.plugins.module_utils._change._journal import Journal, write_journal
from ansible_collections.labfleet.conda.plugins.module_utils._change._snapshot_task import Task, run_task
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import SnapshotError
from ansible_collections.labfleet.conda.plugins.module_utils._system._lock import PrefixLock

from .trees import base, listing, package, read, write

NOW = 1795000000.0


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a task on a base prefix; each is a second later than the one before."""
    prefix, _owned = base(tmp_path / "conda")
    clock = [NOW]

    class Nothing:
        found = ()

    monkeypatch.setattr(_snapshot_task, "uses_of", lambda prefix, apart: Nothing)

    def task(state="listed", **options):
        clock[0] += 1
        given = {
            "prefix": prefix, "state": state, "snapshot": "latest", "reason": "", "keep": 5, "max_age_days": None,
            "max_size": None, "force": False, "lock_seconds": 0, "check": False, "now": clock[0], "token": "0000ab",
            "ledger": str(tmp_path / "log" / "ledger.jsonl"),
        }  # fmt: skip
        return run_task(Task(**dict(given, **options)))

    task.prefix, task.log = prefix, tmp_path / "log"
    return task


def ledger_of(run):
    """Action, outcome and prefix of what is recorded."""
    lines = (run.log / "ledger.jsonl").read_text().splitlines() if run.log.exists() else []
    return [(record["action"], record["outcome"], record["prefix"]) for record in map(json.loads, lines)]


def ids(result):
    return [item["id"] for item in result["snapshots"]]


def test_nothing_is_listed_where_nothing_was_taken_and_nothing_is_written(run):
    os.rmdir(run.prefix + "/.labfleet-conda")
    before = listing(run.prefix)
    assert run()["snapshots"] == []
    assert run("taken", check=True)["changed"]
    assert run("pruned", check=True)["changed"] is False
    assert listing(run.prefix) == before
    assert not os.path.exists(run.prefix + "/.labfleet-conda")


@pytest.mark.parametrize(
    ("first", "second"), [((NOW + 3600, "0000ab"), (NOW, "0000ab")), ((NOW, "ffffff"), (NOW, "000000"))]
)
def test_the_newest_is_the_one_that_was_taken_last_whatever_the_clock_says(run, first, second):
    taken = [run("taken", now=now, token=token)["snapshot"]["id"] for now, token in (first, second)]
    assert ids(run()) == taken
    assert run("restored")["snapshot"]["id"] == taken[1]
    assert run("pruned", keep=1)["removed"] == taken[:1]


def test_what_was_taken_is_listed(run):
    taken = run("taken", reason="by hand")
    assert taken["changed"] and taken["snapshot"] == taken["snapshots"][0]
    (listed,) = run()["snapshots"]
    assert listed == taken["snapshot"] and listed["reason"] == "by hand" and listed["own_bytes"] > 0


def test_restored_is_idempotent_and_has_a_way_back(run):
    first = run("taken")["snapshot"]["id"]
    assert run("restored")["changed"] is False
    os.unlink(run.prefix + "/conda-meta/conda-1.0-0.json")
    package(run.prefix, "conda-2.0-0", {"bin/conda": "2.0"})
    before = listing(run.prefix)
    foreseen = run("restored", check=True)
    assert foreseen["changed"] and listing(run.prefix) == before and len(foreseen["snapshots"]) == 1
    assert foreseen["packages"] == {"added": ["conda-1.0-0"], "removed": ["conda-2.0-0"]}
    assert "conda-2.0-0" in foreseen["diff"]["before"] and "conda-1.0-0" in foreseen["diff"]["after"]
    restored = run("restored")
    assert (restored["changed"], restored["problems"], restored["snapshot"]["id"]) == (True, [], first)
    assert read(run.prefix + "/bin/conda").endswith("echo 1.0\n")
    assert run("restored")["changed"] is False  # not the snapshot for the way back
    assert run("restored", snapshot=restored["snapshot_before"])["changed"]
    assert read(run.prefix + "/bin/conda") == "2.0"


def test_pruned_is_idempotent(run):
    for _number in range(3):
        last = run("taken")
    assert run("pruned", keep=1, check=True)["removed"] == ids(last)[:2]
    pruned = run("pruned", keep=1)
    assert pruned["removed"] == ids(last)[:2] and ids(pruned) == ids(last)[2:]
    assert run("pruned", keep=1)["changed"] is False


@pytest.mark.parametrize("snapshot", ["latest", "20260101T000000Z-000000", "../../etc"])
def test_a_snapshot_that_is_not_there(run, snapshot):
    with pytest.raises(SnapshotError, match="snapshot"):
        run("restored", snapshot=snapshot)


def test_a_prefix_that_is_locked_names_the_holder(run):
    folder = os.open(run.prefix + "/.labfleet-conda", os.O_RDONLY)
    with PrefixLock(folder, "x", what="an update", wait_seconds=0), pytest.raises(SnapshotError) as error:
        run("taken")
    os.close(folder)
    assert "an update" in str(error.value) and str(os.getpid()) in str(error.value)


def test_a_prefix_in_use_is_not_restored(run, monkeypatch):
    run("taken")
    write(run.prefix, "bin/conda", "broken")

    class Uses:
        found = [type("Use", (), {"program": "python3.6", "pid": 4711})]

    monkeypatch.setattr(_snapshot_task, "uses_of", lambda prefix, apart: Uses)
    with pytest.raises(SnapshotError, match=r"python3\.6 \(process 4711\).*force"):
        run("restored")
    assert run("restored", force=True)["changed"]


def test_no_environment_and_other_writers_are_refused(run, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SnapshotError, match="no environment"):
        run(prefix=str(tmp_path / "empty"))
    with pytest.raises(SnapshotError, match="no environment"):
        run(prefix=str(tmp_path / "nowhere"))
    os.chmod(run.prefix + "/lib", 0o777)
    with pytest.raises(SnapshotError, match="everybody"):
        run("taken")
    assert run()["snapshots"] == []


def test_another_users_prefix_is_refused_with_the_way_to_do_it(run, monkeypatch):
    monkeypatch.setattr(_owner, "own_uid", lambda: 4711)
    owner = pwd.getpwuid(os.stat(run.prefix).st_uid).pw_name
    with pytest.raises(SnapshotError, match="belongs to %s.*become_user: %s" % (owner, owner)):
        run()


def test_a_prefix_of_root_that_another_user_could_exchange_is_only_looked_at(run, as_root):
    above = os.path.dirname(run.prefix)
    os.chown(above, 54321, 54321)
    for mode in (0o755, 0o1777):
        os.chmod(above, mode)
        with pytest.raises(SnapshotError, match="54321 could exchange it, by the directory " + above):
            run("taken")
    assert run()["snapshots"] == []
    os.chown(above, 0, 0)
    assert run("taken")["changed"], "root's own sticky directory lets nobody do so"


def test_root_works_as_the_owner(run, as_root):
    for top, folders, files in os.walk(run.prefix):
        for name in [".", *folders, *files]:
            os.chown(os.path.join(top, name), 12345, 12345, follow_symlinks=False)
    top = os.path.dirname(run.prefix)
    while top != "/tmp" and len(top) > 1:
        os.chmod(top, os.stat(top).st_mode | 0o055)
        top = os.path.dirname(top)
    taken = run("taken")
    assert taken["changed"]
    state = run.prefix + "/.labfleet-conda/snapshots/" + taken["snapshot"]["id"]
    assert os.stat(state).st_uid == 12345 and os.stat(state + "/snapshot.json").st_uid == 12345
    os.unlink(run.prefix + "/bin/conda")
    assert run("restored")["changed"]
    assert os.stat(run.prefix + "/bin/conda").st_uid == 12345
    os.chown(run.prefix + "/share/script.sh", 0, 0)
    os.chmod(run.prefix + "/share/script.sh", 0o600)
    other = run("taken")["snapshot"]
    assert other["missing"] == [{"path": "share/script.sh", "reason": "permission denied"}]


def journal_of(prefix, **journal):
    """Leave the journal that a run would have left which was killed."""
    given = {"change": None, "phase": "apply", "packages": (), "caches": (), "record": {}}
    with_state = os.open(prefix + "/.labfleet-conda", os.O_RDONLY)
    write_journal(with_state, Journal(**dict(given, **journal)))
    os.close(with_state)


def test_what_an_interrupted_change_has_left_is_undone_first(run):
    taken = run("taken")["snapshot"]["id"]
    os.rename(run.prefix + "/bin/conda", run.prefix + "/bin/conda.c~")
    journal_of(run.prefix, change=taken, record={"action": "update", "prefix": run.prefix, "snapshot": taken})
    result = run("taken")
    assert "was undone" in result["recovered"] and result["changed"]
    assert ledger_of(run) == [("update", "recovered", run.prefix)] and result["ledger"]["sequence"] == 1
    assert read(run.prefix + "/bin/conda").endswith("echo 1.0\n")
    assert not os.path.exists(run.prefix + "/bin/conda.c~")
    assert not os.path.exists(run.prefix + "/.labfleet-conda/journal.json")


def test_what_is_said_of_a_damaged_journal_leads_out(run):
    taken = changed_base(run)
    write(run.prefix, ".labfleet-conda/journal.json", "{half")
    for state in ("restored", "taken", "pruned"):
        with pytest.raises(SnapshotError, match="Remove that file, then restore the newest snapshot"):
            run(state)
    os.unlink(run.prefix + "/.labfleet-conda/journal.json")
    assert run("restored")["snapshot"]["id"] == taken
    assert read(run.prefix + "/bin/conda").endswith("echo 1.0\n")


def test_in_check_mode_an_interrupted_change_stays_as_it_is(run):
    taken = run("taken")["snapshot"]["id"]
    journal_of(run.prefix, change=taken)
    before = listing(run.prefix)
    run("restored", check=True)
    assert listing(run.prefix) == before
    assert os.path.exists(run.prefix + "/.labfleet-conda/journal.json")


def test_a_restore_that_was_killed_is_finished_by_the_next_run(run, monkeypatch):
    run("taken")
    os.unlink(run.prefix + "/conda-meta/conda-1.0-0.json")
    package(run.prefix, "conda-2.0-0", {"bin/conda": "2.0"})
    write(run.prefix, "my-notes", "mine")
    really = _snapshot_task.restore

    def killed(*arguments, **options):
        if not options.get("dry"):
            raise KeyboardInterrupt
        return really(*arguments, **options)

    monkeypatch.setattr(_snapshot_task, "restore", killed)
    with pytest.raises(KeyboardInterrupt):
        run("restored")
    monkeypatch.setattr(_snapshot_task, "restore", really)
    result = run("pruned", keep=5)
    assert result["recovered"]
    assert read(run.prefix + "/bin/conda").endswith("echo 1.0\n")
    assert read(run.prefix + "/my-notes") == "mine"  # what no package owns stays where it is


def changed_base(run):
    """A base of which a snapshot was taken before its conda was exchanged."""
    taken = run("taken")["snapshot"]["id"]
    os.unlink(run.prefix + "/conda-meta/conda-1.0-0.json")
    package(run.prefix, "conda-2.0-0", {"bin/conda": "2.0"})
    return taken


def test_a_restore_that_cannot_be_recorded_is_recorded_by_the_next_run_and_only_once(run):
    changed_base(run)
    run.log.write_text("no directory")
    restored = run("restored")
    assert restored["changed"] and "problem" in restored["ledger"]
    assert any("is not in the ledger" in text for text in restored["warnings"])
    journal = run.prefix + "/.labfleet-conda/journal.json"
    kept = read(journal)
    os.unlink(run.log)
    assert run("pruned")["ledger"]["sequence"] == 1
    assert ledger_of(run) == [("restore", "committed", run.prefix)] and not os.path.exists(journal)
    write(run.prefix, ".labfleet-conda/journal.json", kept)  # as if it had been killed before it cleared the journal
    run("pruned")
    assert ledger_of(run) == [("restore", "committed", run.prefix)] and not os.path.exists(journal)


def test_records_of_an_undone_change_and_of_the_restore_after_it_are_both_kept(run):
    taken = changed_base(run)
    journal_of(run.prefix, change=taken, record={"action": "update", "prefix": run.prefix, "snapshot": taken})
    run.log.write_text("no directory")
    run("pruned")
    package(run.prefix, "other-2.0-0", {"bin/conda": "2.1"})
    run("restored")
    os.unlink(run.log)
    run("pruned")
    assert [entry[:2] for entry in ledger_of(run)] == [("update", "recovered"), ("restore", "committed")]


def test_a_forged_journal_forges_no_record_of_another_prefix(run):
    record = {
        "action": "ledger_rotation", "outcome": "recorded", "prefix": "/opt/conda", "host": {"name": "other"},
        "who": {"user": "root"}, "message": "a\x1b[2Jb\nc", "snapshot": {}, "continues": {}, "packages": "all",
    }  # fmt: skip
    journal_of(run.prefix, change="x", phase="done", record=record)
    run("pruned")
    (line,) = (run.log / "ledger.jsonl").read_text().splitlines()
    found = json.loads(line)
    assert (found["action"], found["outcome"], found["prefix"]) == ("restore", "failed", run.prefix)
    assert found["host"].get("name") != "other" and found["packages"] is None
    assert found["message"].startswith("a\\u001b[2Jb c A later run has written this down")
