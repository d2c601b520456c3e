# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A root made of layers, as an image or a stopped container is stored, looked at without mounting anything.

The upper layer hides what lies below it: a file of the same name, a whiteout (a character device 0/0, or a file
C(.wh.NAME)), and an opaque directory (an extended attribute, or a file C(.wh..wh..opq)); see the kernel's
documentation of overlayfs and the image specification of the Open Container Initiative, layer.md.
"""

from __future__ import annotations

import itertools
import os
import stat
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._directory import (
    MAX_FILE_BYTES,
    OPEN_DIRECTORY,
    Directory,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._mounts import Mount
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root

MAX_LAYERS = 500  # overlayfs of Linux takes as many
_WHITEOUT = ".wh."
_OPAQUE_FILE = ".wh..wh..opq"
_OPAQUE = ("trusted.overlay.opaque", "user.overlay.opaque", "user.fuseoverlayfs.opaque")
_REDIRECT = ("trusted.overlay.redirect", "user.overlay.redirect")
_RENAMED = "it was renamed in an overlay with redirect_dir, which is not followed"
_METACOPY = ("trusted.overlay.metacopy", "user.overlay.metacopy")


class LayeredRoot(Root):
    """The root of an image, or of a container that does not run.

    :param layers: the directories of the layers as this process sees them, the uppermost first.
    :param mounts: what else would be mounted: path as seen from inside to directory as seen from outside.
    :param options: more arguments of Root, such as C(deadline).
    :raises Unreadable: a layer is not there.
    """

    def __init__(
        self, layers: t.Sequence[str], *, mounts: t.Optional[t.Mapping[str, str]] = None, **options: t.Any
    ) -> None:
        if not 0 < len(layers) <= MAX_LAYERS:
            raise Unreadable("/", "it has %d layers; 1 to %d can be read" % (len(layers), MAX_LAYERS))
        self._layers = [os.path.abspath(layer) for layer in layers]
        self._top: t.List[int] = []
        self._grafts = {os.path.normpath(path): source for path, source in (mounts or {}).items()}
        super().__init__(self._layers[0], **options)

    def start(self, guard: t.Optional[int]) -> Directory:
        return LayeredDirectory(self, [os.dup(descriptor) for descriptor in self._top], "/", guard)

    def graft(self, path: str) -> t.Optional[t.Tuple[int, t.Optional[int]]]:
        """Open what would be mounted at a path: a descriptor, and whose link led there; None where nothing would.

        :raises Absent: its directory is not there.
        :raises Unreadable: it cannot be entered.
        """
        source = self._grafts.get(path)
        if source is None:
            return None
        try:
            with Root("/", deadline=self.deadline).directory(source) as directory:
                return os.dup(directory.descriptor), directory.guard
        except Unreadable as error:
            raise Unreadable(path, "what is mounted there, %s: %s" % (source, error.reason)) from error

    def _open_top(self) -> int:
        for layer in self._layers:
            try:
                self._top.append(os.open(layer, OPEN_DIRECTORY))
            except OSError as error:
                self.close()
                raise Unreadable(layer, "a layer: " + (error.strerror or str(error)).lower()) from error
        return os.dup(self._top[0])

    def close(self) -> None:
        super().close()
        while self._top:
            os.close(self._top.pop())

    def _read_mount_table(self) -> t.Dict[str, Mount]:
        return {}


class LayeredDirectory(Directory):
    """An open directory of some layers; C(descriptor) is that of the uppermost.

    :param descriptors: one open descriptor for each layer that it is in, the uppermost first; owned by this object.
    """

    __slots__ = ("_below",)
    is_plain = False

    def __init__(self, root: Root, descriptors: t.Sequence[int], path: str, guard: t.Optional[int] = None) -> None:
        super().__init__(root, descriptors[0], path, guard)
        self._below = tuple(descriptors[1:])

    def close(self) -> None:
        for descriptor in (self.descriptor, *self._below):
            os.close(descriptor)

    def holder(self, name: str) -> int:
        """The descriptor of the uppermost layer that holds a child.

        :raises OSError: as os.stat() would, where no layer holds it or an upper one hides it.
        """
        for descriptor in (self.descriptor, *self._below):
            found = _look(descriptor, name)
            if found is not None:
                return descriptor if found else self.descriptor
        return self.descriptor

    def read_listed(self, name: str, *, limit: int = MAX_FILE_BYTES) -> t.Tuple[bytes, t.Optional[int]]:
        return self.read(name, limit=limit), self.child_status(name).st_uid

    def open_file(self, name: str, status: os.stat_result) -> int:
        layers = [layer for layer in (self.descriptor, *self._below) if _look(layer, name)]
        upper = self.holder(name)
        # Where only owner or mode of a file were changed, its data stays in a layer below.
        if not _has_any(upper, name, _METACOPY):
            return self._open_file(name, status, upper)
        if not _has_any(upper, name, _REDIRECT):
            for layer in layers[layers.index(upper) + 1 :]:
                if not _has_any(layer, name, _METACOPY):
                    return self._open_file(name, os.stat(name, dir_fd=layer, follow_symlinks=False), layer)
        raise Unreadable(self.join(name), _RENAMED)

    def has(self, path: str) -> bool:
        first, _slash, rest = path.partition("/")
        if rest:
            try:
                child = self.enter(first)
            except Absent:
                return False
            if child is None:
                return False
            with child:
                return child.has(rest)
        try:
            self.child_status(first)
        except (Absent, Unreadable):
            return False
        return True

    def child_status(self, name: str) -> os.stat_result:
        status = super().child_status(name)
        if _is_whiteout(name, status):
            raise Absent(self.join(name))
        return status

    def _open_child(self, name: str, full: str) -> t.Optional[Directory]:
        grafted = t.cast(LayeredRoot, self.root).graft(full)
        if grafted is not None:
            guard = self.guard if self.guard is not None else grafted[1]
            return Directory(self.root, grafted[0], full, guard)
        found: t.List[int] = []
        try:
            for descriptor in (self.descriptor, *self._below):
                if _look(descriptor, name) is False:
                    break
                try:
                    opened = os.open(name, OPEN_DIRECTORY, dir_fd=descriptor)
                except FileNotFoundError:
                    continue
                except NotADirectoryError:  # a file or a link hides the directories below it
                    if found:
                        break
                    raise
                found.append(opened)
                if _has_any(opened, ".", _REDIRECT):
                    raise Unreadable(full, _RENAMED)
                if _is_opaque(opened):
                    break
            if not found:
                raise Absent(full)
            return LayeredDirectory(self.root, found, full, self.guard)
        except BaseException:
            for descriptor in found:
                os.close(descriptor)
            raise

    def _scan(self, pick: t.Callable[[t.Iterable[os.DirEntry]], t.List[t.Any]], limit: int) -> t.List[t.Any]:
        opened: t.List[int] = []
        try:
            for descriptor in (self.descriptor, *self._below):
                opened.append(os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=descriptor))
            # A whiteout is an entry too: so that many of them do not hold the look up, they count as entries do.
            return pick(itertools.islice(_merged(opened, 20 * limit, self.path), limit + 1))
        finally:
            for descriptor in opened:
                os.close(descriptor)


def _merged(descriptors: t.Sequence[int], limit: int, path: str) -> t.Iterator[os.DirEntry]:
    """The entries that are seen from above."""
    hidden: t.Set[str] = set()
    for descriptor in descriptors:
        seen: t.Set[str] = set()
        with os.scandir(descriptor) as children:
            for child in children:
                if len(hidden) + len(seen) > limit:
                    raise Unreadable(path, "its layers hold too many entries")
                if child.name.startswith(_WHITEOUT):
                    seen.add(child.name[len(_WHITEOUT) :])
                    continue
                seen.add(child.name)
                if child.name not in hidden and not _is_device_zero(child):
                    yield child
        hidden |= seen


def _is_device_zero(child: os.DirEntry) -> bool:
    if child.is_file(follow_symlinks=False) or child.is_dir(follow_symlinks=False) or child.is_symlink():
        return False
    return _is_whiteout(child.name, child.stat(follow_symlinks=False))


def _look(descriptor: int, name: str) -> t.Optional[bool]:
    """Whether one layer holds a child (True), hides it (False) or does not tell (None)."""
    try:
        return not _is_whiteout(name, os.stat(name, dir_fd=descriptor, follow_symlinks=False))
    except FileNotFoundError:
        pass
    try:
        os.stat(_WHITEOUT + name, dir_fd=descriptor, follow_symlinks=False)
    except OSError:
        return None
    return False


def _is_whiteout(name: str, status: os.stat_result) -> bool:
    if name.startswith(_WHITEOUT):
        return True
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == os.makedev(0, 0)


def _is_opaque(descriptor: int) -> bool:
    # A descriptor opened with O_PATH cannot be asked for attributes; its entry below /proc/self/fd can.
    path = "/proc/self/fd/%d" % descriptor
    if any(_attribute(path, name) == b"y" for name in _OPAQUE):
        return True
    try:
        os.stat(_OPAQUE_FILE, dir_fd=descriptor, follow_symlinks=False)
    except OSError:
        return False
    return True


def _has_any(descriptor: int, name: str, attributes: t.Iterable[str]) -> bool:
    path = "/proc/self/fd/%d/%s" % (descriptor, name)
    return any(_attribute(path, attribute, follow_symlinks=False) is not None for attribute in attributes)


def _attribute(path: str, name: str, *, follow_symlinks: bool = True) -> t.Optional[bytes]:
    try:
        return os.getxattr(path, name, follow_symlinks=follow_symlinks)
    except (OSError, AttributeError):
        return None


__all__ = ("LayeredDirectory", "LayeredRoot")
