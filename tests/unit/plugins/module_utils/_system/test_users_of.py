# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes that use a prefix; the processes are real."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._system._users_of import managers_at_work, uses_of


@pytest.fixture
def prefix(tmp_path):
    for name in ("bin", "lib", "envs/work/bin"):
        (tmp_path / "base" / name).mkdir(parents=True)
    for place in ("bin", "envs/work/bin"):
        shutil.copy("/bin/sleep", str(tmp_path / "base" / place / "sleep"))
    return str(tmp_path / "base")


@pytest.fixture
def start():
    started = []

    def start_(*words, **options):
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, **options)
        started.append(process)
        while not Path("/proc/%d/cmdline" % process.pid).read_bytes():
            pass  # the kernel is still putting the new program together
        return process.pid

    yield start_
    for process in started:
        process.kill()
        process.wait()


def how(prefix, pid, **options):
    return [use.how for use in uses_of(prefix, **options).found if use.pid == pid]


def test_what_runs_from_the_prefix_uses_it(prefix, start):
    assert how(prefix, start(prefix + "/bin/sleep", "300")) == ["program"]


def test_what_runs_from_elsewhere_does_not(prefix, start):
    assert how(prefix, start("/bin/sleep", "300")) == []


def test_what_runs_from_its_environments_is_apart(prefix, start):
    pid = start(prefix + "/envs/work/bin/sleep", "300")
    assert how(prefix, pid, apart=["envs"]) == []
    assert how(prefix, pid) == ["program"]


def test_a_prefix_whose_name_begins_alike_is_another(prefix, start):
    os.rename(prefix, prefix + "2")
    os.makedirs(prefix)
    assert how(prefix, start(prefix + "2/bin/sleep", "300")) == []


def test_who_works_in_its_directories_uses_it(prefix, start):
    assert how(prefix, start("/bin/sleep", "300", cwd=prefix + "/lib")) == ["directory"]


def test_a_package_manager_named_on_the_command_line_is_one(prefix, start, tmp_path):
    micromamba = str(tmp_path / "micromamba")
    shutil.copy("/bin/sh", micromamba)
    pid = start(micromamba, "-c", "read x < %s" % _pipe(tmp_path), "-p", prefix)
    assert how(prefix, pid) == ["manager"]


def test_pip_run_by_the_prefix_is_a_package_manager(prefix, start, tmp_path):
    shutil.copy("/bin/sh", prefix + "/bin/python3")
    (tmp_path / "pip").write_text("read x < %s\n" % _pipe(tmp_path))
    assert how(prefix, start(prefix + "/bin/python3", str(tmp_path / "pip"), "install", "x")) == ["manager"]


def test_a_conda_that_runs_in_a_text_of_ours_is_a_package_manager(prefix, start, tmp_path):
    shutil.copy("/bin/sh", prefix + "/bin/python3")
    words = ("-c", "read x < %s" % _pipe(tmp_path), prefix + "/bin/conda", "install", "x")
    assert how(prefix, start(prefix + "/bin/python3", *words)) == ["manager"]


def test_the_name_of_a_process_is_told_on_one_line(prefix, start):
    odd = os.fsencode(prefix) + b"/bin/\x1b[2J\n\xff"
    shutil.copy("/bin/sleep", odd)
    pid = start(odd, "300")
    (use,) = [use for use in uses_of(prefix).found if use.pid == pid]
    assert use.program.isprintable() and use.program.startswith("\\u001b[2J\\u000a")
    assert use.program.encode("utf-8")


def test_we_ourselves_do_not_count(prefix, monkeypatch):
    monkeypatch.chdir(prefix + "/lib")
    assert os.getpid() not in [use.pid for use in uses_of(prefix).found]


def _pipe(tmp_path):
    path = str(tmp_path / "never-written")
    if not os.path.exists(path):
        os.mkfifo(path)
    return path


@pytest.fixture
def conda(tmp_path, start):
    """Starts a Python program that looks like the conda of a base prefix, and returns its number once it runs."""
    program = tmp_path / "base" / "bin" / "conda"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text("import os, signal\nopen(os.environ['MARK'], 'w').write('started')\nsignal.pause()\n")

    def start_(*words, **variables):
        mark = tmp_path / ("mark-" + "-".join(words).replace("/", "_"))
        os.mkfifo(str(mark))
        pid = start(sys.executable, str(program), *words, env=dict(os.environ, MARK=str(mark), **variables))
        assert mark.read_text() == "started"
        return pid

    return start_


def working(pid, *, uids=None, spared=()):
    asked = managers_at_work(uids, spared=lambda base, uid: (base, uid) in spared)
    return [use.program for use in asked if use.pid == pid]


def test_a_conda_that_changes_something_is_at_work_on_caches(conda):
    assert working(conda("install", "-n", "run", "x")) == ["conda"]
    assert working(conda("--debug", "create")) == ["conda"]


def test_a_conda_that_only_waits_for_what_it_runs_is_not(conda):
    assert working(conda("run", "-n", "work", "python")) == []
    assert working(conda("shell.posix", "activate")) == []


def test_one_that_cannot_reach_the_cache_or_has_other_caches_is_not(conda, tmp_path):
    pid = conda("install", "x")
    assert working(pid, uids={os.geteuid()}) == ["conda"]
    assert working(pid, uids={os.geteuid() + 1}) == []
    spared = {(str(tmp_path / "base"), os.geteuid())}
    assert working(pid, spared=spared) == []
    assert working(conda("install", "y", CONDA_PKGS_DIRS="/srv/pkgs"), spared=spared) == ["conda"]


def test_pip_has_no_cache_of_packages_of_conda(tmp_path, start):
    shutil.copy("/bin/sleep", str(tmp_path / "pip"))
    assert working(start(str(tmp_path / "pip"), "300")) == []
