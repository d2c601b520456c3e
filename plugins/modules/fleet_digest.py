#!/usr/bin/python
# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_digest
short_description: Puts together what a nightly run tells people
version_added: 0.1.0
author:
  - The labfleet.conda contributors (@labfleet)
description:
  - Reads what a nightly run has left on the control node, that is C(nightly.json), C(audit/audit.json) and
    C(update.json) in one directory, and makes a subject, a text for a mail and a text for a chat of it. Reports of an
    earlier run are left out.
  - Prints the text too. The playbook C(labfleet.conda.digest) sends it.
  - Runs on the control node only.
extends_documentation_fragment:
  - labfleet.conda._attributes
  - labfleet.conda._attributes.info_module
options:
  state:
    description:
      - The directory in which the role P(labfleet.conda.maintenance#role) lets the run leave its reports.
    type: path
    required: true
  severity:
    description:
      - How severe a finding must be that was not there in the run before to be a problem.
    type: str
    choices: [info, low, medium, high, critical]
    default: high
  rows:
    description:
      - At most so many rows of each table.
    type: int
    default: 40
notes:
  - The module fails when there is no run, or a file of it cannot be read.
seealso:
  - module: labfleet.conda.fleet_audit
  - module: labfleet.conda.fleet_changes
"""

EXAMPLES = r"""
---
- name: Put the digest together
  labfleet.conda.fleet_digest:
    state: /var/lib/labfleet-conda
  register: digest

- name: Show it in a chat where anything is wrong
  ansible.builtin.uri:
    url: https://chat.example.org/hooks/conda
    method: POST
    body_format: json
    body:
      text: "{{ digest.markdown }}"
  when: digest.problems
"""

RETURN = r"""
subject:
  description: One line.
  returned: success
  type: str
  sample: "conda, nightly run: 1 problem (30 hosts updated, 0 critical, 2 high)"
text:
  description: The digest as plain text, for a mail.
  returned: success
  type: str
  sample: "Not audited: gpu33.\n"
markdown:
  description: The digest as Markdown, for a chat; at most some thousand characters.
  returned: success
  type: str
  sample: "**conda, nightly run: 1 problem**\n- Not audited: gpu33.\n"
problems:
  description: What is wrong, a sentence each. Steps or hosts that failed, hosts that were not seen, new findings.
  returned: success
  type: list
  elements: str
  sample: ["Not audited: gpu33."]
"""
