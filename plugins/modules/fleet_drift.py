#!/usr/bin/python
# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_drift
short_description: Prints what was changed in the containers of a run, and writes it as files to build images from
version_added: 0.1.0
author:
  - The labfleet.conda contributors (@labfleet)
description:
  - Takes the registered results of M(labfleet.conda.conda_info) with C(containers) and C(drift) of all hosts of the
    play, and prints one table with a row per container.
  - Where O(dest) says so, it writes C(drift.txt), the table, C(drift.json), the whole as one document, and for each
    container that was changed a directory with the files that P(labfleet.conda.container_export#filter) makes.
  - A container whose names, versions or paths have not the form of such is not exported, and its row says why.
  - Hosts that failed or could not be reached have a row too, with the reason.
  - Directories of earlier runs are not removed; C(drift.json) names the files of this one.
  - Runs on the control node only. Use it once per run, with C(run_once).
extends_documentation_fragment:
  - labfleet.conda._attributes
  - labfleet.conda._fleet
attributes:
  check_mode:
    support: full
    details:
      - In check mode the table is printed, and nothing is written.
  diff_mode:
    support: none
  idempotent:
    support: full
    details:
      - A file is written only when its content changes.
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
  dest:
    description:
      - A directory on the control node for the files. It is made where it is not there.
    type: path
seealso:
  - module: labfleet.conda.conda_info
  - plugin: labfleet.conda.container_export
    plugin_type: filter
"""

EXAMPLES = r"""
---
- name: Compare each container with its image
  labfleet.conda.conda_info:
    containers: all
    drift: true
  register: conda
  ignore_unreachable: true
  become: true

- name: Print the table, and write a Containerfile of each container that was changed
  labfleet.conda.fleet_drift:
    variable: conda
    dest: /var/lib/fleet/drift
  run_once: true
"""

RETURN = r"""
table:
  description: The lines of the table.
  returned: success
  type: list
  elements: str
  sample:
    - CONTAINER                    IMAGE           CHANGES
    - gpu01/docker/training-alice  ai/base:ubuntu  /opt/conda changed (packages 2 added, 1 changed)
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
      description: The number of hosts that failed or could not be reached.
      type: int
      sample: 0
    containers:
      description: The number of containers.
      type: int
      sample: 200
    changed:
      description: The number of containers in which something is different from their image.
      type: int
      sample: 17
    unknown:
      description: The number of containers that could not be compared, or not as a whole.
      type: int
      sample: 1
    refused:
      description: The number of containers that were changed and are not exported.
      type: int
      sample: 0
dest:
  description: The directory with the files, if one was asked for.
  returned: when O(dest) is given
  type: str
  sample: /var/lib/fleet/drift
files:
  description: The files of this run.
  returned: when O(dest) is given
  type: list
  elements: str
  sample: [/var/lib/fleet/drift/drift.json, /var/lib/fleet/drift/gpu01-docker-training-alice/Containerfile]
"""
