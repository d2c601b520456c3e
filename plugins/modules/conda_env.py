#!/usr/bin/python
# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: conda_env
short_description: Makes, changes, clones, exports and removes environments of conda and mamba
version_added: 0.1.0
author:
  - The labfleet.conda contributors (@labfleet)
description:
  - Brings an environment into a state that a file describes, such as C(environment.yml), an C(@EXPLICIT) list,
    C(conda-lock.yml) or C(pixi.lock), or that the task itself describes.
  - Whether anything is to be done is decided from the files of the environment. When it is as wanted, no program is
    started and nothing is written.
  - A new environment is at first an empty one, made in one step at a path where nothing is, and filled then. What fails
    on the way is removed as a whole. Nothing is ever created over what is there.
  - A change of an environment that is there is planned by the tool, a snapshot is taken, and the result is verified.
    When anything is wrong, the snapshot is restored.
  - What a request that cannot be met conflicts with is told in RV(conflicts).
  - The work is done by the owner of the environment. A new one belongs to the owner of the directory above it, where
    the task runs as root, else to the user that the task runs as.
extends_documentation_fragment:
  - labfleet.conda._attributes
  - labfleet.conda._attributes.actiongroup_conda
  - labfleet.conda._change
  - labfleet.conda._change.recorded
attributes:
  check_mode:
    support: full
    details:
      - The tool plans and nothing else is done. It may renew its cached indexes of channels for that. An environment
        that is not there yet is planned in an empty one in a temporary directory.
  diff_mode:
    support: full
    details:
      - The packages that change, before and after; with O(state=exported) the text of the file. The values of variables
        are never shown.
  idempotent:
    support: full
  platform:
    support: full
    platforms: linux
options:
  prefix:
    description:
      - The base prefix, whose tool is used.
    type: path
    required: true
  name:
    description:
      - The name of the environment. It is looked for in C(envs) of the base prefix where that may be written to, then
        in the directories of environments (C(envs_dirs)) that the settings name for who runs the task, or for the owner
        of the base prefix where that is root, and made in the first of them that can be written to.
      - Without it and without O(environment), the file tells the name.
    type: str
  environment:
    description:
      - The path of the environment.
      - It can be O(prefix) itself where nothing but O(frozen), O(description) and O(variables) is asked for.
    type: path
  state:
    description:
      - With V(present), all that is asked for is there, and other packages may be there too.
      - With V(exact), nothing else is there. What is neither asked for nor needed by what is, is removed, packages of
        pip too. Where variables are given, others are removed.
      - With V(cloned), it has exactly the packages of another environment, those of pip too, and its variables.
      - With V(exported), what it holds is written down.
      - With V(absent), it is not there. A prefix that holds a conda or mamba, that has environments of its own, or that
        is no environment, is never removed.
    type: str
    choices: [present, exact, cloned, exported, absent]
    default: present
  src:
    description:
      - The file that describes the environment. Its content tells its format.
      - It lies on the control node, unless O(remote_src=true), and is looked for as that of M(ansible.builtin.copy).
    type: path
  remote_src:
    description:
      - Whether O(src) lies on the host.
    type: bool
    default: false
  content:
    description:
      - The text of such a file, in place of O(src).
    type: str
  packages:
    description:
      - Match specs of packages, in addition to those of an C(environment.yml), or without a file.
    type: list
    elements: str
    default: []
  pip:
    description:
      - Requirements of pip, each as a line of a requirements file. They are installed by the Python of the environment,
        after all other packages.
    type: list
    elements: str
    default: []
  variables:
    description:
      - The environment's variables, which conda sets from 4.8 on when the environment is activated. Those of the task
        count more than those of the file.
    type: dict
  description:
    description:
      - What the environment is for, kept in C(conda-meta/description). An empty text removes it.
    type: str
  frozen:
    description:
      - Whether the environment bears the mark of CEP 22, by which conda from 25.5 on refuses to change it, and this
        collection too. V(false) takes the mark away, and lets it be changed in the same task.
    type: bool
  frozen_message:
    description:
      - What a frozen environment tells who tries to change it.
    type: str
  clone_from:
    description:
      - The name or path of the environment to clone.
    type: str
  format:
    description:
      - How O(state=exported) writes. V(environment) is C(environment.yml) with builds, V(no-builds) the same without
        them, and V(from-history) holds what was asked for only. V(explicit) is an C(@EXPLICIT) list, and V(conda-lock)
        a lock for the one platform.
    type: str
    choices: [environment, no-builds, from-history, explicit, conda-lock]
    default: environment
  dest:
    description:
      - The file on the host that O(state=exported) writes. Without it, the text is returned only.
    type: path
  mode:
    description:
      - The permissions of O(dest).
    type: raw
  platform:
    description:
      - For which platform a lock is read or written. By default that of the host.
    type: str
  lock_environment:
    description:
      - Which environment of a C(pixi.lock) is wanted.
    type: str
    default: default
  lock_categories:
    description:
      - Which categories of a C(conda-lock.yml) are wanted.
    type: list
    elements: str
    default: [main]
  tool:
    description:
      - Which tool of the installation does the work. V(auto) takes the quickest that does the same as conda, which is a
        mamba of version 2 or a micromamba in the base prefix where no setting is in force that only conda heeds. Else
        it is conda, with the libmamba solver where that is installed and nothing sets another.
    type: str
    choices: [auto, conda, mamba, micromamba]
    default: auto
  channels:
    description:
      - Channels to take packages from, in place of those of the file. Without either, those of the configuration.
    type: list
    elements: str
    default: []
  override_channels:
    description:
      - Whether those of the configuration are not asked as well. By default so with O(channels), and with C(nodefaults)
        among the channels of the file.
    type: bool
  python:
    description:
      - Whether the Python of an environment that is there may V(move) to another minor version although no version of
        it is asked for.
    type: str
    choices: [keep, move]
    default: keep
  allow_downgrade:
    description:
      - Whether a package that is asked for may go to a lower version.
    type: bool
    default: true
  busy:
    description:
      - What to do when processes run from the environment that is to be changed or removed. V(wait) for them up to
        O(busy_seconds), V(skip) it without a failure, V(fail), or V(ignore) them.
    type: str
    choices: [wait, skip, fail, ignore]
    default: wait
  time_limit:
    description:
      - How many seconds the tool, and pip, may take. Then it is ended and the change undone.
    type: float
    default: 3600
  grace:
    description:
      - How many seconds the tool may take to undo what it has begun, before it is killed.
    type: float
    default: 300
  reserve:
    description:
      - The bytes that must stay free when an environment that is there is changed.
    type: int
    default: 268435456
seealso:
  - module: labfleet.conda.conda_update
  - module: labfleet.conda.conda_snapshot
  - module: labfleet.conda.conda_info
"""

EXAMPLES = r"""
---
- name: The environment that environment.yml beside the playbook describes is there
  labfleet.conda.conda_env:
    prefix: /opt/conda
    src: environment.yml
  become: true

- name: Nothing else is in it, whatever somebody has added
  labfleet.conda.conda_env:
    prefix: /opt/conda
    name: train
    src: environment.yml
    state: exact
    frozen: true
    frozen_message: Changed by the platform team only, see the wiki.
    override_frozen: true
  become: true

- name: An environment without a file
  labfleet.conda.conda_env:
    prefix: /opt/conda
    environment: /home/alice/envs/plot
    channels:
      - conda-forge
    packages:
      - python=3.12
      - matplotlib
    pip:
      - colorcet==3.1.0
    variables:
      MPLBACKEND: Agg
  become: true
  become_user: alice

- name: Exactly the packages of a lock, with their checksums
  labfleet.conda.conda_env:
    prefix: /opt/conda
    name: service
    src: conda-lock.yml
    state: exact
  become: true

- name: Try a newer version in a copy
  labfleet.conda.conda_env:
    prefix: /opt/conda
    name: train-next
    state: cloned
    clone_from: train
  become: true

- name: Keep what is installed as a list by which it can be made again
  labfleet.conda.conda_env:
    prefix: /opt/conda
    name: train
    state: exported
    format: explicit
    dest: /srv/backup/train.txt
    mode: "0644"
  become: true

- name: Remove it when nobody uses it
  labfleet.conda.conda_env:
    prefix: /opt/conda
    name: train-old
    state: absent
    busy: skip
  become: true
"""

RETURN = r"""
prefix:
  description: The path of the environment.
  returned: always
  type: str
  sample: /opt/conda/envs/train
state:
  description: The state that was asked for.
  returned: always
  type: str
  sample: present
outcome:
  description:
    - What became of it. C(unchanged), C(planned) (check mode), C(committed), C(deferred) (O(busy=skip)),
      C(rolled_back), or C(not_restored) where the old state could not be brought back whole, which the next run tries
      again.
  returned: always
  type: str
  sample: committed
packages:
  description:
    - The packages that change, those of pip with the channel C(pypi). Of these, check mode tells the condition that is
      asked for in place of the version, which only pip itself chooses.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The name of the package.
      type: str
      sample: numpy
    kind:
      description: C(installed), C(removed), C(updated), C(downgraded) or C(rebuilt).
      type: str
      sample: installed
    from:
      description: Version, build and channel before; null for one that was not there.
      type: dict
      sample: {version: 1.26.4, build: py312heda63a1_0, channel: conda-forge}
    to:
      description: The same after; null for one that goes.
      type: dict
      sample: {version: 2.1.3, build: py312h58c1407_0, channel: conda-forge}
marks:
  description: Which marks (variables, description, frozen) are set and removed; never the values of variables.
  returned: always
  type: dict
  sample: {removed: [], set: [variable MPLBACKEND (set), frozen]}
conflicts:
  description: What a request that cannot be met conflicts with, from the answer of the tool's solver.
  returned: when the request cannot be met and the solver says why
  type: list
  elements: dict
  contains:
    package:
      description: The package that is wanted in ways that exclude each other.
      type: str
      sample: numpy
    kind:
      description:
        - C(incompatible), C(not_available) where no channel has it so, or C(not_on_this_host) where it stands for
          something that the host has not, such as a driver.
      type: str
      sample: incompatible
    wants:
      description: Who wants it how; null stands for the request itself.
      type: list
      elements: dict
      sample: [{by: pandas =2.2, spec: "numpy >=1.26"}, {by: null, spec: numpy 1.24.*}]
    relax:
      description: Those of the specs asked for that one could relax.
      type: list
      elements: str
      sample: [pandas=2.2, numpy 1.24.*]
    text:
      description: The same in a sentence.
      type: str
      sample: >-
        numpy cannot be as all want it: pandas =2.2 wants numpy >=1.26; numpy 1.24.* is asked for. Relax or leave out
        pandas=2.2 or numpy 1.24.*.
held:
  description:
    - That it is C(frozen) or C(pinned), where this is why it failed; or C(container), where the policy lets nobody
      change a container in place (C(containers.change)).
  returned: when somebody wants it to stay as it is
  type: str
  sample: frozen
diagnoses:
  description: Why the tool has no way to what is wanted, the most likely cause first.
  returned: when an environment that is there was to be changed
  type: list
  elements: dict
  sample: []
content:
  description: The text of the export.
  returned: with O(state=exported)
  type: str
  sample: "name: train\nchannels:\n  - conda-forge\ndependencies:\n  - numpy=2.1.3=py312h58c1407_0\n"
dest:
  description: The file that holds it.
  returned: with O(dest)
  type: str
  sample: /srv/backup/train.txt
way_back:
  description: A list and the requirements of pip by which an environment that was removed can be made again.
  returned: when an environment was removed
  type: dict
  sample: {explicit: "@EXPLICIT\n...", pip: [colorcet==3.1.0]}
recovered:
  description: What was done about a change that an earlier run had left unfinished; null where there was none.
  returned: always
  type: str
  sample: null
snapshot:
  description: The snapshot from before the change; null where there was none to take.
  returned: always
  type: dict
  sample: {id: 20261122T090000Z-1f2e3d, files: 4711, bytes: 1048576}
restored:
  description: What the restoring of the snapshot did, where the change was undone.
  returned: when an environment that is there was changed
  type: dict
  sample: {changed: 412, set_aside: [], problems: [], caches: []}
pruned:
  description: The snapshots that were removed.
  returned: when a change was kept
  type: list
  elements: str
  sample: []
pruned_set_aside:
  description:
    - The directories of files set aside by earlier restores that were removed, as O(keep_snapshots), O(keep_days) and
      O(keep_bytes) say.
  returned: when a change was kept
  type: list
  elements: str
  sample: []
space:
  description: The bytes that were needed, of them those to download, and those that were free.
  returned: when a change was planned
  type: dict
  sample: {needed: 90000000, download: 5000000, free: {/opt/conda: 90000000000}}
ledger:
  description:
    - Where the change was recorded, and the head of the ledger; or C(problem), when it could not be. Then there is a
      warning too, and the change itself is kept.
  returned: when something was recorded
  type: dict
  sample: {path: /var/log/labfleet-conda/ledger.jsonl, sequence: 12, hash: 9f86d081884c7d65...}
processes:
  description: The processes for which it was deferred.
  returned: when processes use the environment
  type: list
  elements: dict
  sample: [{pid: 4711, uid: 1000, program: python3.13, how: program}]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.labfleet.conda.plugins.module_utils._change._env import ChangeError, env
from ansible_collections.labfleet.conda.plugins.module_utils._change._options import (
    CHANGE_OPTIONS,
    RECORD_OPTIONS,
    UNFORESEEN,
    answered,
    stopped,
)
from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import ScanError
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import clean
from ansible_collections.labfleet.conda.plugins.module_utils._system._text_file import write_text

ARGUMENT_SPEC = {
    "prefix": {"type": "path", "required": True},
    "name": {"type": "str"},
    "environment": {"type": "path"},
    "state": {
        "type": "str",
        "choices": ["present", "exact", "cloned", "exported", "absent"],
        "default": "present",
    },
    "src": {"type": "path"},
    "remote_src": {"type": "bool", "default": False},
    "content": {"type": "str"},
    "packages": {"type": "list", "elements": "str", "default": []},
    "pip": {"type": "list", "elements": "str", "default": []},
    "variables": {"type": "dict"},
    "description": {"type": "str"},
    "frozen": {"type": "bool"},
    "frozen_message": {"type": "str"},
    "clone_from": {"type": "str"},
    "format": {
        "type": "str",
        "choices": ["environment", "no-builds", "from-history", "explicit", "conda-lock"],
        "default": "environment",
    },
    "dest": {"type": "path"},
    "mode": {"type": "raw"},
    "platform": {"type": "str"},
    "lock_environment": {"type": "str", "default": "default"},
    "lock_categories": {"type": "list", "elements": "str", "default": ["main"]},
    "tool": {"type": "str", "choices": ["auto", "conda", "mamba", "micromamba"], "default": "auto"},
    "channels": {"type": "list", "elements": "str", "default": []},
    "override_channels": {"type": "bool"},
    "python": {"type": "str", "choices": ["keep", "move"], "default": "keep"},
    "allow_downgrade": {"type": "bool", "default": True},
    "time_limit": {"type": "float", "default": 3600},
    "grace": {"type": "float", "default": 300},
    "reserve": {"type": "int", "default": 268435456},
    **CHANGE_OPTIONS,
    **RECORD_OPTIONS,
}


def main() -> None:
    module = AnsibleModule(
        argument_spec=ARGUMENT_SPEC,
        supports_check_mode=True,
        mutually_exclusive=[("name", "environment")],
        required_if=[("state", "cloned", ("clone_from",))],
    )
    try:
        result = env(module.params, check=module.check_mode, note=module.log)
    except ChangeError as error:
        module.fail_json(msg=clean(str(error)), **answered(error.result, module.warn))
    except ScanError as error:
        module.fail_json(msg=clean(str(error)))
    except UNFORESEEN as error:
        where = module.params["environment"] or module.params["name"] or "the environment"
        module.fail_json(msg=stopped("The work on %s" % where, error))
    if "dest" in result:
        put_down(module, result)
    module.exit_json(**answered(result, module.warn))


def put_down(module: AnsibleModule, result: dict) -> None:
    """Write the export to its file, with the permissions that are asked for."""
    if result["changed"] and not module.check_mode:
        try:
            write_text(result["dest"], result["content"])
        except OSError as error:
            module.fail_json(msg=stopped("Writing %s" % result["dest"], error))
    if module.params["mode"] is not None and not (module.check_mode and result["changed"]):
        result["changed"] = module.set_mode_if_different(result["dest"], module.params["mode"], result["changed"])
    result["outcome"] = "unchanged" if not result["changed"] else "planned" if module.check_mode else "committed"


if __name__ == "__main__":
    main()
