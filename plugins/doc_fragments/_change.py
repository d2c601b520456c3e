# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this doc fragment is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The options that modules which change a prefix have in common; C(_change/_options.py) has their argument specs."""

from __future__ import annotations


class ModuleDocFragment:
    # For a change of a prefix that is one transaction.
    DOCUMENTATION = r"""
options:
  override_frozen:
    description:
      - Whether a prefix that is marked as frozen (CEP 22) is changed all the same.
    type: bool
    default: false
  trusted_writers:
    description:
      - Users and groups who may write to the prefix beside its owner. Who can write there can run programs as its
        owner.
    type: list
    elements: str
    default: []
  busy:
    description:
      - What to do when processes run from the base prefix (those of its environments do not count). V(wait) for them up
        to O(busy_seconds), V(skip) the host without a failure, V(fail), or V(ignore) them. A package manager that is at
        work in the prefix is waited for with V(ignore) as well. With V(skip) it is no failure either that another
        change by this collection has not ended within O(lock_seconds).
    type: str
    choices: [wait, skip, fail, ignore]
    default: wait
  busy_seconds:
    description:
      - How many seconds to wait for processes.
    type: float
    default: 600
  lock_seconds:
    description:
      - How many seconds to wait for another change of the prefix.
    type: float
    default: 600
  verify_commands:
    description:
      - Command lines for C(/bin/sh) that must end with exit code 0 after the change, else it is undone. They run as the
        owner of the prefix, with its C(bin) first on C(PATH).
    type: list
    elements: str
    default: []
  keep_snapshots:
    description:
      - How many snapshots to keep, that of this change among them. So many directories of files that a restore has set
        aside are kept as well.
    type: int
    default: 5
  keep_days:
    description:
      - Snapshots, and files set aside, that are older than this many days are removed, but for those of this change.
    type: int
  keep_bytes:
    description:
      - The size that all snapshots together may have, by the bytes that they copied; and that all files set aside may
        have.
    type: int
  container:
    description:
      - What the inventory tells of the container that the host is, and what C(containers.change) of the policy says of
        changes in it. Set by the action plugin; leave it out.
    type: dict
  masked:
    description:
      - The tokens and passwords in the addresses among the other options, which are kept out of logs. Set by the action
        plugin; leave it out.
    type: list
    elements: str
    default: []
"""

    # For what is written to the ledger of the host.
    RECORDED = r"""
options:
  ledger:
    description:
      - The file of the ledger on the host, in which each change is recorded. By default
        C(/var/log/labfleet-conda/ledger.jsonl) for root, and a file in the home of other users.
    type: path
  run_id:
    description:
      - What names this run in the ledger, such as the number of a job.
    type: str
"""
