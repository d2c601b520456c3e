# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever lies on a host, a look ends, tells what it could not read, and is right about the rest."""

from __future__ import annotations

import ctypes
import json
import os
import socket
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.labfleet.conda.plugins.module_utils._discover import _scan
from ansible_collections.labfleet.conda.plugins.module_utils._discover._look_result import scan
from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import Options
from ansible_collections.labfleet.conda.plugins.module_utils._system import _directory, _root

BASE = ("conda-26.7.1-py313_0", "python-3.13.1-h1_0")


@pytest.fixture
def lab(host):
    """A host with a healthy base prefix, and a user who may put anything into their home."""
    host.environment("/opt/conda", BASE)
    host.home = host.user("mallory", 4711)
    return host


def look(host, **options):
    """Look, and check what must hold whatever is there: the healthy base is told rightly, and all is JSON."""
    result = scan(Options(root=host.top, **options))
    base = [item for item in result["installations"] if item["prefix"] == "/opt/conda"]
    assert [item["version"] for item in base] == ["26.7.1"]
    json.dumps(result, ensure_ascii=False).encode("utf-8")
    assert result["unreadable_count"] >= len(result["unreadable"])
    return result


def reasons(result):
    return {entry["path"]: entry["reason"] for entry in result["unreadable"]}


PLACES = (
    ".condarc .conda/environments.txt .bashrc .config/fish/config.fish .conda/condarc .config/conda/condarc "
    "env/conda-meta/history env/conda-meta/pinned env/conda-meta/frozen env/conda-meta/created_at "
    "env/conda-meta/a-1-0.json .local/bin/micromamba miniconda3/.installer.info"
).split()


def _prepare(host):
    host.environment(host.home + "/env", ("zlib-1-0",))
    host.environment(host.home + "/miniconda3", BASE)


@pytest.mark.parametrize("kind", ["fifo", "socket", "directory", "sparse", "cycle", "dangling", "binary", "nothing"])
@pytest.mark.parametrize("place", PLACES)
def test_anything_in_any_place_ends_in_an_answer(lab, place, kind):
    _prepare(lab)
    path = lab.path(lab.home + "/" + place)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.exists(path):
        os.unlink(path)
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        here = os.getcwd()
        os.chdir(os.path.dirname(path))
        socket.socket(socket.AF_UNIX).bind(os.path.basename(path))
        os.chdir(here)
    elif kind == "directory":
        os.mkdir(path)
    elif kind == "sparse":
        with open(path, "wb") as stream:
            stream.truncate(1 << 40)
    elif kind == "cycle":
        os.symlink(os.path.basename(path), path)
    elif kind == "dangling":
        os.symlink("/nowhere", path)
    else:
        with open(path, "wb") as stream:
            stream.write(bytes(range(256)) * 8 if kind == "binary" else b"")
    result = look(lab, gather=["records", "last_use"])
    assert result["complete"]
    told = [entry for entry in result["unreadable"] if entry["path"].endswith("/" + os.path.basename(place))]
    if kind in ("fifo", "socket", "cycle") or (kind == "sparse" and not place.endswith("micromamba")):
        assert told, "what is there and cannot be read must be told"


@pytest.mark.parametrize(
    "name",
    [b"new\nline", b"\xff\xfe\xfd", b"\x1b[31mred", b"-rf", b"*", b"a" * 255, "ünï".encode(), b"{{ 1 }}", b"$(id)"],
)
def test_environments_with_odd_names_are_told(lab, name):
    place = os.path.join(os.fsencode(lab.path(lab.home)), b".conda", b"envs", name, b"conda-meta")
    os.makedirs(place)
    open(os.path.join(place, b"history"), "w").close()
    result = look(lab)
    assert len(result["environments"]) == 2


@pytest.mark.parametrize("gather", [[], ["records"]])
def test_a_directory_of_too_many_entries_is_told_and_not_guessed_at(lab, monkeypatch, gather):
    for method in ("names", "entries", "listing"):
        monkeypatch.setattr(getattr(_directory.Directory, method), "__kwdefaults__", {"limit": 40})
    lab.environment(lab.home + "/env", ["p%d-1-0" % number for number in range(50)])
    for number in range(50):
        lab.write(lab.home + "/.conda/envs/f%d" % number)
    result = look(lab, gather=gather)
    told = reasons(result)
    assert "more than 40 entries" in told[lab.home + "/env/conda-meta"]
    assert "more than 40 entries" in told[lab.home + "/.conda/envs"]
    (environment,) = [item for item in result["environments"] if item["prefix"] == lab.home + "/env"]
    assert environment["record_count"] is None


def test_a_home_of_a_million_files_is_looked_at_in_bounded_time_and_memory(lab, monkeypatch):
    monkeypatch.setattr(_directory, "MAX_ENTRIES", 1000)
    for number in range(2000):
        lab.write("%s/data%d" % (lab.home, number))
    lab.environment(lab.home + "/miniconda3", BASE)
    monkeypatch.setattr(_directory.Directory.entries, "__kwdefaults__", {"limit": 1000})
    result = look(lab)
    assert "more than 1000 entries" in reasons(result)[lab.home]
    assert lab.home + "/miniconda3" in [item["prefix"] for item in result["installations"]], "known names are tried"


def test_a_twenty_megabyte_record_is_told_and_counted(lab):
    lab.environment(lab.home + "/env", ("big-1-0",))
    lab.write(lab.home + "/env/conda-meta/big-1-0.json", b'{"name": "big"' + b" " * (20 << 20) + b"}")
    result = look(lab, gather=["records"])
    assert "more than the limit" in reasons(result)[lab.home + "/env/conda-meta/big-1-0.json"]
    (environment,) = [item for item in result["environments"] if item["prefix"] == lab.home + "/env"]
    assert environment["record_count"] == 1 and environment["records"] == []


def test_a_prefix_that_leads_out_of_the_root_is_not_read(lab, tmp_path):
    outside = tmp_path / "outside" / "conda-meta"
    outside.mkdir(parents=True)
    (outside / "history").write_text("==> 2026-01-01 00:00:00 <==\n# cmd: OUTSIDE\n")
    lab.link(lab.home + "/.conda/envs/escape", str(tmp_path / "outside"))
    lab.link(lab.home + "/.conda/envs/up", "../../../../../../../../.." + str(tmp_path / "outside"))
    lab.write(lab.home + "/.conda/environments.txt", "/../../..%s\n" % (tmp_path / "outside"))
    assert "OUTSIDE" not in json.dumps(look(lab))


def test_a_registry_of_many_lines_is_cut_and_told(lab):
    lab.write(lab.home + "/.conda/environments.txt", "".join("/x%d\n" % number for number in range(25000)))
    assert "more than 20000 lines" in reasons(look(lab))[lab.home + "/.conda/environments.txt"]


def test_a_tree_of_links_to_links_does_not_multiply_the_work(lab):
    for number in range(30):
        for other in range(30):
            lab.link("%s/.conda/envs/%d/envs/%d" % (lab.home, number, other), "../../%d" % other)
    started = time.process_time()
    look(lab)
    assert time.process_time() - started < 5


def test_another_users_file_behind_a_link_is_not_quoted(lab, as_root):
    lab.write("/etc/shadow", "root:$6$SECRET:1::::::\n", mode=0o600)
    for place in (".condarc", ".conda/environments.txt", ".bashrc"):
        lab.link(lab.home + "/" + place, "/etc/shadow")
        os.lchown(lab.path(lab.home + "/" + place), 4711, 4711)
    result = look(lab)
    assert "SECRET" not in json.dumps(result)
    assert sum("mallory" in reason for reason in reasons(result).values()) == 3


def test_bad_files_are_never_quoted(lab):
    for place in (".condarc", "env/conda-meta/history", "env/conda-meta/frozen", "env/conda-meta/created_at"):
        lab.write(lab.home + "/" + place, "==> t <==\n# update specs: [QUOTED\nQUOTED: [\n\tQUOTED: {")
    assert "QUOTED" not in json.dumps(look(lab)["unreadable"])


def _look_as_nobody(top):
    """Look as a user without rights, in a child process."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            answer = scan(Options(root=top))
        except BaseException as error:  # noqa: BLE001 - a child must tell all
            answer = {"error": repr(error)}
        with os.fdopen(writer, "w") as stream:
            json.dump(answer, stream)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        answer = json.load(stream)
    os.waitpid(child, 0)
    return answer


def test_a_home_that_may_not_be_entered_is_told(lab, as_root):
    os.chmod(lab.path(lab.home), 0o700)
    place = lab.top
    while place != "/":
        os.chmod(place, os.stat(place).st_mode | 0o055)
        place = os.path.dirname(place)
    result = _look_as_nobody(lab.top)
    assert (
        reasons(result) == {lab.home: "permission denied", "/root": "permission denied"}
        or os.stat(lab.path("/root")).st_mode & 0o055
    ), "one entry for a home, not one for each name that could be in it"
    assert [item["prefix"] for item in result["installations"]] == ["/opt/conda"]


def test_when_the_time_is_up_what_was_found_is_told(lab, monkeypatch):
    for number in range(50):
        lab.environment("%s/.conda/envs/e%d" % (lab.home, number))
    ticks = iter(range(10**9))
    monkeypatch.setattr(_root.time, "monotonic", lambda: next(ticks) * 0.001)
    result = scan(Options(root=lab.top, time_limit=0.3))
    assert result["complete"] is False
    assert any("time limit" in entry["reason"] for entry in result["unreadable"])
    json.dumps(result)


def test_a_mount_that_dies_during_the_look_does_not_hold_it_up(lab, as_root, monkeypatch):
    """A FUSE file system whose server never answers, and which is in no mount table yet: a call into it hangs."""
    monkeypatch.setattr(_scan, "HANG_SECONDS", 0.5)
    os.makedirs(lab.path(lab.home + "/.conda/envs/dead"))
    try:
        server = os.open("/dev/fuse", os.O_RDWR)
    except OSError:
        pytest.skip("no FUSE here, so no call can be made to hang")
    libc = ctypes.CDLL(None, use_errno=True)
    target = lab.path(lab.home + "/.conda/envs/dead").encode()
    options = ("fd=%d,rootmode=40000,user_id=0,group_id=0" % server).encode()
    monkeypatch.setattr(_root, "parse_mount_table", lambda data, below: {})
    if libc.mount(b"dead", target, b"fuse.dead", 0, options) != 0:
        os.close(server)
        pytest.skip("mounting is not allowed here, so no call can be made to hang")
    try:
        started = time.monotonic()
        result = scan(Options(root=lab.top, time_limit=0.5))
        assert time.monotonic() - started < 5
        assert result["complete"] is False
        (entry,) = [entry for entry in result["unreadable"] if "time limit" in entry["reason"]]
        assert entry["path"].endswith("/.conda/envs/dead") or entry["path"].endswith("/.conda/envs/dead/conda-meta")
    finally:
        libc.umount2(target, 2)
        os.close(server)


@given(data=st.data())
@settings(deadline=None, derandomize=True, max_examples=60, suppress_health_check=list(HealthCheck))
def test_random_bytes_in_all_places_never_change_the_answer_about_others(lab, data):
    _prepare(lab)
    for place in PLACES:
        if data.draw(st.booleans()):
            lab.write(lab.home + "/" + place, data.draw(st.binary(max_size=200)))
    look(lab, gather=["records", "sizes"])


LONE_SURROGATE = "\\ud800"


@pytest.mark.parametrize(
    "place, content",
    [
        ("env/conda-meta/frozen", '{"message": "%s"}' % LONE_SURROGATE),
        ("env/conda-meta/history", "==> 1 <==\n# update specs: ['zlib[x=%s]']\n" % LONE_SURROGATE),
        ("env/conda-meta/zlib-1-0.json", '{"name":"zlib","version":"1","build":"0","url":"%s"}' % LONE_SURROGATE),
        ("miniconda3/.installer.info", '{"name": "%s"}' % LONE_SURROGATE),
        (".condarc", 'envs_dirs: ["/x/%s"]\n' % LONE_SURROGATE),
        (".conda/environments.txt", b"/\xff\xfe\n/\xed\xa0\x80\n/a\x00b\n"),
        (".bashrc", b"export CONDA_ROOT=/\xff\xfe\nsource /\x00/bin/activate\n"),
    ],
)
def test_characters_that_are_none_do_not_end_the_look(lab, place, content):
    _prepare(lab)
    lab.write(lab.home + "/" + place, content)
    look(lab, gather=["records"])


@pytest.mark.parametrize("line", ["x:x:\u00b2:1::/h:/s", "x:x:%s:1::/h:/s" % ("9" * 5000), "x:x:1:\u0663::/h:/s"])
def test_odd_numbers_in_passwd_do_not_end_the_look(lab, line):
    lab.write("/etc/passwd", "root:x:0:0::/root:/bin/sh\n%s\n" % line)
    look(lab)


@pytest.mark.parametrize(
    "place, content",
    [
        ("/home/mallory/env/conda-meta/history", b"==>" + b" " * 2000000),
        ("/home/mallory/env/conda-meta/history", b"#" + b" " * 2000000 + b"\n" + b" \t" * 500000),
        ("/home/mallory/env/conda-meta/history", b"==> 1 <==\n# update specs: a" + b",1" * 120000),
        ("/home/mallory/env/conda-meta/history", b"==> 1 <==\n# update specs: a" + b",b" * 120000),
        ("/etc/environment", b"\n" * 60000),
        ("/etc/environment", b"A" * 60000),
        ("/home/mallory/.condarc", b"a: " + b"[" * 30000),
        ("/home/mallory/.condarc", b"- x\n" * 15000),
        (
            "/home/mallory/env/conda-meta/zlib-1-0.json",
            b'{\n  "files": [\n' + b'    "x.egg-info",\n' * 200000 + b'    "y"\n  ],\n  "name": "zlib"\n}',
        ),
    ],
    ids=lambda value: value[:25].decode() if isinstance(value, bytes) else os.path.basename(value),
)
def test_hostile_files_cost_no_more_than_their_size(lab, place, content):
    lab.environment(lab.home + "/env", ("zlib-1-0",))
    lab.write(place, content)
    started = time.process_time()
    look(lab, gather=["records"])
    assert time.process_time() - started < 3, "a pattern that is not linear takes minutes here"


@pytest.mark.load
def test_a_home_that_is_too_much_costs_the_others_nothing(lab):
    other = lab.user("zoe", 1003)
    lab.environment(other + "/miniconda3", BASE)
    lab.write(lab.home + "/much", "".join("'/a%d/bin /b%d/bin'\n" % (number, number) for number in range(400)))
    for number in range(1500):
        lab.link("%s/.config/fish/conf.d/%d" % (lab.home, number), "../../../much")
    lab.write(lab.home + "/.conda/environments.txt", "".join("/r%d\n" % number for number in range(20000)))
    result = look(lab, time_limit=4)
    assert other + "/miniconda3" in [item["prefix"] for item in result["installations"]]
    assert lab.home in reasons(result) or result["complete"], "a part that was left out must be told"


@pytest.mark.load
def test_a_sparse_history_does_not_fill_the_result(lab):
    for number in range(20):
        place = "%s/.conda/envs/e%d/conda-meta/history" % (lab.home, number)
        lab.write(place, b"==> 1 <==\n# cmd: a")
        os.truncate(lab.path(place), 15 << 20)
    assert len(json.dumps(look(lab))) < 100000


def test_more_environments_than_anybody_has_are_not_told(lab, as_root, monkeypatch):
    from ansible_collections.labfleet.conda.plugins.module_utils._discover import _survey

    monkeypatch.setattr(_survey, "MAX_ENVIRONMENTS_OF_A_USER", 5)
    for number in range(9):
        prefix = lab.environment("%s/.conda/envs/e%d" % (lab.home, number))
        os.chown(lab.path(prefix), 4711, 4711)
    result = look(lab)
    assert len(result["environments"]) == 1 + 5
    assert sum("more than 5 environments" in reason for reason in reasons(result).values()) == 4


def test_more_installations_than_anybody_has_are_not_judged_and_environments_are_no_installations(
    lab, as_root, monkeypatch
):
    from ansible_collections.labfleet.conda.plugins.module_utils._discover import _installations

    monkeypatch.setattr(_installations, "MAX_INSTALLATIONS_OF_A_USER", 3)
    for number in range(5):
        for name, packages in (("base%d", BASE), ("env%d", ("zlib-1-0",))):
            prefix = lab.environment(lab.home + "/" + name % number, packages)
            os.chown(lab.path(prefix), 4711, 4711)
    result = look(lab)
    assert len(result["installations"]) == 1 + 3 and len(result["environments"]) == 1 + 10
    told = [path for path, reason in reasons(result).items() if "more than 3 installations" in reason]
    assert len(told) == 2 and all("/base" in path for path in told)


def test_nobody_crowds_out_what_is_told_about_others(lab):
    other = lab.user("zoe", 1003)
    lab.write(other + "/.condarc", "a: [\n")
    for number in range(3000):
        lab.write("%s/env/conda-meta/%d.json" % (lab.home, number))
    result = look(lab)
    assert other + "/.condarc" in reasons(result)
    assert result["unreadable_count"] >= 3001 and len(result["unreadable"]) < 200
    assert any("more things below it" in reason for reason in reasons(result).values())


def test_a_users_link_does_not_change_what_is_told_of_anothers_environment(lab, as_root):
    alice = lab.user("alice", 1001)
    prefix = lab.environment(alice + "/lab/env", ("python-3.12.1-0",), "==> 1 <==\n# update specs: ['python']\n")
    for path in ("", "/conda-meta", "/conda-meta/history"):
        os.chown(lab.path(prefix + path), 1001, 1001)
    os.chmod(lab.path(prefix + "/conda-meta"), 0o711)
    os.chmod(lab.path(prefix + "/conda-meta/history"), 0o600)
    lab.write(alice + "/.conda/environments.txt", prefix + "\n")
    before = [item for item in look(lab)["environments"] if item["prefix"] == prefix]
    lab.link(lab.home + "/stolen", prefix)
    os.lchown(lab.path(lab.home + "/stolen"), 4711, 4711)
    lab.write(lab.home + "/.conda/environments.txt", lab.home + "/stolen\n")
    (after,) = [item for item in look(lab)["environments"] if item["prefix"] == prefix]
    assert before[0]["requested"] == after["requested"] == ["python"]
    assert (after["record_count"], after["owner"]) == (1, "alice")


def test_a_users_script_does_not_make_anothers_environment_an_installation(lab):
    alice = lab.user("alice", 1001)
    prefix = lab.environment(alice + "/.conda/envs/train")
    lab.write(lab.home + "/.local/bin/conda", "#!%s/bin/python\n" % prefix)
    result = look(lab)
    assert [item["prefix"] for item in result["installations"]] == ["/opt/conda"]
    assert [item["base"] for item in result["environments"] if item["prefix"] == prefix] == [False]


def test_a_users_condarc_does_not_name_anothers_environment(lab, as_root):
    alice = lab.user("alice", 1001)
    prefix = lab.environment(alice + "/stuff/e1")
    os.chown(lab.path(prefix), 1001, 1001)
    lab.write(alice + "/.conda/environments.txt", prefix + "\n")
    lab.write(lab.home + "/.condarc", "envs_dirs: [%s/stuff]\n" % alice)
    (found,) = [item for item in look(lab)["environments"] if item["prefix"] == prefix]
    assert (found["name"], found["installation"]) == (None, None)


def test_a_link_exchanged_while_it_is_read_gives_nothing_away(lab, as_root, monkeypatch):
    """The owner of the link that was followed counts, not of what has taken its place a moment later."""
    lab.write("/root/secret", "SECRET", mode=0o600)
    link = lab.path(lab.home + "/link")
    os.symlink("/root/secret", link)
    os.lchown(link, 4711, 4711)
    readlink = os.readlink

    def exchange(path, **options):
        target = readlink(path, **options)
        if target == "/root/secret":
            os.unlink(link)
            open(link, "w").close()  # root's own file stands there now
        return target

    monkeypatch.setattr(os, "readlink", exchange)
    with pytest.raises(_root.Unreadable, match="mallory"):
        lab.root().read(lab.home + "/link")


def test_neither_kind_of_automounter_is_made_to_mount(lab):
    os.makedirs(lab.path("/scratch/project"))
    os.makedirs(lab.path("/data"))
    root = lab.root()
    root.mounts = _root.parse_mount_table(
        b"1 0 0:1 / /scratch rw - autofs map rw,indirect\n2 0 0:2 / /data rw - autofs systemd-1 rw,direct\n", below="/"
    )
    root._automounters = ["/scratch", "/data"]
    with root.directory("/scratch") as directory, pytest.raises(_root.Unreadable, match="not mounted now"):
        directory.has("project/conda-meta")
    with pytest.raises(_root.Unreadable, match="not mounted now"):
        root.directory("/data")


def test_what_is_excluded_by_another_of_its_names_is_not_entered(lab):
    lab.environment("/mnt/g/archive/env")
    lab.link("/groups", "/mnt/g")
    result = look(lab, search_paths=["/groups"], exclude=["/groups/archive"])
    assert [item["prefix"] for item in result["environments"]] == ["/opt/conda"]
    assert reasons(result) == {"/mnt/g/archive": "excluded by the options"}


def test_a_solver_that_an_unreadable_file_could_decide_is_unknown(lab):
    lab.write("/etc/conda/condarc", "solver: classic\nchannels: [\n")
    (found,) = look(lab)["installations"]
    assert found["solver"]["name"] is None and "/etc/conda/condarc" in found["solver"]["source"]


def test_two_records_of_one_package_are_told_and_the_newer_counts(lab):
    lab.environment("/opt/conda", ("conda-4.12.0-0", "conda-23.9.0-0"))
    result = look(lab)
    assert "two records of conda" in reasons(result)["/opt/conda/conda-meta"]


def test_a_root_on_a_dead_mount_does_not_hang(tmp_path, as_root, monkeypatch):
    monkeypatch.setattr(_scan, "HANG_SECONDS", 0.3)
    try:
        server = os.open("/dev/fuse", os.O_RDWR)
    except OSError:
        pytest.skip("no FUSE here, so no call can be made to hang")
    libc = ctypes.CDLL(None, use_errno=True)
    target = str(tmp_path).encode()
    options = ("fd=%d,rootmode=40000,user_id=0,group_id=0" % server).encode()
    if libc.mount(b"dead", target, b"fuse.dead", 0, options) != 0:
        os.close(server)
        pytest.skip("mounting is not allowed here, so no call can be made to hang")
    try:
        result = scan(Options(root=str(tmp_path), time_limit=0.3))
        assert result["complete"] is False and result["installations"] == []
        assert "time limit" in result["unreadable"][0]["reason"]
    finally:
        libc.umount2(target, 2)
        os.close(server)


@pytest.mark.load
def test_environments_of_one_user_below_a_search_path_do_not_take_the_time_of_others(as_root, host):
    import functools
    import time

    from ansible_collections.labfleet.conda.plugins.module_utils._discover._survey import Survey
    from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import read_environment
    from ansible_collections.labfleet.conda.plugins.module_utils._system._report import Report

    for name, uid in [("a%d" % number, 4711) for number in range(8)] + [("z", 1000)]:
        host.environment("/scratch/" + name, ("zlib-1-0",))
        os.chown(host.path("/scratch/" + name), uid, uid)

    def read(prefix, **options):
        end = time.monotonic() + (1.2 if prefix.status().st_uid == 4711 else 0)
        while time.monotonic() < end:
            prefix.root.check_time(prefix.path)
        return read_environment(prefix, **options)

    root, report = host.root(), Report()
    root.deadline = time.monotonic() + 6
    survey = Survey(root, report, search_paths=["/scratch"], read=functools.partial(read))
    survey.run()
    found = sorted(item.prefix for item in survey.environments.values())
    assert "/scratch/z" in found and len(found) > 2, "what is put off is looked at when everybody had their share"
    assert "share of the time" in str(report.entries)
