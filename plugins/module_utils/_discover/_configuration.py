# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The settings in force, for each installation and each user who has files of their own."""

from __future__ import annotations

import functools
import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._discover._homes import Home
from ansible_collections.labfleet.conda.plugins.module_utils._discover._installations import Installation
from ansible_collections.labfleet.conda.plugins.module_utils._discover._solver import solver_in_force
from ansible_collections.labfleet.conda.plugins.module_utils._discover._survey import Survey
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._condarc import (
    MAX_CONDARC,
    CondarcFile,
    drop_ins,
    environment_settings,
    expand_path,
    parse_condarc,
    search_path,
)
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._condarc_merge import Setting, merge_settings
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._processes import own_environment, own_uid

MAX_PATH = 4096
_ASSIGNMENT = re.compile(r"^[ \t]*(?:export[ \t]+)?([A-Z_][A-Z0-9_]{0,63})=([^\r\n]*)$", re.MULTILINE)
_NAMES_IN_HOME = (".condarc", ".conda", ".config", ".mambarc", ".mamba")
_Settings = t.Dict[str, Setting]


class Configuration(t.NamedTuple):
    """The settings in force for one installation and one user; for all users without own files, user is None."""

    installation: Installation
    user: t.Optional[str]
    files: t.List[str]
    unread: t.List[str]
    settings: _Settings
    environment_directories: t.List[str]
    package_caches: t.List[str]


class Configurations:
    """Reads the condarc files that matter for the installations of a survey, each file once.

    :param survey: what was found; what the settings name is put on its work list.
    """

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        self._files: t.Dict[str, t.Optional[CondarcFile]] = {}
        self._done: t.Dict[t.Optional[str], t.List[Configuration]] = {}
        self._variables: t.Optional[t.Dict[str, str]] = None

    def read(self, installations: t.Iterable[Installation]) -> None:
        """Read the configuration of the installations that were not read before."""
        for installation in installations:
            if installation.prefix is None or installation.kind == "pixi" or installation.prefix in self._done:
                continue
            everybody = self._configure(installation, None)
            found = self._done[installation.prefix] = [everybody]
            self._follow(installation, everybody, None)
            for home in filter(self._may_have_settings, self._homes_for(installation)):
                self._survey.with_share(
                    home.path, functools.partial(self._add_own, installation, home, found), "settings of "
                )

    def _add_own(self, installation: Installation, home: Home, found: t.List[Configuration]) -> None:
        own = self._configure(installation, home)
        if (own.files, own.unread) != (found[0].files, found[0].unread):
            found.append(own)
        self._follow(installation, own, home)

    def _follow(self, installation: Installation, configuration: Configuration, home: t.Optional[Home]) -> None:
        """Put the directories of environments on the work list; a mamba beside a conda reads files of its own too."""
        directories = list(configuration.environment_directories)
        if installation.kind == "conda" and "mamba" in installation.versions:
            directories += self._configure(installation._replace(kind="mamba"), home).environment_directories
        for path in directories:
            self._survey.add("environments", path, "configuration of %s" % installation.prefix)

    def as_list(self) -> t.List[t.Dict[str, t.Any]]:
        """All configurations as plain values."""
        return [_plain(item) for item in self.all()]

    def environment_directories(self) -> t.Dict[str, t.List[t.Tuple[t.Optional[str], str]]]:
        """For each directory of environments, by each of its names: for which user which base prefix looks there.

        What a user's own files say counts for that user's environments; user None stands for everybody.
        """
        found: t.Dict[str, t.List[t.Tuple[t.Optional[str], str]]] = {}
        for item in self.all():
            prefix = t.cast(str, item.installation.prefix)
            for path in item.environment_directories:
                found.setdefault(path, []).append((item.user, prefix))
                real = self._survey.directories.get(path, path)
                if real != path:
                    found.setdefault(real, []).append((item.user, prefix))
        return found

    def cache_paths(self) -> t.Set[str]:
        """All package caches that any configuration names."""
        return {path for item in self.all() for path in item.package_caches}

    def users_of_cache(self, path: str) -> t.List[t.Dict[str, t.Optional[str]]]:
        """Which installations, for everybody (None) or for users with settings of their own, name a package cache."""
        return [
            {"installation": item.installation.prefix, "user": item.user}
            for item in self.all()
            if path in item.package_caches
        ]

    def solver_of(self, installation: Installation) -> t.Optional[t.Dict[str, t.Any]]:
        """The solver in force for users without own files; None for other kinds than conda."""
        known = self._done.get(installation.prefix)
        return solver_in_force(installation, known[0].settings, known[0].unread) if known else None

    def all(self) -> t.Iterator[Configuration]:
        """All configurations, by the prefix of their installation; that for everybody comes before users' own."""
        for _prefix, found in sorted(self._done.items(), key=lambda item: item[0] or ""):
            yield from found

    def file(self, path: str) -> t.Optional[CondarcFile]:
        """What one file of settings says; None where it was not read."""
        return self._files.get(path)

    def variables(self) -> t.Mapping[str, str]:
        """The variables that everybody has from login on."""
        return self._variables_for(None)

    def _homes_for(self, installation: Installation) -> t.List[Home]:
        """The homes of who can use an installation: one inside a home is for its user, any other for all."""
        prefix = t.cast(str, installation.prefix)
        inside = [home for home in self._survey.homes if prefix.startswith(home.path + "/")]
        return [max(inside, key=lambda home: len(home.path))] if inside else self._survey.homes

    def _configure(self, installation: Installation, home: t.Optional[Home]) -> Configuration:
        prefix = t.cast(str, installation.prefix)
        variables = self._variables_for(home)
        files: t.List[CondarcFile] = []
        unread: t.List[str] = []
        for place in search_path(
            root_prefix=prefix,
            home=home.path if home else None,
            xdg_config_home=variables.get("XDG_CONFIG_HOME"),
            condarc=variables.get("CONDARC"),
            mambarc=variables.get("MAMBARC"),
            mamba=installation.kind in ("mamba", "micromamba"),
        ):
            if home and not self._may_be_there(home, place.path):
                continue
            for path in self._paths(place.path, place.directory):
                parsed = self._parse(path, place.tier)
                if parsed is not None and parsed.readable:
                    files.append(parsed)
                elif parsed is not None:
                    unread.append(path)
        names = [item.path for item in files]
        files.append(environment_settings(variables))
        settings = merge_settings(files)
        return Configuration(
            installation,
            (home.user or home.path) if home else None,
            names,
            unread,
            settings,
            self._directories(installation, home, settings, variables, "envs"),
            self._directories(installation, home, settings, variables, "pkgs"),
        )

    def _may_have_settings(self, home: Home) -> bool:
        """Whether a user can have settings of their own, by the names in the home; most have not."""
        names = self._survey.home_names.get(home.path)
        return names is None or not names.isdisjoint(_NAMES_IN_HOME) or self._is_own(home)

    def _is_own(self, home: Home) -> bool:
        return self._survey.root.is_running_system and home.uid == own_uid()

    def _may_be_there(self, home: Home, path: str) -> bool:
        """Whether a place in a home can exist, by the names of the home's children; most homes have none of them."""
        names = self._survey.home_names.get(home.path)
        if names is None or not path.startswith(home.path + "/"):
            return True
        return path[len(home.path) + 1 :].partition("/")[0] in names

    def _directories(
        self,
        installation: Installation,
        home: t.Optional[Home],
        settings: _Settings,
        variables: t.Mapping[str, str],
        what: str,
    ) -> t.List[str]:
        """The envs_dirs or pkgs_dirs in force, or conda's defaults (conda/base/context.py)."""
        defaults = [t.cast(str, installation.prefix) + "/" + what]
        if home is not None:
            defaults.insert(1 if self._may_write(installation, home) else 0, home.path + "/.conda/" + what)
        setting = settings.get(what + "_dirs")
        if setting is None or not isinstance(setting.value, list):
            return defaults
        expanded = (
            expand_path(path, home=home.path if home else None, environment=variables)
            for path in setting.value
            if isinstance(path, str)
        )
        named = [path for path in expanded if path and len(path) <= MAX_PATH]
        # conda looks into its own environment directories whatever is set, not so into its own caches.
        return named + [path for path in defaults if what == "envs" and path not in named]

    def _may_write(self, installation: Installation, home: Home) -> bool:
        writers = installation.writers
        if home.uid == 0 or writers.everybody or home.user in writers.users:
            return True
        groups = self._survey.root.identities
        return any(groups.group_name(gid) in writers.groups for gid in groups.groups_of(home.uid))

    def _paths(self, path: str, is_directory: bool) -> t.List[str]:
        if not is_directory:
            return [path]
        try:
            with self._survey.root.directory(path) as directory:
                names = directory.names(limit=1000)
        except Absent:
            return []
        except Unreadable as error:
            self._survey.report.add_error(error)
            return []
        return [path + "/" + name for name in drop_ins(names)]

    def _parse(self, path: str, tier: str) -> t.Optional[CondarcFile]:
        if path not in self._files:
            self._files[path] = None
            try:
                data = self._survey.root.read(path, limit=MAX_CONDARC)
            except Absent:
                return None
            except Unreadable as error:
                self._survey.report.add_error(error)
                self._files[path] = CondarcFile(path, tier, False, {}, ())
                return self._files[path]
            parsed = parse_condarc(data, path=path, tier=tier)
            for line, problem in parsed.problems:
                self._survey.report.add(path, "line %d: %s" % (line, problem))
            self._files[path] = parsed
        return self._files[path]

    def _variables_for(self, home: t.Optional[Home]) -> t.Dict[str, str]:
        """The variables that are known to be set: for everybody at login, and in our own environment for ourselves."""
        if self._variables is None:
            try:
                text = self._survey.root.read("/etc/environment", limit=MAX_CONDARC).decode("utf-8", "surrogateescape")
            except (Absent, Unreadable):
                text = ""
            self._variables = {name: value.strip().strip("'\"") for name, value in _ASSIGNMENT.findall(text)}
        found = dict(self._variables)
        if home is not None and self._is_own(home):
            found.update(own_environment(self._survey.root))
        return found


def _plain(item: Configuration) -> t.Dict[str, t.Any]:
    return {
        "installation": item.installation.prefix,
        "user": item.user,
        "files": item.files,
        "unread_files": item.unread,
        "settings": {key: _plain_setting(setting) for key, setting in sorted(item.settings.items())},
        "solver": solver_in_force(item.installation, item.settings, item.unread),
        "environment_directories": item.environment_directories,
        "package_caches": item.package_caches,
    }


def _plain_setting(setting: Setting) -> t.Dict[str, t.Any]:
    first = setting.locked_by or setting.sources[0]
    return {
        "value": setting.value,
        "source": first.origin,
        "line": first.line,
        "sources": [source.origin for source in setting.sources],
        "final": setting.final,
        "ignored": [source.origin for source in setting.ignored],
        "known": setting.known,
        "problem": setting.problem,
    }


__all__ = ("Configuration", "Configurations")
