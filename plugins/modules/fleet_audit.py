#!/usr/bin/python
# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_audit
short_description: Joins what conda_audit found on all hosts into one report, and applies the gates
version_added: 0.1.0
author:
  - The labfleet.conda contributors (@labfleet)
description:
  - Takes the registered results of M(labfleet.conda.conda_audit) of all hosts of the play, or a saved report, prints a
    digest, and writes the report in O(formats) to O(dest).
  - Findings that are the same on several hosts are one line of the digest, the worst first.
  - Compares with the report of the run before, and tells what is new, still open and fixed. A finding of a host that
    was not seen, or that could not be judged now, is not called fixed.
  - Tells how many releases each host lags behind the median of the fleet, and which hosts are alike.
  - Hosts that failed or could not be reached are in the report, with the reason.
  - Hosts of the report of the run before that are not part of this run, since C(--limit) or the pattern of the play
    leaves them out, stay in the report as they were seen then, each with C(last_seen). They are counted apart and fail
    no gate. Those that the inventory no longer has are dropped, and named.
  - Fails when a gate is not passed or a file could not be written, after everything else was printed and written.
  - Runs on the control node only. Use it once per run, with C(run_once). The strategy C(free) does not know
    C(run_once), and C(serial) makes it run once per batch; in both cases use it in a play of its own after that of the
    audit, on the same hosts, with C(strategy=linear) and without C(serial).
extends_documentation_fragment:
  - labfleet.conda._attributes
  - labfleet.conda._fleet
attributes:
  check_mode:
    support: full
    details:
      - In check mode the digest is printed and the gates are applied; no file is written.
  diff_mode:
    support: partial
    details:
      - The summary of the report is shown, before and after, not the whole report.
  idempotent:
    support: partial
    details:
      - A report carries the time of its run, so each run with new results writes a new one. C(changed) tells whether
        anything but that time and the trend differs from the report that was there.
  platform:
    support: full
    platforms: posix
options:
  variable:
    description:
      - The name of the variable in which each host has registered its result. Either this or O(src) must be given.
    type: str
  src:
    description:
      - A report that was saved as JSON, to write it in other formats or to apply other gates.
      - With several of them, or together with O(hosts) or O(previous), the reports are joined into one and compared
        with O(previous) anew, such as those of the slices that AWX cuts a job into. Where several tell of a host, the
        newest one counts. Hosts that they have carried over from runs before them are left out.
    type: list
    elements: path
  hosts:
    description:
      - The hosts to report on. All hosts of the play by default.
      - With O(src), the hosts that must be in the report. One that no report tells of is in it as failed.
    type: list
    elements: str
  dest:
    description:
      - A directory on the control node for the files of the report. It is made if only its last part is missing.
      - The files are called C(audit.json), C(audit.html), C(audit.md), C(audit.csv), C(audit.sarif),
        C(audit.junit.xml) and C(audit.cdx.json).
      - Each is replaced at once, never left half written.
    type: path
  formats:
    description:
      - The files to write, each for itself. One that cannot be written is named, and the others are written.
      - V(json) is the whole, from which all others can be written later.
      - V(cyclonedx) needs O(labfleet.conda.conda_audit#module:packages) on the hosts.
    type: list
    elements: str
    choices: [json, html, markdown, csv, sarif, junit, cyclonedx]
    default: [json, html, markdown]
  previous:
    description:
      - The JSON report of the run before. By default C(audit.json) in O(dest), if there is one; if that cannot be
        used, a warning says why, and nothing is compared.
    type: path
  advisories:
    description:
      - The file with advisory data that the audit used; by default those shipped with the collection.
    type: path
  fail_on:
    description:
      - Fail when a finding is this severe or worse, and has no waiver.
      - By default what the policy of each host says in C(gates.fail_on).
    type: str
    choices: [never, info, low, medium, high, critical]
  new_only:
    description:
      - Let only findings that the run before had not fail. By default what the policy says in C(gates.new_only).
    type: bool
  rows:
    description:
      - The number of rows of the digest. No line of it is wider than 120 columns.
    type: int
    default: 30
  view:
    description:
      - What the digest is about. V(gpu) prints for each environment with CUDA what becomes of it.
    type: str
    choices: [findings, gpu]
    default: findings
  validate_only:
    description:
      - Whether only to say if the options can be used, the directory O(dest) be written to, and O(previous) and
        O(advisories) be read. No result is looked at and nothing is printed or written. For a task before the hosts
        are audited.
    type: bool
    default: false
seealso:
  - module: labfleet.conda.conda_audit
  - module: labfleet.conda.fleet_ask
"""

EXAMPLES = r"""
---
- name: Refuse what cannot be used before the hosts are audited
  labfleet.conda.fleet_audit:
    variable: audit
    dest: /var/lib/fleet/audit
    formats: [json, html, sarif]
    fail_on: high
    validate_only: true
  run_once: true

- name: Judge each host
  labfleet.conda.conda_audit:
  register: audit
  ignore_unreachable: true
  become: true

- name: Print the digest, write the report, and fail on anything new that is at least high
  labfleet.conda.fleet_audit:
    variable: audit
    dest: /var/lib/fleet/audit
    formats: [json, html, sarif]
    fail_on: high
    new_only: true
  run_once: true

- name: Write a saved report as CSV too
  labfleet.conda.fleet_audit:
    src: /var/lib/fleet/audit/audit.json
    dest: /var/lib/fleet/audit
    formats: [csv]
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
digest:
  description: The report in a few lines of Markdown, for chat.
  returned: unless O(validate_only)
  type: str
  sample: "**Audit of 33 hosts**: 2 high, 14 medium"
table:
  description: The lines that were printed.
  returned: unless O(validate_only)
  type: list
  elements: str
  sample:
    - SEVERITY  RULE       HOSTS        WHERE              WHAT
    - high      chan.http  gpu[01-32]   /etc/conda/condarc channels names http://mirror.example.org/conda-forge.
summary:
  description:
    - The run in numbers. C(image_statuses) counts the images that may still be used, see C(health) of
      M(labfleet.conda.conda_audit). C(hosts_carried_over) and C(findings_carried_over) are of hosts that were not part
      of it; nothing else counts them.
  returned: unless O(validate_only)
  type: dict
  sample:
    hosts: 33
    hosts_not_seen: [gpu33]
    hosts_incomplete: []
    installations: 32
    environments: 128
    image_statuses: {"blocked": 1, "to be archived": 2, "current": 9}
    findings: {"critical": 0, "high": 2, "medium": 14, "low": 3, "info": 40}
    waived: 1
    unreadable: 0
    unjudged: 0
    hosts_carried_over: []
    findings_carried_over: {"critical": 0, "high": 0, "medium": 0, "low": 0, "info": 0}
    coverage: {"packages": 311, "vulnerable": 4, "none_known": 46, "unmapped": 261}
trend:
  description: The numbers of new, open and fixed findings since the run before; V(null) without one.
  returned: unless O(validate_only)
  type: dict
  sample: {"previous": "2026-11-21T02:00:00Z", "new": 1, "open": 58, "fixed": 4}
gate:
  description: Whether the gates are passed, and if not, which hosts fail on how many findings.
  returned: unless O(validate_only)
  type: dict
  sample: {"passed": false, "hosts": {"gpu01": 2}}
files:
  description: The files of the report that were written, by format.
  returned: when O(dest) is given
  type: dict
  sample: {"json": "/var/lib/fleet/audit/audit.json", "html": "/var/lib/fleet/audit/audit.html"}
not_written:
  description: Why a format has no file, by format.
  returned: when O(dest) is given
  type: dict
  sample: {}
"""
