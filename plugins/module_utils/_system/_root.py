# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Bounded looking below one file system root, which no link, device, FIFO, huge file or dead mount leads astray."""

from __future__ import annotations

import os
import time
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._directory import (
    MAX_FILE_BYTES,
    OPEN_DIRECTORY,
    Directory,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import (
    Absent,
    ShareIsUp,
    TimeIsUp,
    TooManyLinks,
    Unreadable,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._mounts import (
    KERNEL_TYPES,
    Mount,
    answers_within,
    parse_mount_table,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._numbers import Numbers, numbers_of_process
from ansible_collections.labfleet.conda.plugins.module_utils._system._users import (
    Identities,
    parse_group,
    parse_passwd,
)

if t.TYPE_CHECKING:
    from ansible_collections.labfleet.conda.plugins.module_utils._system._processes import ProcessTable

MAX_LINKS = 40
MAX_DEPTH = 200
REMOTE_ANSWER_SECONDS = 3.0


class Root:
    """A file system root to look at: C(/), or a container's root seen from the host.

    :param path: the root as this process sees it.
    :param exclude: directories, as seen from inside the root, that are not entered.
    :param one_file_system: stay on the file system of the root.
    :param deadline: the value of C(time.monotonic()) after which every further look raises TimeIsUp.
    :param kernel: enter C(/proc) and C(/sys) too, which hold no storage but what the kernel tells of its devices.
    :param numbers: how the numbers of users and groups that lie on the disk are seen from inside the root; for
        C(/proc/NUMBER/root) they are read from that process.
    :ivar process_table: the processes of all roots, where several are looked at.
    :raises Unreadable: there is no such directory.
    """

    def __init__(
        self,
        path: str = "/",
        *,
        exclude: t.Iterable[str] = (),
        one_file_system: bool = False,
        deadline: t.Optional[float] = None,
        kernel: bool = False,
        numbers: t.Optional[Numbers] = None,
    ) -> None:
        self.path = os.path.abspath(path)
        self.exclude: t.FrozenSet[str] = frozenset()
        self.one_file_system = one_file_system
        self.kernel = kernel
        self.deadline: t.Optional[float] = None
        self.share_deadline: t.Optional[float] = None
        self.process_table: t.Optional[ProcessTable] = None
        self.troubles: t.List[Unreadable] = []
        self.files_opened = 0
        self.current = "/"
        self._answers: t.Dict[str, bool] = {}
        self._numbers = numbers
        self._descriptor = -1
        self._descriptor = self._open_top()
        if self._numbers is None and self.process:
            self._numbers = numbers_of_process(self.process)
        self.device = os.fstat(self._descriptor).st_dev
        self.mounts = self._read_mount_table()
        self._automounters = [mount.path for mount in self.mounts.values() if mount.is_automounter]
        self.identities = Identities([], [])
        self.identities = self._read_identities()
        self.exclude = frozenset(self._with_real_paths(exclude))
        self.deadline = deadline  # from here on: who is who must be known in any case

    @property
    def is_running_system(self) -> bool:
        """Whether the root is the one this process itself runs in."""
        return self.path == "/"

    @property
    def process(self) -> t.Optional[int]:
        """The process whose root this is, where it was given as C(/proc/NUMBER/root)."""
        parts = self.path.split("/")
        own = len(parts) == 4 and parts[1] == "proc" and parts[2].isdigit() and parts[3] == "root"
        return int(parts[2]) if own else None

    def seen(self, status: os.stat_result) -> os.stat_result:
        """The status of a file with owner and group as seen from inside the root."""
        return status if self._numbers is None else self._numbers.seen(status)

    def directory(self, path: str) -> Directory:
        """Open a directory by its absolute path; raises as Directory.directory does."""
        self.check_time(path)
        return self.walk_to_directory(path)

    def read(self, path: str, *, limit: int = MAX_FILE_BYTES) -> bytes:
        """Read a regular file by its absolute path; raises as Directory.read does."""
        parent, name = os.path.split(os.path.normpath(_usable(path)))
        with self.directory(parent) as directory:
            return directory.read(name, limit=limit)

    def check_time(self, path: str) -> None:
        """Note what is being looked at, and raise TimeIsUp when the deadline has passed."""
        self.current = path
        if self.deadline is None:
            return
        now = time.monotonic()
        if now > self.deadline:
            raise TimeIsUp(path)
        if self.share_deadline is not None and now > self.share_deadline:
            raise ShareIsUp(path)

    def mount_of(self, path: str) -> t.Optional[Mount]:
        """The mount that a real path lies on, as far as the mount table tells."""
        while path not in self.mounts and path != "/":
            path = os.path.dirname(path)
        return self.mounts.get(path)

    def check_entry(self, path: str) -> None:
        """Refuse, before it is touched, a directory that must not be entered.

        :raises Unreadable: it is excluded, a kernel interface, or a dead or sleeping mount.
        """
        self.check_time(path)
        if path in self.exclude:
            raise Unreadable(path, "excluded by the options")
        mount = self.mounts.get(path)
        if mount is None:
            if self._automounters and os.path.dirname(path) in self._automounters:
                raise Unreadable(path, "not mounted now, and the automounter was not asked to mount it")
        elif mount.mounts_when_entered:
            raise Unreadable(path, "not mounted now, and the automounter was not asked to mount it")
        elif mount.is_pseudo and not (self.kernel and mount.type in KERNEL_TYPES):
            raise Unreadable(path, "a kernel interface (%s), no storage" % mount.type)
        elif mount.is_remote and not self._remote_answers(mount):
            raise Unreadable(path, "a dead mount (%s): no answer within %g s" % (mount.type, REMOTE_ANSWER_SECONDS))

    def walk_to_directory(self, path: str, *, guard: t.Optional[int] = None) -> Directory:
        """Open the directory at an absolute path, every link resolved inside the root."""
        return _Walk(self, guard).to_directory(path)

    def walk_to_parent(self, path: str, *, guard: t.Optional[int] = None) -> t.Tuple[Directory, str]:
        """Open the directory that really holds the file at a path, and tell the file's name there."""
        return _Walk(self, guard).to_parent(path)

    def start(self, guard: t.Optional[int]) -> Directory:
        """The root directory itself."""
        return Directory(self, os.dup(self._descriptor), "/", guard)

    def close(self) -> None:
        """Let go of the root directory; what was opened below it stays open."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open_top(self) -> int:
        try:
            # The root itself may be given as a link (/proc/N/root is one): this one is the operator's.
            return os.open(self.path, OPEN_DIRECTORY & ~os.O_NOFOLLOW)
        except OSError as error:
            raise Unreadable(self.path, (error.strerror or str(error)).lower()) from error

    def _remote_answers(self, mount: Mount) -> bool:
        if mount.path not in self._answers:
            full = self.path.rstrip("/") + mount.path
            self._answers[mount.path] = answers_within(lambda: os.stat(full), REMOTE_ANSWER_SECONDS)
        return self._answers[mount.path]

    def _read_mount_table(self) -> t.Dict[str, Mount]:
        process = self.process
        try:
            with open("/proc/%s/mountinfo" % (process or "self"), "rb") as stream:
                data = stream.read(MAX_FILE_BYTES)
        except OSError:  # macOS, or no /proc: then the time limit is the only protection
            return {}
        return parse_mount_table(data, below="/" if process else self.path)

    def _with_real_paths(self, paths: t.Iterable[str]) -> t.Iterator[str]:
        for path in paths:
            yield os.path.normpath(path)
            try:
                with self.directory(path) as directory:
                    yield directory.path
            except (Absent, Unreadable):
                continue

    def _read_identities(self) -> Identities:
        data = []
        for path in ("/etc/passwd", "/etc/group"):
            try:
                data.append(self.read(path))
            except (Absent, Unreadable) as error:
                data.append(b"")
                if isinstance(error, Unreadable):
                    self.troubles.append(error)
        return Identities(parse_passwd(data[0]), parse_group(data[1]), ask_name_service=self.is_running_system)


class _Walk:
    """One resolution of a path, component by component, that never leaves the root."""

    def __init__(self, root: Root, guard: t.Optional[int]) -> None:
        self.root = root
        self.guard = guard
        self.links = 0

    def to_parent(self, path: str) -> t.Tuple[Directory, str]:
        """Resolve links at the end of the path too, until the last component is none."""
        while True:
            parent, name = os.path.split(path)
            if name in ("", ".", ".."):
                raise Unreadable(path, "it is a directory, a regular file was expected")
            directory = self.to_directory(parent)
            try:
                target = self._follow(directory, name)
            except BaseException:
                directory.close()
                raise
            if target is None:
                return directory, name
            path = os.path.join(directory.path, target)
            directory.close()

    def to_directory(self, path: str) -> Directory:
        pending = _components(path)
        stack = [self.root.start(self.guard)]
        try:
            while pending:
                if len(stack) + len(pending) > MAX_DEPTH:
                    raise Unreadable(path, "its path is deeper than %d directories" % MAX_DEPTH)
                name = pending.pop()
                if name == "..":
                    if len(stack) > 1:
                        stack.pop().close()
                    continue
                self._step(stack, name, pending)
            return stack.pop()
        finally:
            for directory in stack:
                directory.close()

    def _step(self, stack: t.List[Directory], name: str, pending: t.List[str]) -> None:
        here = stack[-1]
        here.guard = self.guard
        child = here.enter(name)
        if child is not None:
            stack.append(child)
            return
        target = self._follow(here, name)
        if target is None:
            raise Absent(here.join(name))
        if target.startswith("/"):
            while len(stack) > 1:
                stack.pop().close()
        pending.extend(_components(target))

    def _follow(self, directory: Directory, name: str) -> t.Optional[str]:
        """The target of a link; None where it is none. From a user's link on, only what that user may read is read."""
        link = directory.link(name)
        if link is None:
            return None
        target, owner = link
        self.links += 1
        if self.links > MAX_LINKS:
            raise TooManyLinks(directory.join(name), "more than %d symbolic links in its path (a cycle?)" % MAX_LINKS)
        if owner != 0 and self.guard is None:
            self.guard = owner
        return target


def _components(path: str) -> t.List[str]:
    """The names of a path, last one first."""
    return [part for part in reversed(_usable(path).split("/")) if part not in ("", ".")]


def _usable(path: str) -> str:
    """The path, if it can be one at all.

    :raises Absent: it holds a zero byte, or characters that the file system's encoding has not.
    """
    try:
        if b"\0" in os.fsencode(path):
            raise Absent(path)
    except UnicodeEncodeError as error:
        raise Absent(path) from error
    return path


__all__ = ("Root",)
