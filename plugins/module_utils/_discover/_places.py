# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The places where conda, mamba, micromamba and pixi are found, and the texts that name them.

Sources: the search list of microsoft/python-environment-tools (pet-conda, environment_locations.rs), the
default prefixes of the installers, conda/core/initialize.py for start files, libmamba's configuration.cpp for
its root prefix, the pixi and condax documentation for theirs.
"""

from __future__ import annotations

import os
import re
import typing as t

_NAMES = ("anaconda", "anaconda3", "miniconda", "miniconda3", "miniforge", "miniforge3", "mambaforge", "micromamba")
KNOWN_NAMES = _NAMES + ("anaconda2", "miniconda2", "conda", "mamba")

# Prefixes that stand somewhere by themselves: their names, by the directory that may hold them.
_HOLDERS = "/ /usr/share /usr/local /usr /usr/lib /ext3 /opt/homebrew /home/linuxbrew/.linuxbrew"
SYSTEM_PREFIXES: t.Dict[str, t.Tuple[str, ...]] = dict.fromkeys(_HOLDERS.split(), KNOWN_NAMES)
SYSTEM_PREFIXES["/opt/homebrew/Caskroom/miniforge"] = ("base",)
# Directories whose children are looked at, whatever their names.
SYSTEM_PARENTS = ("/opt", "/usr/local", "/srv", "/ext3", "/data", "/scratch", "/shared", "/apps", "/software")
HOME_PREFIXES = [parent + "/" + name for parent in ("opt", ".conda", ".local") for name in KNOWN_NAMES] + [
    ".local/share/mamba",
    ".local/share/r-miniconda",
    "micromamba",
]
# Directories whose children are environments.
HOME_ENVIRONMENTS = (".conda/envs", ".condax", ".pixi/envs", ".local/share/mamba/envs", "micromamba/envs")
HOME_CACHES = (".conda/pkgs", ".mamba/pkgs", ".local/share/mamba/pkgs", "micromamba/pkgs", ".cache/rattler/cache/pkgs")
PROJECT_ENVIRONMENTS = ".pixi/envs"
# Root prefixes of micromamba: they need hold no conda-meta (libmamba, configuration.cpp).
HOME_MAMBA_ROOTS = ("micromamba", ".local/share/mamba")

PROGRAMS = ("conda", "mamba", "micromamba", "pixi")
SYSTEM_PROGRAM_DIRECTORIES = ("/usr/local/bin", "/usr/bin", "/bin", "/opt/bin", "/opt/homebrew/bin")
HOME_PROGRAM_DIRECTORIES = (".local/bin", "bin", ".pixi/bin", ".cargo/bin")
SYSTEM_PYTHON_LIBRARIES = ("/usr/lib", "/usr/lib64", "/usr/local/lib")

HOME_TEXTS = (
    ".bashrc .bash_profile .bash_login .bash_aliases .profile .zshrc .zprofile .zshenv .xonshrc .tcshrc .cshrc "
    ".config/fish/config.fish .config/powershell/profile.ps1"
).split()
HOME_TEXT_DIRECTORIES = (".config/systemd/user", ".config/fish/conf.d")
SYSTEM_TEXTS = (
    "/etc/profile /etc/bash.bashrc /etc/bashrc /etc/zshrc /etc/zsh/zshrc /etc/zsh/zshenv /etc/xonshrc "
    "/etc/csh.cshrc /etc/fish/config.fish /etc/environment /etc/crontab"
).split()
SYSTEM_TEXT_DIRECTORIES = (
    "/etc/profile.d /etc/fish/conf.d /etc/cron.d /var/spool/cron /var/spool/cron/crontabs /etc/systemd/system"
).split()
MODULE_DIRECTORIES = (
    "/etc/modulefiles /usr/share/modulefiles /usr/share/modules/modulefiles /usr/local/modulefiles "
    "/opt/modulefiles /usr/share/lmod/lmod/modulefiles"
).split()

MAX_LINE = 8192
MAX_MENTIONS = 1000
_LIMITS = (MAX_LINE, MAX_MENTIONS)
_PATH_TOKEN = re.compile(r"(?:~|\$HOME|\$\{HOME\})?/[^\s'\"`;:=()<>|&,\\\[\]{}$]{1,1024}")
_ASSIGNMENT = re.compile(
    r"\b(CONDA_ROOT|CONDA_PREFIX|CONDA_DIR|CONDA|MAMBA_ROOT_PREFIX|MAMBA_DEFAULT_ROOT_PREFIX|CONDA_ENVS_PATH|CONDA_ENVS_DIRS"
    r"|CONDA_PKGS_DIRS|PIXI_HOME)(?:\s*=\s*|\"?[ \t,]+)['\"]?([^\s'\";)]{1,4096})"
)
_IN_PREFIX = re.compile(
    r"/(?:(?:bin|condabin)(?:/(?:conda|mamba|micromamba|pixi|activate|python[0-9.]*|conda-env|jupyter[a-z-]*|pip))?"
    r"|etc/profile\.d/(?:conda|mamba)\.(?:sh|csh)|etc/fish/conf\.d/conda\.fish|shell/condabin(?:/[A-Za-z.-]+)?)$"
)
_PROGRAM_PATH = re.compile(r"/(?:conda|mamba|micromamba|pixi)$")

# Which variable names what: a prefix, a directory of environments, a package cache, or a program.
VARIABLES = {
    "CONDA_ROOT": "prefix",
    "CONDA_PREFIX": "prefix",
    "CONDA_DIR": "prefix",
    "CONDA": "prefix",
    "MAMBA_ROOT_PREFIX": "mamba_root",
    "MAMBA_DEFAULT_ROOT_PREFIX": "mamba_root",
    "CONDA_ENVS_PATH": "environments",
    "CONDA_ENVS_DIRS": "environments",
    "CONDA_PKGS_DIRS": "cache",
    "PIXI_HOME": "pixi_home",
    "CONDA_EXE": "program",
    "_CONDA_EXE": "program",
    "MAMBA_EXE": "program",
    "CONDA_PYTHON_EXE": "program",
    "_CONDA_ROOT": "prefix",
}


class Mention(t.NamedTuple):
    """A path that a text or a variable names, and what it should be: one of the values of VARIABLES."""

    kind: str
    path: str


def mentions(
    data: bytes, *, home: t.Optional[str] = None, warn: t.Callable[[str], None] = lambda reason: None
) -> t.Set[Mention]:
    """The prefixes, programs and directories that a shell start file, job table or module file names.

    :param data: the content of the file.
    :param home: the home directory that C(~) and C($HOME) stand for; without one such paths are passed over.
    :param warn: called with one sentence where not all of it was searched.
    """
    found: t.Set[Mention] = set()
    for line in os.fsdecode(data).split("\n"):
        if line.lstrip().startswith("#"):
            continue
        if len(line) > MAX_LINE or len(found) > MAX_MENTIONS:
            warn("a line of more than %d characters, or more than %d paths: not all of it was searched" % _LIMITS)
            continue
        for token in _PATH_TOKEN.findall(line):
            path = expand_home(token, home)
            place = _IN_PREFIX.search(path) if path else None
            if path and place and place.start():
                found.add(Mention("prefix", path[: place.start()]))
                if _PROGRAM_PATH.search(path):
                    found.add(Mention("program", path))
        for name, value in _ASSIGNMENT.findall(line):
            found.update(variable_mentions(name, value, home=home))
    return found


def variable_mentions(name: str, value: str, *, home: t.Optional[str] = None) -> t.Set[Mention]:
    """What one variable names; variables that hold lists are split as conda splits them."""
    kind = VARIABLES.get(name)
    if kind is None:
        return set()
    parts = re.split(r"[,:]", value) if kind in ("environments", "cache") else [value]
    paths = [expand_home(part, home) for part in parts]
    found = {Mention(kind, path.rstrip("/") or "/") for path in paths if path and path.startswith("/")}
    if kind == "program":
        found = {mention for mention in found if mention.path.rpartition("/")[2] in PROGRAMS}
        found |= {Mention("prefix", prefix) for prefix in map(prefix_of_program, paths) if prefix}
    return found


def expand_home(path: str, home: t.Optional[str]) -> t.Optional[str]:
    """A path with its C(~/) or C($HOME/) replaced; None where that cannot be done."""
    for sign in ("~/", "$HOME/", "${HOME}/"):
        if path.startswith(sign):
            return None if home is None else home.rstrip("/") + "/" + path[len(sign) :]
    return path if path.startswith("/") else None


def prefix_of_program(path: t.Optional[str]) -> t.Optional[str]:
    """The prefix that a program lies in, where its path has the form C(PREFIX/bin/PROGRAM)."""
    parts = (path or "").rsplit("/", 2)
    return parts[0] if len(parts) == 3 and parts[0] and parts[1] in ("bin", "condabin") else None


def base_of_command(command: t.Optional[str]) -> t.Optional[str]:
    """The base prefix in the command line of a history section: C(BASE/bin/conda create -n x)."""
    program = (command or "").split(" ", 1)[0]
    prefix = prefix_of_program(program)
    if prefix is None and "/lib/python" in program and program.endswith("__main__.py"):
        prefix = program.partition("/lib/python")[0]  # python -m conda
    if prefix in (None, "/usr", "/usr/local") or not program.startswith("/"):
        return None
    return os.path.normpath(t.cast(str, prefix))


__all__ = ("Mention", "base_of_command", "expand_home", "mentions", "prefix_of_program", "variable_mentions")
