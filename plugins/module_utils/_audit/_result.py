# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The plain result of an audit: findings, and a compact summary of what was judged, as module conda_audit documents."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._audit._auditing import Auditing
from ansible_collections.labfleet.conda.plugins.module_utils._audit._catalogue import RULES
from ansible_collections.labfleet.conda.plugins.module_utils._audit._context import Audit, AuditOptions
from ansible_collections.labfleet.conda.plugins.module_utils._discover._installations import Installation
from ansible_collections.labfleet.conda.plugins.module_utils._discover._result import plain_record
from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import Options, ScanError
from ansible_collections.labfleet.conda.plugins.module_utils._discover._wanted import Wanted, check_wanted, look_inside
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import Record, RecordMemory
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import clean
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root

_Map = t.Dict[str, t.Any]


def audit(parameters: t.Mapping[str, t.Any]) -> _Map:
    """Look at a root and judge it, and return what module conda_audit documents as its result.

    :param parameters: the options of the module, C(prepared) among them.
    :raises ScanError: the options cannot be met, or the controller has prepared nothing.
    """
    prepared = parameters.get("prepared")
    if not isinstance(prepared, dict):
        raise ScanError(
            "conda_audit was called without what its action plugin prepares on the control node: call it as the task"
            " labfleet.conda.conda_audit, not through another action."
        )
    wanted = Wanted(parameters["containers"], parameters["images"])
    options = Options(gather=("records",), **{key: parameters[key] for key in _LOOK_OPTIONS})
    check_wanted(options, wanted)
    audit_options = AuditOptions(**{key: parameters[key] for key in AuditOptions._fields})
    memory = RecordMemory(keep_files=audit_options.integrity != "none")
    auditing = Auditing(options, audit_options, prepared, RULES, memory=memory)
    auditing.run()

    def see(path: str, open_root: t.Callable[..., Root], seconds: float) -> _Map:
        there = options._replace(root=path, users=None, time_limit=seconds)
        inside = Auditing(there, audit_options, prepared, RULES, open_root=open_root, memory=memory)
        inside.run()
        return _plain(inside)

    found = look_inside(auditing.look, wanted, auditing.look.seconds_left(), see)
    return clean({**_plain(auditing), **found})


_LOOK_OPTIONS = ("root", "search_paths", "exclude", "users", "depth", "one_file_system", "time_limit")


def _plain(auditing: Auditing) -> _Map:
    judgement, look, context = auditing.judgement, auditing.look, auditing.audit
    result: _Map = {
        "findings": judgement.findings,
        "unjudged": judgement.unjudged,
        "not_checked": judgement.not_checked,
        "rules_checked": judgement.rules_checked,
        "installations": [],
        "environments": [],
        "coverage": {},
        "gpu": None,
    }
    if context is not None:
        result.update(
            root=context.root.path,
            homes=len(context.homes),
            files_opened=context.root.files_opened,
            installations=[_installation(item, context) for item in context.installations],
            environments=[_environment(item, context) for item in context.environments],
            coverage=context.coverage,
            gpu=context.gpu_summary,
        )
    result.update(look.about())
    return result


def _installation(item: Installation, audit_: Audit) -> _Map:
    return {
        "kind": item.kind,
        "distribution": item.distribution,
        "prefix": item.prefix,
        "program": item.program,
        "version": item.version,
        "versions": item.versions,
        "solver": audit_.look.configurations.solver_of(item),
        "owner": audit_.user(item.uid),
        "frozen": item.environment is not None and item.environment.frozen is not None,
    }


def _environment(item: Environment, audit_: Audit) -> _Map:
    parent = audit_.installation_of(item)
    result: _Map = {
        "prefix": item.prefix,
        "name": audit_.name_of(item),
        "base": audit_.is_base(item),
        "owner": audit_.user(item.uid),
        "installation": parent.prefix if parent else None,
        "python_version": item.python_version,
        "record_count": None if item.records is None else len(item.records),
        "pip_count": len(item.pip_packages),
        "processes": audit_.look.result.processes_in(item),
    }
    if audit_.options.packages:
        result["packages"] = [_package(record) for record in audit_.records(item)]
        result["pip_packages"] = [package._asdict() for package in item.pip_packages]
    return result


def _package(record: Record) -> _Map:
    return {
        **plain_record(record),
        "license": record.license,
        "md5": record.md5,
        "sha256": record.sha256,
        "depends": list(record.depends),
    }


__all__ = ("audit",)
