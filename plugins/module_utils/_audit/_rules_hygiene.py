# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rules on the base prefix: what does not belong into it, and what pip has put over conda."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._audit._context import Audit
from ansible_collections.labfleet.conda.plugins.module_utils._audit._facts import listed
from ansible_collections.labfleet.conda.plugins.module_utils._audit._rule import Problem, Rule
from ansible_collections.labfleet.conda.plugins.module_utils._discover._installations import TOOL_PACKAGES
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._history import spec_name
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._pip import distributions, normalize
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable

# What installers ask for by name, and what belongs to the tool chain.
_OWN = frozenset(TOOL_PACKAGES) | frozenset(
    "pip setuptools wheel anaconda _anaconda_depends anaconda-client anaconda-navigator anaconda-anon-usage"
    " anaconda-auth anaconda-cli-base boa ca-certificates certifi conda-anaconda-telemetry conda-build conda-env"
    " conda-lock conda-lockfiles conda-pack conda-package-handling conda-pypi conda-repo-cli conda-spawn constructor"
    " menuinst miniforge_console_shortcut console_shortcut_miniconda openssl rattler-build".split()
)
_INITIAL = "initial-state.explicit.txt"
MAX_INITIAL = 1024 * 1024


def _polluted(environment: Environment, audit: Audit) -> t.Iterator[Problem]:
    if not audit.is_base(environment):
        return
    installed = {record.name for record in environment.records or ()}
    asked = set(environment.history.requested) & installed
    if not asked:
        return
    allowed = _OWN | set(audit.policy.get("base.packages", ())) | _initial(environment, audit)
    others = sorted(asked - _with_dependencies(allowed, environment, audit))
    if others:
        text = "%d packages were asked for in the base prefix that are not part of conda's own tool chain: %s."
        yield Problem(text % (len(others), listed(others)), policy="base.packages", details={"packages": others[:100]})


def _with_dependencies(names: t.Set[str], environment: Environment, audit: Audit) -> t.Set[str]:
    """Some packages, and those installed ones that they need: conda itself needs requests, for instance."""
    needed = {record.name: [spec_name(spec) for spec in record.depends] for record in audit.records(environment)}
    found, pending = set(names), [name for name in names if name in needed]
    while pending:
        for name in needed.get(pending.pop(), ()):
            if name is not None and name not in found:
                found.add(name)
                pending.append(name)
    return found


def _initial(environment: Environment, audit: Audit) -> t.Set[str]:
    """The names of the packages that the installer put there, where it left a list (constructor 3.13)."""
    if _INITIAL not in environment.directory_names:
        return set()
    try:
        data = audit.root.read(environment.prefix + "/conda-meta/" + _INITIAL, limit=MAX_INITIAL)
    except (Absent, Unreadable) as error:
        audit.unknown(environment.prefix + "/conda-meta/" + _INITIAL, getattr(error, "reason", "it vanished"))
        return set()
    lines = data.decode("utf-8", "surrogateescape").splitlines()
    files = (line.strip().partition("#")[0].rpartition("/")[2] for line in lines)
    return {name.rsplit("-", 2)[0] for name in files if name.count("-") >= 2}


def _projects(environment: Environment, audit: Audit) -> t.Dict[str, t.Tuple[str, str]]:
    """The Python projects that the records own: by name, the package and the version."""
    found: t.Dict[str, t.Tuple[str, str]] = {}
    for record in audit.records(environment):
        for item in distributions(record.metadata_directories):
            # A package may carry others' projects within (setuptools does); the one of its version is its own.
            if item.version == record.version or normalize(item.name) == normalize(record.name):
                found[normalize(item.name)] = (record.name, item.version)
    return found


def _over_conda(environment: Environment, audit: Audit) -> t.Iterator[Problem]:
    if not environment.pip_packages:
        return
    owned = audit.memo(("projects", environment.identity), lambda: _projects(environment, audit))
    over = []
    for package in environment.pip_packages:
        known = owned.get(normalize(package.name))
        if known is not None:
            over.append("%s %s over %s %s of conda" % (package.name, package.version, known[0], known[1]))
    if over:
        text = "%d Python packages lie over those that conda installed: %s."
        yield Problem(text % (len(over), listed(sorted(over))), details={"packages": sorted(over)[:100]})


def _base_over_conda(environment: Environment, audit: Audit) -> t.Iterator[Problem]:
    if audit.is_base(environment):
        yield from _over_conda(environment, audit)


def _environment_over_conda(environment: Environment, audit: Audit) -> t.Iterator[Problem]:
    if not audit.is_base(environment):
        yield from _over_conda(environment, audit)


def _conda_by_pip(environment: Environment, audit: Audit) -> t.Iterator[Problem]:
    version = environment.tool_metadata.get("conda")
    if version is None:
        return
    record = environment.version_of("conda")
    by_pip = {normalize(package.name): package.installer for package in environment.pip_packages}
    if record is None and "conda" in by_pip:
        text = "conda %s lies in site-packages, put there by %s, and no record of conda's own knows it."
        yield Problem(text % (version, by_pip["conda"] or "something"), item="conda")
    elif record is not None and record != version:
        text = "The record says conda %s, but site-packages holds conda %s."
        yield Problem(text % (record, version), item="conda")


RULES = (
    Rule(
        id="base.polluted",
        family="base",
        severity="medium",
        scope="environment",
        title="Other packages were installed into the base prefix",
        explanation="Everything in the base prefix takes part in the solve when conda itself is updated, and can block"
        " it or break conda. Only conda, its plugins and what they need belong there.",
        remedy="Make an environment of its own for these packages, then take them out of {subject} as {user}.",
        check=_polluted,
        source="mamba documentation, installation; conda issue 11342",
    ),
    Rule(
        id="base.pip_over_conda",
        family="base",
        severity="high",
        scope="environment",
        title="pip has put packages over those of conda in the base prefix",
        explanation="conda believes in its records, so it updates or repairs what is no longer there, and conda itself"
        " may stop working at the next change.",
        remedy="As {user}, take the copies of pip out of {subject}, and let conda reinstall its own with"
        " --force-reinstall.",
        check=_base_over_conda,
        source="conda_build/post.py (INSTALLER), PEP 376",
    ),
    Rule(
        id="env.pip_over_conda",
        family="environment",
        severity="medium",
        scope="environment",
        title="pip has put packages over those of conda",
        explanation="Two installers own the same project: conda's record names files that pip has replaced, and the"
        " next update by either can leave a mixture of both.",
        remedy="As {user}, keep one of the two: uninstall with pip and let conda reinstall, or remove the package"
        " of conda.",
        check=_environment_over_conda,
        source="conda_build/post.py (INSTALLER), PEP 376",
    ),
    Rule(
        id="base.conda_by_pip",
        family="base",
        severity="high",
        scope="environment",
        title="conda was installed or replaced by pip",
        explanation="What PyPI offers as conda is years old or lacks parts, and conda cannot update what it has no"
        " record of.",
        remedy="As {user}, uninstall it with pip, and install conda from Miniforge, or reinstall the package conda in"
        " {subject}.",
        check=_conda_by_pip,
        source="conda documentation, installing from PyPI is not supported",
    ),
)


__all__ = ("RULES",)
