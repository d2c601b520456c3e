# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rules on conda, mamba and micromamba themselves and on their solver, and on the mark that keeps a base as it is."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._audit._context import Audit
from ansible_collections.labfleet.conda.plugins.module_utils._audit._facts import (
    place_of_setting,
    setting_of,
    shown,
    to_remove,
    to_set,
    version,
    version_of,
    where,
)
from ansible_collections.labfleet.conda.plugins.module_utils._audit._rule import Problem, Rule
from ansible_collections.labfleet.conda.plugins.module_utils._discover._configuration import Configuration
from ansible_collections.labfleet.conda.plugins.module_utils._discover._installations import Installation
from ansible_collections.labfleet.conda.plugins.module_utils._discover._solver import solver_in_force
from ansible_collections.labfleet.conda.plugins.module_utils._spec._version import Version

# "pycosat" is the name that the classic solver gets as a plugin of its own (conda documentation, concepts/solvers).
_CLASSIC = ("classic", "pycosat")
_SOLVER_PACKAGES = {
    "libmamba": "conda-libmamba-solver",
    "libmamba-draft": "conda-libmamba-solver",
    "rattler": "conda-rattler-solver",
}
_FROZEN_SINCE = "25.5"
_Problems = t.Iterator[Problem]


def _older_series(installation: Installation, tool: str, audit: Audit) -> t.Optional[str]:
    """The newest version of a tool that the policy knows, where the installed one is of an older minor series."""
    found = version_of(installation, tool, audit)
    newest = audit.policy.get("versions.newest", {}).get(tool)
    known = version(newest)
    if found is None or known is None:
        return None
    series = version(".".join(known.normal.split(".")[:2]))
    older = series is not None and found < series and not found.startswith(series)
    return newest if older else None


def _conda_unsupported(installation: Installation, audit: Audit) -> _Problems:
    newest = _older_series(installation, "conda", audit)
    if newest is not None:
        values = (shown(installation.versions["conda"]), where(installation), newest)
        yield Problem(
            "conda %s is installed in %s; the newest release that the policy knows is %s." % values,
            item="conda",
            policy="versions.newest.conda",
        )


def _micromamba_old(installation: Installation, audit: Audit) -> _Problems:
    newest = _older_series(installation, "micromamba", audit)
    if newest is not None:
        path = installation.program or where(installation)
        values = (path, shown(installation.versions["micromamba"]), newest)
        yield Problem(
            "%s is micromamba %s; the newest release that the policy knows is %s." % values,
            item="micromamba",
            path=installation.program,
            policy="versions.newest.micromamba",
        )


def _mamba1(installation: Installation, _audit: Audit) -> _Problems:
    text = installation.versions.get("mamba")
    if text is None and installation.environment is not None:
        text = installation.environment.tool_metadata.get("mamba")
    found = version(text)
    if found is not None and found < t.cast(Version, version("2.0a0")):
        yield Problem("mamba %s is installed in %s." % (shown(text), where(installation)), item="mamba")


def _mambaforge(installation: Installation, _audit: Audit) -> _Problems:
    path = where(installation)
    if installation.distribution == "mambaforge":
        evidence = "%s was installed by Mambaforge: %s." % (path, shown(installation.distribution_evidence))
    elif "mambaforge" in path.lower():
        evidence = "The path %s tells that it was installed by Mambaforge." % path
    else:
        return
    yield Problem(evidence, item="mambaforge")


def _below_minimum(installation: Installation, audit: Audit) -> _Problems:
    for tool, wanted in sorted(audit.policy.get("versions.minimum", {}).items()):
        minimum = version(wanted)
        if minimum is None:
            continue
        found = version_of(installation, tool, audit)
        if found is not None and found < minimum:
            values = (tool, shown(found.text), where(installation), wanted)
            yield Problem(
                "%s %s is installed in %s; the policy asks for %s or newer." % values,
                item=tool,
                policy="versions.minimum." + tool,
                details={"version": shown(found.text), "minimum": wanted},
            )


def _solver(configuration: Configuration, audit: Audit) -> t.Optional[t.Dict[str, t.Any]]:
    """The solver in force; what keeps it from being known is noted."""
    setting_of(configuration, "solver", audit)
    installation = configuration.installation
    found = solver_in_force(installation, configuration.settings, configuration.unread)
    if found is not None and found["name"] is None:
        reason = "which solver is used is not known"
        audit.unknown(configuration.unread[0] if configuration.unread else where(installation), reason)
        return None
    return found


def _solver_evidence(configuration: Configuration, solver: t.Mapping[str, t.Any]) -> str:
    setting = configuration.settings.get("solver")
    is_set = setting is not None and isinstance(setting.value, str)
    place = place_of_setting(setting) if is_set and setting is not None else solver["source"]
    return "%s uses the solver %s (%s)" % (where(configuration.installation), shown(solver["name"]), place)


def _place_of_solver(configuration: Configuration) -> t.Optional[str]:
    setting = configuration.settings.get("solver")
    return setting.source if setting is not None and isinstance(setting.value, str) else None


def _key(configuration: Configuration) -> str:
    """The key that sets the solver, as it was written: it had another name before 22.11."""
    return configuration.settings["solver"].sources[0].name if "solver" in configuration.settings else "solver"


def _classic_solver(configuration: Configuration, audit: Audit) -> _Problems:
    solver = _solver(configuration, audit)
    if solver is None or solver["name"] not in _CLASSIC:
        return
    place = _place_of_solver(configuration)
    remedy = to_remove(place, _key(configuration)) if place else None
    yield Problem(_solver_evidence(configuration, solver) + ".", item="solver", subject=place, remedy=remedy)


def _other_solver(configuration: Configuration, audit: Audit) -> _Problems:
    wanted = audit.policy.get("solver.wanted")
    solver = _solver(configuration, audit) if wanted else None
    if solver is None or solver["name"] == wanted or (wanted == "classic" and solver["name"] in _CLASSIC):
        return
    place = _place_of_solver(configuration)
    yield Problem(
        "%s; the policy asks for %s." % (_solver_evidence(configuration, solver), wanted),
        item="solver",
        subject=place,
        policy="solver.wanted",
        remedy=to_set(place, _key(configuration), wanted) if place else None,
    )


def _solver_missing(configuration: Configuration, audit: Audit) -> _Problems:
    solver = _solver(configuration, audit)
    if solver is None or solver["available"] or solver["name"] in _CLASSIC:
        return
    installation = configuration.installation
    if installation.environment is None or installation.environment.records is None:
        audit.unknown(where(installation), "whether the package of its solver is there could not be seen")
        return
    package = _SOLVER_PACKAGES.get(solver["name"])
    if package is None:
        audit.unknown(where(installation), "which package has the solver %s is not known" % shown(solver["name"]))
        return
    text = "%s, but %s is not installed there." % (_solver_evidence(configuration, solver), package)
    yield Problem(text, item=package, subject=where(installation), path=_place_of_solver(configuration))


def _solver_mismatch(installation: Installation, _audit: Audit) -> _Problems:
    versions = installation.versions
    python_side, library = version(versions.get("libmambapy")), version(versions.get("libmamba"))
    if python_side is not None and library is not None and python_side != library:
        values = (shown(versions["libmambapy"]), shown(versions["libmamba"]), where(installation))
        yield Problem("libmambapy %s and libmamba %s are installed in %s." % values, item="libmambapy")
    solver = version(versions.get("conda-libmamba-solver"))
    if solver is not None and solver == version("26.4.0"):
        yield Problem(
            "conda-libmamba-solver 26.4.0 is installed in %s: two solves at a time end with 'database is locked'."
            % where(installation),
            item="conda-libmamba-solver",
        )


def _key_dropped(configuration: Configuration, audit: Audit) -> _Problems:
    setting = setting_of(configuration, "solver", audit)
    if configuration.installation.kind != "conda" or setting is None or setting.value != "rattler":
        return
    found = version_of(configuration.installation, "conda", audit)
    interoperability = setting_of(configuration, "prefix_data_interoperability", audit)
    if found is not None and found < t.cast(Version, version("26.7")):
        why = "conda %s is older than 26.7" % shown(found.text)
    elif interoperability is not None and interoperability.value is True:
        why = "%s sets prefix_data_interoperability, with which it fails" % place_of_setting(interoperability)
    else:
        return
    text = "%s sets the solver rattler for %s, but %s."
    values = (place_of_setting(setting), where(configuration.installation), why)
    remedy = to_set(setting.source, "solver", "libmamba")
    yield Problem(text % values, item="solver", subject=setting.source, remedy=remedy)


def _not_frozen(installation: Installation, audit: Audit) -> _Problems:
    environment = installation.environment
    if audit.policy.get("base.frozen") is not True or environment is None or installation.is_secondary:
        return
    if environment.frozen is None:
        found = version(installation.versions.get("conda"))
        text = "%s/conda-meta holds no file named frozen." % environment.prefix
        if found is not None and found < t.cast(Version, version(_FROZEN_SINCE)):
            text += " conda %s would not heed it yet: conda %s is the first that does." % (found.text, _FROZEN_SINCE)
        yield Problem(text, item="frozen", policy="base.frozen")


def _frozen_bypass(installation: Installation, _audit: Audit) -> _Problems:
    if installation.environment is None or installation.environment.frozen is None:
        return
    for tool in ("mamba", "micromamba"):
        if tool in installation.versions:
            values = (installation.prefix, tool, shown(installation.versions[tool]))
            yield Problem("%s is frozen, and holds %s %s, which changes it all the same." % values, item=tool)


def _rule(name: str, severity: str, scope: str, check: t.Callable[..., _Problems], source: str, **texts: str) -> Rule:
    family = name.partition(".")[0]
    return Rule(id=name, family=family, severity=severity, scope=scope, check=check, source=source, **texts)


RULES = (
    _rule(
        "tool.conda.unsupported",
        "medium",
        "installation",
        _conda_unsupported,
        "CEP 10",
        title="conda is older than the newest series",
        explanation="Only the latest release of conda gets fixes, those of security faults included; nothing is"
        " brought back to older ones.",
        remedy="From 26.7 on conda self update does it; before: sudo -u {user} conda update -p {subject} conda",
    ),
    _rule(
        "tool.below_minimum",
        "medium",
        "installation",
        _below_minimum,
        "the policy, versions.minimum",
        title="A tool is older than the policy allows",
        explanation="The policy sets the lowest version of this tool that may be in use.",
        remedy="Update {item} in {subject} to the version that the policy asks for, or newer.",
    ),
    _rule(
        "tool.mamba1",
        "medium",
        "installation",
        _mamba1,
        "mamba-org/mamba, README.md",
        title="mamba 1 is installed",
        explanation="mamba 1 gets fixes of security faults at most; mamba 2 is another program with the commands of"
        " micromamba.",
        remedy="Remove mamba where conda with the libmamba solver does, or: sudo -u {user} conda install -p {subject}"
        " 'mamba>=2'",
    ),
    _rule(
        "tool.micromamba.old",
        "medium",
        "installation",
        _micromamba_old,
        "mamba-org/mamba, libmamba/src and micromamba/src/update.cpp",
        title="micromamba is older than the newest series",
        explanation="micromamba holds its libraries for transport and archives in itself, so their faults are mended"
        " only by a newer micromamba.",
        remedy="Replace the program {path} , or: sudo -u {user} micromamba self-update",
    ),
    _rule(
        "tool.mambaforge",
        "low",
        "installation",
        _mambaforge,
        "conda-forge/miniforge, README.md",
        title="The installation comes from Mambaforge",
        explanation="Mambaforge was retired in January 2025; Miniforge holds the same packages and takes its place.",
        remedy="Keep it updated as any conda, and use Miniforge for new installations.",
    ),
    _rule(
        "solver.classic",
        "medium",
        "configuration",
        _classic_solver,
        "conda, CHANGELOG.md 23.10.0 and user-guide/concepts/solvers",
        title="The classic solver is used",
        explanation="The classic solver is slow and takes much memory, and is about to leave conda for a plugin.",
        remedy="Update conda to 23.10 or newer, whose own solver is libmamba.",
    ),
    _rule(
        "solver.wanted",
        "medium",
        "configuration",
        _other_solver,
        "the policy, solver.wanted",
        title="Another solver is used than the policy asks for",
        explanation="Two solvers can choose different packages for the same wish.",
        remedy="Set solver in {subject}/.condarc, or for all installations in /etc/conda/condarc.",
    ),
    _rule(
        "solver.plugin.missing",
        "high",
        "configuration",
        _solver_missing,
        "conda, CHANGELOG.md 23.10.0",
        title="The package of the solver in use is missing",
        explanation="conda cannot install, update or remove anything without the package of the solver that it uses.",
        remedy="Type: sudo -u {user} env CONDA_SOLVER=classic conda install -p {subject} {item}",
    ),
    _rule(
        "solver.plugin.mismatch",
        "high",
        "installation",
        _solver_mismatch,
        "conda-forge/miniforge issue 878",
        title="The packages of the solver do not fit together",
        explanation="libmambapy works only with the libmamba it was built with, and some releases of the solver are"
        " known to fail; then conda cannot mend itself.",
        remedy="Type: sudo -u {user} conda install -p {subject} --force-reinstall conda-libmamba-solver libmambapy"
        " libmamba",
    ),
    _rule(
        "solver.libmamba.key_dropped",
        "low",
        "configuration",
        _key_dropped,
        "conda issue 16622",
        title="The rattler solver is set where it does not work",
        explanation="Before conda 26.7, or together with the interoperability with pip, the rattler solver ends with"
        " an error.",
        remedy="Set solver to libmamba in {subject}.",
    ),
    _rule(
        "base.frozen.missing",
        "info",
        "installation",
        _not_frozen,
        "CEP 22",
        title="The base environment is not frozen",
        explanation="The policy asks that base environments are marked as frozen, so that nobody installs into them by"
        " mistake.",
        remedy="Put a file named frozen into {subject}/conda-meta.",
    ),
    _rule(
        "base.frozen.bypass",
        "low",
        "installation",
        _frozen_bypass,
        "CEP 22",
        title="A tool that ignores the frozen mark is in a frozen base",
        explanation="mamba and micromamba do not heed the mark of CEP 22, so a base that looks protected is not.",
        remedy="Keep users from writing to it, or: sudo -u {user} conda remove -p {subject} {item} --override-frozen",
    ),
)


__all__ = ("RULES",)
