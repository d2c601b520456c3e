#!/usr/bin/python
# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: conda_change_log
short_description: Keeps a log for people with one line for each change that the ledger of a host tells of
version_added: 0.1.0
author:
  - The labfleet.conda contributors (@labfleet)
description:
  - Appends to a text file what has been changed since its last line, so that users and auditors can read what became of
    conda on their host. Everybody may read it.
  - The ledger is the proof (M(labfleet.conda.conda_ledger)), and the log is made from it. Each line ends in the number
    of its record and the first twelve digits of its hash, as in C((#118 9f2d6d3f0a8c)); with them the module finds
    where to go on.
  - A ledger with problems is written down all the same. M(labfleet.conda.conda_ledger) is what finds them.
extends_documentation_fragment:
  - labfleet.conda._attributes
  - labfleet.conda._attributes.actiongroup_conda
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Shows the lines that are appended.
  idempotent:
    support: full
  platform:
    support: full
    platforms: posix
options:
  path:
    description:
      - The log.
      - It must lie where only root, or the user who runs the module, can write. A group of the system that may write to
        C(/var/log), as on Ubuntu, does no harm.
    type: str
    default: /var/log/env-updates.log
  ledger:
    description:
      - The ledger, a file whose name ends in C(.jsonl). By default that of M(labfleet.conda.conda_ledger).
    type: str
  max_bytes:
    description:
      - The log is put aside as C(.1) before it grows larger, C(.1) becomes C(.2), and so on. Leave the file out of
        logrotate.
    type: int
    default: 10485760
  keep:
    description:
      - How many full files are kept beside the one that grows, at least one.
    type: int
    default: 12
  time_limit:
    description:
      - How many seconds to wait for another run that writes to the log.
    type: float
    default: 60
notes:
  - The module fails, and nothing is written, when the ledger cannot be read or others could write to the log.
seealso:
  - module: labfleet.conda.conda_ledger
"""

EXAMPLES = r"""
---
- name: Users can read what was changed
  labfleet.conda.conda_change_log:
  become: true

- name: The same elsewhere, in small files
  labfleet.conda.conda_change_log:
    path: /srv/log/conda.log
    max_bytes: 1000000
    keep: 3
  become: true
"""

RETURN = r"""
path:
  description: The log.
  returned: success
  type: str
  sample: /var/log/env-updates.log
lines:
  description: The lines that were appended, or in check mode would be.
  returned: success
  type: list
  elements: str
  sample:
    - >-
      2026-11-22T09:12:44Z gpu01 committed update /opt/conda by alice: conda 26.5.2 -> 26.7.1 (#118 9f2d6d3f0a8c)
rotated:
  description: Whether the log was put aside first.
  returned: success
  type: bool
  sample: false
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.labfleet.conda.plugins.module_utils._ledger._change_log import Limits, update
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._place import LedgerError, place_at

ARGUMENT_SPEC = {
    "path": {"type": "str", "default": "/var/log/env-updates.log"},
    "ledger": {"type": "str"},
    "max_bytes": {"type": "int", "default": 10485760},
    "keep": {"type": "int", "default": 12},
    "time_limit": {"type": "float", "default": 60},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    options = module.params
    try:
        limits = Limits.checked(options["max_bytes"], options["keep"])
        place = place_at(options["ledger"])
        result = update(place, options["path"], limits, check=module.check_mode, lock_seconds=options["time_limit"])
    except LedgerError as error:
        module.fail_json(msg=str(error))
    except (OSError, MemoryError, RecursionError) as error:
        text = "The log %s could not be written: %s. Look at its directory, and at the memory of the host."
        module.fail_json(msg=text % (options["path"], str(error) or type(error).__name__))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
