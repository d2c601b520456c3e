#!/usr/bin/python
# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: conda_update
short_description: Updates conda, mamba or micromamba of one base prefix so that nothing can be left broken
version_added: 0.1.0
author:
  - The labfleet.conda contributors (@labfleet)
description:
  - Brings the tool of one base prefix, and chosen packages beside it, to a wanted version, a floor, or the newest one.
  - The tool plans the update, while a snapshot of the prefix is taken, the tool changes the prefix, and the result is
    verified. When anything is wrong, the snapshot is restored, byte for byte, without network and without
    a solver.
  - A journal is written before each step. After a crash or a power cut, the next run first undoes or finishes what was
    under way, and says so in RV(recovered).
  - The work is done by the owner of the prefix. Run as root on a prefix of another user, the module becomes that user
    for good before it touches anything. A prefix that others can write to is refused, see O(trusted_writers).
  - Environments below C(envs) are not touched, but for the one that O(environment) names.
  - When what is wanted can be seen in the files, no program is started and nothing is written.
extends_documentation_fragment:
  - labfleet.conda._attributes
  - labfleet.conda._attributes.actiongroup_conda
  - labfleet.conda._change
  - labfleet.conda._change.recorded
attributes:
  check_mode:
    support: full
    details:
      - The tool plans and nothing else is done. The tool may renew its cached indexes of channels for that. In the
        prefix no trace is left.
  diff_mode:
    support: full
    details:
      - The packages that change, before and after.
  idempotent:
    support: full
  platform:
    support: full
    platforms: linux
options:
  prefix:
    description:
      - The base prefix.
      - A micromamba that stands alone is named by its own path, such as V(/usr/local/bin/micromamba), or by its root
        prefix, where both have the same owner. It is updated by C(micromamba self-update), and its snapshot is a copy
        of the program in C(.labfleet-conda) of the directory that it lies in. Its version is asked of it, since no file
        tells it, so that this one program is run in check mode too.
    type: path
    required: true
  environment:
    description:
      - An environment to change in place of the base prefix, with the tool of O(prefix), which belongs to root or to
        the owner of the environment. O(packages) tells what must hold there.
      - It is verified by its records and files and by the start of its Python.
    type: path
  version:
    description:
      - V(newest) is the newest version in the channels that the Python of the prefix can run. A version, such as
        V(26.7.0), is exactly that one. A bound, such as V(>=26.5.2), is met by what is there when it is new enough.
        V(any) leaves the tool as it is, for O(packages) and O(solver).
      - The update is done as an installation with a lower bound, never with C(conda update), which silently does
        nothing when something holds it back.
      - By default it is V(newest), and with O(environment) V(any), which is the only choice there.
    type: str
  packages:
    description:
      - Match specs of other packages of the base prefix or the O(environment) that must hold afterwards, such as
        V(mamba>=2.7). They are installed in the same transaction. What a pin forbids is refused.
    type: list
    elements: str
    default: []
  solver:
    description:
      - The solver that conda shall use. Its package is installed in the same transaction, and the C(condarc) of the
        prefix says so where the version of conda does not by itself.
    type: str
    choices: [keep, libmamba, rattler, classic]
    default: keep
  python:
    description:
      - Whether the Python of the prefix may V(move) to another minor version along with the tool. With V(keep), an
        update that needs it is not done.
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
  - module: labfleet.conda.conda_snapshot
  - module: labfleet.conda.conda_ledger
  - module: labfleet.conda.conda_audit
"""

EXAMPLES = r"""
- name: Bring conda to the newest version that its Python can run
  labfleet.conda.conda_update:
    prefix: /opt/conda
  become: true

- name: See to a floor, and do nothing where it is met
  labfleet.conda.conda_update:
    prefix: /opt/conda
    version: ">=26.5.2"
    busy: skip
  become: true

- name: Show what would change
  labfleet.conda.conda_update:
    prefix: /opt/conda
    python: move
  become: true
  check_mode: true
  diff: true

- name: Update, and keep it only when the lab's own test is content
  labfleet.conda.conda_update:
    prefix: /home/bob/miniforge3
    packages:
      - mamba>=2.7
    verify_commands:
      - conda create --dry-run --offline -n test python
  become: true

- name: Lift one package in an environment of a user
  labfleet.conda.conda_update:
    prefix: /opt/conda
    environment: /home/alice/.conda/envs/train
    packages:
      - openssl>=3.0.14
    busy: skip
  become: true

- name: Put the fast solver in force
  labfleet.conda.conda_update:
    prefix: /opt/conda
    version: any
    solver: libmamba
  become: true
"""

RETURN = r"""
prefix:
  description: The prefix that was to be changed, the base prefix or the environment.
  returned: always
  type: str
  sample: /opt/conda
outcome:
  description:
    - What became of it. C(unchanged), C(planned) (check mode), C(committed), C(deferred) (O(busy=skip)),
      C(rolled_back), or C(not_restored) where the old state could not be brought back whole, which the next run tries
      again.
  returned: always
  type: str
  sample: committed
before:
  description: The versions of the tool, its solver and Python before; with O(environment) of what is asked for.
  returned: always
  type: dict
  sample: {conda: 26.5.3, python: 3.13.2}
after:
  description: The same after the change; in check mode those of the plan.
  returned: always
  type: dict
  sample: {conda: 26.7.1, python: 3.13.2}
packages:
  description: The packages that change.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The name of the package.
      type: str
      sample: conda
    kind:
      description: C(installed), C(removed), C(updated), C(downgraded) or C(rebuilt).
      type: str
      sample: updated
    from:
      description: Version, build and channel before; null for one that was not there.
      type: dict
      sample: {version: 26.5.3, build: py313h78bf25f_0, channel: conda-forge}
    to:
      description: The same after; null for one that goes.
      type: dict
      sample: {version: 26.7.1, build: py313h78bf25f_0, channel: conda-forge}
held:
  description:
    - That it is C(frozen) or C(pinned), where this is why it failed; or C(container), where the policy lets nobody
      change a container in place (C(containers.change)).
  returned: when somebody wants it to stay as it is
  type: str
  sample: frozen
newest:
  description: The newest version in the channels of each package that was to be the newest, whatever holds it back.
  returned: when the channels were asked
  type: dict
  sample: {conda: 26.9.4}
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

from ansible_collections.labfleet.conda.plugins.module_utils._change._options import (
    CHANGE_OPTIONS,
    RECORD_OPTIONS,
    UNFORESEEN,
    answered,
    stopped,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._update import ChangeError, update
from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import ScanError
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import clean

ARGUMENT_SPEC = {
    "prefix": {"type": "path", "required": True},
    "environment": {"type": "path"},
    "version": {"type": "str"},
    "packages": {"type": "list", "elements": "str", "default": []},
    "solver": {"type": "str", "choices": ["keep", "libmamba", "rattler", "classic"], "default": "keep"},
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
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    try:
        result = update(module.params, check=module.check_mode, note=module.log)
    except ChangeError as error:
        module.fail_json(msg=clean(str(error)), **answered(error.result, module.warn))
    except ScanError as error:
        module.fail_json(msg=clean(str(error)))
    except UNFORESEEN as error:
        module.fail_json(msg=stopped("The update of %s" % module.params["prefix"], error))
    module.exit_json(**answered(result, module.warn))


if __name__ == "__main__":
    main()
