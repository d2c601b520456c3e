# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The commands of conda, mamba and micromamba, each as the version that is there knows it.

Nothing is started here: a command is a list of arguments, and what its environment needs beside child_environment().

* The tool itself is changed by an ``install`` with lower bounds (``conda>=26.5``), never by an ``update``: ``update``
  asks for some better solution, and when it finds none it says "already installed" and exits 0, whatever holds it back.
  That is what is wanted of the packages of an environment that are to be as new as the others allow.
* Packages are removed with ``--force``, which is exactly those that are named, without a solver. What needs them is
  read from the records beforehand, and named too: solvers take along what they see fit, each version something else.
* ``conda install --revision`` is never used. conda 4.3 removes conda itself by it and says success; later ones need
  every old package in the channels of today, forget what was asked for, and leave pip's packages as they are.
* ``--json`` means yes to every conda, with or without ``--yes``, and so does an input at its end. Only ``--dry-run``
  changes nothing, so a plan has it always.
"""

from __future__ import annotations

import types
import typing as t
from urllib.parse import quote

from ansible_collections.labfleet.conda.plugins.module_utils._change._in_tool import (
    CHECK_PACKAGE,
    check_arguments,
    hold_arguments,
)
from ansible_collections.labfleet.conda.plugins.module_utils._spec._version import parse_version

EXPLICIT_FILE_NAME = "explicit.txt"
_NOTHING: t.Mapping[str, str] = types.MappingProxyType({})
# Any install into base would also update conda, and --no-update-deps does not stop it (conda 4.10 to 26.7).
_NO_AUTO_UPDATE = types.MappingProxyType({"CONDA_AUTO_UPDATE_CONDA": "false"})
_SOLVER_MODULES = {
    "classic": "conda.cli, conda.resolve",
    "libmamba": "conda.cli, libmambapy, conda_libmamba_solver",
    "rattler": "conda.cli, rattler, conda_rattler_solver",
}


class CommandRefused(ValueError):
    """A command that this tool does not have, or that must not be used; the text says why, and what to do."""


class Command(t.NamedTuple):
    """What to start.

    :ivar argv: the program and its arguments.
    :ivar environment: what to add to child_environment().
    :ivar what: what is asked, for parse_answer().
    :ivar changes: whether it can change anything but caches.
    """

    argv: t.Tuple[str, ...]
    environment: t.Mapping[str, str]
    what: str
    changes: bool


class Options(t.NamedTuple):
    """How a command is to work.

    :ivar channels: names or URLs, the first with the highest priority.
    :ivar override_channels: look at these channels only, not at those of the configuration.
    :ivar offline: take what is in the caches.
    :ivar override_frozen: change an environment that is marked as frozen.
    :ivar solver: the solver to use, or None for that of the configuration.
    :ivar allow_removing: whether packages may be removed, where the tool can be told. conda cannot: look at the plan.
    :ivar allow_downgrade: whether packages may be downgraded, with the same limit.
    """

    channels: t.Tuple[str, ...] = ()
    override_channels: bool = False
    offline: bool = False
    override_frozen: bool = False
    solver: t.Optional[str] = None
    allow_removing: bool = False
    allow_downgrade: bool = False


DEFAULTS = Options()


class Tool(t.NamedTuple):
    """One conda, mamba or micromamba.

    :ivar kind: C(conda), C(mamba) or C(micromamba).
    :ivar version: its own version.
    :ivar program: the path of the program.
    :ivar prefix: the base prefix, or the root prefix of a micromamba.
    :ivar python_program: the Python that runs it; None for a program without one.
    :ivar versions: the versions of what it works with, such as conda-libmamba-solver and conda-self.
    """

    kind: str
    version: str
    program: str
    prefix: str
    python_program: t.Optional[str] = None
    versions: t.Mapping[str, str] = _NOTHING

    @property
    def is_binary(self) -> bool:
        """Whether it is a program without Python: micromamba, and mamba from 2.0."""
        return self.kind == "micromamba" or (self.kind == "mamba" and self.since("2.0.0a0"))

    @property
    def package(self) -> str:
        """The name of the package that holds it."""
        return self.kind

    @property
    def knows_frozen(self) -> bool:
        """Whether it refuses to change a frozen environment: conda from 25.5 does; others have to be held back."""
        return self.kind == "conda" and self.since("25.5")

    @property
    def plans_when_read_only(self) -> bool:
        """Whether a dry run succeeds although the user may not write: conda before 25.5, and mamba."""
        return self.kind != "conda" or not self.since("25.5")

    @property
    def takes_html_for_empty(self) -> bool:
        """Whether an index that is HTML, as a portal answers it, counts as an empty channel, so that all is well."""
        return self.kind != "conda" or (self.since("23.10") and not self.since("26.7"))

    def since(self, version: str) -> bool:
        """Whether its version is this one or a later one; raises InvalidVersion where its version is none."""
        return parse_version(self.version) >= parse_version(version)

    def info(self) -> Command:
        """Ask what the tool says of itself and its configuration."""
        return self._command(["info", "--json"], "info")

    def version_command(self) -> Command:
        """Ask for the version; the answer is no JSON, see told_version()."""
        return self._command(["--version"], "version")

    def search(self, name: str, options: Options = DEFAULTS) -> Command:
        """Ask which versions and builds of a package the channels hold, with their depends."""
        arguments = ["search", "--json", *_channels(options)]
        if self.kind == "mamba" and not self.is_binary:
            arguments.insert(0, "repoquery")
        if self.kind == "conda" and not self.since("4.4"):
            arguments.append("--full-name")  # else the name is a regular expression that fits anywhere
        environment = {"CONDA_OFFLINE": "true"} if options.offline else {}
        return self._command([*arguments, _plain(name, "name of a package")], "search", False, environment)

    def plan(self, specs: t.Sequence[str], options: Options = DEFAULTS, *, prefix: t.Optional[str] = None) -> Command:
        """Ask what apply() with the same arguments would do."""
        return self._install(specs, options, prefix, ["--dry-run"], "plan")

    def apply(self, specs: t.Sequence[str], options: Options = DEFAULTS, *, prefix: t.Optional[str] = None) -> Command:
        """Install packages.

        :param specs: match specs with lower bounds, see lower_bound(); an exact version takes a package back to it.
        :param prefix: the environment to change; None for the base prefix.
        """
        return self._install(specs, options, prefix, [], "apply")

    def plan_update(
        self, names: t.Sequence[str], options: Options = DEFAULTS, *, prefix: t.Optional[str] = None
    ) -> Command:
        """Ask what update() would do."""
        return self._install(names, options, prefix, ["--dry-run"], "plan", verb="update")

    def update(self, names: t.Sequence[str], options: Options = DEFAULTS, *, prefix: t.Optional[str] = None) -> Command:
        """Bring installed packages as far as the other packages and the pins allow.

        :param names: of packages that are there: micromamba passes over others in silence, conda refuses them.
        """
        return self._install(names, options, prefix, [], "apply", verb="update")

    def remove(self, names: t.Sequence[str], options: Options = DEFAULTS, *, prefix: t.Optional[str] = None) -> Command:
        """Remove exactly these packages, whatever needs them; there is no plan to ask for."""
        if self.kind == "mamba" and not self.is_binary:
            raise CommandRefused("mamba %s is not used to remove packages: use the conda beside it" % self.version)
        if not names:
            raise CommandRefused("no package was named")
        arguments = ["remove", "-p", _plain(prefix or self.prefix, "prefix"), "-y", "--json", "--force"]
        arguments += [] if self.is_binary else ["-q"]
        if options.override_frozen and self.knows_frozen:
            arguments.append("--override-frozen")
        arguments += [_plain(name, "name of a package") for name in names]
        return self._command(arguments, "apply", True, _NO_AUTO_UPDATE)

    def offline_solve(self, specs: t.Sequence[str] = (), *, prefix: t.Optional[str] = None) -> Command:
        """Ask for a plan from the caches alone: it shows that the tool can still solve, see solver_works()."""
        return self._install(specs or (self.package,), Options(offline=True), prefix, ["--dry-run"], "solve")

    def solver_import(self, solver: t.Optional[str] = None) -> Command:
        """Load the tool and its solver, and nothing else: it fails when an update has torn them apart.

        :param solver: the solver in force; None for that which this version has by default.
        :raises CommandRefused: for a tool that runs on Python whose Python is not known.
        """
        if self.is_binary:
            return self.version_command()._replace(what="import")
        if self.python_program is None:
            raise CommandRefused("%s cannot be checked: the Python that runs it is not known" % self.program)
        if self.kind == "mamba":
            modules = "mamba.mamba, libmambapy"
        else:
            default = "libmamba" if self.since("23.10") else "classic"
            modules = _SOLVER_MODULES.get(solver or default, "conda.cli")
        return Command((self.python_program, "-c", "import " + modules), _NOTHING, "import", False)

    def check(self, solver: t.Optional[str], folder: str) -> Command:
        """Load the solver as solver_import() does, ask as info() does, and solve without network, with one start.

        To solve is quick here, since no channel of the configuration is looked at: only one of our own, with
        CHECK_PACKAGE in it, or before conda 4.4, which asks the others too, none at all.

        :param folder: a directory that does not exist, for its caches and the channel.
        :raises CommandRefused: for any tool but a conda whose Python is known.
        """
        if self.kind != "conda" or self.python_program is None:
            raise CommandRefused("%s cannot be asked from within its Python" % self.program)
        modules = self.solver_import(solver).argv[-1].partition(" ")[2].split(", ")
        arguments = [self.program, "install", "-p", self.prefix, "-y", "--json", "-q", "--dry-run", "--offline"]
        if self.since("4.4"):
            arguments += ["--override-channels", "-c", "file://" + quote(folder) + "/channel", CHECK_PACKAGE]
        else:
            arguments += ["--use-index-cache", self.package]
        argv = check_arguments(self.python_program, folder, modules, arguments)
        return Command(argv, {**_NO_AUTO_UPDATE, "CONDA_PKGS_DIRS": folder + "/pkgs"}, "check", False)

    @property
    def can_be_held(self) -> bool:
        """Whether apply() can be made to wait once it has planned; the code of these versions was looked at."""
        if self.kind != "conda" or self.python_program is None:
            return False
        return self.since("4.3") and not self.since("26.8") and (self.since("4.5") or not self.since("4.4.0a0"))

    def hold(self, command: Command) -> Command:
        """The command of apply(), made to wait once it has planned, see Runner.hold().

        :raises CommandRefused: it cannot be.
        """
        if not self.can_be_held:
            raise CommandRefused("%s %s cannot be made to wait" % (self.kind, self.version))
        return command._replace(argv=hold_arguments(str(self.python_program), command.argv))

    def explicit_install(self, file: str, options: Options = DEFAULTS, *, prefix: t.Optional[str] = None) -> Command:
        """Install the packages of an C(@EXPLICIT) list, without a solver; what is not in the list stays.

        :param file: the path of the list. conda from 26 tells the format of a file by its name, so it must be
            C(explicit.txt).
        """
        if not file.endswith("/" + EXPLICIT_FILE_NAME):
            raise CommandRefused("a list of packages must be called %s, not %r" % (EXPLICIT_FILE_NAME, file))
        return self._install((), options._replace(solver=None), prefix, ["--file", file], "explicit")

    def self_update(self, options: Options = DEFAULTS, *, version: t.Optional[str] = None) -> Command:
        """Update the tool by its own command.

        There is no dry run: ``micromamba self-update --dry-run`` of 2.3.3 tries to replace the program. Use search().

        :param version: the version to get, for micromamba; None for the newest.
        :raises CommandRefused: the tool has no such command, or it cannot do what is asked.
        """
        if self.kind == "micromamba":
            wanted = ["--version", _plain(version, "version")] if version else []
            return self._command(["self-update", "-y", "--json", *wanted, *_channels(options)], "self_update", True)
        if self.kind == "mamba":
            raise CommandRefused("mamba has no self-update; update its package: mamba install -n base 'mamba>=VERSION'")
        if "conda-self" not in self.versions or not self.since("26.5"):
            raise CommandRefused("conda %s has no 'conda self' here; update its package instead" % self.version)
        if version or options.channels or options.offline:
            raise CommandRefused(
                "'conda self update' takes neither a version nor channels; use 'conda install --override-frozen'"
            )
        return self._command(["self", "update", "-y", "--json"], "self_update", True, _NO_AUTO_UPDATE)

    def _install(
        self,
        specs: t.Sequence[str],
        options: Options,
        prefix: t.Optional[str],
        extra: t.List[str],
        what: str,
        verb: str = "install",
    ) -> Command:
        if not specs and what != "explicit":
            raise CommandRefused("no package was asked for")
        arguments = [verb, "-p", _plain(prefix or self.prefix, "prefix"), "-y", "--json"]
        arguments += [] if self.is_binary else ["-q"]  # with --json, they show no progress without it
        arguments += extra + _channels(options)
        arguments += ["--offline"] if options.offline else []
        arguments += self._solver(options.solver) if options.solver else []
        if options.override_frozen and self.knows_frozen:
            arguments.append("--override-frozen")
        if self.is_binary and what != "explicit":
            arguments += [] if options.allow_removing else ["--no-allow-uninstall"]
            arguments += ["--allow-downgrade"] if options.allow_downgrade else []
        arguments += [_plain(spec, "match spec") for spec in specs]
        return self._command(arguments, what, what in ("apply", "explicit"), _NO_AUTO_UPDATE)

    def _solver(self, solver: str) -> t.List[str]:
        """The option that chooses a solver; it was experimental from 4.12 to 22.9."""
        if self.kind == "conda" and self.since("22.11"):
            return ["--solver", _plain(solver, "solver")]
        if self.kind == "conda" and self.since("4.12") and solver in ("classic", "libmamba"):
            return ["--experimental-solver", solver]
        if self.kind == "conda" and not self.since("4.12") and solver == "classic":
            return []
        raise CommandRefused("%s %s cannot be told to use the solver %s" % (self.kind, self.version, solver))

    def _command(
        self,
        arguments: t.Sequence[str],
        what: str,
        changes: bool = False,
        environment: t.Mapping[str, str] = _NOTHING,
    ) -> Command:
        if self.kind != "conda":
            environment = {**environment, "MAMBA_ROOT_PREFIX": self.prefix, "MAMBA_NO_BANNER": "1"}
        return Command((self.program, *arguments), environment, what, changes)


def lower_bound(name: str, version: str) -> str:
    """The match spec for this version of a package or a later one."""
    return "%s>=%s" % (name, version)


def told_version(tool: Tool, stdout: bytes, stderr: bytes) -> t.Optional[str]:
    """The version in the answer to version_command(); a conda on Python 2 writes it to stderr."""
    for output in (stdout, stderr):
        for line in output.decode("utf-8", "replace").splitlines():
            words = line.split()
            if len(words) == 2 and words[0] == tool.kind:
                return words[1]
            if len(words) == 1 and words[0][0].isdigit():
                return words[0]
    return None


def _channels(options: Options) -> t.List[str]:
    """The channels of a command.

    conda before 4.4 was seen to ask the channels of its configuration too: there, set default_channels as well.
    """
    if options.override_channels and not options.channels:
        raise CommandRefused("without channels, nothing is left when those of the configuration are overridden")
    arguments = ["--override-channels"] if options.override_channels else []
    for channel in options.channels:
        arguments += ["-c", _plain(channel, "channel")]
    return arguments


def _plain(text: str, what: str) -> str:
    """A text that the tool takes for what it is, and for no option."""
    if not text or text.startswith("-") or any(sign in text for sign in "\n\r\0"):
        raise CommandRefused("%r is no %s" % (text, what))
    return text


__all__ = (
    "Command",
    "CommandRefused",
    "DEFAULTS",
    "EXPLICIT_FILE_NAME",
    "Options",
    "Tool",
    "lower_bound",
    "told_version",
)
