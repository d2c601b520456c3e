# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Judges what was found: which environments and programs are installations, of what kind and from where."""

from __future__ import annotations

import json
import stat
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._discover._places import prefix_of_program
from ansible_collections.labfleet.conda.plugins.module_utils._discover._programs import Program
from ansible_collections.labfleet.conda.plugins.module_utils._discover._survey import Survey
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment, site_packages
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._pip import distributions, normalize
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import (
    BadRecord,
    channel_name,
    parse_record,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._access import (
    NOBODY,
    Writers,
    directory_writers,
    exchangers,
    writers,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._directory import Directory
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable

# The packages whose versions say what a tool chain is able to.
TOOL_PACKAGES = (
    "conda mamba micromamba pixi python conda-libmamba-solver libmambapy libmamba conda-rattler-solver py-rattler "
    "conda-anaconda-tos conda-self conda-content-trust"
).split()
MAX_INSTALLATIONS_OF_A_USER = 50
_DISTRIBUTIONS = ("anaconda", "miniconda", "miniforge", "mambaforge")
_CODE_DIRECTORIES = ("bin", "condabin", "conda-meta", "lib")


class Installation(t.NamedTuple):
    """One conda, mamba, micromamba or pixi.

    :param prefix: its base (or root) prefix; None for a program that stands alone.
    :param versions: the versions of the packages of TOOL_PACKAGES that are there.
    :param version_source: where the version of the tool itself was read; None where it is unknown.
    :param is_secondary: whether it lies in an environment of another installation.
    """

    kind: str
    distribution: t.Optional[str]
    distribution_evidence: t.Optional[str]
    prefix: t.Optional[str]
    program: t.Optional[str]
    versions: t.Dict[str, str]
    version_source: t.Optional[str]
    uid: int
    gid: int
    mode: int
    writers: Writers
    installer: t.Optional[t.Dict[str, str]]
    is_secondary: bool
    environment: t.Optional[Environment]
    notes: t.List[str]

    @property
    def version(self) -> t.Optional[str]:
        """The version of the tool that the kind names."""
        return self.versions.get(self.kind)


def judge_installations(
    survey: Survey, known: t.Dict[t.Tuple[int, int], t.Optional[Installation]]
) -> t.List[Installation]:
    """All installations of a survey, sorted by prefix, those without one last.

    :param survey: what was found so far.
    :param known: the judgement on each environment, kept by the caller from one call to the next.
    """
    for identity, environment in list(survey.environments.items()):
        if identity in known:
            continue
        known[identity] = None
        kind = _kind_of(environment)
        if kind is None:
            continue
        owned = sum(item is not None and item.uid == environment.uid for item in known.values())
        if environment.uid != 0 and owned >= MAX_INSTALLATIONS_OF_A_USER:
            reason = "its owner has more than %d installations, this one was not looked at"
            survey.report.add(environment.prefix, reason % MAX_INSTALLATIONS_OF_A_USER)
        else:
            known[identity] = installation_in(survey, environment, kind)
    found = [installation for installation in known.values() if installation is not None]
    taken = {installation.prefix for installation in found}
    found += _mamba_roots(survey, taken)
    found += _programs(survey, found)
    return sorted(found, key=lambda item: (item.prefix is None, item.prefix or "", item.program or ""))


def _kind_of(environment: Environment) -> t.Optional[str]:
    for kind in ("conda", "mamba", "micromamba", "pixi"):
        if environment.version_of(kind):
            return kind
    return "conda" if "conda" in environment.tool_metadata else None


def installation_in(survey: Survey, environment: Environment, kind: str) -> Installation:
    """The installation of this kind in an environment; without a version and program where they are gone."""
    versions = {name: environment.version_of(name) for name in TOOL_PACKAGES}
    notes: t.List[str] = []
    source = "record" if versions.get(kind) else None
    program, installer, who = None, None, NOBODY
    distribution, evidence = "custom", "nothing in the prefix tells"
    try:
        with survey.root.directory(environment.prefix) as prefix:
            python_side = environment.tool_metadata.get(kind)
            if python_side and versions.get(kind) and python_side != versions[kind]:
                notes.append("the record says %s %s, but site-packages holds %s" % (kind, versions[kind], python_side))
            elif python_side and not versions.get(kind):
                versions[kind], source = python_side, "dist-info"
                notes.append("%s was not installed by conda: site-packages holds it, no record does" % kind)
            program = next(
                (prefix.join(path) for path in ("bin/" + kind, "condabin/" + kind) if prefix.has(path)), None
            )
            installer = _installer(survey, prefix)
            distribution, evidence = _distribution(survey, prefix, environment, installer)
            who = who_may_write(survey, prefix, environment)
    except (Absent, Unreadable) as error:
        survey.report.add(environment.prefix, getattr(error, "reason", "it vanished while it was read"))
    return Installation(
        kind=kind,
        distribution=distribution,
        distribution_evidence=evidence,
        prefix=environment.prefix,
        program=program,
        versions={name: version for name, version in versions.items() if version},
        version_source=source,
        uid=environment.uid,
        gid=environment.gid,
        mode=environment.mode,
        writers=who,
        installer=installer,
        is_secondary=_is_nested(survey, environment),
        environment=environment,
        notes=notes,
    )


def _is_nested(survey: Survey, environment: Environment) -> bool:
    parent, _slash, _name = environment.prefix.rpartition("/")
    if not parent.endswith("/envs"):
        return False
    identity = survey.identity(parent[: -len("/envs")])
    return identity is not None and _kind_of(survey.environments[identity]) is not None


def _project_version(directory: Directory, path: str, project: str) -> t.Optional[str]:
    try:
        with directory.directory(path) as packages:
            found = [item for item in distributions(packages.names()) if normalize(item.name) == project]
    except (Absent, Unreadable):
        return None
    return found[-1].version if len(found) == 1 else None


def _installer(survey: Survey, prefix: Directory) -> t.Optional[t.Dict[str, str]]:
    """What the installer left behind: constructor's C(.installer.info), or the build information in its cache."""
    for path, keys in (
        (".installer.info", ("name", "version", "platform", "type")),
        ("pkgs/.constructor-build.info", ()),
    ):
        try:
            content = json.loads(survey.root.read(prefix.join(path), limit=65536).decode("utf-8"))
        except Absent:
            continue
        except Unreadable as error:
            survey.report.add_error(error)
            continue
        except (ValueError, RecursionError):
            survey.report.add(prefix.join(path), "it is not valid JSON")
            continue
        if not isinstance(content, dict):
            continue
        result = {key: content[key] for key in keys if isinstance(content.get(key), str)}
        if isinstance(content.get("constructor"), str):
            result["constructor"] = content["constructor"]
        result["source"] = prefix.join(path)
        return result
    return None


def _distribution(
    survey: Survey, prefix: Directory, environment: Environment, installer: t.Optional[t.Dict[str, str]]
) -> t.Tuple[str, str]:
    """The distribution and what tells it; a base built by hand is custom."""
    name = (installer or {}).get("name", "").lower()
    for known in _DISTRIBUTIONS:
        if name.startswith(known):
            return known, t.cast(t.Dict[str, str], installer)["source"]
    if name:
        return "custom", t.cast(t.Dict[str, str], installer)["source"]
    for package in ("anaconda", "_anaconda_depends"):
        if environment.version_of(package):
            return "anaconda", "the package %s is installed" % package
    channel = _channel_of_conda(survey, prefix, environment)
    if channel in ("pkgs/main", "pkgs/free", "defaults"):
        return "miniconda", "conda comes from the channel %s" % channel
    if channel == "conda-forge":
        known = "mambaforge" if "mambaforge" in environment.prefix.lower() else "miniforge"
        return known, "conda comes from the channel conda-forge"
    return "custom", "conda comes from %s" % channel if channel else "nothing in the prefix tells"


def _channel_of_conda(survey: Survey, prefix: Directory, environment: Environment) -> t.Optional[str]:
    for name in ("conda", "mamba"):
        record = environment.record(name)
        if record:
            try:
                with prefix.directory("conda-meta") as meta:
                    return channel_name(parse_record(meta.read(record.file_name), expected=record))
            except (Absent, Unreadable, BadRecord) as error:
                path = prefix.join("conda-meta/" + record.file_name)
                survey.report.add(path, getattr(error, "reason", None) or str(error))
                return None
    return None


def who_may_write(survey: Survey, prefix: Directory, environment: Environment) -> Writers:
    """Who may change the code of a prefix: by its own directories, or by exchanging one on the way to it."""
    found = directory_writers(prefix)
    paths = list(_CODE_DIRECTORIES)
    python = environment.record("python")
    if python:
        paths.append(site_packages(python))
    for path in paths:
        try:
            with prefix.directory(path) as directory:
                found = found | directory_writers(directory)
        except Absent:
            continue
        except Unreadable as error:
            survey.report.add_error(error)
    found = found | _program_file_writers(survey, prefix, environment)
    parent = prefix.path
    while parent != "/":
        parent = parent.rpartition("/")[0] or "/"
        try:
            with survey.root.directory(parent) as directory:
                found = found | exchangers(directory)
        except (Absent, Unreadable):
            continue
    return found


def _program_file_writers(survey: Survey, prefix: Directory, environment: Environment) -> Writers:
    """Who may write into the programs that every command of the tool starts; their names are of those who own bin."""
    found = NOBODY
    python = environment.record("python")
    names = ["bin/python" + ".".join(python.version.split(".")[:2])] if python else []
    for path in [*names, "bin/conda", "bin/mamba", "bin/micromamba"]:
        try:
            directory, name = survey.root.walk_to_parent(prefix.path + "/" + path)
            with directory:
                status = directory.child_status(name)
                if stat.S_ISREG(status.st_mode):
                    found = found | writers(status, survey.root.identities)
        except (Absent, Unreadable):
            continue
    return found


def _mamba_roots(survey: Survey, taken: t.Set[t.Optional[str]]) -> t.List[Installation]:
    """The root prefixes of micromamba that are no installation otherwise, each with the program likely used on it."""
    found = []
    for path, identity in sorted(survey.mamba_roots.items()):
        program = _program_for(survey, path)
        environment = survey.environments.get(identity) if identity else None
        if path in taken or not (program or _is_mambas(survey, path, environment)):
            continue
        try:
            with survey.root.directory(path) as directory:
                status, who = directory.status(), directory_writers(directory)
        except Absent:
            continue
        except Unreadable as error:
            survey.report.add_error(error)
            continue
        found.append(
            Installation(
                kind="micromamba",
                distribution=None,
                distribution_evidence=None,
                prefix=path,
                program=program.path if program else None,
                versions={},
                version_source=None,
                uid=status.st_uid,
                gid=status.st_gid,
                mode=status.st_mode & 0o7777,
                writers=who,
                installer=None,
                is_secondary=False,
                environment=environment,
                notes=[] if program else ["no micromamba program was found for this root prefix"],
            )
        )
    return found


def _is_mambas(survey: Survey, path: str, environment: t.Optional[Environment]) -> bool:
    """Whether more than its place tells that a prefix is a root prefix of micromamba."""
    if any(not found_by.startswith("known place") for found_by in survey.mamba_root_found_by.get(path, ())):
        return True
    first = environment.history.first if environment else None
    return bool(first and first.command and first.command.split(" ")[0].endswith("mamba"))


def _program_for(survey: Survey, path: str) -> t.Optional[Program]:
    programs = sorted(item for item in survey.programs.values() if item.name == "micromamba" and item.is_binary)
    homes = [home.path for home in survey.homes if path.startswith(home.path + "/")]
    near = [item for item in programs if any(item.path.startswith(home + "/") for home in homes)]
    everybody = [item for item in programs if item.path.startswith(("/usr/", "/bin/", "/opt/"))]
    return (near + everybody + [None])[0]  # type: ignore[list-item]


def _programs(survey: Survey, known: t.Sequence[Installation]) -> t.List[Installation]:
    """The programs that belong to no installation found so far."""
    prefixes = {item.prefix for item in known if item.environment is not None and item.prefix}
    paths = {item.program for item in known}
    found = []
    for program in sorted(survey.programs.values()):
        if program.path in paths or program.prefix in prefixes:
            continue
        version = None
        if not program.is_binary:
            version = _system_version(survey, program)
            if version is None:
                continue  # a wrapper or link of something that is not there
        found.append(_standalone(survey, program, version))
    return found


def _standalone(survey: Survey, program: Program, version: t.Optional[str]) -> Installation:
    own = prefix_of_program(program.path)
    prefix = own if version or (own or "").endswith("/.pixi") else None
    notes = [] if version else ["a program of its own; its version is unknown, since nothing is run"]
    return Installation(
        kind=program.name,
        distribution="custom" if version else None,
        distribution_evidence="a package of the operating system, or pip's" if version else None,
        prefix=prefix,
        program=program.path,
        versions={program.name: version} if version else {},
        version_source="dist-info" if version else None,
        uid=program.uid,
        gid=program.gid,
        mode=program.mode,
        writers=_program_writers(survey, program),
        installer=None,
        is_secondary=False,
        environment=None,
        notes=notes,
    )


def _program_writers(survey: Survey, program: Program) -> Writers:
    try:
        directory, name = survey.root.walk_to_parent(program.path)
        with directory:
            return directory_writers(directory) | writers(directory.child_status(name), survey.root.identities)
    except (Absent, Unreadable):
        return NOBODY


def _system_version(survey: Survey, program: Program) -> t.Optional[str]:
    """The version that the metadata beside a script tells: of an operating system's package, or of pip's."""
    prefix = prefix_of_program(program.path)
    for library in (prefix + "/lib", prefix + "/lib64") if prefix else ():
        try:
            with survey.root.directory(library) as directory:
                pythons = [name for name in directory.names() if name.startswith("python3")]
                for python in sorted(pythons):
                    for packages in ("site-packages", "dist-packages"):
                        version = _project_version(directory, python + "/" + packages, program.name)
                        if version:
                            return version
        except Absent:
            continue
        except Unreadable as error:
            survey.report.add_error(error)
    return None


__all__ = ("TOOL_PACKAGES", "Installation", "installation_in", "judge_installations", "who_may_write")
