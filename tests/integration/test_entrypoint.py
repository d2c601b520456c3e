# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The entrypoint script on a real conda 4.3.13, under one shell or each: refreshes, kills, locks, and as process 1."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

import pytest
from integration.updating import differing, kill_tree
from lab import channel, entrypoint, hosts, podman
from lab.base import Base, make_base
from lab.entrypoint import fields
from lab.fixtures import sh_with_conda, small
from lab.variants import some

from ansible_collections.labfleet.conda.plugins.module_utils._ledger import _place, _read

OLD, NEW = "4.3.13", "4.3.16"
NOBODY = 65534
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount, and be another user")


@pytest.fixture(name="sh")
def shell(sh_with_conda: entrypoint.Shell) -> entrypoint.Shell:
    return sh_with_conda


@pytest.fixture(scope="module")
def made() -> t.Iterator[Base]:
    folder = Path(tempfile.mkdtemp(prefix="labfleet-entrypoint-"))  # pytest closes its own folder to other users
    folder.chmod(0o755)
    try:
        yield make_base(folder / "base", OLD)
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def base(made: Base) -> Base:
    """A base prefix with conda 4.3.13 whose channel has 4.3.16."""
    make_same(made.pristine, made.path)
    return made


def make_same(pristine: Path, path: Path) -> None:
    """Make a tree what another one is, where it differs by kind, size, time, owner or mode: most of it does not."""
    there = {entry.name: entry for entry in os.scandir(path)}
    for entry in os.scandir(pristine):
        other = there.pop(entry.name, None)
        here, status = path / entry.name, entry.stat(follow_symlinks=False)
        if other is not None and entry.is_dir(follow_symlinks=False) and other.is_dir(follow_symlinks=False):
            make_same(Path(entry.path), here)
        elif other is None or facts(status) != facts(other.stat(follow_symlinks=False)):
            subprocess.run(["rm", "-rf", str(here)], check=True)
            subprocess.run(["cp", "-a", entry.path, str(here)], check=True)
    for name in there:
        subprocess.run(["rm", "-rf", str(path / name)], check=True)
    os.chown(path, pristine.stat().st_uid, pristine.stat().st_gid)
    shutil.copystat(pristine, path)


def facts(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_mode, status.st_uid, status.st_gid, status.st_size, status.st_mtime_ns)


def settings(base: Base, **more: t.Any) -> dict[str, t.Any]:
    return {"prefix": base.path, "floor": NEW, "refresh": "yes", **more}


def start(sh, base, *command, **more):
    """A start with a refresh: the exit code and the line."""
    done = sh.run(*(command or ("true",)), **settings(base, **more))
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    return done.returncode, fields(lines[0])


def launch(sh, base, *command, **more):
    """A start that goes on in the background."""
    return subprocess.Popen(
        sh.command(*command), env=sh.environment(**settings(base, **more)), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def listing(base):
    """All of the prefix but what the entrypoint keeps there."""
    return {name: facts for name, facts in base.listing().items() if "__pycache__" not in name}


def until(reached, seconds=60.0):
    """Wait for something to be true, and return whether it became so."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if reached():
            return True
        time.sleep(0.01)
    return False


def transactions(base):
    return (base.path / "conda-meta" / "history").read_text().count("==>")


def is_clean(base):
    """Whether nothing that a refresh needs for itself is left."""
    return sorted(path.name for path in (base.state / "entrypoint").iterdir()) == ["refresh.log"]


# --- the refresh


def test_a_refresh_brings_conda_to_the_floor_and_a_second_start_does_nothing(sh, base, tmp_path):
    others = base.listing("envs")
    (tmp_path / "log").mkdir(mode=0o700)
    ledger = tmp_path / "log" / "ledger.jsonl"
    code, line = start(sh, base, "sh", "-c", "exit 4", ledger=ledger)
    assert (code, line["refresh"], line["status"], line["conda"]) == (4, "yes", "healthy", NEW)
    assert base.version() == NEW and is_clean(base) and base.listing("envs") == others
    history = transactions(base)
    code, line = start(sh, base, ledger=ledger)
    assert (code, line["refresh"], transactions(base)) == (0, "not_needed", history)
    found = _read.read(_place.place_at(str(ledger)))
    assert not found.verification.problem_count
    first, second = found.records
    assert (first["outcome"], first["before"], first["after"]) == ("committed", {"conda": OLD}, {"conda": NEW})
    assert second["outcome"] == "recorded"


def test_two_starts_at_once_refresh_once(sh, base):
    before = transactions(base)
    running = [launch(sh, base, str(base.path / "bin" / "conda"), "--version") for _start in range(2)]
    ended = [process.communicate(timeout=200) for process in running]
    assert all(NEW in output + said for output, said in ended), ended
    assert sorted(fields(said.splitlines()[0])["refresh"] for _output, said in ended) == ["by_another", "yes"]
    assert transactions(base) == before + 1 and is_clean(base)


def test_without_its_channel_nothing_is_changed_and_the_next_start_does_not_try_at_once(sh, base, made):
    channels = made.channels.rename(made.channels.with_name("away"))
    try:
        before = listing(base)
        code, line = start(sh, base, "true")
        assert code == 0 and line["refresh"] == "failed" and "nothing was changed" in line["msg"]
        assert "below the floor" in line["msg"] and listing(base) == before and base.version() == OLD
        assert start(sh, base, strict="yes")[0] == 69
        assert "was not tried again" in start(sh, base)[1]["msg"]
    finally:
        channels.rename(made.channels)
    assert start(sh, base, refresh_pause="0")[1]["refresh"] == "yes"


def test_a_change_that_fails_is_undone_to_the_last_byte(sh, base, made):
    (archive,) = made.channels.glob(f"pkgs/main/*/conda-{NEW}-*.tar.bz2")
    whole = archive.read_bytes()
    before = listing(base)
    try:
        archive.write_bytes(whole[: len(whole) // 2])
        code, line = start(sh, base)
    finally:
        archive.write_bytes(whole)
    assert code == 0 and "was put back" in line["msg"] and line["status"] == "unhealthy"
    assert differing(before, listing(base)) == [] and base.version() == OLD


def test_a_conda_that_does_not_start_after_the_change_is_undone(sh, base):
    before = listing(base)
    broken = base.path / "lib/python3.6/site-packages/ruamel_yaml/__init__.py"
    hook = base.path / "lib/python3.6/site-packages/zz_break.pth"
    # As soon as the new version is there, nothing of conda can be imported any more.
    hook.write_text(
        f"import sys, glob; sys.exit('broken') if glob.glob({str(base.path / 'conda-meta')!r} + '/conda-{NEW}-*')"
        " and 'info' in open('/proc/self/cmdline').read() else None\n"
    )
    code, line = start(sh, base)
    assert code == 0 and "refresh.log" in line["msg"] and line["conda"] == OLD, line
    hook.unlink()
    assert differing(before, listing(base)) == [] and base.version() == OLD and not broken.is_symlink()


@pytest.mark.parametrize("name", some(["frozen", "journal", "writable by others", "mount", "space", "group"], 3))
def test_what_must_not_be_changed_is_left_alone(sh, base, name):
    more: dict[str, t.Any] = {}
    with contextlib.ExitStack() as stack:
        if name == "frozen":
            (base.path / "conda-meta" / "frozen").write_text("")
            said = "marked as frozen"
        elif name == "journal":
            base.state.mkdir(mode=0o700)
            (base.state / "journal.json").write_text("{}")
            said = "A change was interrupted"
        elif name == "mount":
            (base.path / "work").mkdir()
            mount(stack, base.path / "work", "size=1m,mode=755")
            said = "Something is mounted below"
        elif name == "space":
            more["min_free_mib"] = "999999999"
            said = "too little space"
        else:
            path = base.path / "lib" / "python3.6" / "site.py"
            path.chmod(0o666 if name == "writable by others" else 0o664)
            said = "Others than root can write"
        before = listing(base)
        code, line = start(sh, base, **more)
        assert code == 0 and said in line["msg"] and listing(base) == before and base.version() == OLD


def mount(stack, path, options, *more):
    """Mount a tmpfs until the end of the test, or skip it."""
    command = ["mount", *(more or ("-t", "tmpfs", "tmpfs")), str(path), "-o", options]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounts are refused here")
    stack.callback(subprocess.run, ["umount", str(path)], check=True)


def test_roots_refresh_of_anothers_prefix_runs_as_that_user(sh, base, tmp_path):
    subprocess.run(["chown", "-hR", f"{NOBODY}:{NOBODY}", str(base.path)], check=True)
    code, line = start(sh, base)
    assert code == 0
    if sh.name == "busybox":  # its setpriv cannot become another user
        assert "belongs to another user" in line["msg"] and line["conda"] == OLD
        return
    assert line["refresh"] == "yes" and base.version() == NEW, line
    owners = {path.lstat().st_uid for path in base.path.rglob("*") if "__pycache__" not in str(path)}
    assert owners == {NOBODY}


# --- limits, signals and kills


def hang(base):
    """Let the index of the channel be a FIFO that nobody writes to: conda waits for it for ever."""
    channels = base.path.parent / "hanging" / "pkgs" / "main"
    for subdir in ("linux-64", "noarch"):
        (channels / subdir).mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.mkfifo(channels / subdir / "repodata.json.bz2")
    (base.path / ".condarc").write_text(f"channels: [defaults]\ndefault_channels: ['{channels.as_uri()}']\n")


def processes_of(base):
    """The running processes whose command line names the prefix."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if os.fsencode(base.path) in path.read_bytes() and path.parent.name != str(os.getpid()):
                found.append(int(path.parent.name))
    return found


def test_the_time_limit_ends_a_refresh_and_all_it_has_started(sh, base):
    hang(base)
    began = time.monotonic()
    code, line = start(sh, base, refresh_seconds="3")
    assert code == 0 and "nothing was changed" in line["msg"] and time.monotonic() - began < 60
    assert processes_of(base) == [] and base.version() == OLD


def test_a_stop_during_a_refresh_ends_it_and_the_command_is_not_started(sh, base, tmp_path):
    hang(base)
    process = launch(sh, base, "touch", str(tmp_path / "started"))
    assert until(lambda: any("install" in command_line(pid) for pid in processes_of(base)))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143 and not (tmp_path / "started").exists()
    assert processes_of(base) == [] and base.version() == OLD


def command_line(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


@pytest.mark.parametrize("number", range(int(os.environ.get("LABFLEET_KILLS", "1"))))
def test_killed_amid_the_change_the_next_start_ends_well(sh, base, number):
    others = base.listing("envs")
    cached = sorted(path.name for path in (base.path / "pkgs").iterdir())
    process = launch(sh, base, "true")
    copy = base.state / "entrypoint" / "copy"
    assert until(copy.is_dir)
    time.sleep(random.Random(f"{sh.name}{number}").uniform(0, 2.5))  # at a random instant
    kill_tree(process.pid)
    process.communicate()
    done = sh.run("--healthcheck", **settings(base))
    assert done.returncode == (0 if not copy.exists() and base.version() == NEW else 1)
    code, line = start(sh, base)
    assert code == 0 and line["status"] == "healthy" and line["conda"] == NEW, line
    assert base.version() == NEW and base.listing("envs") == others and not copy.exists()
    assert sorted(path.name for path in (base.path / "pkgs").iterdir()) == cached  # nothing half unpacked is left


def test_a_lock_of_a_container_that_is_gone_is_taken_over(sh, base, tmp_path):
    text = entrypoint.FILES.joinpath("labfleet-conda-refresh.sh").read_text()
    assert "\nSTALE=60 " in text
    sh.script.with_name("labfleet-conda-refresh.sh").write_text(text.replace("\nSTALE=60 ", "\nSTALE=3 "))
    try:
        lock = base.state / "entrypoint" / "lock"
        lock.mkdir(parents=True)
        for folder in (base.state, base.state / "entrypoint"):
            folder.chmod(0o700)
        (lock / "holder").write_text("another-boot pid:[1] 7 100\n")
        assert start(sh, base)[1]["refresh"] == "yes" and is_clean(base)
    finally:
        sh.script.with_name("labfleet-conda-refresh.sh").write_text(text)


def test_a_lock_that_shows_life_is_respected(sh, base):
    lock = base.state / "entrypoint" / "lock"
    lock.mkdir(parents=True)
    for folder in (base.state, base.state / "entrypoint"):
        folder.chmod(0o700)
    (lock / "holder").write_text("another-boot pid:[1] 7 100\n")
    process = launch(sh, base, "true", refresh_wait="4")
    beat = 0
    while process.poll() is None:
        beat += 1
        (lock / "beat").write_text(f"{beat}\n")
        time.sleep(0.2)
    line = fields(process.communicate()[1].strip())
    assert "held the lock too long" in line["msg"] and (lock / "holder").exists() and base.version() == OLD


def test_a_change_of_the_modules_is_waited_for(sh, base):
    import fcntl

    base.state.mkdir(mode=0o700)
    with open(base.state / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        line = start(sh, base, refresh_wait="3")[1]
    assert "held the lock too long" in line["msg"] and base.version() == OLD
    assert start(sh, base)[1]["refresh"] == "yes"


@pytest.mark.parametrize("number", some([signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1], 2))
def test_signals_reach_the_command(sh, small, number):
    if signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip("the tests were started with this signal ignored, as nohup does, and so is every command")
    process = subprocess.Popen(
        sh.command(sys.executable, "-uc", "print('ready'); import time; time.sleep(60)"),
        env=sh.environment(prefix=small), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    process.wait(timeout=30)
    process.stdout.close()
    assert process.returncode == (-number if number != signal.SIGINT else -2)


# --- places that are not as usual


def test_another_user_starts_the_command_and_cannot_refresh(sh, base):
    options = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    done = sh.run("id", "-u", options=options, **settings(base))
    line = fields(done.stderr.strip())
    assert done.stdout == f"{NOBODY}\n" and line["user"] == str(NOBODY) and f"User {NOBODY} cannot write" in line["msg"]
    assert base.version() == OLD


def test_on_a_read_only_file_system_the_command_is_started(sh, base):
    with contextlib.ExitStack() as stack:
        mount(stack, base.path, "bind", str(base.path))
        subprocess.run(["mount", "-o", "remount,ro,bind", str(base.path)], check=True)
        code, line = start(sh, base)
        assert code == 0 and "cannot write" in line["msg"] and line["conda"] == OLD


def test_too_little_space_is_told(sh, tmp_path):
    with contextlib.ExitStack() as stack:
        mount(stack, tmp_path, "size=1m,nr_inodes=40")
        prefix = entrypoint.small_prefix(tmp_path / "conda")
        line = fields(sh.run("true", prefix=prefix).stderr.strip())
        assert "MiB are free" in line["msg"] and "inodes are free" in line["msg"] and line["status"] == "unhealthy"


# --- as process 1 of a container


class Container:
    """A container of the lab's image with conda 4.3.13, in which the entrypoint is process 1."""

    def __init__(self, name: str, *arguments: str, options: tuple[str, ...] = ()) -> None:
        self.name = f"labfleet-entrypoint-{os.getpid()}-{name}"
        image = hosts.image_of(hosts.host_named("conda4313"), channel.channels())
        mounts = [f"--volume={entrypoint.FILES}:/entrypoint:ro", f"--volume={channel.channels()}:{hosts.CHANNELS}:ro"]
        environment = ["--env=LABFLEET_CONDA_PREFIX=/opt/miniconda3"]
        started = ["run", "--detach", "--name", self.name, "--network", "none", *mounts, *environment, *options]
        podman.run(*started, "--entrypoint", '["/entrypoint/labfleet-conda-entrypoint.sh"]', image, *arguments)

    def __enter__(self) -> Container:
        return self

    def __exit__(self, *unused: object) -> None:
        podman.run("rm", "-f", "-t", "0", self.name, check=False)

    def end(self) -> int:
        return int(podman.run("wait", self.name).stdout)

    def said(self) -> str:
        done = podman.run("logs", self.name)
        return done.stdout + done.stderr


def test_the_command_is_process_1_and_gets_the_stop(lab_hosts):
    script = "trap 'echo stopped; exit 5' TERM; echo pid $$; while :; do sleep 0.1; done"
    with Container("stop", "sh", "-c", script) as container:
        assert until(lambda: "pid 1" in container.said())
        check = podman.run("exec", container.name, "/entrypoint/labfleet-conda-entrypoint.sh", "--healthcheck")
        assert fields(check.stdout.strip())["status"] == "healthy"
        podman.run("stop", "-t", "20", container.name)
        assert container.end() == 5 and "stopped" in container.said()
        (line,) = [line for line in container.said().splitlines() if line.startswith("labfleet-conda-entrypoint")]
        assert fields(line)["conda"] == OLD


@pytest.mark.parametrize("options", [("--read-only",), ("--user", "1234:0"), ("--cap-drop", "all")])
def test_restricted_containers_start_their_command(lab_hosts, options):
    more = ("--env=LABFLEET_CONDA_REFRESH=yes", f"--env=LABFLEET_CONDA_FLOOR={NEW}", *options)
    with Container("restricted", "sh", "-c", "echo started; exit 3", options=more) as container:
        assert container.end() == 3
        lines = container.said().splitlines()
        assert "started" in lines and len(lines) == 2, lines


def test_a_stop_of_a_container_amid_a_refresh(lab_hosts):
    script = (
        "cd /tmp && mkdir -p c/linux-64 c/noarch && mkfifo c/linux-64/repodata.json.bz2 && "
        "echo \"default_channels: ['file:///tmp/c']\" >/opt/miniconda3/.condarc && "
        "exec /entrypoint/labfleet-conda-entrypoint.sh echo started"
    )
    inner = script.replace("exec ", f"export LABFLEET_CONDA_REFRESH=yes LABFLEET_CONDA_FLOOR={NEW}; exec ")
    with Container("amid", "sh", "-c", inner) as container:
        log = "/opt/miniconda3/.labfleet-conda/entrypoint/lock/beat"
        assert until(lambda: podman.run("exec", container.name, "test", "-e", log, check=False).returncode == 0)
        podman.run("stop", "-t", "60", container.name)
        assert container.end() == 143
        last = container.said().splitlines()[-1]  # no line of the command comes behind it
        assert fields(last)["event"] == "stopped" and "started all the same" not in last


__all__ = ("sh_with_conda", "small")
