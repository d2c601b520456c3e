# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The entrypoint script under each shell: what it sees, what it says, and that the command is what it would be."""

from __future__ import annotations

import datetime
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import time

import pytest
from lab import entrypoint
from lab.entrypoint import fields

from ansible_collections.labfleet.conda.plugins.module_utils._ledger import _append, _place, _read
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._chain import seal
from ansible_collections.labfleet.conda.plugins.module_utils._spec._version import parse_version

# The environment, arguments and more of the process that it becomes, as JSON.
TELL = """
import json, os, signal, sys
print(json.dumps({
    "environment": dict(os.environ), "arguments": sys.argv[1:], "umask": os.umask(0), "directory": os.getcwd(),
    "input": sys.stdin.read(), "pid": os.getpid(), "files": sorted(os.listdir("/proc/self/fd")), "user": os.getuid(),
    "ignored": [line for line in open("/proc/self/status") if line.startswith(("SigIgn", "SigBlk", "SigCgt"))],
    "children": open("/proc/self/task/%d/children" % os.getpid()).read(),
}))
"""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can set owners and mount")


def start(sh, prefix, *command, **settings):
    """The exit code of a start, its line, and what the command printed."""
    done = sh.run(*(command or ("true",)), prefix=prefix, **settings)
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    return done.returncode, fields(lines[0]), done.stdout


# --- what the command gets


def test_the_command_is_what_it_would_be_without_us(sh, small, tmp_path):
    arguments = ["a b", "", "c\nd", "$(true)", "*", "-x", "ü"]
    command = [sys.executable, "-c", TELL, *arguments]
    given = {"version": "9", "prefix": "x", "line": "a\nPWD=b", "EMPTY": "", "PWD": str(tmp_path)}
    environment = {**sh.environment(prefix=small), **given}
    options = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True, "input": "in", "umask": 0o027}
    plain = json.loads(subprocess.run(command, check=True, **options).stdout)
    process = subprocess.run(sh.command(*command), check=True, **options)
    ours = json.loads(process.stdout)
    for told in (plain, ours):
        del told["pid"]
        for name in ("SHLVL", "_", "OLDPWD"):  # of bash and busybox themselves
            told["environment"].pop(name, None)
    assert ours == plain


def test_a_variable_that_the_shell_has_added_is_taken_away(sh, small):
    told = start(sh, small, sys.executable, "-c", "import os; print('PWD' in os.environ)")
    assert told[2] == "False\n"


def test_the_process_stays_the_same(sh, small):
    process = subprocess.Popen(
        sh.command("sh", "-c", "echo $$"), env=sh.environment(prefix=small), stdout=subprocess.PIPE, text=True
    )
    assert process.communicate()[0] == f"{process.pid}\n"


@pytest.mark.parametrize(("command", "code"), [(("sh", "-c", "exit 37"), 37), (("nosuchcommand",), 127), (("/",), 126)])
def test_the_exit_code_is_that_of_the_command(sh, small, command, code):
    assert sh.run(*command, prefix=small).returncode == code


@pytest.mark.parametrize("arguments", [(), ("",), ("--nosuch", "true")])
def test_without_a_command_it_says_what_is_missing(sh, small, arguments):
    done = sh.run(*arguments, prefix=small)
    assert done.returncode == 64 and "say which command to start" in done.stderr


def test_names_that_a_shell_drops_are_told(sh, small):
    script = "import os, json; print(json.dumps(os.environ.get('spring.url')))"
    done = subprocess.run(
        sh.command(sys.executable, "-c", script), env={**sh.environment(prefix=small), "spring.url": "x"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    if sh.name == "bash":
        assert json.loads(done.stdout) == "x" and "spring" not in done.stderr
    else:
        assert "names such as spring.url:" in fields(done.stderr.strip())["msg"]


# --- what it sees


def test_a_healthy_conda_is_told_in_one_line_and_nothing_of_it_is_started(sh, small):
    code, line, _output = start(sh, small, floor="26.5.2")
    assert code == 0
    assert (line["level"], line["status"], line["conda"], line["floor"]) == ("info", "healthy", "26.7.1", "26.5.2")
    assert line["command"] == "true" and int(line["free_mib"]) > 0 and int(line["free_inodes"]) > 0
    assert "msg" not in line and not (small / "bin" / "python.log").exists()


def remove(path):
    """A damage: this file of the prefix is gone."""
    return lambda prefix: (prefix / path).unlink()


def write(path, text=""):
    """A damage: this file of the prefix is there."""

    def damage(prefix):
        (prefix / path).parent.mkdir(exist_ok=True)
        (prefix / path).write_text(text)

    return damage


def broken_link(prefix):
    (prefix / "bin" / "python").unlink()
    (prefix / "bin" / "python").symlink_to("python3.12")


DAMAGES = {
    "no prefix": (shutil.rmtree, "There is no conda at"),
    "no record": (remove("conda-meta/conda-26.7.1-py312_0.json"), "no record of conda"),
    "two records": (write("conda-meta/conda-26.5.2-py312_0.json"), "2 records of conda"),
    "no history": (remove("conda-meta/history"), "conda-meta/history is missing"),
    "python is a link to nowhere": (broken_link, "bin/python is missing"),
    "no program": (remove("bin/conda"), "bin/conda is missing"),
    "another interpreter": (write("bin/conda", "#!/nowhere/bin/python -E\n"), "asks for /nowhere/bin/python"),
    "a journal": (write(".labfleet-conda/journal.json", "{}"), "A change was interrupted"),
    "a change of conda that was cut off": (write("conda-meta/python-3.12.0-0.json.c~"), "cut off"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_broken_conda_is_told_and_the_command_is_started(sh, small, name):
    damage, said = DAMAGES[name]
    damage(small)
    code, line, output = start(sh, small, "echo", "started")
    assert (code, output) == (0, "started\n")
    assert (line["level"], line["status"]) == ("warning", "unhealthy")
    assert said in line["msg"] and "started all the same" in line["msg"]
    check = sh.run("--healthcheck", prefix=small)
    assert check.returncode == 1 and said in fields(check.stdout.strip())["msg"] and check.stderr == ""
    code, line, output = start(sh, small, "echo", "started", strict="yes")
    assert (code, output, line["event"]) == (69, "", "refused") and said in line["msg"]


def test_the_health_check_of_a_healthy_conda(sh, small):
    done = sh.run("--healthcheck", prefix=small, strict="yes")
    assert done.returncode == 0 and fields(done.stdout.strip())["event"] == "healthcheck"


@pytest.mark.parametrize(("wanted", "said"), [("libmamba", "conda-libmamba-solver"), ("rattler", "conda-rattler")])
def test_a_solver_that_is_asked_for(sh, small, wanted, said):
    assert said in start(sh, small, solver=wanted)[1]["msg"]
    (small / "conda-meta" / f"conda-{wanted}-solver-25.4.0-pyhd8ed1ab_0.json").write_text("{}")
    assert start(sh, small, solver=wanted)[1]["status"] == "healthy"


def test_a_mamba_that_is_asked_for(sh, small):
    assert "mamba is asked for" in start(sh, small, mamba_floor="2.7")[1]["msg"]
    record = small / "conda-meta" / "mamba-2.3.3-h1_0.json"
    record.write_text("{}")
    assert "mamba 2.3.3 is below the floor 2.7" in start(sh, small, mamba_floor="2.7")[1]["msg"]
    record.rename(small / "conda-meta" / "mamba-2.8.1-h1_0.json")
    assert start(sh, small, mamba_floor="2.7")[1]["mamba"] == "2.8.1"


def test_space_that_is_asked_for(sh, small):
    line = start(sh, small, min_free_mib="999999999", min_free_inodes="999999999")[1]
    assert "MiB are free" in line["msg"] and "inodes are free" in line["msg"]
    line = start(sh, small, min_free_mib="0", min_free_inodes="0")[1]
    assert line["status"] == "healthy" and "free_mib" not in line


VERSIONS = (
    "4.3", "4.3.0", "4.3.8", "4.10.3", "26.7.0rc1", "26.7.0", "26.7.0.post1", "26.7.0.dev3", "26.7", "26.07.1",
    "26.7.1+12.gabc", "2026",
)  # fmt: skip


@pytest.mark.parametrize("floor", VERSIONS)
def test_versions_are_compared_as_conda_does_or_told_to_be_unknown(sh, small, floor):
    record = small / "conda-meta" / "conda-26.7.1-py312_0.json"
    unknown = []
    for version in VERSIONS:
        record = record.rename(record.with_name(f"conda-{version}-0.json"))
        message = start(sh, small, floor=floor)[1].get("msg", "")
        if "cannot be told" in message:
            unknown.append(version)
        else:
            assert ("is below the floor" in message) == (parse_version(version) < parse_version(floor)), version
    words = ("rc", "dev", "post", "a2")  # two of these, or a local part of the floor, are all that a shell cannot tell
    assert "+" in floor or all(any(word in name for word in words) for name in [floor, *unknown] if unknown), unknown


# --- settings


@pytest.fixture
def config(tmp_path):
    folder = tmp_path / "etc"
    folder.mkdir(mode=0o755)
    path = folder / "entrypoint.conf"
    path.write_text("")
    path.chmod(0o644)
    return path


@as_root
def test_the_file_is_read_and_the_environment_counts_first(sh, small, config):
    config.write_text(f"# hi\n\nLABFLEET_CONDA_PREFIX={small}\nLABFLEET_CONDA_FLOOR=99\nLABFLEET_CONDA_STRICT=yes")
    assert sh.run("true", config=config).returncode == 69
    done = sh.run("true", config=config, floor="26.1")
    assert done.returncode == 0 and fields(done.stderr.strip())["floor"] == "26.1"


@as_root
def test_nothing_in_the_file_is_run(sh, small, config, tmp_path):
    trap = tmp_path / "trap"
    config.write_text(
        f"LABFLEET_CONDA_PREFIX={small}\nLABFLEET_CONDA_FLOOR=$(touch {trap})\nLABFLEET_CONDA_X`touch {trap}`=1\n"
        f"touch {trap}\nLABFLEET_CONDA_LOG=stderr;touch {trap}\nexport LABFLEET_CONDA_STRICT=yes\nLABFLEET_CONDA_LO=1\n"
    )
    code, line, _output = start(sh, small, config=config)
    assert code == 0 and not trap.exists()
    for said in ("FLOOR is not of", "LOG is not of", "Line 3 of", "Line 4 of", "Line 6 of", "Line 7 of"):
        assert said in line["msg"]


def link(path):
    path.rename(path.with_name("real"))
    path.symlink_to("real")


HOSTILE = {
    "of another user": lambda path: os.chown(path, 65534, 65534),
    "writable by all": lambda path: path.chmod(0o666),
    "writable by its group": lambda path: path.chmod(0o664),
    "in a directory writable by all": lambda path: path.parent.chmod(0o777),
    "in a directory of another user": lambda path: os.chown(path.parent, 65534, 65534),
    "a link": link,
    "a directory": lambda path: (path.unlink(), path.mkdir()),
    "a FIFO": lambda path: (path.unlink(), os.mkfifo(path, 0o644)),
}


@as_root
@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_others_could_have_written_is_ignored(sh, small, config, name):
    config.write_text("LABFLEET_CONDA_FLOOR=99\nLABFLEET_CONDA_STRICT=yes\n")
    HOSTILE[name](config)
    code, line, _output = start(sh, small, config=config)
    assert code == 0 and line["status"] == "healthy" and "was ignored" in line["msg"]


@pytest.mark.parametrize(("name", "value"), [
    ("floor", "26; rm"), ("min_free_mib", "-1"), ("min_free_inodes", "many"), ("strict", "perhaps"), ("log", "a/b"),
    ("prefix", "conda"), ("refresh_seconds", "1e3"), ("solver", "fast"),
])  # fmt: skip
def test_a_setting_of_no_use_is_told_and_the_default_counts(sh, small, name, value):
    line = fields(sh.run("true", **{"prefix": small, name: value}).stderr.strip())
    assert f"LABFLEET_CONDA_{name.upper()} is not of the kind" in line["msg"]


def test_the_head_of_the_script_names_every_setting_and_its_default():
    text = entrypoint.SCRIPT.read_text()
    line = r"^#   LABFLEET_CONDA_([A-Z_]+) .*?\(([^()]*)\)(?:, environment only)?$"
    named = dict(re.findall(line, text, re.MULTILINE))
    chosen = dict(re.findall(r"^    choose ([A-Z_]+) [a-z_]+ (\S+) ", text, re.MULTILINE))
    assert named.pop("CONFIG") == "/etc/labfleet-conda/entrypoint.conf"
    assert named == {name: "none" if default == "''" else default for name, default in chosen.items()}


def test_the_page_names_every_setting_and_its_default():
    page = (entrypoint.FILES.parents[2] / "docs" / "docsite" / "rst" / "entrypoint.rst").read_text()
    named = dict(re.findall(r"^  \* - ``LABFLEET_CONDA_([A-Z_]+)``\n    - (\S+)$", page, re.MULTILINE))
    chosen = dict(re.findall(r"^    choose ([A-Z_]+) [a-z_]+ (\S+) ", entrypoint.SCRIPT.read_text(), re.MULTILINE))
    assert named.pop("CONFIG")
    assert named == {name: "none" if default == "''" else f"``{default}``" for name, default in chosen.items()}


# --- what it says


def test_the_line_goes_to_a_file(sh, small, tmp_path):
    log = tmp_path / "log" / "starts.log"
    log.parent.mkdir(mode=0o755)
    for _start in range(2):
        assert sh.run("true", prefix=small, log=log).stderr == ""
    done = sh.run("true", prefix=small, log=log, floor="99")
    assert "below the floor" in done.stderr  # what is wrong is always told
    assert [fields(line)["status"] for line in log.read_text().splitlines()] == ["healthy", "healthy", "unhealthy"]
    assert sh.run("true", prefix=small, log="none").stderr == ""


@pytest.mark.parametrize("kind", ["link", "directory for all", "no directory"])
def test_a_log_that_others_could_exchange_is_not_written(sh, small, tmp_path, kind):
    folder, victim = tmp_path / "log", tmp_path / "victim"
    victim.write_text("")
    if kind != "no directory":
        folder.mkdir()
        folder.chmod(0o777 if kind == "directory for all" else 0o755)
    if kind == "link":
        (folder / "starts.log").symlink_to(victim)
    code, line, _output = start(sh, small, log=folder / "starts.log")
    assert code == 0 and "could not be written" in line["msg"] and victim.read_text() == ""
    assert kind == "link" or not (folder / "starts.log").exists()


def test_no_text_can_make_another_line_or_field(sh, small, tmp_path):
    name = 'a" status=healthy\nlabfleet-conda-entrypoint x=y \\'
    program = tmp_path / name
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    line = start(sh, small, str(program))[1]
    assert line["command"] == name.replace("\n", "?") and line["status"] == "healthy"


def test_arguments_are_not_in_the_line(sh, small):
    assert "hunter2" not in sh.run("true", "--password=hunter2", prefix=small).stderr


def test_a_closed_standard_error_does_not_keep_the_command_from_starting(sh, small):
    command = ["sh", "-c", 'exec "$@" 2>&-', "sh", *sh.command("echo", "started")]
    environment = sh.environment(prefix=small, floor="99")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "started\n")


def test_without_any_tool_the_command_is_started(sh, small):
    done = subprocess.run(
        sh.command("/bin/echo", "started"), env={**sh.environment(prefix=small), "PATH": "/nonexistent"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "started\n")


# --- the ledger


@pytest.fixture
def ledger(tmp_path):
    folder = tmp_path / "ledger"
    folder.mkdir(mode=0o700)
    return folder / "ledger.jsonl"


def records(ledger):
    """The records of a ledger, which must be intact, as the module reads them."""
    found = _read.read(_place.place_at(str(ledger)))
    assert [problem.text for problem in found.verification.problems] == []
    return found.records


def test_each_start_is_a_record_in_the_chain_of_the_modules(sh, small, ledger):
    now = datetime.datetime.now(datetime.UTC)
    for floor in ("26.1", "99"):
        assert "the ledger" not in start(sh, small, ledger=ledger, floor=floor)[1].get("msg", "")
    _append.append(_place.place_at(str(ledger)), {"action": "update", "outcome": "committed"}, now=now)
    start(sh, small, ledger=ledger, floor="99", strict="yes")
    first, second, _third, fourth = records(ledger)
    assert (first["action"], first["outcome"], first["message"]) == ("container_start", "recorded", None)
    assert first["prefix"] == str(small) and first["after"] == {"conda": "26.7.1"} and first["who"]["user"]
    assert "below the floor 99" in second["message"] and fourth["outcome"] == "refused"
    for line in ledger.read_bytes().splitlines(keepends=True):  # byte by byte what the modules would have written
        assert seal(json.loads(line))[0] == line
    assert ledger.stat().st_mode & 0o777 == (0o640 if os.geteuid() == 0 else 0o600)


def test_starts_at_once_all_find_their_place(sh, small, ledger):
    running = [
        subprocess.Popen(sh.command("true"), env=sh.environment(prefix=small, ledger=ledger), stderr=subprocess.PIPE)
        for _start in range(8)
    ]
    said = b"".join(process.communicate()[1] for process in running)
    assert b"no record" not in said and [entry["sequence"] for entry in records(ledger)] == list(range(1, 9))


def torn(ledger):
    ledger.write_bytes(ledger.read_bytes()[:-20])


def full(ledger):
    line = ledger.read_bytes()
    ledger.write_bytes(line * (16777216 // len(line) + 1))


def rotated(ledger):
    ledger.rename(ledger.with_name("ledger-0001.jsonl"))


LEDGERS = {
    "torn": (torn, "damaged"),
    "full": (full, "full"),
    "only an old file": (rotated, "last file is missing"),
    "writable by all": (lambda ledger: ledger.chmod(0o666), "nobody else"),
    "a link": (link, "nobody else"),
}


@pytest.mark.parametrize("name", LEDGERS)
def test_a_ledger_that_cannot_be_continued_is_left_alone_and_told_of(sh, small, ledger, name):
    start(sh, small, ledger=ledger)
    damage, said = LEDGERS[name]
    damage(ledger)
    before = {path.name: path.read_bytes() for path in ledger.parent.iterdir() if path.suffix == ".jsonl"}
    code, line, _output = start(sh, small, ledger=ledger)
    assert code == 0 and line["status"] == "healthy" and said in line["msg"] and "no record was written" in line["msg"]
    assert {path.name: path.read_bytes() for path in ledger.parent.iterdir() if path.suffix == ".jsonl"} == before


def test_a_lock_that_is_held_does_not_hold_up_the_start_for_long(sh, small, ledger):
    start(sh, small, ledger=ledger)
    with open(f"{ledger}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        began = time.monotonic()
        line = start(sh, small, ledger=ledger)[1]
    assert "another process has its lock" in line["msg"] and time.monotonic() - began < 30
