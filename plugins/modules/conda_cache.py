#!/usr/bin/python
# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: conda_cache
short_description: Reports, cleans, moves and splits package caches of conda and mamba
version_added: 0.1.0
author:
  - The labfleet.conda contributors (@labfleet)
description:
  - Tells what a package cache holds and what of it is needed, removes what is not, moves a cache to another file
    system, and makes a cache that several users fill one that only its owner fills.
  - No conda is started. Who uses a package is read from all environments of the host, whoever they belong to. A package
    stays when a record names it, when one of its files has a hard link outside, when an environment has a symbolic
    link to it, and when an environment or a place that could hold one cannot be looked at. C(conda clean) knows the
    second of these alone, and so breaks environments with symbolic links.
  - What goes is set aside by a rename first and deleted then, so that conda finds a package whole or not at all. Killed
    at any instant, the cache can be used, and the next run finishes what was begun and says so in RV(recovered).
  - The work is done by the owner of the cache. Run as root on a cache of another user, the module becomes that user for
    good before it changes anything. Run as an ordinary user, it cannot see the environments of others, so that of a
    cache that others can reach it removes no packages.
extends_documentation_fragment:
  - labfleet.conda._attributes
  - labfleet.conda._attributes.actiongroup_conda
attributes:
  check_mode:
    support: full
    details:
      - The same plan is made, and nothing is written.
  diff_mode:
    support: full
    details:
      - The paths that go; for O(state=moved) the old and the new path; for O(state=split) who can write.
  idempotent:
    support: full
  platform:
    support: full
    platforms: linux
options:
  path:
    description:
      - The package cache, such as V(/opt/conda/pkgs).
      - Either this or O(prefix) is required.
    type: path
  prefix:
    description:
      - A base prefix, for all package caches that its settings name for its owner.
    type: path
  state:
    description:
      - V(reported) tells what each cache holds, what of it could go and why the rest could not.
      - V(cleaned) removes what O(archives), O(packages), O(leftovers) and O(index_cache) ask for, within O(keep_days)
        and O(keep_bytes).
      - V(moved) moves the cache to O(to). It is copied and compared byte for byte; then a symbolic link takes the place
        of the old one in one step, and the old one is removed. The old path stays valid in settings, in records and in
        environments with symbolic links, and hard links of environments are not touched. To undo it, move it back.
      - V(split) takes the right to write from all but the owner, on the cache and all that is in it. What others have
        put there is given to the owner, as copies, which only root can do. Where the settings of users name no cache in
        their home, C(/etc/conda/condarc) is told to name one first, since conda stops without a cache to write to.
    type: str
    choices: [reported, cleaned, moved, split]
    default: reported
  archives:
    description:
      - Remove downloaded archives. One stays that is all the cache has of a package which an environment holds.
    type: bool
    default: true
  packages:
    description:
      - Remove unpacked packages that nobody uses.
    type: bool
    default: true
  leftovers:
    description:
      - Remove what unfinished downloads and removals have left (C(.partial), C(.part), C(.c~), C(.trash)), and logs.
    type: bool
    default: true
  index_cache:
    description:
      - Remove the cached indexes of channels, which conda then downloads again.
    type: bool
    default: false
  keep_days:
    description:
      - What was used within so many days stays. The latest counts of when it was written, when its archive was read,
        when it was last linked into an environment, and when the history of an environment names it. Access times do
        not count where the file system keeps none.
    type: float
  keep_bytes:
    description:
      - The size that the cache may have, such as V(20G). No more is removed than brings it there, what was used least
        lately first, leftovers and archives before packages. By default all that may go does.
    type: bytes
  to:
    description:
      - Where the cache is to lie, on another file system. A path that is free, or an empty directory that belongs to
        the owner of the cache, or the link that an earlier move has left.
      - Required with O(state=moved).
    type: path
  search_paths:
    description:
      - Directories to search for environments besides the known places. The directory that holds the cache is searched
        in any case.
    type: list
    elements: path
    default: []
  exclude:
    description:
      - Directories that hold no environment which uses the cache. They are not entered, and do not count as unknown.
    type: list
    elements: path
    default: []
  time_limit:
    description:
      - How many seconds the look at the host may take. When it is over, no package counts as unused.
    type: float
    default: 300
  busy:
    description:
      - What to do when a conda or mamba that can use the cache is at work, or holds a lock in it. V(wait) for it up to
        O(busy_seconds), V(skip) the cache without a failure, or V(fail). With V(skip) it is no failure either
        that another change of the cache by this collection has not ended within O(lock_seconds).
    type: str
    choices: [wait, skip, fail]
    default: wait
  busy_seconds:
    description:
      - How many seconds to wait for conda and mamba.
    type: float
    default: 600
  lock_seconds:
    description:
      - How many seconds to wait for another change of the cache by this collection.
    type: float
    default: 600
  reserve:
    description:
      - The bytes that must stay free on the file system that the cache is moved to.
    type: int
    default: 268435456
  ledger:
    description:
      - The file of the ledger on the host, in which each change is recorded. By default
        C(/var/log/labfleet-conda/ledger.jsonl) for root, and a file in the home of other users.
    type: path
  run_id:
    description:
      - What names this run in the ledger, such as the number of a job.
    type: str
seealso:
  - module: labfleet.conda.conda_audit
  - module: labfleet.conda.conda_config
  - module: labfleet.conda.conda_info
  - module: labfleet.conda.conda_ledger
"""

EXAMPLES = r"""
---
- name: Tell what the caches of an installation hold, and what could go
  labfleet.conda.conda_cache:
    prefix: /opt/conda
  become: true
  register: caches

- name: Remove what nobody has used for three months
  labfleet.conda.conda_cache:
    path: /opt/conda/pkgs
    state: cleaned
    keep_days: 90
  become: true

- name: Bring the cache of a user below 20 GB, when that user runs no conda
  labfleet.conda.conda_cache:
    path: /home/alice/.conda/pkgs
    state: cleaned
    keep_bytes: 20G
    busy: skip
  become: true

- name: Show what would be removed
  labfleet.conda.conda_cache:
    prefix: /opt/conda
    state: cleaned
  become: true
  check_mode: true
  diff: true

- name: Move a cache from a full disk
  labfleet.conda.conda_cache:
    path: /opt/conda/pkgs
    state: moved
    to: /scratch/conda-pkgs
  become: true

- name: Let only root fill the shared cache
  labfleet.conda.conda_cache:
    path: /opt/conda/pkgs
    state: split
  become: true
"""

RETURN = r"""
state:
  description: What was asked for.
  returned: always
  type: str
  sample: cleaned
outcome:
  description: What became of it. C(unchanged), C(planned) (check mode), C(committed) or C(deferred) (O(busy=skip)).
  returned: always
  type: str
  sample: committed
won:
  description:
    - The bytes and inodes that are free afterwards, of all caches together. A file counts when its last name goes, so
      what environments share by hard links does not.
  returned: always
  type: dict
  sample: {bytes: 1310720000, inodes: 41233}
caches:
  description: The caches.
  returned: always
  type: list
  elements: dict
  contains:
    path:
      description: Where the cache is, links resolved.
      type: str
      sample: /opt/conda/pkgs
    owner:
      description: Who owns it.
      type: str
      sample: root
    mode:
      description: Its permissions before.
      type: str
      sample: "2775"
    shared:
      description: Whether others than its owner and root can reach it.
      type: bool
      sample: true
    bytes:
      description: What it takes on disk, each file once; C(inodes) likewise. With O(state=reported), O(state=moved) and
        O(keep_bytes).
      type: int
      sample: 9310720000
    inodes:
      description: The number of its files, directories and links.
      type: int
      sample: 241233
    own_bytes:
      description: What would be free without the cache; C(own_inodes) likewise.
      type: int
      sample: 2310720000
    archives:
      description: Their count, bytes and inodes; likewise C(packages), C(leftovers) and C(index_cache).
      type: dict
      sample: {count: 411, bytes: 1210720000, inodes: 411}
    removable:
      description: What could go, with O(state=reported).
      type: list
      elements: dict
      sample: []
    reclaimable:
      description: The bytes and inodes that would be free then.
      type: dict
      sample: {bytes: 1310720000, inodes: 41233}
    removed:
      description: What was removed, or would be, with O(state=cleaned).
      type: list
      elements: dict
      sample:
        - name: numpy-1.13.1-py36_0
          kind: package
          bytes: 31072000
          inodes: 811
          last_used: "2026-03-01T09:00:00Z"
          evidence: the history of an environment names it
    won:
      description: The bytes and inodes that this has freed.
      type: dict
      sample: {bytes: 1310720000, inodes: 41233}
    kept:
      description:
        - How many things stay, by why. C(in_environment) a record names it, C(hard_linked) a file of it has a name
          elsewhere, C(soft_linked) an environment has symbolic links to it, C(changing) an interrupted change asks for
          it, C(only_copy) the archive is all that there is of a package in use, C(unseen) not all could be looked at,
          C(recent) O(keep_days), C(within_goal) O(keep_bytes).
      type: dict
      sample: {in_environment: 301, hard_linked: 12}
    used_by:
      description: How many of these each environment needs, counted for the first one found.
      type: dict
      sample: {/opt/conda: 85, /home/alice/.conda/envs/train: 216}
    not_removed:
      description: What stayed although it was to go. C(used_meanwhile), or C(in_image) for what lies in a lower layer.
      type: dict
      sample: {}
    goal_met:
      description: Whether the cache takes no more than O(keep_bytes) afterwards.
      type: bool
      sample: true
    unseen:
      description: The first of the places that could not be looked at; C(unseen_count) tells how many there are.
      type: list
      elements: dict
      sample: [{path: /home/carol, reason: permission denied}]
    to:
      description: Where it was moved; C(link) is where the link lies.
      type: str
      sample: /scratch/conda-pkgs
    open:
      description: How many files and directories others could write to, with O(state=split).
      type: int
      sample: 812
    foreign:
      description: How many belong to others, by user; C(copied_bytes) is what the copies of them take.
      type: dict
      sample: {bob: 120}
    unreadable:
      description: How many not everybody may read, which is left as it is.
      type: int
      sample: 0
    without:
      description: The installations whose settings leave users without a cache of their own, and where they say so.
      type: list
      elements: str
      sample: []
    condarc:
      description: The file and the settings that give each user one; null where none is needed.
      type: dict
      sample: {path: /etc/conda/condarc, settings: {pkgs_dirs: [~/.conda/pkgs, /opt/conda/pkgs]}, changed: true}
recovered:
  description: What was done about a change that an earlier run had left unfinished; null where there was none.
  returned: always
  type: str
  sample: "An interrupted run was finished: 12 of 12 things are removed (20261122T090000Z-1f2e3d)."
ledger:
  description: Where the change was recorded, and the head of the ledger; or C(problem), when it could not be.
  returned: when something was recorded
  type: dict
  sample: {path: /var/log/labfleet-conda/ledger.jsonl, sequence: 12, hash: 9f86d081884c7d65...}
processes:
  description: The processes for which it was deferred.
  returned: when a conda or mamba is at work
  type: list
  elements: dict
  sample: [{pid: 4711, uid: 1000, program: conda, how: manager}]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.labfleet.conda.plugins.module_utils._change._cache import ChangeError, cache
from ansible_collections.labfleet.conda.plugins.module_utils._change._options import UNFORESEEN, answered, stopped
from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import ScanError
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import clean

ARGUMENT_SPEC = {
    "path": {"type": "path"},
    "prefix": {"type": "path"},
    "state": {"type": "str", "choices": ["reported", "cleaned", "moved", "split"], "default": "reported"},
    "archives": {"type": "bool", "default": True},
    "packages": {"type": "bool", "default": True},
    "leftovers": {"type": "bool", "default": True},
    "index_cache": {"type": "bool", "default": False},
    "keep_days": {"type": "float"},
    "keep_bytes": {"type": "bytes"},
    "to": {"type": "path"},
    "search_paths": {"type": "list", "elements": "path", "default": []},
    "exclude": {"type": "list", "elements": "path", "default": []},
    "time_limit": {"type": "float", "default": 300},
    "busy": {"type": "str", "choices": ["wait", "skip", "fail"], "default": "wait"},
    "busy_seconds": {"type": "float", "default": 600},
    "lock_seconds": {"type": "float", "default": 600},
    "reserve": {"type": "int", "default": 268435456},
    "ledger": {"type": "path"},
    "run_id": {"type": "str"},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec=ARGUMENT_SPEC,
        mutually_exclusive=[("path", "prefix")],
        required_one_of=[("path", "prefix")],
        required_if=[("state", "moved", ("to",))],
        supports_check_mode=True,
    )
    try:
        result = cache(module.params, check=module.check_mode, note=module.log)
    except ChangeError as error:
        module.fail_json(msg=clean(str(error)), **answered(error.result, module.warn))
    except ScanError as error:
        module.fail_json(msg=clean(str(error)))
    except UNFORESEEN as error:
        module.fail_json(msg=stopped("The work on %s" % (module.params["path"] or module.params["prefix"]), error))
    module.exit_json(**answered(result, module.warn))


if __name__ == "__main__":
    main()
