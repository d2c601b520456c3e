#!/usr/bin/python
# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: conda_snapshot
short_description: Takes, lists, restores and prunes snapshots of a conda environment
version_added: 0.1.0
author:
  - The labfleet.conda contributors (@labfleet)
description:
  - A snapshot holds all files of an environment, so it can be restored without network, package cache or solver, and
    also when conda itself is broken. No program is started.
  - It lies inside the environment, in C(.labfleet-conda/snapshots). C(envs), C(pkgs) and C(.labfleet-conda) of a prefix
    are no part of it, and nothing that is mounted inside the prefix is.
  - Where the file system can share blocks (XFS with reflink, Btrfs), files are cloned. Elsewhere the files of packages
    are hard links, which take no space, and all others are copied, as is everything in C(conda-meta) and C(etc).
  - Files of more than 10 MB that no package has brought are hard links too where files cannot be cloned, so what is
    written into them later is B(not) undone.
  - A hard link shares its content with the file in the environment. If somebody writes into a package's file in place,
    a restore notices, takes the file from the package cache if its checksum is right there, and else says so.
  - Run as root, the module works on a prefix as the user who owns it.
extends_documentation_fragment:
  - labfleet.conda._attributes
  - labfleet.conda._attributes.actiongroup_conda
  - labfleet.conda._change.recorded
attributes:
  check_mode:
    support: full
  diff_mode:
    support: partial
    details:
      - With O(state=restored) it shows the packages now and then, not the files.
  idempotent:
    support: partial
    details:
      - With O(state=taken) every call takes a snapshot.
  platform:
    support: partial
    platforms: linux
    details:
      - Linux hosts only.
options:
  prefix:
    description:
      - The environment, a base prefix or any other.
    type: path
    required: true
  state:
    description:
      - V(listed) tells which snapshots there are.
      - V(taken) takes a snapshot.
      - V(restored) makes the environment what it was. What no package owned then and none owns now, such as notebooks
        or packages that pip installed, is left as it is, and so are C(conda-meta/pinned), C(conda-meta/frozen) and
        C(conda-meta/state). Before that, a snapshot of the present state is taken, for the way back.
      - V(pruned) removes old snapshots, what is left of unfinished ones, and by the same limits the files that restores
        have set aside.
    type: str
    choices: [listed, taken, restored, pruned]
    default: listed
  snapshot:
    description:
      - Which snapshot is to be restored.
      - V(latest) is the newest, of those that were not taken by a restore for the way back.
    type: str
    default: latest
  reason:
    description:
      - Why the snapshot is taken, for those who read the list.
    type: str
    default: ""
  keep:
    description:
      - So many of the newest snapshots are left when pruning.
    type: int
    default: 5
  max_age_days:
    description:
      - When pruning, all snapshots older than this are removed, however few there are.
    type: float
  max_size:
    description:
      - When pruning, the oldest snapshots are removed until all together take no more than so many bytes, of what
        nothing else takes too.
    type: int
  force:
    description:
      - Restore even if programs run from the environment, or package managers work on it.
    type: bool
    default: false
  lock_seconds:
    description:
      - How long to wait while another task of this collection changes the environment.
    type: float
    default: 30
notes:
  - The module refuses prefixes to which others than their owner can write, since these could interfere.
  - Access times, and the change times of the file system, are no part of a snapshot.
seealso:
  - module: labfleet.conda.conda_info
"""

EXAMPLES = r"""
---
- name: Take a snapshot before somebody works on the base prefix by hand
  labfleet.conda.conda_snapshot:
    prefix: /opt/conda
    state: taken
    reason: before the upgrade to Python 3.13
  become: true

- name: Tell which snapshots there are
  labfleet.conda.conda_snapshot:
    prefix: /opt/conda
  become: true
  register: found

- name: Show which packages a restore would change
  labfleet.conda.conda_snapshot:
    prefix: /opt/conda
    state: restored
  become: true
  check_mode: true
  diff: true

- name: Restore a certain snapshot of a user's environment
  labfleet.conda.conda_snapshot:
    prefix: /home/alice/.conda/envs/analysis
    state: restored
    snapshot: 20261122T090000Z-1f2e3d
  become: true
  become_user: alice

- name: Leave three snapshots, of at most 30 days and 5 GB
  labfleet.conda.conda_snapshot:
    prefix: /opt/conda
    state: pruned
    keep: 3
    max_age_days: 30
    max_size: 5000000000
  become: true
"""

RETURN = r"""
prefix:
  description: The real path of the environment.
  returned: success
  type: str
  sample: /opt/conda
snapshots:
  description: The snapshots there are now, oldest first.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Its name.
      type: str
      sample: 20261122T090000Z-1f2e3d
    created:
      description: When it was taken, in UTC; V(null) for one that is not complete.
      type: str
      sample: "2026-11-22T09:00:00Z"
    reason:
      description: Why.
      type: str
      sample: before the upgrade to Python 3.13
    complete:
      description: Whether it can be restored.
      type: bool
      sample: true
    versions:
      description: The versions of conda, mamba and Python at that time, of those that were installed.
      type: dict
      sample: {"conda": "26.7.1", "python": "3.13.1"}
    counts:
      description: How many files (hard links and copies), symbolic links, directories and packages it has.
      type: dict
      sample: {"files": 24601, "linked": 24500, "copied": 101, "links": 310, "directories": 1605, "packages": 100}
    own_bytes:
      description: What it takes on disk that nothing else takes too.
      type: int
      sample: 2019328
    missing:
      description: What of the environment is not in it, and why.
      type: list
      elements: dict
      sample: [{"path": "data", "reason": "something else is mounted there"}]
snapshot:
  description: The snapshot that was taken or restored, as in RV(snapshots); V(null) with other states.
  returned: success
  type: dict
snapshot_before:
  description: The id of the snapshot that was taken of the state before the restore.
  returned: when something was restored
  type: str
  sample: 20261122T100000Z-4a5b6c
recovered:
  description: What was done about a change that an interrupted run had left; V(null) where there was none.
  returned: success
  type: str
removed:
  description: The ids of the snapshots that were removed.
  returned: success
  type: list
  elements: str
  sample: []
removed_set_aside:
  description: The directories of files set aside that were removed.
  returned: when O(state=pruned)
  type: list
  elements: str
  sample: []
ledger:
  description: Where the restore was recorded, and the head of the ledger; or C(problem), when it could not be.
  returned: when something was restored
  type: dict
  sample: {path: /var/log/labfleet-conda/ledger.jsonl, sequence: 12, hash: 9f86d081884c7d65...}
changed_paths:
  description: How many files and directories were put back, made right or removed.
  returned: when O(state=restored)
  type: int
  sample: 812
packages:
  description: Which packages came back (C(added)) and which went (C(removed)), as NAME-VERSION-BUILD.
  returned: when O(state=restored)
  type: dict
  sample: {"added": ["conda-26.5.2-py313_0"], "removed": ["conda-26.7.1-py313_0"]}
problems:
  description: What could not be made as it was, and why. The task fails if there is anything.
  returned: when O(state=restored)
  type: list
  elements: dict
  sample: []
notes:
  description: Files that were not restored from the snapshot itself, and where they came from.
  returned: when O(state=restored)
  type: list
  elements: dict
  sample: []
"""

import secrets
import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.labfleet.conda.plugins.module_utils._change._options import (
    RECORD_OPTIONS,
    UNFORESEEN,
    stopped,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._snapshot_task import Task, run_task
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import SnapshotError
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import clean

ARGUMENT_SPEC = {
    "prefix": {"type": "path", "required": True},
    "state": {"type": "str", "choices": ["listed", "taken", "restored", "pruned"], "default": "listed"},
    "snapshot": {"type": "str", "default": "latest"},
    "reason": {"type": "str", "default": ""},
    "keep": {"type": "int", "default": 5},
    "max_age_days": {"type": "float"},
    "max_size": {"type": "int"},
    "force": {"type": "bool", "default": False},
    "lock_seconds": {"type": "float", "default": 30},
    **RECORD_OPTIONS,
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    options = dict(module.params)
    task = Task(check=module.check_mode, now=time.time(), token=secrets.token_hex(3), **options)
    try:
        result = run_task(task)
    except SnapshotError as error:
        module.fail_json(msg=clean(str(error)))
    except UNFORESEEN as error:
        module.fail_json(msg=stopped("The work on %s" % module.params["prefix"], error))
    result = clean(result)
    for text in result.pop("warnings"):
        module.warn(text)
    if result.get("problems") and not module.check_mode:
        first = result["problems"][0]
        text = "%s was restored, but for %d paths; the first is %s: %s. See problems."
        module.fail_json(
            msg=text % (result["prefix"], len(result["problems"]), first["path"], first["reason"]), **result
        )
    module.exit_json(**result)


if __name__ == "__main__":
    main()
