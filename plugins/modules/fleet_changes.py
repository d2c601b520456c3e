#!/usr/bin/python
# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_changes
short_description: Prints what became of all hosts of a run that changes prefixes, and writes it as JSON
version_added: 0.1.0
author:
  - The labfleet.conda contributors (@labfleet)
description:
  - Takes what the hosts of the play have registered, prints one digest with equal hosts merged, as in C(gpu[01-32]),
    and writes the whole as one JSON document where O(dest) says so.
  - Each host is V(changed), V(planned) (a forecast), V(unchanged), V(deferred) (programs run from a prefix), V(held)
    (frozen or pinned), V(failed), V(unreachable), or V(not_tried), where the run was stopped before its turn.
  - Runs on the control node only. Use it once per run, in a play of its own after those that change hosts, with
    C(run_once).
extends_documentation_fragment:
  - labfleet.conda._attributes
  - labfleet.conda._fleet
  - labfleet.conda._fleet.document
attributes:
  check_mode:
    support: full
    details:
      - It does the same in check mode, since the report of a forecast is wanted too.
  diff_mode:
    support: none
  idempotent:
    support: none
    details:
      - The document in O(dest) has the time of the run.
  platform:
    support: full
    platforms: posix
options:
  variables:
    description:
      - What the names of four variables of each host start with. With V(update), C(update_found) is the registered
        result of M(labfleet.conda.conda_info), C(update_plan) what a filter such as
        P(labfleet.conda.update_targets#filter) gave, C(update_done) the registered result of a loop of
        M(labfleet.conda.conda_update) over its C(targets), and C(update_gate) the registered result of
        M(labfleet.conda.fleet_gate).
    type: str
    required: true
  hosts:
    description:
      - The hosts to tell of. All hosts of the play by default.
    type: list
    elements: str
  action:
    description:
      - What the run was to do, for the headline.
    type: str
    choices: [update, lift, rollback]
    default: update
  forecast:
    description:
      - Whether the hosts were asked in check mode, so that nothing was changed.
    type: bool
    default: false
  fail_deferred:
    description:
      - Whether deferred hosts are in RV(failing).
    type: bool
    default: false
  rows:
    description:
      - At most so many rows. What asks for something to be done comes last, and is left out last.
    type: int
    default: 60
seealso:
  - module: labfleet.conda.conda_update
  - module: labfleet.conda.fleet_gate
"""

EXAMPLES = r"""
---
- name: Print what became of the hosts, and write it
  labfleet.conda.fleet_changes:
    variables: update
    dest: /var/lib/fleet/update.json
  run_once: true
  register: report

- name: The host was updated
  ansible.builtin.assert:
    that: inventory_hostname not in report.failing
"""

RETURN = r"""
table:
  description: The lines of the digest.
  returned: success
  type: list
  elements: str
summary:
  description: The numbers of hosts and prefixes per outcome.
  returned: success
  type: dict
  sample: {hosts: 32, hosts_changed: 30, hosts_deferred: 2, recovered: 0, download_bytes: 5000000}
failing:
  description: The hosts that fail the run, each with the reason.
  returned: success
  type: dict
  sample: {gpu07: "/opt/conda: There is too little room at /opt/conda."}
stopped:
  description: Why the run was stopped; V(null) where it was not.
  returned: success
  type: str
dest:
  description: The file that was written.
  returned: when O(dest) is set
  type: str
"""
