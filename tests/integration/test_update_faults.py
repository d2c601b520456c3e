# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can go wrong around a real self-update of conda 4.3.13: each time the old state is back, or was never left.

Disks that are full are real ones: small file systems in memory, where this user may mount them.
"""

from __future__ import annotations

import contextlib
import http.server
import os
import signal
import subprocess
import threading
import time
import typing as t
from pathlib import Path

import pytest
from integration.updating import Update, differing, update
from lab import LabUnavailable
from lab.base import Base, copy_of, make_base

from ansible_collections.labfleet.conda.plugins.module_utils._system._lock import PrefixLock
from ansible_collections.labfleet.conda.plugins.modules import conda_update

# From a path and the true content to the code, the content, and the length that is announced.
Answer = t.Callable[[str, bytes], "tuple[int, bytes, int]"]
HTML = b"<html><body>Please log in to the network of this hotel.</body></html>"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """A real base prefix with an environment of its own, from which the others are copied."""
    try:
        return make_base(tmp_path_factory.mktemp("faults") / "base")
    except LabUnavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture
def base(model: Base) -> Base:
    return copy_of(model)


class Channel(http.server.ThreadingHTTPServer):
    """The lab's channel by HTTP, which answers as a test wants."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.answer: Answer = lambda path, data: (200, data, len(data))
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/pkgs/main"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Channel

    def do_GET(self) -> None:
        path = self.server.folder / self.path.lstrip("/")
        if not path.is_file():
            self.send_error(404)
            return
        code, data, told = self.server.answer(self.path, path.read_bytes())
        self.send_response(code)
        self.send_header("Content-Length", str(told))
        self.end_headers()
        self.wfile.write(data)

    def do_HEAD(self) -> None:
        self.send_error(405)

    def log_message(self, *unused: t.Any) -> None:
        pass


@pytest.fixture
def by_http(base: Base) -> t.Iterator[Channel]:
    """The base's conda takes its packages from a server that a test can break."""
    server = Channel(base.channels)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    condarc = base.path / ".condarc"
    condarc.write_text(condarc.read_text().replace(f"{base.channels.as_uri()}/pkgs/main", server.url))
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def untouched(base: Base, before: dict[str, t.Any], result: dict[str, t.Any], *said: str) -> None:
    """The base is as it was, to the last byte, nothing is left, and the failure is told in one sentence or two."""
    assert "failed" in result, result
    for text in said:
        assert text in result["failed"]
    assert "\n" not in result["failed"]
    assert differing(before, base.listing()) == []
    assert base.version() == "4.3.13"
    assert base.leftovers() == []


def test_over_http_it_works_when_nothing_is_wrong(base: Base, by_http: Channel) -> None:
    assert update(base)["outcome"] == "committed"
    assert base.version() == "4.3.16"


def everything(code: int, content: bytes) -> Answer:
    """A channel that gives the same answer to every question."""
    return lambda path, data: (code, content, len(content))


def packages(change: t.Callable[[bytes], bytes], code: int = 200, *, cut: bool = False) -> Answer:
    """A channel whose index is well, and whose packages are not; with cut, it announces the whole length."""

    def answer(path: str, data: bytes) -> tuple[int, bytes, int]:
        if not path.endswith(".tar.bz2"):
            return 200, data, len(data)
        sent = change(data)
        return code, sent, len(data) if cut else len(sent)

    return answer


CHANNELS = {
    "404 for everything": (everything(404, b""), "plan"),
    "500 for everything": (everything(500, b""), "plan"),
    "HTML for everything": (everything(200, HTML), "plan"),
    "404 for packages": (packages(lambda data: b"", 404), "apply"),
    "HTML for packages": (packages(lambda data: HTML), "apply"),
    "cut in the middle of a package": (packages(lambda data: data[: len(data) // 2], cut=True), "apply"),
    "truncated package": (packages(lambda data: data[: len(data) // 2]), "apply"),
    "package with a wrong sum": (packages(lambda data: data[:-8] + b"\0" * 8), "apply"),
}


@pytest.mark.parametrize("name", CHANNELS)
def test_a_channel_that_fails_changes_nothing(base: Base, by_http: Channel, name: str) -> None:
    before = base.listing()
    by_http.answer, step = CHANNELS[name]
    result = update(base)
    untouched(base, before, result, str(base.path))
    assert result["outcome"] == ("rolled_back" if step == "apply" else "unchanged")


def test_a_verification_that_fails_undoes_the_update(base: Base) -> None:
    before = base.listing()
    result = update(base, verify_commands=["conda --version", "test -e /no/such/file"])
    untouched(base, before, result, "The command 'test -e /no/such/file' of verify_commands ended with exit code 1")
    assert result["outcome"] == "rolled_back"


def test_at_the_time_limit_the_update_is_undone(base: Base) -> None:
    before = base.listing()
    result = update(base, time_limit=0.01)
    untouched(base, before, result, "took longer than 0.01 s and was ended")


def test_a_process_that_somebody_stops_does_not_hold_up_the_update(base: Base) -> None:
    run = Update(base, time_limit=3)
    assert run.reach("apply")
    for pid in run.descendants():
        os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    result = run.result()
    assert time.monotonic() - began < 60
    assert result["outcome"] in ("committed", "rolled_back"), result
    assert base.version() == ("4.3.16" if result["outcome"] == "committed" else "4.3.13")
    assert base.leftovers() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_ended_undoes_what_it_has_begun(base: Base, number: int) -> None:
    before = base.listing()
    run = Update(base)
    assert run.reach("apply")
    os.killpg(run.process.pid, number)  # the module and the worker in its group; conda has a session of its own
    with contextlib.suppress(Exception):
        run.result()
    # Who started the module is gone; what was begun is undone, or is by the next run.
    result = update(base, version=">=4.3.13", verify_commands=["true"])
    assert result["outcome"] == "unchanged"
    assert differing(before, base.listing()) == []
    assert base.leftovers() == []


def test_two_runs_at_once_take_turns(base: Base) -> None:
    first, second = Update(base), Update(base)
    outcomes = sorted([first.result()["outcome"], second.result()["outcome"]])
    assert outcomes == ["committed", "unchanged"]
    assert base.version() == "4.3.16"
    assert base.differences_to_records() == []


def test_who_does_not_get_the_lock_says_who_has_it(base: Base) -> None:
    base.state.mkdir(mode=0o700, exist_ok=True)
    folder = os.open(base.state, os.O_RDONLY)
    try:
        with PrefixLock(folder, str(base.state), what="takes its time", wait_seconds=0):
            result = update(base, lock_seconds=0)
    finally:
        os.close(folder)
    assert f"process {os.getpid()} on " in result["failed"] and "(takes its time)" in result["failed"]
    assert update(base, lock_seconds=0)["outcome"] == "committed"


def test_who_comes_while_conda_is_at_work_is_put_off_or_told_so(base: Base) -> None:
    """At each instant, also at those at which conda has put itself away and not yet its new self in place."""
    given = {name: spec.get("default") for name, spec in conda_update.ARGUMENT_SPEC.items()}
    given.update(prefix=str(base.path), ledger=str(base.ledger), lock_seconds=0, busy="skip")
    first = Update(base)
    assert first.reach("apply")
    said = []
    while first.process.poll() is None:
        for check in (True, False):
            try:
                said.append(conda_update.update(given, check=check, note=len)["outcome"])
            except conda_update.ChangeError as error:
                said.append(str(error))
    assert first.result()["outcome"] == "committed"
    assert "deferred" in said
    fine = ("deferred", "unchanged", "Another change is under way")
    assert [text for text in said if not text.startswith(fine)] == []


def test_the_real_conda_that_a_person_has_started_is_waited_for(base: Base) -> None:
    pipe = base.path.parent / "never-written"
    if not pipe.exists():
        os.mkfifo(pipe)
    script = base.path.parent / "conda"
    script.write_text(f"open({str(pipe)!r}).read()\n")
    person = subprocess.Popen([str(base.path / "bin" / "python"), str(script), "install", "x"])
    try:
        result = update(base, busy="ignore", busy_seconds=0)
        assert "is in use" in result["failed"] and "conda (process" in result["failed"]
        assert update(base, busy="skip")["outcome"] == "deferred"
    finally:
        person.kill()
        person.wait()
    assert update(base)["outcome"] == "committed"


@contextlib.contextmanager
def mounted(path: Path, options: str) -> t.Iterator[None]:
    """A file system of its own at a path; skips where this user may mount none."""
    path.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def on_own_disk(model: Base, options: str) -> t.ContextManager[Base]:
    """The base on a small file system of its own, at the path that it was made for."""

    @contextlib.contextmanager
    def run() -> t.Iterator[Base]:
        subprocess.run(["rm", "-rf", str(model.path)], check=True)
        with mounted(model.path, options):
            subprocess.run(["cp", "-a", f"{model.pristine}/.", str(model.path)], check=True)
            yield model

    return run()


def used(path: Path) -> tuple[int, int]:
    """The bytes and inodes that a tree takes."""
    status = os.statvfs(path)
    return (status.f_blocks - status.f_bfree) * status.f_frsize, status.f_files - status.f_ffree


@pytest.mark.parametrize("reserve", [0, 268435456])
@pytest.mark.parametrize("spare", [200_000, 1_500_000, 3_000_000])
def test_on_a_full_disk_nothing_is_lost(model: Base, spare: int, reserve: int) -> None:
    """With a reserve it does not begin; without, it may get stuck anywhere, and goes back."""
    with on_own_disk(model, "size=600m") as base:
        size = used(base.path)[0] + spare
        subprocess.run(["mount", "-o", f"remount,size={size}", str(base.path)], check=True)
        before = base.listing()
        result = update(base, reserve=reserve)
        untouched(base, before, result, "too little room" if reserve else str(base.path))


def test_without_inodes_nothing_is_lost(model: Base) -> None:
    with on_own_disk(model, "size=600m,nr_inodes=200k") as base:
        inodes = used(base.path)[1] + 40
        subprocess.run(["mount", "-o", f"remount,nr_inodes={inodes}", str(base.path)], check=True)
        before = base.listing()
        untouched(base, before, update(base, reserve=0), str(base.path))


def test_a_file_system_that_turns_read_only_is_told_and_repaired_by_the_next_run(model: Base) -> None:
    with on_own_disk(model, "size=600m") as base:
        before = base.listing()
        run = Update(base)
        assert run.reach("apply")
        subprocess.run(["mount", "-o", "remount,ro", str(base.path)], check=False)
        result = run.result()
        subprocess.run(["mount", "-o", "remount,rw", str(base.path)], check=True)
        if result.get("failed"):
            assert str(base.path) in result["failed"]
            assert update(base, verify_commands=["false"])["outcome"] == "rolled_back"
            assert differing(before, base.listing()) == []
        assert base.leftovers() == []
