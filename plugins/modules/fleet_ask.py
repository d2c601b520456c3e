#!/usr/bin/python
# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_ask
short_description: Answers a question over the audits of all hosts
version_added: 0.2.0
author:
  - The labfleet.conda contributors (@labfleet)
description:
  - Takes a saved report of M(labfleet.conda.fleet_audit), or the registered results of M(labfleet.conda.conda_audit) of
    all hosts of the play, evaluates a question over it and prints the answer as a table.
  - A question is one of the R(ready questions, ansible_collections.labfleet.conda.docsite.questions), or any expression
    in JMESPath.
  - Rows of the table that differ only in their host are merged, as in C(gpu[01-32]).
  - What is not in the answer is told below it, such as hosts not seen and versions that could not be compared.
  - Fails when no host was seen at all, since an empty answer would say that nothing is wrong.
  - Runs on the control node only. Use it once per run, with C(run_once).
requirements:
  - jmespath (Python package, on the control node)
extends_documentation_fragment:
  - labfleet.conda._attributes
  - labfleet.conda._fleet
  - labfleet.conda._fleet.document
attributes:
  check_mode:
    support: full
    details:
      - In check mode the answer is printed, and no file is written.
  diff_mode:
    support: none
    details:
      - The answer itself is what there is to see.
  idempotent:
    support: full
    details:
      - Files are written only when their content changes.
  platform:
    support: full
    platforms: posix
options:
  document:
    description:
      - A report that was saved as JSON, such as C(audit.json). Either this or O(variable) must be given.
    type: path
  variable:
    description:
      - The name of the variable in which each host has registered its result of M(labfleet.conda.conda_audit).
    type: str
  hosts:
    description:
      - The hosts to ask about, with O(variable). All hosts of the play by default.
    type: list
    elements: str
  question:
    description:
      - The name of a ready question, such as V(conda_below). One that does not exist is answered with their names.
      - Either this or O(expression) must be given.
    type: str
  expression:
    description:
      - An expression in JMESPath over the report.
      - Besides the keys of the report there are C(findings), C(installations), C(environments), C(unreadable) and
        C(unjudged), lists of the entries of all hosts, each with its C(host), and C(host_list), one line per host.
      - Besides the functions of JMESPath there are C(version_lt(version, '26.5')) and C(version_ge(version, '26.5')),
        C(version_matches(version, '>=24,<26')) and C(match(package, 'openssl <3')), all in conda's order,
        C(packages('openssl <3')), all such packages of the fleet, C(blast_radius('openssl <3')),
        C(is_number(text)) and C(param('name')).
      - The C(<) of JMESPath compares versions as texts, by which 4.10 comes before 4.9. Use the functions.
    type: str
  parameters:
    description:
      - What a ready question needs to be told, and what C(param('name')) gives in an expression. All values are texts,
        so write a version in quotes. Empty ones count as not given.
    type: dict
    default: {}
  advisories:
    description:
      - A file with advisory data, for the blast radius of an advisory. The data shipped with the collection by default.
    type: path
  rows:
    description:
      - At most so many rows of each table are printed. RV(answer) and O(dest) have all of them.
    type: int
    default: 200
  limit_dest:
    description:
      - A file on the control node to which the names of the hosts in the answer are written, one a line, for
        C(--limit @FILE).
      - With more than fifty hosts the lines of the question V(blast_radius) name it in place of all hosts.
    type: path
seealso:
  - module: labfleet.conda.conda_audit
  - module: labfleet.conda.fleet_audit
"""

EXAMPLES = r"""
---
- name: Who has a conda below 26.5.2, by the report of last night
  labfleet.conda.fleet_ask:
    document: /var/lib/fleet/audit.json
    question: conda_below
    parameters:
      version: "26.5.2"
  delegate_to: localhost
  run_once: true

- name: Look at each host, with the lists of packages
  labfleet.conda.conda_audit:
    packages: true
  register: audit
  ignore_unreachable: true
  become: true

- name: Whom does an old openssl touch, and what is to be typed
  labfleet.conda.fleet_ask:
    variable: audit
    question: blast_radius
    parameters:
      spec: openssl <3.0.13
  run_once: true

- name: A question of one's own
  labfleet.conda.fleet_ask:
    variable: audit
    expression: >-
      environments[?starts_with(prefix, '/scratch') && record_count > `300`].{host: host, prefix: prefix, owner: owner}
  run_once: true
"""

RETURN = r"""
answer:
  description: What the expression gave.
  returned: success
  type: raw
  sample:
    - host: gpu01
      prefix: /opt/conda
      version: 24.11.3
      owner: root
table:
  description: The lines of the table.
  returned: success
  type: list
  elements: str
  sample:
    - HOST        PREFIX      VERSION  OWNER
    - gpu[01-12]  /opt/conda  24.11.3  root
unknown:
  description: What is not in the answer, one sentence each.
  returned: success
  type: list
  elements: str
  sample: ["Not seen: gpu33."]
expression:
  description: The expression that was evaluated.
  returned: success
  type: str
  sample: installations[?version_lt(version, '26.5.2')]
dest:
  description: The file with the answer, if one was asked for.
  returned: when O(dest) is given
  type: str
  sample: /var/lib/fleet/answer.json
limit_dest:
  description: The file with the names of the hosts, if one was asked for.
  returned: when O(limit_dest) is given
  type: str
  sample: /var/lib/fleet/hosts
"""
