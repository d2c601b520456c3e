# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings in files: which file, whose, what keeps it from being changed, and what is told of it."""

from __future__ import annotations

import json
import os
import stat
import struct
import tempfile
from pathlib import Path

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._change._config import ChangeError, configure
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Failed, Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._journal import APPLY, Journal, write_journal
from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import private_folder
from ansible_collections.labfleet.conda.plugins.module_utils._system._exchange import Unfit, exchange, find_file
from ansible_collections.labfleet.conda.plugins.module_utils._system._lock import PrefixLock
from ansible_collections.labfleet.conda.plugins.module_utils._system._worker import run_as

IS_ROOT = os.geteuid() == 0
NOBODY = 65534
OPTIONS = {"state": "present", "allow_unknown": False, "backup": False, "lock_seconds": 0.1}
OPTIONS.update(
    dict.fromkeys("tier path dropin prefix environment user settings prepend append remove final marks run_id".split())
)


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


class Host:
    """A prefix with a conda, as far as its files tell, and a ledger."""

    def __init__(self, top):
        self.top = top
        self.prefix = top / "conda"
        (self.prefix / "conda-meta").mkdir(parents=True)
        (self.prefix / "conda-meta" / "conda-4.3.16-py36_0.json").write_text("{}")
        self.file = self.prefix / ".condarc"
        self.ledger = top / "log" / "ledger.jsonl"

    def config(self, check=False, **options):
        given = dict(OPTIONS, ledger=str(self.ledger), **options)
        if not given["path"] and not given["tier"]:
            given.update(tier="base", prefix=str(self.prefix))
        return configure(given, check=check)

    def records(self):
        return [json.loads(line) for line in self.ledger.read_text().splitlines()] if self.ledger.exists() else []


def test_a_new_file_is_for_all_to_read_whatever_the_mask(host):
    old = os.umask(0o077)
    try:
        result = host.config(settings={"offline": True}, run_id="job 7")
    finally:
        os.umask(old)
    assert host.file.read_text() == "offline: true\n"
    assert stat.S_IMODE(host.file.stat().st_mode) == 0o644
    assert (result["changed"], result["path"], result["tier"]) == (True, str(host.file), "base")
    assert result["diff"]["after"] == "offline: true\n"
    (record,) = host.records()
    assert (record["action"], record["outcome"], record["prefix"]) == ("config", "committed", str(host.prefix))
    assert (record["before"], record["after"], record["who"]["run"]) == ({}, {"offline": True}, "job 7")
    assert record["message"] == "%s: offline" % host.file


def test_what_holds_is_left_alone_and_nothing_is_made(host):
    host.file.write_text("offline: yes\n")
    before = host.file.stat()
    result = host.config(settings={"offline": True})
    assert (result["changed"], result["before"], result["after"]) == (False, {}, {})
    assert host.file.stat() == before
    assert sorted(os.listdir(str(host.prefix))) == [".condarc", "conda-meta"]
    assert host.records() == []


def test_check_mode_tells_the_same_and_changes_nothing(host):
    host.file.write_text("offline: false\n")
    planned = host.config(check=True, settings={"offline": True})
    assert host.file.read_text() == "offline: false\n"
    assert sorted(os.listdir(str(host.prefix))) == [".condarc", "conda-meta"]
    done = host.config(settings={"offline": True})
    done.pop("ledger")
    assert done == planned


def test_mode_and_copy_are_kept(host):
    host.file.write_text("offline: false\n")
    host.file.chmod(0o640)
    result = host.config(settings={"offline": True}, backup=True)
    assert stat.S_IMODE(host.file.stat().st_mode) == 0o640
    with open(result["backup_file"]) as stream:
        assert stream.read() == "offline: false\n"
    assert stat.S_IMODE(os.stat(result["backup_file"]).st_mode) == 0o640
    assert host.config(settings={"offline": True}, backup=True).get("backup_file") is None


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="no extended attributes here")
def test_attributes_are_kept(host):
    host.file.write_text("offline: false\n")
    try:
        os.setxattr(str(host.file), "user.note", b"ours")
    except OSError as error:
        pytest.skip(str(error))
    host.config(settings={"offline": True})
    assert os.getxattr(str(host.file), "user.note") == b"ours"


# user::rwx user:65534:rwx group::r-x mask::rwx other::r-x, as linux/posix_acl_xattr.h has it.
OPEN_TO_NOBODY = struct.pack(
    "<I" + "HHI" * 5, 2, 1, 7, 2**32 - 1, 2, 7, NOBODY, 4, 5, 2**32 - 1, 16, 7, 2**32 - 1, 32, 5, 2**32 - 1
)


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="no extended attributes here")
def test_access_control_is_what_it_was(host):
    """Neither lost, nor taken from what the directory gives to new files."""
    host.file.write_text("offline: false\n")
    host.file.chmod(0o640)
    try:
        os.setxattr(str(host.prefix), "system.posix_acl_default", OPEN_TO_NOBODY)
    except OSError as error:
        pytest.skip(str(error))
    host.config(settings={"offline": True})
    assert "system.posix_acl_access" not in os.listxattr(str(host.file))
    assert stat.S_IMODE(host.file.stat().st_mode) == 0o640
    os.setxattr(str(host.file), "system.posix_acl_access", OPEN_TO_NOBODY)
    mode = host.file.stat().st_mode
    host.config(settings={"offline": False})
    assert os.getxattr(str(host.file), "system.posix_acl_access") == OPEN_TO_NOBODY
    assert host.file.stat().st_mode == mode


def plant_link(path):
    (path.parent / "other").write_text("offline: false\n")
    path.symlink_to("other")


def plant_protected(path):
    path.write_text("offline: false\n")
    path.chmod(0o444)


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (plant_link, "is a symbolic link, which is not followed"),
        (lambda path: path.mkdir(), "is a directory, no file"),
        (lambda path: os.mkfifo(str(path)), "is a FIFO, no file"),
        (lambda path: path.write_text("#" * 70000), "more than the 65536 bytes"),
        (lambda path: path.write_bytes(b"a: \xff\n"), "not UTF-8"),
        (lambda path: path.write_text("a: [\n"), "cannot be read for certain"),
        (plant_protected, "mode 444 keeps everybody from writing"),
    ],
)
@pytest.mark.parametrize("check", [True, False])
def test_what_is_no_good_file_is_refused_in_one_sentence(host, plant, said, check):
    plant(host.file)
    names, before = sorted(os.listdir(str(host.prefix))), os.lstat(str(host.file))
    with pytest.raises(Refused, match=said) as caught:
        host.config(check=check, settings={"offline": True})
    assert str(caught.value).startswith(str(host.file))
    assert os.lstat(str(host.file)) == before
    assert sorted(os.listdir(str(host.prefix))) == names
    assert host.records() == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tier": "base"}, "needs prefix"),
        ({"tier": "user", "environment": "/x"}, "belong together"),
        ({"tier": "system", "user": "root"}, "user needs tier: user"),
        ({"tier": "user", "user": "no-such-user"}, "The user no-such-user is not known"),
        ({"path": "/etc/shadow"}, "no file that conda reads"),
        ({"path": "/no/such/condarc"}, "The directory /no/such is not there"),
        ({"path": "/x/condarc", "dropin": "a"}, "dropin is a file of a tier"),
        ({"tier": "system", "dropin": "../a"}, "no name of a file"),
        ({"tier": "system", "prefix": "/no/such"}, "There is no environment at /no/such"),
        ({"path": "x"}, "no absolute path"),
    ],
)
def test_options_that_lead_nowhere_are_refused(host, options, said):
    with pytest.raises(Refused, match=said):
        host.config(settings={"offline": True}, **options)


def test_names_are_those_of_the_conda_in_the_prefix(host):
    with pytest.raises(Refused, match="Conda 4.3.16 has no setting solver, which came with conda 22.11.0"):
        host.config(settings={"solver": "libmamba"})
    host.config(settings={"solver": "libmamba"}, allow_unknown=True)
    assert host.file.read_text() == "solver: libmamba\n"


def test_a_mamba_beside_a_conda_brings_its_settings(host):
    with pytest.raises(Refused, match="which came with mamba 2.2.0"):
        host.config(settings={"use_uv": True})
    (host.prefix / "conda-meta" / "mamba-2.3.0-h1_0.json").write_text("{}")
    host.config(settings={"use_uv": True})
    assert host.file.read_text() == "use_uv: true\n"


def test_a_root_prefix_of_micromamba_has_its_settings(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "micromamba").write_text("")
    host = Host(tmp_path / "x")
    options = {"tier": "base", "prefix": str(tmp_path)}
    host.config(settings={"channels": ["a"], "use_uv": True}, **options)
    with pytest.raises(Refused, match="Mamba has no setting always_copy_: did you mean always_copy"):
        host.config(settings={"always_copy_": True}, **options)


def test_a_drop_in_is_made_with_its_directory_under_the_lock_of_the_prefix(host):
    result = host.config(settings={"offline": True}, dropin="10-x")
    assert result["path"] == str(host.prefix / "condarc.d" / "10-x.yml")
    assert (host.prefix / "condarc.d" / "10-x.yml").read_text() == "offline: true\n"
    assert os.listdir(str(host.prefix / "condarc.d")) == ["10-x.yml"]
    assert (host.prefix / ".labfleet-conda" / "lock").exists()
    host.config(settings={"debug": True}, dropin="10-x.yml")
    assert (host.prefix / "condarc.d" / "10-x.yml").read_text() == "offline: true\ndebug: true\n"
    assert os.listdir(str(host.prefix / "condarc.d")) == ["10-x.yml"]


def test_the_file_of_an_environment(host):
    environment = host.top / "env"
    (environment / "conda-meta").mkdir(parents=True)
    options = {"tier": "environment", "environment": str(environment), "prefix": str(host.prefix)}
    result = host.config(settings={"offline": True}, **options)
    assert (environment / ".condarc").read_text() == "offline: true\n"
    assert host.records()[0]["prefix"] == str(environment)
    host.file.write_text("debug: true #!final\n")
    result = host.config(settings={"debug": False}, **options)
    assert result["overridden"] == [{"setting": "debug", "path": str(host.file), "line": 1, "final": True}]
    assert "debug has no effect where this file sets it" in result["warnings"][0]


def test_a_later_file_that_decides_is_told_also_when_nothing_changes(host):
    (host.prefix / "condarc").write_text("# x\noffline: false\nproxy_servers:\n  http: a\n")
    wish = {"offline": True, "proxy_servers.http": "b", "debug": True, "channels": ["a"]}
    for _time in range(2):
        result = host.config(settings=wish)
        assert [(item["setting"], item["line"], item["final"]) for item in result["overridden"]] == [
            ("offline", 2, False),
            ("proxy_servers.http", 3, False),
        ]
        assert len(result["warnings"]) == 2
    assert not result["changed"]


def test_a_task_waits_for_the_lock_only_so_long(host):
    folder = private_folder(str(host.prefix / ".labfleet-conda"))
    with PrefixLock(folder, str(host.prefix / ".labfleet-conda"), what="updates", wait_seconds=0):
        with pytest.raises(Refused, match="Another change is under way"):
            host.config(settings={"offline": True})
        host.file.write_text("offline: true\n")
        assert not host.config(settings={"offline": True})["changed"]  # what holds needs no lock
    os.close(folder)


def test_a_change_that_was_cut_off_comes_first(host):
    folder = private_folder(str(host.prefix / ".labfleet-conda"))
    write_journal(folder, Journal("x", APPLY, (), (), {"action": "update", "prefix": str(host.prefix)}))
    os.close(folder)
    with pytest.raises(Refused, match="was cut off and is to be undone first"):
        host.config(settings={"offline": True})
    assert not host.file.exists()


def test_two_at_a_time_lose_nothing(host):
    """Each process adds a channel of its own as soon as all of them are ready."""
    count = 8
    reading, writing = os.pipe()
    children = []
    for number in range(count):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.close(writing)
                os.read(reading, 1)  # ends when the parent closes its side
                host.config(append={"channels": ["c%d" % number]}, lock_seconds=60)
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    os.close(reading)
    os.close(writing)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * count
    lines = host.file.read_text().splitlines()
    assert sorted(lines) == sorted(["channels:"] + ["  - c%d" % number for number in range(count)])
    assert len(host.records()) == count


def test_what_somebody_writes_in_the_last_moment_is_not_overwritten(host):
    host.file.write_text("offline: false\n")
    folder = os.open(str(host.prefix), os.O_RDONLY)
    found = find_file(folder, ".condarc", limit=100)
    host.file.write_text("offline: maybe\n")
    with pytest.raises(Unfit, match="in this very moment"):
        exchange(folder, ".condarc", b"x", like=found, mode=0o644)
    with pytest.raises(Unfit, match="in this very moment"):
        exchange(folder, ".condarc", b"x", like=None, mode=0o644)
    os.close(folder)
    assert host.file.read_text() == "offline: maybe\n"
    assert sorted(os.listdir(str(host.prefix))) == [".condarc", "conda-meta"]


def test_secrets_are_in_the_file_and_nowhere_else(host):
    proxy = "http://user:geheim@proxy:3128"
    wish = {"proxy_servers": {"https": proxy}, "channels": ["https://host/t/tk-geheim/main"]}
    host.file.write_text("proxy_servers:\n  https: http://user:alt-geheim@proxy:1\n")
    result = host.config(settings=wish)
    assert "geheim@proxy:3128" in host.file.read_text()
    assert "geheim" not in json.dumps([result, host.records()])
    with pytest.raises(Refused) as caught:
        host.config(settings={"channels": proxy, "offline": True})
    assert "geheim" not in str(caught.value)


def test_a_ledger_that_cannot_be_written_is_told(host):
    host.ledger.parent.mkdir()
    host.ledger.mkdir()
    result = host.config(settings={"offline": True})
    assert result["changed"]
    assert result["ledger"]["problem"]
    assert "is not in the ledger" in result["warnings"][0]


@pytest.mark.skipif(not IS_ROOT, reason="needs root")
class TestAsRoot:
    """Root changes the file of a user as that user, and is not led to other files."""

    @pytest.fixture
    def theirs(self, host):
        for path in (host.top, host.prefix, host.prefix / "conda-meta"):
            path.chmod(0o755)
        os.chown(str(host.prefix), NOBODY, NOBODY)
        return host

    @pytest.fixture
    def reachable(self):
        """A directory that everybody may enter, as pytest's own are not."""
        with tempfile.TemporaryDirectory() as path:
            os.chmod(path, 0o755)
            yield Path(path)

    def test_a_file_of_a_user_stays_theirs(self, theirs):
        theirs.config(settings={"offline": True}, dropin="x")
        theirs.config(settings={"offline": True})
        for path in (theirs.file, theirs.prefix / "condarc.d" / "x.yml", theirs.prefix / ".labfleet-conda"):
            assert (path.stat().st_uid, path.stat().st_gid) == (NOBODY, NOBODY)
        assert {record["who"]["user"] for record in theirs.records()} == {"root"}

    def test_a_file_of_somebody_else_in_their_directory_is_refused(self, theirs):
        theirs.file.write_text("offline: false\n")
        with pytest.raises(Refused, match="belongs to root, though its directory belongs to nobody"):
            theirs.config(settings={"offline": True})
        assert theirs.file.read_text() == "offline: false\n"

    def test_the_owner_of_a_file_in_a_directory_of_root_is_kept(self, host):
        host.file.write_text("offline: false\n")
        os.chown(str(host.file), NOBODY, NOBODY)
        host.config(settings={"offline": True})
        assert (host.file.stat().st_uid, host.file.stat().st_gid) == (NOBODY, NOBODY)

    def test_who_is_not_the_owner_can_see_that_nothing_is_to_do(self, reachable):
        host = Host(reachable)
        host.file.write_text("offline: true\n")
        for path in (host.prefix, host.prefix / "conda-meta", host.file):
            path.chmod(0o755)

        def look(value):
            try:
                return host.config(check=True, settings={"offline": value})["changed"]
            except Refused as error:
                return str(error)

        assert run_as(NOBODY, NOBODY, None, lambda: look(True)) is False
        assert "run the task with become: true and become_user: root" in run_as(
            NOBODY, NOBODY, None, lambda: look(False)
        )

    def test_a_link_of_a_user_leads_nowhere(self, theirs, reachable):
        target = reachable / "roots"
        target.mkdir(mode=0o755)
        (theirs.prefix / "sub").symlink_to(str(target))
        os.chown(str(theirs.prefix / "sub"), NOBODY, NOBODY, follow_symlinks=False)
        with pytest.raises(Refused, match="a symbolic link of the user nobody leads there"):
            theirs.config(settings={"offline": True}, path=str(theirs.prefix / "sub" / "condarc"))
        assert os.listdir(str(target)) == []

    def test_a_directory_of_root_that_a_user_can_exchange_is_refused(self, theirs):
        inside = theirs.prefix / "roots"
        inside.mkdir()
        with pytest.raises(Refused, match="could exchange that"):
            theirs.config(settings={"offline": True}, path=str(inside / "condarc"))
        assert os.listdir(str(inside)) == []

    def test_the_lock_of_somebody_else_is_not_taken(self, host):
        (host.prefix / ".labfleet-conda").mkdir()
        os.chown(str(host.prefix / ".labfleet-conda"), NOBODY, NOBODY)
        with pytest.raises(ChangeError, match="belongs to the user number 65534"):
            host.config(settings={"offline": True})
        assert not host.file.exists()

    def test_a_full_or_protected_directory_is_told_and_nothing_is_left(self, theirs):
        private = theirs.prefix / ".labfleet-conda"
        private.mkdir(mode=0o700)
        os.chown(str(private), NOBODY, NOBODY)
        theirs.prefix.chmod(0o555)
        with pytest.raises(Failed, match="is not changed: permission denied"):
            theirs.config(settings={"offline": True})
        assert sorted(os.listdir(str(theirs.prefix))) == [".labfleet-conda", "conda-meta"]
        assert [record["outcome"] for record in theirs.records()] == ["failed"]
