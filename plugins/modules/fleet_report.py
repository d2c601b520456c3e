#!/usr/bin/python
# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_report
short_description: Prints what all hosts of a run told as one table, and writes it as JSON
version_added: 0.1.0
author:
  - The labfleet.conda contributors (@labfleet)
description:
  - Takes the registered results of M(labfleet.conda.conda_info) of all hosts of the play, prints one table with a row
    per installation, and writes the whole as one JSON document where O(dest) says so.
  - Hosts whose rows are equal are merged, as in C(gpu[01-32]).
  - Below the table stands what could not be read on which hosts, the first twenty.
  - Hosts that failed or could not be reached have a row too, with the reason.
  - The table counts environments without the base prefix itself; all numbers of RV(summary) and of the document
    include it.
  - The document in O(dest) holds C(schema), its name and version, C(summary), which is RV(summary), and C(hosts), a map
    from host to what M(labfleet.conda.conda_info) returned there, less C(seconds) and C(files_opened), with a C(status)
    that is V(ok), V(incomplete) where the time limit ended the look, V(failed) or V(unreachable). Hosts of the last two
    have only C(status) and C(message).
  - The document is about the hosts of this run. A run with C(--limit) replaces it with a part.
  - Runs on the control node only. Use it once per run, with C(run_once).
extends_documentation_fragment:
  - labfleet.conda._attributes
  - labfleet.conda._fleet
  - labfleet.conda._fleet.document
attributes:
  check_mode:
    support: full
    details:
      - In check mode the table is printed, and O(dest) is not written.
  diff_mode:
    support: partial
    details:
      - The summary of the document in O(dest) is shown, before and after, not the whole document.
  idempotent:
    support: full
    details:
      - O(dest) is written only when its content changes. The times of the run are not part of it.
  platform:
    support: full
    platforms: posix
options:
  variable:
    description:
      - The name of the variable in which each host has registered its result.
    type: str
    required: true
  hosts:
    description:
      - The hosts to report on. All hosts of the play by default.
    type: list
    elements: str
seealso:
  - module: labfleet.conda.conda_info
"""

EXAMPLES = r"""
---
- name: Look at each host
  labfleet.conda.conda_info:
  register: conda
  ignore_unreachable: true
  become: true

- name: Print the table and write the document
  labfleet.conda.fleet_report:
    variable: conda
    dest: /var/lib/fleet/conda.json
  run_once: true
"""

RETURN = r"""
table:
  description: The lines of the table.
  returned: success
  type: list
  elements: str
  sample:
    - HOST        INSTALLATION             VERSION  SOLVER    ENVIRONMENTS  NOTES
    - gpu[01-32]  /opt/conda (miniforge)   26.7.1   libmamba  3
summary:
  description: The run in numbers.
  returned: success
  type: dict
  contains:
    hosts:
      description: The number of hosts.
      type: int
      sample: 33
    hosts_not_seen:
      description: The hosts that failed or could not be reached.
      type: list
      elements: str
      sample: [gpu33]
    hosts_incomplete:
      description: The hosts where the time limit ended the look.
      type: list
      elements: str
      sample: []
    installations:
      description: The number of installations on all hosts.
      type: int
      sample: 32
    environments:
      description: The number of environments on all hosts, base prefixes included.
      type: int
      sample: 128
    unreadable:
      description: How many things could not be read, on all hosts.
      type: int
      sample: 0
dest:
  description: The file with the document, if one was asked for.
  returned: when O(dest) is given
  type: str
  sample: /var/lib/fleet/conda.json
"""
