#!/usr/bin/python
# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_gate
short_description: Tells whether the next hosts of a run may be changed
version_added: 0.1.0
author:
  - The labfleet.conda contributors (@labfleet)
description:
  - Looks at the clock and the calendar, and at how many hosts of the run have failed so far. Put it, with C(run_once),
    before what changes the hosts of a batch, and let that depend on RV(open).
  - The time that counts is the one on the wall in O(timezone). A time that a change of the clocks leaves out is never
    reached, and one that it repeats is reached twice.
  - What has begun is not ended when the window closes.
  - Runs on the control node only.
extends_documentation_fragment:
  - labfleet.conda._attributes
  - labfleet.conda._attributes.info_module
options:
  variables:
    description:
      - What the names of the variables start with in which the hosts have registered their results, as for
        M(labfleet.conda.fleet_changes). Without it, only the time counts.
    type: str
  max_fail_percentage:
    description:
      - The gate is closed when more than so many percent of the hosts so far have failed. Hosts that could not be
        reached do not count, neither as failed nor at all.
    type: float
    default: 10
  window:
    description:
      - From when to when, such as V(22:00-05:00). Without it at any time of the day.
      - Write it in quotes.
    type: str
  days:
    description:
      - The days on which the window opens, such as V([sat, sun]). A window over midnight goes on into the next day.
      - Without it every day.
    type: list
    elements: str
    default: []
  freeze:
    description:
      - Dates, such as V(2026-12-24), and ranges of dates, such as V(2026-12-20..2027-01-06), on which nothing begins.
        The first and the last date belong to the range.
    type: list
    elements: str
    default: []
  timezone:
    description:
      - The name of the time zone of the other options, such as V(Europe/Berlin). Without it UTC.
    type: str
  now:
    description:
      - A time to judge in place of the present one, with its zone, such as V(2026-12-24T22:30:00+01:00).
    type: str
  fail:
    description:
      - Whether a closed gate fails the task.
    type: bool
    default: false
seealso:
  - module: labfleet.conda.fleet_changes
"""

EXAMPLES = r"""
---
- name: Go no further outside of the night, or when hosts fail
  labfleet.conda.fleet_gate:
    variables: update
    max_fail_percentage: 5
    window: "22:00-05:00"
    days: [mon, tue, wed, thu]
    freeze:
      - 2026-12-20..2027-01-06
    timezone: Europe/Berlin
  register: gate
  run_once: true

- name: Say it before the night shift does
  ansible.builtin.debug:
    msg: "{{ gate.reason }}"
  when: not gate.open
  run_once: true
"""

RETURN = r"""
open:
  description: Whether the next hosts may be changed.
  returned: always
  type: bool
  sample: false
reason:
  description: Why not; V(null) where they may.
  returned: always
  type: str
  sample: >-
    The maintenance window is closed: it is tue 2026-11-24 14:03 (Europe/Berlin). It opens next on tue 2026-11-24 22:00
    (Europe/Berlin).
"""
