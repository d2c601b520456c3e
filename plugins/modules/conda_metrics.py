#!/usr/bin/python
# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: conda_metrics
short_description: Writes what is known of a host as metrics for node exporter's textfile collector
version_added: 0.1.0
author:
  - The labfleet.conda contributors (@labfleet)
description:
  - Makes metrics of what other tasks have registered and writes them to a file, which nobody ever reads half written.
  - Nothing is looked at and no conda is started. The file is made on the control node and copied.
  - A host with three installations has fewer than 40 series.
extends_documentation_fragment:
  - labfleet.conda._attributes
  - labfleet.conda._attributes.actiongroup_conda
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - One of the metrics is the time at which they were written, so each run writes the file.
  platform:
    support: full
    platforms: posix
options:
  audit:
    description:
      - What M(labfleet.conda.conda_audit) has registered for the host.
    type: dict
    required: true
  info:
    description:
      - What M(labfleet.conda.conda_info) has registered with C(gather=[sizes]), for the sizes of package caches.
    type: dict
  ledger:
    description:
      - What M(labfleet.conda.conda_ledger) has registered with C(operation=export), for the last change.
    type: dict
  floors:
    description:
      - The lowest version of each tool that the policy allows, such as its C(versions.minimum).
    type: dict
    default: {}
  instance:
    description:
      - The value of a label C(instance) on each series, for files of several hosts that one node exporter reads.
        Without it, node exporter would take the series of one host for those of another. Prometheus keeps the label
        where the job has C(honor_labels).
    type: str
    version_added: 1.0.0
  dest:
    description:
      - The file. Node exporter reads those that end in C(.prom). Its directory must exist.
    type: path
    default: /var/lib/prometheus/node-exporter/labfleet_conda.prom
  mode:
    description:
      - Its permissions.
    type: raw
    default: "0644"
notes:
  - The module fails, and the file stays as it is, when the audit has failed or the file cannot be written. Then the
    metrics grow old, which the alert rule C(CondaAuditStale) tells of.
seealso:
  - module: labfleet.conda.conda_audit
"""

EXAMPLES = r"""
---
- name: Judge the host
  labfleet.conda.conda_audit:
  become: true
  register: audit

- name: Tell Prometheus
  labfleet.conda.conda_metrics:
    audit: "{{ audit }}"
    floors:
      conda: 26.5.2
  become: true
"""

RETURN = r"""
dest:
  description: The file.
  returned: success
  type: str
  sample: /var/lib/prometheus/node-exporter/labfleet_conda.prom
series:
  description: How many series it holds.
  returned: success
  type: int
  sample: 23
"""
