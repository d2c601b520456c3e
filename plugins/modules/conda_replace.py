#!/usr/bin/python
# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: conda_replace
short_description: Installs a base prefix, or replaces one that is too old or too broken to be updated
version_added: 0.1.0
author:
  - The labfleet.conda contributors (@labfleet)
description:
  - The way out where M(labfleet.conda.conda_update) finds none, such as from a base with Python 2.7 or 3.6, from a
    solver that is broken, or from a conda that no longer starts. Another base takes the place of the old one, at the
    same path.
  - The new base comes from an installer of constructor (Miniforge, Miniconda), or from a list of packages with
    checksums that a conda or micromamba of another place installs.
  - Environments (C(envs)), package caches (C(pkgs)) and configuration (C(.condarc), C(condarc.d), C(conda-meta/pinned),
    C(conda-meta/state), C(conda-meta/frozen), C(conda-meta/tos)) stay as they are, and so does everything that lies
    beside the directories of packages.
  - What nobody owns in the directories of packages, such as a script in C(bin), is moved to C(.labfleet-conda/replaced)
    of the prefix, and stays there until you remove it. Packages that were installed into the old base are not installed
    anew; RV(lost) names them, and C(explicit.txt) and C(pip.txt) of the snapshot hold their list.
  - It is done in the same transaction as an update. A snapshot is taken first, the result is verified, and when
    anything is wrong the old base is brought back, byte for byte. Killed at any instant, the next run brings it back.
  - Where nothing is at the path, a base is installed. It is made and verified in the same way, and nothing is left of
    it when anything is wrong, also when the run is killed. It belongs to the owner of the directory above, where the
    task runs as root, else to the user that the task runs as. Nothing is ever installed over what is there and is no
    base.
  - The work is done by the owner of the prefix; a prefix that others can write to is refused, see O(trusted_writers).
extends_documentation_fragment:
  - labfleet.conda._attributes
  - labfleet.conda._attributes.actiongroup_conda
  - labfleet.conda._change
  - labfleet.conda._change.recorded
attributes:
  check_mode:
    support: full
    details:
      - Nothing is fetched and nothing is started. What would be replaced and what is kept is told.
  diff_mode:
    support: partial
    details:
      - The packages that were changed. In check mode there are none, since nothing is fetched.
  idempotent:
    support: full
    details:
      - With O(version), by the version that is there. Without, by the checksum of the file that the base came from.
  platform:
    support: full
    platforms: linux
options:
  prefix:
    description:
      - The base prefix. Nothing may be at this path, or a base.
    type: path
    required: true
  installer:
    description:
      - The installer (C(.sh)), as an address (http, https) or as a path on the host that the owner of the prefix can
        read. Proxies are taken from the environment of the task.
      - It is run in batch mode, which accepts its licence.
    type: str
  lock:
    description:
      - A list of packages (C(@EXPLICIT)) with a checksum each, as C(conda list --explicit --md5) writes it; as an
        address or as a path. O(tool) installs it.
    type: str
  sha256:
    description:
      - The SHA-256 sum of O(installer) or O(lock). Nothing is started before it is known to be right.
    type: str
    required: true
  tool:
    description:
      - The program that installs O(lock), such as C(/usr/local/bin/micromamba) or the C(bin/conda) of another base. It
        must belong to root or to the owner of the prefix, and nobody else may be able to change it.
    type: path
  channels:
    description:
      - Channels that O(tool) is told. The packages come from the addresses in the list all the same.
    type: list
    elements: str
    default: []
  version:
    description:
      - The version that the new base must have. A version, such as V(26.7.0), is exactly that one. A bound, such as
        V(>=26.5.2), is met by a base that is new enough, which is not replaced then. With V(any), a base is replaced
        unless it came from the same file.
    type: str
    default: any
  download_seconds:
    description:
      - How many seconds fetching the file may take.
    type: float
    default: 1800
  size_limit:
    description:
      - The bytes that the file may have.
    type: int
    default: 2147483648
  time_limit:
    description:
      - How many seconds the installer or O(tool) may take. Then it is ended and the old base brought back.
    type: float
    default: 3600
  grace:
    description:
      - How many seconds it may take to end, before it is killed.
    type: float
    default: 60
  reserve:
    description:
      - The bytes that must stay free on the file system of the prefix.
    type: int
    default: 268435456
seealso:
  - module: labfleet.conda.conda_update
  - module: labfleet.conda.conda_snapshot
  - module: labfleet.conda.conda_audit
"""

EXAMPLES = r"""
- name: Give an old base the newest Miniforge that the lab has approved, where it has not a newer conda already
  labfleet.conda.conda_replace:
    prefix: /opt/conda
    installer: https://mirror.example.org/Miniforge3-26.7.2-0-Linux-x86_64.sh
    sha256: 0f4b7c1d6a8e25390d8b1f6c7e2a94533c1e7d0a9b8f6e5d4c3b2a1908f7e6d5
    version: ">=26.5.2"
  become: true

- name: A host without conda gets one, and one that has it is left alone
  labfleet.conda.conda_replace:
    prefix: /opt/conda
    installer: /srv/installers/Miniforge3-26.7.2-0-Linux-x86_64.sh
    sha256: 0f4b7c1d6a8e25390d8b1f6c7e2a94533c1e7d0a9b8f6e5d4c3b2a1908f7e6d5
    version: ">=4"
  become: true

- name: Show what would be replaced and what is kept
  labfleet.conda.conda_replace:
    prefix: /home/bob/miniconda2
    installer: /srv/installers/Miniforge3-26.7.2-0-Linux-x86_64.sh
    sha256: 0f4b7c1d6a8e25390d8b1f6c7e2a94533c1e7d0a9b8f6e5d4c3b2a1908f7e6d5
  become: true
  check_mode: true

- name: Build the base from a list of packages, with a micromamba that the host has
  labfleet.conda.conda_replace:
    prefix: /opt/conda
    lock: /srv/locks/base.txt
    sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    tool: /usr/local/bin/micromamba
  become: true
"""

RETURN = r"""
prefix:
  description: The base prefix.
  returned: always
  type: str
  sample: /opt/conda
outcome:
  description:
    - What became of it. C(unchanged), C(planned) (check mode), C(committed), C(deferred) (O(busy=skip)),
      C(rolled_back), or C(not_restored) where the old base could not be brought back whole, which the next run tries
      again.
  returned: always
  type: str
  sample: committed
before:
  description: The versions of the tool, its solver and Python before; none that is gone.
  returned: always
  type: dict
  sample: {conda: 4.3.16, python: 3.6.15}
after:
  description: The same of the new base; empty in check mode, since the file tells it only when it is run.
  returned: always
  type: dict
  sample: {conda: 26.7.1, python: 3.13.2}
replaces:
  description: The versions that go, and the bytes that the directories of the old base take.
  returned: when it is replaced
  type: dict
  sample: {bytes: 91000000, conda: 4.3.16, python: 3.6.15}
kept:
  description: What stays, by its path below the prefix.
  returned: when it is replaced
  type: list
  elements: str
  sample: [.condarc, conda-meta/pinned, envs, pkgs]
source:
  description: What the new base came from.
  returned: when it was fetched
  type: dict
  sample: {name: Miniforge3, version: 26.7.2-0, platform: linux-64, bytes: 91000000, sha256: 0f4b7c1d6a8e2539...}
packages:
  description: The packages that were changed, as RV(labfleet.conda.conda_update#module:packages) has them.
  returned: always
  type: list
  elements: dict
  sample:
    - name: conda
      kind: updated
      from: {version: 4.3.16, build: py36_0, channel: defaults}
      to: {version: 26.7.1, build: py313h78bf25f_0, channel: conda-forge}
lost:
  description:
    - The packages of the old base that the new one has in no version, and those that pip had installed into the old
      one.
  returned: when it was replaced
  type: dict
  sample: {conda: [numpy-1.13.1-py36_0], pip: [requests==2.12.4]}
set_aside:
  description: How many files nobody owned, the first of them, and the directory where they lie now.
  returned: when it was replaced
  type: dict
  sample:
    count: 1
    files: [bin/ours.sh]
    directory: /opt/conda/.labfleet-conda/replaced/20261122T090000Z-1f2e3d
recovered:
  description: What was done about a change that an earlier run had left unfinished; null where there was none.
  returned: always
  type: str
  sample: "An interrupted run was undone (it had come to the step 'apply'): the old state is back."
snapshot:
  description: The snapshot from before the change; null where there was nothing to take one of.
  returned: always
  type: dict
  sample: {id: 20261122T090000Z-1f2e3d, files: 4711, bytes: 1048576}
restored:
  description: What the restoring of the snapshot did, where the old base was brought back.
  returned: when it was tried
  type: dict
  sample: {changed: 412, set_aside: [], problems: [], caches: []}
pruned:
  description: The snapshots that were removed.
  returned: when it was replaced
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
  description: The bytes that were needed, and those that were free.
  returned: when it was fetched
  type: dict
  sample: {needed: 900000000, free: {/opt/conda: 90000000000}}
ledger:
  description: Where the change was recorded, and the head of the ledger; or C(problem), when it could not be.
  returned: when something was recorded
  type: dict
  sample: {path: /var/log/labfleet-conda/ledger.jsonl, sequence: 12, hash: 9f86d081884c7d65...}
processes:
  description: The processes for which it was deferred.
  returned: when processes use the prefix
  type: list
  elements: dict
  sample: [{pid: 4711, uid: 1000, program: python3.6, how: program}]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import ChangeError
from ansible_collections.labfleet.conda.plugins.module_utils._change._install import install_or_replace as replace
from ansible_collections.labfleet.conda.plugins.module_utils._change._options import (
    CHANGE_OPTIONS,
    RECORD_OPTIONS,
    UNFORESEEN,
    answered,
    stopped,
)
from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import ScanError
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import clean

ARGUMENT_SPEC = {
    "prefix": {"type": "path", "required": True},
    "installer": {"type": "str"},
    "lock": {"type": "str"},
    "sha256": {"type": "str", "required": True},
    "tool": {"type": "path"},
    "channels": {"type": "list", "elements": "str", "default": []},
    "version": {"type": "str", "default": "any"},
    "download_seconds": {"type": "float", "default": 1800},
    "size_limit": {"type": "int", "default": 2147483648},
    "time_limit": {"type": "float", "default": 3600},
    "grace": {"type": "float", "default": 60},
    "reserve": {"type": "int", "default": 268435456},
    **CHANGE_OPTIONS,
    **RECORD_OPTIONS,
}


def main() -> None:
    module = AnsibleModule(
        argument_spec=ARGUMENT_SPEC,
        mutually_exclusive=[("installer", "lock")],
        required_one_of=[("installer", "lock")],
        required_by={"lock": ("tool",)},
        supports_check_mode=True,
    )
    try:
        result = replace(module.params, check=module.check_mode, note=module.log)
    except ChangeError as error:
        module.fail_json(msg=clean(str(error)), **answered(error.result, module.warn))
    except ScanError as error:
        module.fail_json(msg=clean(str(error)))
    except UNFORESEEN as error:
        module.fail_json(msg=stopped("The replacement of %s" % module.params["prefix"], error))
    module.exit_json(**answered(result, module.warn))


if __name__ == "__main__":
    main()
