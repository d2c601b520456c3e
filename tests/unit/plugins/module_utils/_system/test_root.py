# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looking below a root: links stay inside it, and nothing that is there can hang, flood or mislead the look."""

from __future__ import annotations

import ctypes
import os
import socket
import stat
import time

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._system import _root
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, TimeIsUp, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root


def test_a_file_is_read_by_its_path_inside_the_root(host):
    host.write("/etc/hostname", "gpu01\n")
    assert host.root().read("/etc/hostname") == b"gpu01\n"


def test_an_absolute_link_is_resolved_inside_the_root(host):
    host.write("/data/secret", "inside")
    host.link("/etc/link", "/data/secret")
    assert host.root().read("/etc/link") == b"inside"


def test_no_link_leads_out_of_the_root(host, tmp_path):
    (tmp_path / "outside").write_text("outside")
    host.link("/etc/up", "../../../../../../.." + str(tmp_path) + "/outside")
    host.link("/etc/absolute", str(tmp_path / "outside"))
    host.link("/dir", str(tmp_path))
    for path in ("/etc/up", "/etc/absolute", "/dir/outside"):
        with pytest.raises(Absent):
            host.root().read(path)


def test_links_in_the_middle_of_a_path_and_dots_are_followed(host):
    host.write("/opt/miniforge3/conda-meta/history", "x")
    host.link("/opt/conda", "miniforge3")
    host.link("/home/a/deep", "../../opt/./conda/../conda")
    with host.root().directory("/home/a/deep/conda-meta") as directory:
        assert directory.path == "/opt/miniforge3/conda-meta"
        assert directory.names() == ["history"]


def test_a_cycle_of_links_ends_in_unreadable(host):
    host.link("/a/one", "two")
    host.link("/a/two", "one")
    host.link("/a/self", "self/x")
    for path in ("/a/one", "/a/self"):
        with pytest.raises(Unreadable, match="cycle"):
            host.root().directory(path)
        with pytest.raises(Unreadable, match="cycle"):
            host.root().read(path)


def test_what_is_no_regular_file_is_not_opened(host):
    host.write("/x/file")
    os.mkfifo(host.path("/x/fifo"))
    listener = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(host.path("/x"))  # the path of a socket must be short
    listener.bind("socket")
    os.chdir(here)
    os.mkdir(host.path("/x/directory"))
    for name, kind in (("fifo", "a FIFO"), ("socket", "a socket"), ("directory", "a directory")):
        with pytest.raises(Unreadable, match=kind):
            host.root().read("/x/" + name)
    listener.close()


def test_a_device_is_not_opened(host, as_root):
    os.mknod(host.path("/etc/zero"), 0o600 | stat.S_IFCHR, os.makedev(1, 5))
    with pytest.raises(Unreadable, match="a device"):
        host.root().read("/etc/zero")


def test_a_large_file_is_refused_and_a_large_directory_too(host):
    host.write("/x/large", b"x" * 5000)
    with pytest.raises(Unreadable, match="5000 bytes"):
        host.root().read("/x/large", limit=4999)
    assert len(host.root().read("/x/large", limit=5000)) == 5000
    for number in range(30):
        host.write("/many/%d" % number)
    with host.root().directory("/many") as directory:
        assert len(directory.names(limit=30)) == 30
        with pytest.raises(Unreadable, match="more than 29 entries"):
            directory.names(limit=29)


def test_a_sparse_terabyte_costs_nothing(host):
    host.write("/x/sparse")
    os.truncate(host.path("/x/sparse"), 1 << 40)
    with pytest.raises(Unreadable, match="more than the limit"):
        host.root().read("/x/sparse")


def test_names_that_are_no_text_are_kept_apart(host):
    for name in (b"\xff\xfe", b"new\nline", b"-rf"):
        os.makedirs(os.path.join(os.fsencode(host.path("/odd")), name))
    with host.root().directory("/odd") as directory:
        assert len(set(directory.names())) == 3
        for name, kind in directory.entries():
            assert kind == "directory"
            directory.directory(name).close()


def test_paths_with_a_zero_byte_or_without_end_are_absent_or_refused(host):
    with pytest.raises(Absent):
        host.root().directory("/etc\0/passwd")
    with pytest.raises(Unreadable, match="deeper"):
        host.root().directory("/x" * 5000)


def test_excluded_directories_are_not_entered(host):
    host.write("/data/a/file", "x")
    root = host.root(exclude=["/data/a/"])
    with pytest.raises(Unreadable, match="excluded"):
        root.read("/data/a/file")


def test_a_users_link_gives_only_what_that_user_may_read(host, as_root):
    home = host.user("mallory", 4711)
    host.write("/root/secret", "s", mode=0o600)
    host.write("/srv/private/file", "p", mode=0o644)
    os.chmod(host.path("/srv/private"), 0o700)
    host.write("/srv/public", "public", mode=0o644)
    for name, target in (("a", "/root/secret"), ("b", "/srv/private/file"), ("c", "/srv/public")):
        host.link(home + "/" + name, target)
        os.lchown(host.path(home + "/" + name), 4711, 4711)
    root = host.root()
    with pytest.raises(Unreadable, match="mallory"):
        root.read(home + "/a")
    with pytest.raises(Unreadable, match="mallory"):
        root.read(home + "/b")
    assert root.read(home + "/c") == b"public"


def test_a_users_link_may_lead_to_what_their_group_may_read(host, as_root):
    home = host.user("alice", 1001)
    host.write("/etc/group", "lab:x:500:alice\n")
    host.write("/srv/lab/file", "lab", mode=0o640)
    os.chmod(host.path("/srv/lab"), 0o750)
    os.chown(host.path("/srv/lab"), 0, 500)
    os.chown(host.path("/srv/lab/file"), 0, 500)
    host.link(home + "/lab", "/srv/lab")
    os.lchown(host.path(home + "/lab"), 1001, 1001)
    assert host.root().read(home + "/lab/file") == b"lab"


def test_roots_own_links_are_followed_wherever_they_lead(host, as_root):
    host.write("/srv/private/file", "p", mode=0o600)
    host.link("/opt/link", "/srv/private")
    assert host.root().read("/opt/link/file") == b"p"


def test_what_may_not_be_read_says_so(host):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    host.write("/x/file", "x", mode=0)
    with pytest.raises(Unreadable, match="permission denied"):
        host.root().read("/x/file")


def test_what_was_listed_is_read_without_being_asked_for_first(host, monkeypatch):
    host.write("/x/file", "content")
    host.link("/x/link", "file")
    os.mkfifo(host.path("/x/fifo"))
    with host.root().directory("/x") as directory:
        names, files = directory.listing()
        assert sorted(names) == ["fifo", "file", "link"] and files == {"file"}
        monkeypatch.setattr(os, "stat", None)
        assert directory.read_listed("file") == (b"content", os.geteuid())


def test_what_was_exchanged_since_it_was_listed_is_read_like_any_other(host, tmp_path):
    (tmp_path / "secret").write_text("outside")
    host.write("/x/there", "there")
    host.link("/x/link", "there")
    host.link("/x/outside", str(tmp_path / "secret"))
    os.mkfifo(host.path("/x/fifo"))
    with host.root().directory("/x") as directory:
        assert directory.read_listed("link") == (b"there", None)
        with pytest.raises(Absent):
            directory.read_listed("outside")
        with pytest.raises(Unreadable, match="FIFO"):
            directory.read_listed("fifo")
        with pytest.raises(Unreadable, match="more than the limit of 3"):
            directory.read_listed("there", limit=3)
        with pytest.raises(Absent):
            directory.read_listed("vanished")


def test_what_was_listed_through_a_users_link_is_guarded_too(host, as_root):
    home = host.user("mallory", 1001)
    host.write("/srv/lab/private", "p", mode=0o600)
    host.link(home + "/lab", "/srv/lab")
    os.lchown(host.path(home + "/lab"), 1001, 1001)
    with host.root().directory(home + "/lab") as directory, pytest.raises(Unreadable, match="mallory"):
        directory.read_listed("private")


def test_a_directory_is_reached_from_the_one_above_it(host, monkeypatch):
    host.write("/a/b/c/file", "x")
    host.link("/a/link", "b")
    with host.root().directory("/a") as top:
        with top.directory("link/c") as directory:
            assert directory.path == "/a/b/c"
        with pytest.raises(Absent):
            top.directory("b/d/e")
        with pytest.raises(Absent):
            top.directory("b/c\0/e")
        before = len(os.listdir("/proc/self/fd"))
        monkeypatch.setattr(Root, "walk_to_directory", None)
        with top.directory("b/c") as directory:
            assert directory.path == "/a/b/c" and directory.names() == ["file"]
        assert len(os.listdir("/proc/self/fd")) == before, "nothing is left open"


def test_after_the_deadline_nothing_is_looked_at(host):
    root = host.root(deadline=time.monotonic() - 1)
    with pytest.raises(TimeIsUp):
        root.read("/etc/passwd")


def test_a_missing_root_is_an_error_that_names_it(tmp_path):
    with pytest.raises(Unreadable, match="nowhere: no such file or directory"):
        Root(str(tmp_path / "nowhere"))


def test_kernel_file_systems_are_never_entered():
    root = Root("/")
    if "/proc" not in root.mounts:
        pytest.skip("no /proc is mounted here")
    for path in ("/proc/self", "/proc/1/root/etc"):
        with pytest.raises(Unreadable, match="kernel interface"):
            root.directory(path)


def _mount_dead_file_system(path):
    """Mount a FUSE file system whose server never answers, which is what a dead network mount looks like."""
    try:
        server = os.open("/dev/fuse", os.O_RDWR)
    except OSError as error:
        pytest.skip("no FUSE here (%s), so no dead mount can be made" % error.strerror)
    libc = ctypes.CDLL(None, use_errno=True)
    options = "fd=%d,rootmode=40000,user_id=0,group_id=0" % server
    if libc.mount(b"dead", path.encode(), b"fuse.dead", 0, options.encode()) != 0:
        os.close(server)
        pytest.skip("mounting is not allowed here, so no dead mount can be made")
    return server, libc


def test_a_dead_network_mount_is_passed_over_and_named(host, as_root, monkeypatch):
    monkeypatch.setattr(_root, "REMOTE_ANSWER_SECONDS", 0.3)
    os.makedirs(host.path("/home/dead"))
    server, libc = _mount_dead_file_system(host.path("/home/dead"))
    try:
        root = host.root()
        with pytest.raises(Unreadable, match=r"dead mount \(fuse.dead\): no answer within 0.3 s"):
            root.directory("/home/dead/conda-meta")
        started = time.monotonic()
        with pytest.raises(Unreadable, match="dead mount"):
            root.directory("/home/dead")
        assert time.monotonic() - started < 0.25, "the second time must be answered from memory"
    finally:
        libc.umount2(host.path("/home/dead").encode(), 2)
        os.close(server)


def test_staying_on_one_file_system(host, as_root):
    libc = ctypes.CDLL(None, use_errno=True)
    os.makedirs(host.path("/scratch"))
    if libc.mount(b"none", host.path("/scratch").encode(), b"tmpfs", 0, b"size=1m") != 0:
        pytest.skip("mounting is not allowed here")
    try:
        host.write("/scratch/file", "x")
        assert host.root().read("/scratch/file") == b"x"
        with pytest.raises(Unreadable, match="another file system"):
            host.root(one_file_system=True).read("/scratch/file")
    finally:
        libc.umount2(host.path("/scratch").encode(), 2)


def test_an_automounter_is_not_made_to_mount(host):
    root = host.root()
    mount = _root.parse_mount_table(
        b"1 0 0:1 / /home rw - autofs auto rw,indirect\n2 1 0:2 / /home/here rw - ext4 d rw\n"
    )
    root.mounts = mount
    root._automounters = ["/home"]
    for name in ("here", "sleeping"):
        os.makedirs(host.path("/home/" + name))
    root.directory("/home/here").close()
    with pytest.raises(Unreadable, match="not mounted now"):
        root.directory("/home/sleeping")
