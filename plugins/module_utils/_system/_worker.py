# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""Lets a function run as another user, for good: in a process of its own, which cannot become root again."""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
import traceback
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import on_one_line

# What the worker sends is the word of a user, not of root: no more of it is taken than any honest answer has.
MAX_ANSWER = 64 * 1024 * 1024
_MAX_DEPTH = 50
_MAX_SAID = 400
_CHUNK = 65536
_UMASK = 0o022
_TICK = 0.5
_LAST_TICK = 0.002


class WorkerDied(Exception):
    """The process that did the work has ended without a result that can be used.

    :param code: its exit code, or the negative number of the signal that ended it.
    :param said: the end of what it wrote about that.
    """

    def __init__(self, code: int, said: str = "") -> None:
        how = "signal %d" % -code if code < 0 else "exit code %d" % code
        super().__init__("The work was cut off (%s).%s" % (how, " " + said if said else ""))
        self.code = code


def run_as(
    uid: int,
    gid: int,
    user: t.Optional[str],
    function: t.Callable[[], t.Any],
    *,
    seconds: float = float("inf"),
    grace: float = 300.0,
) -> t.Any:
    """Run a function as a user and return what it returns, which must be what JSON has.

    Who is that user already runs it in a process of its own all the same: what a function changes of its process (the
    mask of files, the handling of signals) ends with it. All that it needs must have been imported before: the user may
    not read the files of a module that was sent to root.

    :param uid: the number of the user; gid: that of their main group.
    :param user: their name, for the other groups; None for the main group alone.
    :param seconds: after so many it is told to end, whatever the user does to its process; grace: what it may take to.
    :raises WorkerDied: there is no result.
    :raises PermissionError: this process may not become that user.
    """
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        code = 70
        try:
            _become(uid, gid, user)
            _write(writing, {"result": function()})
            code = 0
        except BaseException:  # noqa: BLE001 - nothing may return into the code of the parent
            _write(writing, {"died": _last_words()})
        finally:
            os._exit(code)
    os.close(writing)
    worker = _Worker(pid, reading, seconds, grace)
    try:
        data = worker.read()
    finally:
        os.close(reading)  # a worker that still writes ends then
        status = worker.wait()
    code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    answer = _answer(data)
    if code != 0 or "result" not in answer:
        late = "It took longer than %g s and was ended. " % seconds if worker.is_late else ""
        raise WorkerDied(code, late + on_one_line(str(answer.get("died", ""))[:_MAX_SAID]))
    return answer["result"]


class _Worker:
    """The process that works, seen from the one that waits for it.

    :ivar is_late: whether it took too long.
    """

    def __init__(self, pid: int, reading: int, seconds: float, grace: float) -> None:
        self._pid, self._reading = pid, reading
        self._limit, self._grace = time.monotonic() + seconds, grace
        self._status: t.Optional[int] = None
        self.is_late = False

    def read(self) -> t.Optional[bytes]:
        """All that is sent; None where that is too much."""
        parts, size = [], 0
        poll = select.poll()
        poll.register(self._reading, select.POLLIN)
        while True:
            if not poll.poll(_TICK * 1000):
                self._watch()
                if self._status is not None and not poll.poll(0):
                    return b"".join(parts)
                continue
            part = os.read(self._reading, _CHUNK)
            if not part:
                return b"".join(parts)
            parts.append(part)
            size += len(part)
            if size > MAX_ANSWER:
                return None

    def wait(self) -> int:
        """Its status, when it has ended."""
        while True:
            self._watch()
            if self._status is not None:
                return self._status
            time.sleep(_LAST_TICK)

    def _watch(self) -> None:
        """See whether it has ended, wake it where somebody has stopped it, and end it where it takes too long."""
        if self._status is not None:
            return
        pid, status = os.waitpid(self._pid, os.WNOHANG | os.WUNTRACED)
        if pid and not os.WIFSTOPPED(status):
            self._status = status
        elif pid:
            os.kill(self._pid, signal.SIGCONT)
        if self._status is None and time.monotonic() > self._limit:
            os.kill(self._pid, signal.SIGKILL if self.is_late else signal.SIGTERM)
            os.kill(self._pid, signal.SIGCONT)
            self.is_late = True
            self._limit = time.monotonic() + self._grace


def _answer(data: t.Optional[bytes]) -> t.Dict[str, t.Any]:
    """What was sent; nothing of what is too much, too deep or no map."""
    if data is None:
        return {"died": "It sent more than the %d bytes that an answer may have." % MAX_ANSWER}
    try:
        answer = json.loads(data.decode("utf-8")) if data else {}
    except (ValueError, RecursionError):
        return {}
    if not isinstance(answer, dict) or _is_too_deep(answer, _MAX_DEPTH):
        return {}
    return answer


def _is_too_deep(value: t.Any, most: int) -> bool:
    if not isinstance(value, (dict, list)):
        return False
    below = value.values() if isinstance(value, dict) else value
    return most == 0 or any(_is_too_deep(item, most - 1) for item in below)


def _last_words() -> str:
    """The error that ended the work, and where it arose, in one line."""
    kind, error, trace = sys.exc_info()
    frames = traceback.extract_tb(trace)
    where = " (%s, line %s)" % (os.path.basename(frames[-1].filename), frames[-1].lineno) if frames else ""
    return "%s: %s%s." % (kind.__name__ if kind else "", str(error)[:_MAX_SAID], where)


def _become(uid: int, gid: int, user: t.Optional[str]) -> None:
    os.umask(_UMASK)
    if os.geteuid() == uid and os.getuid() == uid:
        return
    if user is not None:
        os.initgroups(user, gid)
    else:
        os.setgroups([gid])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def _write(descriptor: int, value: t.Any) -> None:
    data = json.dumps(value).encode("utf-8")
    while data:
        data = data[os.write(descriptor, data) :]


__all__ = ("MAX_ANSWER", "WorkerDied", "run_as")
