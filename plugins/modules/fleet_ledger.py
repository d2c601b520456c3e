#!/usr/bin/python
# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_ledger
short_description: Keeps the heads of all ledgers on the control node, and one history of the fleet
version_added: 0.1.0
author:
  - The labfleet.conda contributors (@labfleet)
description:
  - Takes the registered results of M(labfleet.conda.conda_ledger) of all hosts of the play, checks on the control node
    that the records of each host continue the chain that is known from the run before, and adds them to one history.
  - The head of a host is kept anew only when its ledger was verified, on the host and here. A host that could not be
    reached keeps its old one.
  - Fails when a ledger is damaged, shrank, forked or vanished, after everything was printed and written; the hosts are
    named.
  - The first time a host is seen its whole ledger is taken as it is; from then on nothing before its head can change
    unnoticed.
  - Without O(variable) it only returns the known heads, which M(labfleet.conda.conda_ledger) is to compare with.
  - Runs on the control node only. Use it with C(run_once).
extends_documentation_fragment:
  - labfleet.conda._attributes
  - labfleet.conda._fleet
attributes:
  check_mode:
    support: full
    details:
      - In check mode everything is checked and printed, and no file is written.
  diff_mode:
    support: partial
    details:
      - The known heads are shown, before and after, not the history.
  idempotent:
    support: full
    details:
      - Files are written only when there are new records.
  platform:
    support: full
    platforms: posix
options:
  dest:
    description:
      - A directory on the control node, to be kept and backed up. It is made if only its last part is missing.
      - C(heads.json) holds the known heads, C(history.jsonl) all records of all hosts in the order of their times, each
        with the host's name in the inventory as C(host_name), and C(history.csv) the same as a table.
      - Each file is replaced at once, never left half written.
    type: path
    required: true
  variable:
    description:
      - The name of the variable in which each host has registered its result, with all records after the known head.
    type: str
  hosts:
    description:
      - The hosts to judge. All hosts of the play by default. The heads of others stay as they are.
    type: list
    elements: str
  accept:
    description:
      - Forget the known heads of these hosts, because a ledger was lost for a reason that is known, as when a host was
        installed anew. What the history holds of them stays.
    type: list
    elements: str
    default: []
seealso:
  - module: labfleet.conda.conda_ledger
"""

EXAMPLES = r"""
---
- name: Which heads are known
  labfleet.conda.fleet_ledger:
    dest: /var/lib/fleet/ledger
  register: known
  run_once: true

- name: Check each ledger, and get what is new in it
  labfleet.conda.conda_ledger:
    operation: export
    known_head: "{{ known.heads[inventory_hostname] | default(omit) }}"
    after: "{{ known.heads[inventory_hostname].sequence | default(0) }}"
    fail_on_problem: false
  register: ledger
  ignore_unreachable: true
  become: true

- name: Keep the heads and the history
  labfleet.conda.fleet_ledger:
    dest: /var/lib/fleet/ledger
    variable: ledger
  run_once: true
"""

RETURN = r"""
heads:
  description: The known heads by host, after the run.
  returned: success or problem
  type: dict
  sample:
    gpu01:
      sequence: 118
      hash: 9f2d6d3f0a8c3c0e8f5a4f0c4b6b8d7e6a1c2f3b4d5e6f708192a3b4c5d6e7f8
table:
  description: The lines that were printed.
  returned: when O(variable) is given
  type: list
  elements: str
  sample:
    - HOST        LEDGER    RECORDS  NEW  NOTES
    - gpu[01-32]  verified  118      2
hosts:
  description:
    - What became of each host. C(status) is V(verified), V(absent) for a host without a ledger, V(problem), V(failed)
      or V(unreachable), and C(message) tells why.
  returned: when O(variable) is given
  type: dict
  sample: {"gpu01": {"status": "verified", "message": ""}}
summary:
  description: The run in numbers.
  returned: when O(variable) is given
  type: dict
  sample:
    hosts: 33
    verified: 31
    absent: 0
    hosts_with_problems: [gpu07]
    hosts_not_seen: [gpu33]
    new_records: 62
files:
  description: The files in O(dest).
  returned: when O(variable) is given
  type: dict
  sample:
    heads: /var/lib/fleet/ledger/heads.json
    history: /var/lib/fleet/ledger/history.jsonl
    csv: /var/lib/fleet/ledger/history.csv
"""
