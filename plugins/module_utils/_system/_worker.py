# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""Lets a function run as another user, for good: in a process of its own, which cannot become root again."""

from __future__ import annotations

import json
import os
import sys
import traceback
import typing as t

_CHUNK = 65536
_UMASK = 0o022


class WorkerDied(Exception):
    """The process that did the work has ended without a result.

    :param code: its exit code, or the negative number of the signal that ended it.
    :param said: the end of what it wrote about that.
    """

    def __init__(self, code: int, said: str = "") -> None:
        how = "signal %d" % -code if code < 0 else "exit code %d" % code
        super().__init__("The work was cut off (%s).%s" % (how, " " + said if said else ""))
        self.code = code


def run_as(uid: int, gid: int, user: t.Optional[str], function: t.Callable[[], t.Any]) -> t.Any:
    """Run a function as a user and return what it returns, which must be what JSON has.

    Who is that user already runs it in a process of its own all the same: what a function changes of its process (the
    mask of files, the handling of signals) ends with it. All that it needs must have been imported before: the user may
    not read the files of a module that was sent to root.

    :param uid: the number of the user; gid: that of their main group.
    :param user: their name, for the other groups; None for the main group alone.
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
            _write(writing, {"died": traceback.format_exc()[-4000:]})
        finally:
            os._exit(code)
    os.close(writing)
    data = _read(reading)
    os.close(reading)
    _pid, status = os.waitpid(pid, 0)
    code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    try:
        answer = json.loads(data.decode("utf-8")) if data else {}
    except ValueError:
        answer = {}
    if code != 0 or "result" not in answer:
        raise WorkerDied(code, str(answer.get("died", "")))
    return answer["result"]


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


def _read(descriptor: int) -> bytes:
    parts = []
    while True:
        part = os.read(descriptor, _CHUNK)
        if not part:
            return b"".join(parts)
        parts.append(part)


__all__ = ("WorkerDied", "run_as")
