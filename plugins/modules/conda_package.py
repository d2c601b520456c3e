#!/usr/bin/python
# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: conda_package
short_description: Installs, updates and removes packages of conda environments, and those of their pip
version_added: 0.1.0
author:
  - The labfleet.conda contributors (@labfleet)
description:
  - Sees to it that packages are there, are the newest that the environment allows, or are not there. All packages of a
    task change in one transaction, in one environment or in every environment that a filter names.
  - Whether anything is to be done is read from the files of the environment. Where nothing is, no program is started
    and nothing is written, so that such a task takes milliseconds.
  - The tool plans a change, a snapshot of the environment is taken, the tool changes it, and the result is verified.
    When anything is wrong, the snapshot is restored, byte for byte, without network and without a solver.
  - The work is done by the owner of the environment. Run as root on an environment of another user, the module becomes
    that user for good before it starts anything. What others can write to is refused, see O(trusted_writers).
  - It works with conda from 4.3 on, mamba 2 and micromamba. It fails when the tool does not answer in JSON, and when
    what it says was done cannot be seen in the files.
extends_documentation_fragment:
  - labfleet.conda._attributes
  - labfleet.conda._attributes.actiongroup_conda
  - labfleet.conda._change
  - labfleet.conda._change.recorded
attributes:
  check_mode:
    support: full
    details:
      - The tool plans and nothing else is done. The tool may renew its cached indexes of channels for that. What is
        to be removed is planned from the files.
      - Of the packages of O(pip) the versions that pip will choose, and what they bring along, are not known before.
  diff_mode:
    support: full
    details:
      - The packages that change, before and after.
  idempotent:
    support: full
    details:
      - With O(state=latest) each run asks the tool once whether there is something newer.
  platform:
    support: full
    platforms: linux
options:
  name:
    description:
      - Match specs of the packages, such as V(numpy>=1.26), V(conda-forge::openssl=3) or V(python=3.12.*=*_cpython).
      - With O(state=latest) just names. With O(state=absent) the packages that meet a spec go, so V(numpy<1.20)
        removes only an old one, and V(cuda-*) all whose names begin so.
    type: list
    elements: str
    default: []
    aliases: [packages]
  state:
    description:
      - With V(present), a package that meets the spec must be there; one that does is left as it is.
      - With V(latest), a package must be there and be the newest that the other packages and the pins allow.
      - With V(absent), no package that meets the spec may be there. Exactly those packages are removed, and nothing
        that they had brought along.
    type: str
    choices: [present, latest, absent]
    default: present
  prefix:
    description:
      - The base prefix whose tool is used, or the root prefix of a micromamba that stands alone, see O(environment).
      - Alone, it is also the environment that is changed.
      - Without it, the installation is found that the environment belongs to.
    type: path
  environment:
    description:
      - The environment to change in place of the base prefix, by its path, or by its name in C(envs) of O(prefix).
    type: path
  environments:
    description:
      - Changes every environment on the host that meets all of these conditions, each in a transaction of its own,
        with a snapshot of its own. That one fails does not stop the others; the task fails at the end, and
        RV(results) tells what became of each.
      - With O(prefix), only environments of that installation count; without it those of all installations, each with
        its own tool.
    type: dict
    suboptions:
      match:
        description:
          - Patterns for the name of an environment, such as V(train*), or for its path, such as V(/home/*/envs/*).
        type: list
        elements: str
        default: ["*"]
      exclude:
        description:
          - Patterns for the environments to leave out.
        type: list
        elements: str
        default: []
      owners:
        description:
          - Whose environments. By default everybody's.
        type: list
        elements: str
        default: []
      holding:
        description:
          - A match spec, such as V(openssl<3), that one of the packages in the environment must meet.
        type: str
      base:
        description:
          - Whether base prefixes count too.
        type: bool
        default: false
  pip:
    description:
      - Requirements for the Python packages that the C(pip) of the environment looks after, such as V(rich>=13) or
        V(mylib @ https://host.example/mylib-1.0-py3-none-any.whl). They are seen to last, in the same transaction, and
        have the same O(state).
      - A package that conda has installed is never replaced by one of pip, nor removed by pip, whatever a requirement
        brings along, see O(pip_force).
      - What an extra, as in V(rich[jupyter]), brings along is installed with the package, and not looked at later.
    type: list
    elements: str
    default: []
  pip_force:
    description:
      - Whether pip may replace packages that conda has installed. conda does not know of that afterwards.
    type: bool
    default: false
  pip_arguments:
    description:
      - Further arguments for pip, such as V(--index-url=https://mirror.example/simple). They are also given to the
        question whether something newer is there.
    type: list
    elements: str
    default: []
  with_dependents:
    description:
      - With O(state=absent), whether the packages that need a removed one are removed too. Without it, such a removal
        is refused, and the message names them.
      - What a base prefix cannot be without (conda, mamba, Python) is never removed from it.
    type: bool
    default: false
  tool:
    description:
      - The tool that does it. V(auto) takes a mamba or micromamba from 2.3 on that lies in the base prefix, which is
        many times faster than conda, where it does the same as conda would, and else the conda of the base prefix.
      - The same is not sure for a base prefix itself, for specs with patterns inside, and where conda has settings or
        plugins that only it heeds, such as C(denylist_channels) or C(conda-anaconda-tos).
    type: str
    choices: [auto, conda, mamba, micromamba]
    default: auto
  python:
    description:
      - Whether the Python of the environment may V(move) to another minor version. With V(keep), a change that needs it
        is not done.
    type: str
    choices: [keep, move]
    default: keep
  channels:
    description:
      - Channels to take packages from, the first with the highest priority. Without it those of the configuration.
    type: list
    elements: str
    default: []
  override_channels:
    description:
      - Whether only O(channels) count, and not those of the configuration as well.
    type: bool
    default: true
  allow_downgrade:
    description:
      - Whether a package that is asked for may go to a lower version.
    type: bool
    default: false
  busy:
    description:
      - What to do when processes run from the environment. V(wait) for them up
        to O(busy_seconds), V(skip) the host without a failure, V(fail), or V(ignore) them. A package manager that is at
        work in the prefix is waited for with V(ignore) as well.
    type: str
    choices: [wait, skip, fail, ignore]
    default: wait
  time_limit:
    description:
      - How many seconds the tool may take to change the prefix. Then it is ended and the change undone.
    type: float
    default: 3600
  grace:
    description:
      - How many seconds the tool may take to undo what it has begun, before it is killed.
    type: float
    default: 300
  reserve:
    description:
      - The bytes that must stay free on the file systems of the prefix and of the package cache.
    type: int
    default: 268435456
seealso:
  - module: labfleet.conda.conda_update
  - module: labfleet.conda.conda_snapshot
  - module: labfleet.conda.conda_ledger
"""

EXAMPLES = r"""
---
- name: Have a few packages in an environment
  labfleet.conda.conda_package:
    prefix: /opt/conda
    environment: train
    name:
      - numpy>=1.26,<2
      - conda-forge::openssl=3
  become: true

- name: Have packages of conda, and after them some of pip
  labfleet.conda.conda_package:
    environment: /home/alice/miniforge3/envs/train
    name:
      - python=3.12
      - pip
    pip:
      - rich>=13
    python: move
  become: true
  become_user: alice

- name: Keep the certificates of an environment new
  labfleet.conda.conda_package:
    prefix: /opt/conda
    environment: web
    name: [ca-certificates, certifi]
    state: latest
  become: true

- name: Lift openssl wherever it is old, whoever owns the environment
  labfleet.conda.conda_package:
    environments:
      holding: openssl<3.0.14
    name: openssl>=3.0.14
    busy: skip
  become: true

- name: Show what would go
  labfleet.conda.conda_package:
    prefix: /opt/conda
    environment: train
    name: jupyterlab
    state: absent
    with_dependents: true
  become: true
  check_mode: true
  diff: true
"""

RETURN = r"""
prefix:
  description: The environment that was to be changed.
  returned: without O(environments)
  type: str
  sample: /opt/conda/envs/train
results:
  description:
    - What became of each environment, by the keys that are returned without O(environments), and C(failed) with C(msg).
  returned: with O(environments)
  type: list
  elements: dict
  sample: [{prefix: /opt/conda/envs/train, changed: true, outcome: committed}]
outcome:
  description:
    - What became of it. C(unchanged), C(planned) (check mode), C(committed), C(deferred) (O(busy=skip)),
      C(rolled_back), or C(not_restored) where the old state could not be brought back whole, which the next run tries
      again.
  returned: without O(environments)
  type: str
  sample: committed
tool:
  description: The tool that was used; null where none was.
  returned: without O(environments)
  type: dict
  sample: {kind: conda, version: 26.7.1, program: /opt/conda/bin/conda}
before:
  description: The versions of what is asked for before the change.
  returned: without O(environments)
  type: dict
  sample: {numpy: 1.25.2}
after:
  description: The same after the change; in check mode those of the plan.
  returned: without O(environments)
  type: dict
  sample: {numpy: 1.26.4}
packages:
  description: The packages that change. Those of pip are of the channel C(pypi), with the build C(pypi_0).
  returned: without O(environments)
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
      sample: updated
    from:
      description: Version, build and channel before; null for one that was not there.
      type: dict
      sample: {version: 1.25.2, build: py312h5e6b1a6_0, channel: conda-forge}
    to:
      description: The same after; null for one that goes.
      type: dict
      sample: {version: 1.26.4, build: py312heda63a1_0, channel: conda-forge}
dependents:
  description: The packages that need what was to be removed, where it was refused for them.
  returned: when packages need what was to be removed
  type: list
  elements: str
  sample: [jupyterlab, notebook]
held:
  description:
    - That it is C(frozen) or C(pinned), where this is why it failed; or C(container), where the policy lets nobody
      change a container in place (C(containers.change)).
  returned: when somebody wants it to stay as it is
  type: str
  sample: frozen
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
diagnoses:
  description: Why it goes no further although the channels hold something newer, the most likely cause first.
  returned: always
  type: list
  elements: dict
  sample:
    - id: python_pin
      cause: conda 26.9.4 does not run on the Python 3.9 of the prefix.
      remedy: Allow Python to move along.
      evidence: [python 3.9.18]
recovered:
  description: What was done about a change that an earlier run had left unfinished; null where there was none.
  returned: always
  type: str
  sample: "An interrupted run was undone (it had come to the step 'apply'): the old state is back."
snapshot:
  description: The snapshot from before the change.
  returned: always
  type: dict
  sample: {id: 20261122T090000Z-1f2e3d, files: 4711, bytes: 1048576}
restored:
  description: What the restoring of the snapshot did, where the change was undone.
  returned: when a change was made
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
      warning too, the change itself is kept, and the next run records it.
  returned: when something was recorded
  type: dict
  sample: {path: /var/log/labfleet-conda/ledger.jsonl, sequence: 12, hash: 9f86d081884c7d65...}
processes:
  description: The processes for which it was deferred.
  returned: when processes use the prefix
  type: list
  elements: dict
  sample: [{pid: 4711, uid: 1000, program: python3.13, how: program}]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.labfleet.conda.plugins.module_utils._system._zip_import import compile_once

compile_once()

from ansible_collections.labfleet.conda.plugins.module_utils._change._options import (
    CHANGE_OPTIONS,
    RECORD_OPTIONS,
    UNFORESEEN,
    answered,
    stopped,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._package_task import ChangeError, package
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import clean

FILTER = {
    "match": {"type": "list", "elements": "str", "default": ["*"]},
    "exclude": {"type": "list", "elements": "str", "default": []},
    "owners": {"type": "list", "elements": "str", "default": []},
    "holding": {"type": "str"},
    "base": {"type": "bool", "default": False},
}
ARGUMENT_SPEC = {
    "name": {"type": "list", "elements": "str", "default": [], "aliases": ["packages"]},
    "state": {"type": "str", "choices": ["present", "latest", "absent"], "default": "present"},
    "prefix": {"type": "path"},
    "environment": {"type": "path"},
    "environments": {"type": "dict", "options": FILTER},
    "pip": {"type": "list", "elements": "str", "default": []},
    "pip_force": {"type": "bool", "default": False},
    "pip_arguments": {"type": "list", "elements": "str", "default": []},
    "with_dependents": {"type": "bool", "default": False},
    "tool": {"type": "str", "choices": ["auto", "conda", "mamba", "micromamba"], "default": "auto"},
    "python": {"type": "str", "choices": ["keep", "move"], "default": "keep"},
    "channels": {"type": "list", "elements": "str", "default": []},
    "override_channels": {"type": "bool", "default": True},
    "allow_downgrade": {"type": "bool", "default": False},
    "time_limit": {"type": "float", "default": 3600},
    "grace": {"type": "float", "default": 300},
    "reserve": {"type": "int", "default": 268435456},
    **CHANGE_OPTIONS,
    **RECORD_OPTIONS,
}


def main() -> None:
    module = AnsibleModule(
        argument_spec=ARGUMENT_SPEC,
        mutually_exclusive=[("environment", "environments")],
        required_one_of=[("name", "pip"), ("prefix", "environment", "environments")],
        supports_check_mode=True,
    )
    try:
        result = package(module.params, check=module.check_mode, note=module.log)
    except ChangeError as error:
        module.fail_json(msg=clean(str(error)), **answered(error.result, module.warn))
    except UNFORESEEN as error:
        where = module.params["environment"] or module.params["prefix"] or "the environments"
        module.fail_json(msg=stopped("The change of packages in %s" % where, error))
    module.exit_json(**answered(result, module.warn))


if __name__ == "__main__":
    main()
