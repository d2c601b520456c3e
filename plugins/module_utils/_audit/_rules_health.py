# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rules on the health of environments: dependencies, files, interrupted changes, history, pins and Python's age."""

from __future__ import annotations

import calendar
import time
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._audit._consistency import Consistency
from ansible_collections.labfleet.conda.plugins.module_utils._audit._context import Audit
from ansible_collections.labfleet.conda.plugins.module_utils._audit._facts import listed, shown, version
from ansible_collections.labfleet.conda.plugins.module_utils._audit._inside import inside
from ansible_collections.labfleet.conda.plugins.module_utils._audit._package_files import altered_files, missing_files
from ansible_collections.labfleet.conda.plugins.module_utils._audit._rule import Problem, Rule
from ansible_collections.labfleet.conda.plugins.module_utils._discover._result import Cache
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._history_replay import Readings, replay
from ansible_collections.labfleet.conda.plugins.module_utils._spec._match_spec import parse_match_spec
from ansible_collections.labfleet.conda.plugins.module_utils._spec._pattern import SpecError, UnsupportedSpec
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable

# The last day with security fixes of each Python series: devguide.python.org/versions, endoflife.date; read 2026-11-22.
PYTHON_ENDS = {
    "2.7": "2020-01-01", "3.3": "2017-09-29", "3.4": "2019-03-18", "3.5": "2020-09-30", "3.6": "2021-12-23",
    "3.7": "2023-06-27", "3.8": "2024-10-07", "3.9": "2025-10-31", "3.10": "2026-10-31", "3.11": "2027-10-31",
    "3.12": "2028-10-31", "3.13": "2029-10-31", "3.14": "2030-10-31", "3.15": "2031-10-31",
}  # fmt: skip
_YEAR = 365 * 86400.0
# conda/base/constants.py: PARTIAL_EXTENSION.
_PARTIAL = ".partial"


def _missing_dependencies(environment: Environment, audit: Audit) -> t.Iterator[Problem]:
    consistency = audit.memo("consistency", lambda: Consistency(lambda: audit.root.check_time(audit.root.current)))
    lacks, unjudged = consistency.lacks(audit.records(environment), [item.name for item in environment.records or ()])
    if unjudged:
        text = "%d dependencies of its packages could not be judged: %s"
        audit.unknown(environment.prefix, text % (len(unjudged), shown(listed(unjudged, 3))))
    if not lacks:
        return
    missing = [lack for lack in lacks if lack.installed is None]
    wrong = [lack for lack in lacks if lack.installed is not None]
    parts = []
    if missing:
        names = ["%s needs %s" % (lack.package, lack.spec) for lack in missing]
        parts.append("%d dependencies are not installed: %s" % (len(missing), listed(names)))
    if wrong:
        names = ["%s asks for %s, there is %s" % lack for lack in wrong]
        parts.append("%d do not fit: %s" % (len(wrong), listed(names)))
    details = {
        "missing": [lack._asdict() for lack in missing[:50]],
        "inconsistent": [lack._asdict() for lack in wrong[:50]],
    }
    yield Problem(shown("; ".join(parts)) + ".", details=details)


def _missing(environment: Environment, audit: Audit) -> t.Iterator[Problem]:
    found = missing_files(environment, audit)
    if not found:
        return
    names = sorted(name for files in found.values() for name in files)
    text = "%d files of %d packages are missing, of %s: %s."
    packages = sorted(found)
    yield Problem(
        text % (len(names), len(found), shown(listed(packages)), shown(listed(names))),
        details={"packages": packages[:100], "files": names[:100]},
    )


def _altered(environment: Environment, audit: Audit) -> t.Iterator[Problem]:
    names = altered_files(environment, audit)
    if not names:
        return
    programs = environment.uid == 0 and any(name.startswith(("bin/", "condabin/")) for name in names)
    yield Problem(
        "%d files are not what their package brought: %s." % (len(names), shown(listed(names))),
        severity="high" if programs else None,
        details={"files": names[:100]},
    )


def _interrupted(environment: Environment, audit: Audit) -> t.Iterator[Problem]:
    signs = []
    left = inside(environment, audit).leftovers
    if left.count:
        more = " and %d more" % (left.count - 5) if left.count > 5 else ""
        signs.append("%d temporary files, %s%s" % (left.count, ", ".join(left.names[:5]), more))
    doubles = _doubles(environment)
    if doubles:
        signs.append("two records of %s" % listed(doubles))
    orphans = sorted("%s %s" % item[:2] for item in environment.pip_packages if item.installer == "conda")
    if orphans:
        signs.append("files of %s, which no record has" % listed(orphans))
    if signs:
        yield Problem("There are signs of a change that was cut short: %s." % shown("; ".join(signs)))


def _doubles(environment: Environment) -> t.List[str]:
    names = [record.name for record in environment.records or ()]
    return sorted({one for one, other in zip(names, names[1:]) if one == other})


def _partial(cache: Cache, audit: Audit) -> t.Iterator[Problem]:
    with audit.root.directory(cache.path) as directory:
        names = sorted(name for name in directory.names(limit=200000) if name.endswith(_PARTIAL))
    if names:
        text = "%d downloads were cut short: %s."
        yield Problem(text % (len(names), shown(listed(names))))


def _suspect(environment: Environment, audit: Audit) -> t.Iterator[Problem]:
    if environment.has_history:
        return
    if environment.records:
        yield Problem("conda-meta holds %d records, but no history." % len(environment.records))
    else:
        yield Problem("conda-meta holds neither records nor a history.", severity="low")


def _history_drift(environment: Environment, audit: Audit) -> t.Iterator[Problem]:
    if environment.records is None or not environment.has_history:
        return
    installed = {"%s-%s-%s" % record for record in environment.records}
    readings = _replayed(environment, audit)
    if readings is not None:
        expected = min(readings, key=lambda reading: len(installed ^ reading))
        more, fewer = sorted(installed - expected), sorted(expected - installed)
        parts = ["%d installed packages are not in it: %s" % (len(more), listed(more))] if more else []
        parts += ["%d packages in it are not installed: %s" % (len(fewer), listed(fewer))] if fewer else []
        if parts:
            yield Problem("The history and the records differ: %s." % shown("; ".join(parts)), item="packages")
    names = {record.name for record in environment.records}
    gone = sorted(spec for name, spec in environment.history.requested.items() if name not in names)
    if gone:
        text = "%d packages that were asked for are not installed: %s."
        yield Problem(text % (len(gone), shown(listed(gone))), item="requested")


def _replayed(environment: Environment, audit: Audit) -> t.Optional[Readings]:
    """What the history says is installed; None where it does not say."""
    try:
        return replay(audit.root.read(environment.prefix + "/conda-meta/history"))
    except Absent:
        return None
    except Unreadable as error:
        audit.unknown(error.path, error.reason)
        return None


def _bad_pins(environment: Environment, audit: Audit) -> t.Iterator[Problem]:
    for spec in environment.pinned:
        try:
            parse_match_spec(spec)
        except UnsupportedSpec as error:
            audit.unknown(
                environment.prefix + "/conda-meta/pinned", "%s cannot be judged: %s" % (shown(spec), error.reason)
            )
        except SpecError as error:
            path = environment.prefix + "/conda-meta/pinned"
            yield Problem(
                "%s pins %s, which is no match spec: %s." % (path, shown(spec), error.reason), item=spec, path=path
            )


def _python_end(environment: Environment, audit: Audit) -> t.Iterator[Problem]:
    python = environment.python_version
    if python is None:
        return
    series = ".".join(python.split(".")[:2])
    end = PYTHON_ENDS.get(series)
    if end is None:
        if version(python) is None or _is_older(series):
            audit.unknown(environment.prefix, "nothing is known of the end of Python %s" % shown(python))
        return
    seconds = calendar.timegm(time.strptime(end, "%Y-%m-%d"))
    if audit.now < seconds + 86400:
        return
    text = "Python %s has had no security fixes since %s."
    severity = "high" if audit.now > seconds + _YEAR else "medium"
    yield Problem(text % (python, end), item="python", severity=severity, details={"end": end})


def _is_older(series: str) -> bool:
    parts = series.split(".")
    return not all(part.isdigit() for part in parts) or [int(part) for part in parts] < [3, 16]


def _python_minimum(environment: Environment, audit: Audit) -> t.Iterator[Problem]:
    wanted, found = version(audit.policy.get("environments.python_minimum")), version(environment.python_version)
    if wanted is not None and found is not None and found < wanted:
        text = "Python %s is installed; the policy asks for %s or newer."
        yield Problem(text % (environment.python_version, wanted), item="python", policy="environments.python_minimum")


RULES = (
    Rule(
        id="env.missing_dep",
        family="environment",
        severity="high",
        scope="environment",
        title="Dependencies are missing or do not fit",
        explanation="A package depends on another that is not there, or on another version, so it may fail when it is"
        " used. Dependencies on the running system (such as __glibc and __cuda) are not judged here.",
        remedy="Let conda repair it, with the names of the packages: sudo -u {user} conda install -p {subject} NAME",
        check=_missing_dependencies,
        source="conda/plugins/subcommands/doctor, consistency",
    ),
    Rule(
        id="env.missing_files",
        family="environment",
        severity="medium",
        scope="environment",
        title="Files of installed packages are missing",
        explanation="The records name files that are not there, so what needs them fails. Compiled Python files do not"
        " count, and a link to nothing counts as missing.",
        remedy="Reinstall the packages by name: sudo -u {user} conda install -p {subject} --force-reinstall NAME",
        check=_missing,
        source="conda/plugins/subcommands/doctor, missing files",
        needs=("files",),
    ),
    Rule(
        id="env.altered_files",
        family="environment",
        severity="medium",
        scope="environment",
        title="Files of installed packages were altered",
        explanation="Their content is not what the package brought. Somebody has edited them, another installer has"
        " replaced them, or the disk has damaged them.",
        remedy="Look at the files; reinstall the packages by name: sudo -u {user} conda install -p {subject}"
        " --force-reinstall NAME",
        check=_altered,
        source="conda/plugins/subcommands/doctor, altered files",
        needs=("hashes",),
    ),
    Rule(
        id="env.interrupted",
        family="environment",
        severity="high",
        scope="environment",
        title="A change of the environment was cut short",
        explanation="conda renames the files that it takes away until the change is done. When it is killed meanwhile,"
        " they stay under these names, and the environment may not work.",
        remedy="Make sure that no conda is at work there. As {user}, give files NAME.c~ their name back, where there is"
        " none of that name, then run the change again.",
        check=_interrupted,
        source="conda/base/constants.py (CONDA_TEMP_EXTENSIONS), conda issue 11867",
    ),
    Rule(
        id="env.interrupted.cache",
        family="environment",
        severity="low",
        scope="cache",
        title="Downloads into a package cache were cut short",
        explanation="conda tries to go on with them, which fails with servers that cannot send a part of a file.",
        remedy="Make sure that no conda is at work there, and remove these files from {subject} as {user}.",
        check=_partial,
        source="conda/base/constants.py (PARTIAL_EXTENSION)",
    ),
    Rule(
        id="env.suspect",
        family="environment",
        severity="high",
        scope="environment",
        title="An environment has lost its history",
        explanation="conda takes a directory without conda-meta/history for no environment, and refuses to list or"
        " change it. Some versions remove the file when a change fails.",
        remedy="Put back a copy of the file, or: sudo -u {user} touch -- {subject}/conda-meta/history",
        check=_suspect,
        source="CEP 32; conda issue 16473",
    ),
    Rule(
        id="env.history_drift",
        family="environment",
        severity="low",
        scope="environment",
        title="The history and the installed packages differ",
        explanation="Revisions and the specs that somebody asked for are taken from the history, so an update or a"
        " rollback may do something unexpected.",
        remedy="Look at: sudo -u {user} conda list -p {subject} --revisions ; install what is missing, or take what"
        " is not wanted away.",
        check=_history_drift,
        source="conda/history.py",
    ),
    Rule(
        id="env.pinned.bad",
        family="environment",
        severity="low",
        scope="environment",
        title="A pin is no match spec",
        explanation="conda refuses to solve for an environment with a pin that it cannot read.",
        remedy="Write a match spec such as numpy 1.26.* in {path}, or take the line out.",
        check=_bad_pins,
        source="CEP 29, CEP 32; conda doctor since 25.9",
    ),
    Rule(
        id="env.python_eol",
        family="environment",
        severity="medium",
        scope="environment",
        title="A Python without security fixes is in use",
        explanation="This series of Python gets no more fixes, and channels build no more packages for it.",
        remedy="Make a new environment with a Python that is maintained, and move the work there.",
        check=_python_end,
        source="devguide.python.org/versions",
    ),
    Rule(
        id="env.python_minimum",
        family="environment",
        severity="medium",
        scope="environment",
        title="Python is older than the policy allows",
        explanation="The policy sets the lowest version of Python that environments may have.",
        remedy="Make a new environment with a newer Python, and move the work there.",
        check=_python_minimum,
        source="the policy, environments.python_minimum",
    ),
)


__all__ = ("PYTHON_ENDS", "RULES")
