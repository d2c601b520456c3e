# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Finds every environment, program and package cache of a root, by following what names them.

Places, start files, registries and processes name prefixes, prefixes name further ones, until nothing new is named.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._discover import _places as places
from ansible_collections.labfleet.conda.plugins.module_utils._discover._homes import Home, find_homes
from ansible_collections.labfleet.conda.plugins.module_utils._discover._programs import Program, examine_program
from ansible_collections.labfleet.conda.plugins.module_utils._discover._search import search
from ansible_collections.labfleet.conda.plugins.module_utils._discover._texts import (
    mentions_in,
    read_text,
    texts_below,
)
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import (
    Environment,
    read_environment,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._directory import Directory
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, ShareIsUp, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._processes import (
    Process,
    list_processes,
    own_environment,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._report import Report
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root
from ansible_collections.labfleet.conda.plugins.module_utils._system._shares import Shares

MAX_REGISTRY_LINES = 20000
MAX_ENVIRONMENTS_OF_A_USER = 2000
_TOO_MANY = "its owner has more than %d environments"
_SHARE = "only a part was looked at: it holds or names too much for its share of the time"
_Identity = t.Tuple[int, int]


class Survey:
    """What was found below a root.

    :param root: the root to look at.
    :param report: takes what could not be read.
    :param users: look only at these users' homes.
    :param search_paths: directories to search besides the known places.
    :param depth: how many levels below a search path are searched.
    :param read: read_environment, or the same with more of its arguments.
    """

    def __init__(
        self,
        root: Root,
        report: Report,
        *,
        users: t.Optional[t.Sequence[str]] = None,
        search_paths: t.Sequence[str] = (),
        depth: int = 3,
        read: t.Callable[..., Environment] = read_environment,
    ) -> None:
        self.root = root
        self.report = report
        self.users = users
        self.search_paths = search_paths
        self.depth = depth
        self._read = read
        self.homes: t.List[Home] = []
        self.home_names: t.Dict[str, t.Optional[t.Set[str]]] = {}
        self.environments: t.Dict[_Identity, Environment] = {}
        self.found_by: t.Dict[_Identity, t.List[str]] = {}
        self.real: t.Dict[str, _Identity] = {}
        self.programs: t.Dict[str, Program] = {}
        self.mamba_roots: t.Dict[str, t.Optional[_Identity]] = {}
        self.mamba_root_found_by: t.Dict[str, t.List[str]] = {}
        self.directories: t.Dict[str, str] = {}
        self.caches: t.Set[str] = set()
        self.registered: t.Dict[str, t.List[str]] = {}
        self.processes: t.List[Process] = []
        self._owned: t.Dict[int, int] = {}
        self.shares = Shares(root)
        self._is_last = False
        self._late: t.Dict[int, t.List[t.Tuple[str, str]]] = {}
        self._seen: t.Set[t.Tuple[str, str]] = set()
        self._work: t.List[t.Tuple[str, str, str]] = []

    def run(self) -> None:
        """Look at all known places and drain the work list: the system's first, then home by home.

        What one home holds, and what it names, is looked at within a share of the time, so that nobody can put
        so much into theirs that the look at all others comes to nothing.
        """
        for trouble in self.root.troubles:
            self.report.add_error(trouble)
        self._look_at_places()
        self._look_at_texts()
        self.drain()
        self._look_at_processes()
        for path in self.search_paths:
            search(self, path)
        self.drain()
        self.homes = find_homes(self.root, self.report, self.users, {process.uid for process in self.processes})
        for home in self.homes:
            self.with_share(home.path, lambda home=home: self._look_at_home(home))  # type: ignore[misc]
        self._look_again()

    def _look_again(self) -> None:
        """What was put off for the share of its owner, with the time that is left when everybody had theirs."""
        late, self._late, self._is_last = self._late, {}, True
        for number, put_off in enumerate(late.values()):
            self._seen -= {("prefix", path) for path, _found_by in put_off}
            self._work += [("prefix", path, found_by) for path, found_by in put_off]
            try:
                with self.shares.lasting(self.shares.seconds_for(len(late) - number)):
                    self.drain()
            except ShareIsUp:
                self._work.clear()
                self.report.add_unseen(put_off[0][0], _SHARE)
        self._is_last = False

    def with_share(self, path: str, look: t.Callable[[], None], what: str = "") -> None:
        """Look at what belongs to one home, and drain the work list, within its share for looks of one kind (what)."""
        try:
            with self.shares.of(what + path):
                look()
                self.drain()
        except ShareIsUp:
            self._work.clear()
            self.report.add_unseen(path, _SHARE)

    def add(self, kind: str, path: str, found_by: str) -> None:
        """Put a path on the work list: a prefix, mamba_root, environments, cache, program or pixi_home."""
        if path.startswith("/"):
            self._work.append((kind, os.path.normpath(path), found_by))

    def drain(self) -> None:
        """Follow the work list until it is empty."""
        while self._work:
            kind, path, found_by = self._work.pop()
            if kind == "prefix" and path in self.real:
                self._note(self.real[path], found_by)
                continue
            if (kind, path) in self._seen:
                continue
            self._seen.add((kind, path))
            try:
                getattr(self, "_follow_" + kind)(path, found_by)
            except Absent:
                continue
            except ShareIsUp:
                self._seen.discard((kind, path))  # its owner's own share may suffice
                raise
            except Unreadable as error:
                self.report.add_error(error)
            except (ValueError, RecursionError, OverflowError) as error:
                # Whatever somebody has put there must not end the look at everything else.
                self.report.add_unseen(path, "it made the reader fail (%s); please report this" % type(error).__name__)

    def identity(self, path: str) -> t.Optional[_Identity]:
        """The environment found at a path, whichever of its names that is."""
        return self.real.get(os.path.normpath(path))

    def _follow_prefix(self, path: str, found_by: str) -> None:
        with self.root.directory(path) as prefix:
            guarded, real = prefix.guard is not None, prefix.path
            identity = None if guarded else self.take(prefix, found_by)
        if guarded:
            # A user's link led here. What is read must not depend on whose link it was, so it is read as what it is.
            with self.root.directory(real) as prefix:
                identity = self.take(prefix, found_by)
        if identity is not None:
            self.real[path] = identity

    def _follow_mamba_root(self, path: str, found_by: str) -> None:
        with self.root.directory(path) as prefix:
            if not any(map(prefix.has, ("conda-meta", "envs", "pkgs"))):
                return
            path = prefix.path
            self.mamba_roots[path] = self.take(prefix, found_by)
            self.mamba_root_found_by.setdefault(path, []).append(found_by)
        self.add("environments", path + "/envs", found_by)
        self.caches.add(path + "/pkgs")

    def _follow_environments(self, path: str, found_by: str) -> None:
        with self.root.directory(path) as directory:
            self.directories[path] = directory.path
            for name, kind in directory.entries():
                if kind == "directory":
                    self._take_child(directory, name, "environments directory " + directory.path)
                elif kind == "link":
                    self.add("prefix", directory.join(name), "environments directory " + directory.path)

    def _follow_cache(self, path: str, _found_by: str) -> None:
        self.caches.add(path)

    def _follow_program(self, path: str, found_by: str) -> None:
        program = examine_program(self.root, path)
        if program.prefix:
            self.add("prefix", program.prefix, "program " + path)
        self.programs.setdefault(program.path, program)

    def _follow_pixi_home(self, path: str, found_by: str) -> None:
        self.add("environments", path + "/envs", found_by)
        self.add("program", path + "/bin/pixi", found_by)

    def take(self, prefix: Directory, found_by: str) -> t.Optional[_Identity]:
        """Read the environment in an open directory, unless it was read before; None where there is none."""
        status = prefix.status()
        identity = (status.st_dev, status.st_ino)
        if identity not in self.environments:
            owned = self._owned.get(status.st_uid, 0)
            if status.st_uid != 0 and owned >= MAX_ENVIRONMENTS_OF_A_USER:
                self.report.add_unseen(prefix.path, _TOO_MANY % MAX_ENVIRONMENTS_OF_A_USER)
                return None
            try:
                with self.shares.of(0 if self._is_last else status.st_uid):
                    found = self._read(prefix, report=self.report)
            except ShareIsUp:
                if self.root.share_deadline is None:
                    self._late.setdefault(status.st_uid, []).append((prefix.path, found_by))
                    return None
                raise
            except Absent:
                return None
            except Unreadable as error:
                self.report.add_error(error)
                return None
            self.environments[identity] = found
            self._owned[status.st_uid] = owned + 1
            self._follow_up(found)
        self.real[prefix.path] = identity
        self._note(identity, found_by)
        return identity

    def _note(self, identity: _Identity, found_by: str) -> None:
        names = self.found_by.setdefault(identity, [])
        if found_by not in names and len(names) < 20:
            names.append(found_by)

    def _follow_up(self, found: Environment) -> None:
        """Put what an environment names on the work list: its own environments, and the base that made it."""
        if any(map(found.version_of, places.PROGRAMS)) or found.tool_metadata:
            self.add("environments", found.prefix + "/envs", "base prefix " + found.prefix)
        for change in (found.history.first, found.history.last):
            base = places.base_of_command(change.command) if change else None
            if base and base != found.prefix:
                self.add("prefix", base, "history of " + found.prefix)
                self.add("environments", base + "/envs", "history of " + found.prefix)

    def _take_child(self, directory: Directory, name: str, found_by: str) -> None:
        try:
            child = directory.enter(name)
            if child is not None:
                with child:
                    self.take(child, found_by)
        except Absent:
            pass
        except Unreadable as error:
            self.report.add_error(error)

    def _look_at_places(self) -> None:
        for parent, names in places.SYSTEM_PREFIXES.items():
            for path in self._present(parent, names):
                self.add("prefix", path, "known place")
                self.add("environments", path + "/envs", "known place")
        for path in ("/micromamba", "/opt/micromamba", "/opt/conda"):
            self.add("mamba_root", path, "known place")
        for parent in places.SYSTEM_PARENTS:
            self._look_at_children(parent, "child of " + parent)
        for directory in places.SYSTEM_PROGRAM_DIRECTORIES:
            for path in self._present(directory, places.PROGRAMS):
                self.add("program", path, "program directory " + directory)

    def _present(self, parent: str, names: t.Iterable[str]) -> t.List[str]:
        """The paths of those names that are in a directory."""
        try:
            with self.root.directory(parent) as directory:
                return [directory.join(name) for name in names if directory.has(name)]
        except Absent:
            pass
        except Unreadable as error:
            self.report.add_error(error)
        return []

    def _look_at_children(self, path: str, found_by: str) -> t.Optional[t.Set[str]]:
        """Take the children of a directory that are environments, and those of pixi projects among them.

        :returns: the names of all children; None where they cannot be told.
        """
        try:
            with self.root.directory(path) as directory:
                try:
                    entries = directory.entries()
                except Unreadable as error:
                    self.report.add_error(error)
                    names = places.KNOWN_NAMES if directory.has(".") else ()
                    self._work += [("prefix", directory.join(name), found_by) for name in names]
                    return None if names else set()
                for name, kind in entries:
                    if kind == "directory":
                        self._hint_child(directory, name, found_by)
                    elif kind == "link" and (path in places.SYSTEM_PARENTS or name in places.KNOWN_NAMES):
                        self.add("prefix", directory.join(name), found_by)
                return {name for name, _kind in entries}
        except Absent:
            return set()
        except Unreadable as error:
            self.report.add_error(error)
            return set()

    def _hint_child(self, directory: Directory, name: str, found_by: str) -> None:
        try:
            has_environment, has_pixi = directory.has(name + "/conda-meta"), directory.has(name + "/.pixi")
        except Unreadable as error:
            self.report.add_error(error)
            return
        if has_environment:
            self._take_child(directory, name, found_by)
        if has_pixi:
            project = directory.join(name) + "/" + places.PROJECT_ENVIRONMENTS
            self.add("environments", project, "pixi project " + directory.join(name))

    def _look_at_home(self, home: Home) -> None:
        found_by = "home " + home.path
        names = self.home_names[home.path] = self._look_at_children(home.path, found_by)

        def there(paths: t.Iterable[str]) -> t.List[str]:
            return [home.path + "/" + path for path in paths if names is None or path.partition("/")[0] in names]

        for path in there(places.HOME_PREFIXES):
            self.add("prefix", path, found_by)
        for path in there(places.HOME_MAMBA_ROOTS):
            self.add("mamba_root", path, found_by)
        for path in there(places.HOME_ENVIRONMENTS):
            self.add("environments", path, found_by)
        self.caches.update(there(places.HOME_CACHES))
        for directory in there(places.HOME_PROGRAM_DIRECTORIES):
            for program in places.PROGRAMS:
                self.add("program", directory + "/" + program, found_by)
        for path in there(places.HOME_TEXTS):
            self._read_text(path, home.path)
        for path in there(places.HOME_TEXT_DIRECTORIES):
            self._read_texts_below(path, 1, home.path)
        if there([".conda"]):
            self._read_registry(home)

    def _read_registry(self, home: Home) -> None:
        path = home.path + "/.conda/environments.txt"
        data = read_text(self.root, self.report, path)
        lines = os.fsdecode(data).splitlines()
        if len(lines) > MAX_REGISTRY_LINES:
            self.report.add_unseen(path, "it has more than %d lines" % MAX_REGISTRY_LINES)
        for line in lines[:MAX_REGISTRY_LINES]:
            line = os.path.normpath(line.strip()) if line.strip().startswith("/") else ""
            if line:
                self.registered.setdefault(line, []).append(home.user or home.path)
                self.add("prefix", line, "registry " + path)

    def _look_at_texts(self) -> None:
        for path in places.SYSTEM_TEXTS:
            self._read_text(path)
        for directory in places.SYSTEM_TEXT_DIRECTORIES:
            self._read_texts_below(directory, 1)
        for directory in places.MODULE_DIRECTORIES:
            self._read_texts_below(directory, 3)

    def _read_texts_below(self, path: str, depth: int, home: t.Optional[str] = None) -> None:
        for text in texts_below(self.root, self.report, path, depth):
            self._read_text(text, home)

    def _read_text(self, path: str, home: t.Optional[str] = None) -> None:
        for mention in mentions_in(self.root, self.report, path, home):
            self.add(mention.kind, mention.path, "named in " + path)

    def _look_at_processes(self) -> None:
        self.processes = list_processes(self.root)
        for name, value in own_environment(self.root).items():
            self._add_variable(name, value, "environment of this process")
        for process in self.processes:
            found_by = "a running process"
            for name, value in process.variables.items():
                self._add_variable(name, value, found_by)
            prefix = places.prefix_of_program(process.program)
            if prefix:
                self.add("prefix", prefix, found_by)

    def _add_variable(self, name: str, value: str, found_by: str) -> None:
        for mention in places.variable_mentions(name, value):
            self.add(mention.kind, mention.path, found_by)


__all__ = ("Survey",)
