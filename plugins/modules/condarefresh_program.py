#!/usr/bin/python
# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: condarefresh_program
short_description: Puts the command condarefresh onto a host
version_added: 0.1.0
author:
  - The labfleet.conda contributors (@labfleet)
description:
  - C(condarefresh) is a command with which users update their own conda or mamba, by the same transaction as
    M(labfleet.conda.conda_update).
  - It is one file that needs nothing but a Python of 3.7 or newer, which it looks for itself. It is made on the control
    node of the collection's own code, and is the same wherever it is made.
  - What it does is in the page about condarefresh in the guide of this collection.
extends_documentation_fragment:
  - labfleet.conda._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: partial
    details:
      - That the file changes is shown, and not how, since it is no text.
  idempotent:
    support: full
  platform:
    support: full
    platforms: linux
options:
  dest:
    description:
      - The path of the command on the host. Its directory must be there.
    type: path
    default: /usr/local/bin/condarefresh
  owner:
    description:
      - The user who gets the file; by default whoever the task runs as.
    type: str
  group:
    description:
      - The group that gets the file.
    type: str
  mode:
    description:
      - The permissions of the file, as for M(ansible.builtin.copy).
    type: raw
    default: "0755"
notes:
  - To take the command away, remove the file with M(ansible.builtin.file).
seealso:
  - module: labfleet.conda.conda_update
  - module: labfleet.conda.conda_snapshot
"""

EXAMPLES = r"""
- name: Users have condarefresh
  labfleet.conda.condarefresh_program:
    owner: root
    group: root
  become: true
"""

RETURN = r"""
dest:
  description: The path of the command.
  returned: success
  type: str
  sample: /usr/local/bin/condarefresh
checksum:
  description: The SHA-1 sum of the file.
  returned: success
  type: str
  sample: 6e642bb8dd5c2e027bf21dd923337cbb4214f827
"""
