# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measuring audits: each in a process of its own, so that its memory and its imports are its own too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]

AUDIT = """
import json, resource, sys, time
from ansible_collections.labfleet.conda.plugins.module_utils._audit._result import audit
from ansible_collections.labfleet.conda.plugins.modules.conda_audit import ARGUMENT_SPEC
from ansible_collections.labfleet.conda.plugins.plugin_utils._prepare import prepare
options = {name: spec.get("default") for name, spec in ARGUMENT_SPEC.items()}
options.update(json.loads(sys.argv[1]), prepared={**prepare({}, host="one", groups=()).for_host, "now": time.time()})
runs = []
for number in range(int(sys.argv[2])):
    started, cpu = time.perf_counter(), time.process_time()
    result = audit(options)
    runs.append((time.perf_counter() - started, time.process_time() - cpu))
print(json.dumps({
    "wall": min(run[0] for run in runs), "cpu": min(run[1] for run in runs),
    "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    "environments": len(result["environments"]), "complete": result["complete"], "unjudged": len(result["unjudged"]),
    "rules": result["rules_checked"], "findings": len(result["findings"]), "bytes": len(json.dumps(result)),
}))
"""

REPORT = """
import json, resource, sys, time
from benchmark.fleets import make_fleet
from ansible_collections.labfleet.conda.plugins.plugin_utils._audit_report import Report
results = {}
for name, host in make_fleet(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])).pop("hosts").items():
    if "findings" not in host or host["status"] in ("failed", "unreachable"):
        results[name] = {"unreachable": True, "msg": "no route to host"}
        continue
    for finding in host["findings"]:  # what the document adds to what a host returns
        del finding["key"], finding["state"]
    results[name] = host
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
started, cpu = time.perf_counter(), time.process_time()
gates = {"fail_on": None, "new_only": None}
report = Report.from_results(results, previous=sys.argv[6] or None, must_compare=True, advisories=None, **gates)
report.lines("findings", rows=30)
report.write(sys.argv[4], sys.argv[5].split(","), mode=0o600, write=True)
print(json.dumps({
    "wall": time.perf_counter() - started, "cpu": time.process_time() - cpu, "before": before,
    "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
}))
"""


def measured(script: str, *arguments: str) -> dict[str, t.Any]:
    """Run one of the scripts above and return what it measured."""
    path = os.pathsep.join((str(CHECKOUT / "build" / "collections"), str(CHECKOUT / "tests")))
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={**os.environ, "PYTHONPATH": path},
        check=True,
        stdout=subprocess.PIPE,
    )
    return json.loads(done.stdout)


def audit(root: Path, *, runs: int = 3, **options: t.Any) -> dict[str, t.Any]:
    """Audit a tree: the best of some runs, warm."""
    answer = measured(AUDIT, json.dumps({"root": str(root), "time_limit": 600, **options}), str(runs))
    if not answer["complete"] or answer["unjudged"]:
        raise SystemExit(f"the audit of {root} is not right: {answer}")
    return answer


__all__ = ("REPORT", "audit", "measured")
