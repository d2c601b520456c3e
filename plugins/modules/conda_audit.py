#!/usr/bin/python
# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: conda_audit
short_description: Judges every conda, mamba and micromamba of a host against a policy
version_added: 0.1.0
author:
  - The labfleet.conda contributors (@labfleet)
description:
  - Finds what M(labfleet.conda.conda_info) finds, and judges it by rules on the tool, the solver, channels and
    licences, transport, secrets, permissions, caches, the base prefix, the health of environments, configuration, known
    vulnerabilities and GPUs. The rules are described in R(the rule reference,
    ansible_collections.labfleet.conda.docsite.rule_reference).
  - Reads files only. Neither conda nor any other program is started, and nothing is written.
  - The control node merges the layers of O(policy) and loads the advisories, the host judges. What comes back is
    findings and a compact summary; lists of packages only on request.
  - Unknown is never reported as clean. What could not be read is in RV(unreadable), what could not be judged in
    RV(unjudged), what was not asked for in RV(not_checked), and packages that no advisory data speaks of are counted as
    unmapped in RV(coverage).
  - Tokens and passwords are masked in everything that is returned. A finding on a secret tells where it stands, and
    nothing of the secret.
extends_documentation_fragment:
  - labfleet.conda._attributes
  - labfleet.conda._attributes.info_module
  - labfleet.conda._attributes.actiongroup_conda
options:
  policy:
    description:
      - The layers of the policy, by their names V(base), V(platform) and V(user); a later one of them goes above the
        earlier ones, and all of them above the collection's defaults.
      - Unknown keys and wrong types are refused with the exact place. R(The policy reference,
        ansible_collections.labfleet.conda.docsite.policy_reference) lists all keys.
    type: dict
    default: {}
    suboptions:
      base:
        description: The layer of operations.
        type: dict
        default: {}
      platform:
        description: The layer of the platform team.
        type: dict
        default: {}
      user:
        description: The layer of the users.
        type: dict
        default: {}
  advisories:
    description:
      - A file on the control node with advisory data, as M(labfleet.conda.fleet_advisories) writes it.
      - Without it the data shipped with the collection are used. They are dated, and a finding says when they are old.
    type: path
  vex:
    description:
      - Files on the control node with OpenVEX documents. What they say is not affected, or fixed, is no finding.
    type: list
    elements: path
    default: []
  families:
    description:
      - Ask only the rules of these families. All by default.
    type: list
    elements: str
    choices:
      - base
      - caches
      - channels
      - configuration
      - environment
      - gpu
      - permissions
      - policy
      - secrets
      - solver
      - tool
      - transport
      - vulnerabilities
    default: []
  minimum_severity:
    description:
      - Leave out findings that are less severe.
    type: str
    choices: [info, low, medium, high, critical]
    default: info
  integrity:
    description:
      - How closely the files of packages are looked at.
      - V(none) does not look at them, V(files) tells which are missing, and V(hashes) reads all of them and compares
        their SHA-256 sums with the records. The last takes as long as reading all environments does.
    type: str
    choices: [none, files, hashes]
    default: files
  storage:
    description:
      - Walk through all package caches, and tell what they take, what could be reclaimed, and which packages lie in
        several of them. Takes time in proportion to the number of files in the caches.
    type: bool
    default: false
  packages:
    description:
      - Return the packages of every environment, for a bill of materials and for questions.
    type: bool
    default: false
  gpu_driver:
    description:
      - Judge as if this NVIDIA driver were installed, such as V(580.95.05), or a branch, such as V(580).
    type: str
  gpu_devices:
    description:
      - Judge as if these GPUs were there, by model, such as V(NVIDIA H100), or by compute capability, such as V(9.0).
    type: list
    elements: str
    default: []
  root:
    description:
      - The root of the file system to look at, as in M(labfleet.conda.conda_info).
    type: str
    default: /
  search_paths:
    description:
      - Directories to search besides the known places, O(depth) levels deep.
    type: list
    elements: str
    default: []
  exclude:
    description:
      - Directories that are not entered.
    type: list
    elements: str
    default: []
  users:
    description:
      - Look only at the homes of these users. Without it every home is looked at.
    type: list
    elements: str
  depth:
    description:
      - How many levels of directories below each of O(search_paths) are searched.
    type: int
    default: 3
  one_file_system:
    description:
      - Do not enter any directory that is not on the file system of O(root).
    type: bool
    default: false
  containers:
    description:
      - Which containers of the host are audited as well, each for itself, from outside and in the same task; told in
        RV(containers). See O(labfleet.conda.conda_info#module:containers).
    type: str
    choices:
      - none
      - running
      - all
    default: none
  images:
    description:
      - Whether the images of Docker and Podman are audited as well; told in RV(images). See
        O(labfleet.conda.conda_info#module:images).
    type: bool
    default: false
  packed:
    description:
      - Whether what was found is returned as one compressed text, RV(packed), instead of as lists and maps.
      - This spares the control node most of its work and memory, since ansible-core goes several times through each
        part of a result. M(labfleet.conda.fleet_audit), M(labfleet.conda.fleet_ask) and the callback
        P(labfleet.conda.fleet#callback) read it as it is.
    type: bool
    default: false
  variables:
    description:
      - What the names of variables start with, such as V(audit), from which the options are taken that the task leaves
        out, for example O(depth) from C(audit_depth). All but O(packed) can come from there; O(root) comes from
        C(conda_root), and O(policy) from C(conda_policy_base), C(conda_policy_platform) and C(conda_policy_user).
      - Where C(audit_families) is not set, the tags of the run that are in the list C(audit_all_families) are the
        families, or all of that list but the tags that the run skips.
      - C(audit_engine_environment) adds to the environment of the task. C(audit_become=false) takes back the become of
        the task. After C(audit_timeout) seconds, or 60 more than O(time_limit), a host that does nothing any more is
        given up, unless the task has a timeout of its own.
      - A task with a single template costs the control node a sixth of the time that it has for a host; variables that
        are not set cost none.
    type: str
  time_limit:
    description:
      - After so many seconds the audit ends, and what was found and judged until then is returned with
        RV(complete=false). The look may take four fifths of it.
    type: float
    default: 120
  prepared:
    description:
      - What the control node has prepared for the host. Set by the action plugin; leave it out.
    type: dict
notes:
  - To see the homes, processes and permissions of all users, use C(become). As another user the module judges what that
    user can see.
  - What pip has installed is judged on the control node, since comparing versions of Python packages needs a library
    that hosts may lack.
  - The options of the module are not written to the host's system log, only the fact that it ran.
seealso:
  - module: labfleet.conda.conda_info
  - module: labfleet.conda.fleet_audit
  - module: labfleet.conda.fleet_advisories
"""

EXAMPLES = r"""
---
- name: Judge everything on the host by the defaults
  labfleet.conda.conda_audit:
  become: true
  register: audit

- name: Show what is wrong, and what to do
  ansible.builtin.debug:
    msg: "{{ item.severity }} {{ item.subject }}: {{ item.evidence }} {{ item.remedy }}"
  loop: "{{ audit.findings }}"
  loop_control:
    label: "{{ item.rule }}"

- name: Judge by the layers of the policy, only what is at least medium
  labfleet.conda.conda_audit:
    policy:
      base: "{{ conda_policy_base }}"
      platform: "{{ conda_policy_platform }}"
    minimum_severity: medium
  become: true

- name: Compare every file of every package with its record
  labfleet.conda.conda_audit:
    families:
      - environment
    integrity: hashes
    time_limit: 3600
  become: true

- name: Which environments would fail after the driver goes to branch 580
  labfleet.conda.conda_audit:
    families:
      - gpu
    gpu_driver: "580"
  become: true
"""

RETURN = r"""
findings:
  description: Everything wrong, by rule, subject and item. Those with a waiver are there too.
  returned: success
  type: list
  elements: dict
  contains:
    rule:
      description: The rule, as in the rule reference.
      type: str
      sample: chan.http
    severity:
      description: How bad it is, by the rule or by the policy.
      type: str
      choices: [info, low, medium, high, critical]
      sample: high
    kind:
      description: What the rule looks at.
      type: str
      choices: [host, home, installation, environment, configuration, cache]
      sample: configuration
    subject:
      description:
        - The path of what is wrong. For a configuration this is the file or variable that sets the value, for a host
          V(/).
      type: str
      sample: /etc/conda/condarc
    item:
      description: What within the subject, such as a package, a channel or a key; V(null) where it is the whole.
      type: str
      sample: http://mirror.example.org/conda-forge
    path:
      description: The file to look at, where it is another than RV(findings[].subject).
      type: str
      sample: /opt/conda/pkgs/urls.txt
    owner:
      description: The user whose it is; V(null) for the host, and for settings of all users.
      type: str
      sample: alice
    environment:
      description: The name of the environment, where it is about one with a name.
      type: str
      sample: train
    evidence:
      description: What was seen, in a sentence.
      type: str
      sample: "channels names http://mirror.example.org/conda-forge."
    remedy:
      description: What to do.
      type: str
      sample: Write https in place of http in /etc/conda/condarc.
    layer:
      description: The layer of the policy that asks for it; V(default) is the collection itself.
      type: str
      choices: [default, base, platform, user]
      sample: default
    waiver:
      description: V(null), or the waiver that excuses it.
      type: dict
      contains:
        reason:
          description: Why it is excused.
          type: str
          sample: The mirror gets its certificate in December.
        owner:
          description: Who answers for that.
          type: str
          sample: network team
        expires:
          description: The last day on which it is excused.
          type: str
          sample: "2026-12-31"
        layer:
          description: The layer that holds the waiver.
          type: str
          sample: platform
    details:
      description: More for programs, depending on the rule, such as C(advisories) and C(fixed).
      type: dict
      sample: {}
counts:
  description: The number of findings without a waiver, by severity.
  returned: success
  type: dict
  sample: {"critical": 0, "high": 2, "medium": 5, "low": 3, "info": 9}
coverage:
  description:
    - For how many different packages of the host the advisory data can speak. C(unmapped) is the number of those that
      they say nothing of.
  returned: success
  type: dict
  sample: {"packages": 311, "vulnerable": 4, "none_known": 46, "unmapped": 261}
advisories:
  description: The date of the advisory data, where they come from, and how many they are.
  returned: success
  type: dict
  sample: {"date": "2026-11-22", "source": "shipped with labfleet.conda", "count": 74}
gates:
  description: The gates of the merged policy, which M(labfleet.conda.fleet_audit) applies.
  returned: success
  type: dict
  sample: {"fail_on": "never", "new_only": false}
gpu:
  description: The driver and the GPUs of the host; V(null) where there is none, or the look ended before.
  returned: success
  type: dict
  sample: {"driver": "580.95.05", "devices": [{"model": "NVIDIA H100 80GB HBM3", "capability": "9.0"}]}
installations:
  description: The installations, as RV(labfleet.conda.conda_info#module:installations), less details.
  returned: success
  type: list
  elements: dict
  sample:
    - kind: conda
      distribution: miniforge
      prefix: /opt/conda
      program: /opt/conda/bin/conda
      version: 26.9.4
      versions: {"conda": "26.9.4", "python": "3.13.9"}
      solver: {"name": "libmamba", "version": "26.6.0", "source": "default since conda 23.10", "available": true}
      owner: root
      frozen: false
environments:
  description: The environments, as RV(labfleet.conda.conda_info#module:environments), less details.
  returned: success
  type: list
  elements: dict
  sample:
    - prefix: /home/alice/.conda/envs/train
      name: train
      base: false
      owner: alice
      installation: /opt/conda
      python_version: 3.12.8
      record_count: 250
      pip_count: 2
      processes: 1
rules_checked:
  description: How many rules were asked.
  returned: success
  type: int
  sample: 81
not_checked:
  description: The rules that were not asked, and why.
  returned: success
  type: list
  elements: dict
  sample: [{"rule": "env.altered_files", "reason": "it needs hashes, which was not asked for"}]
minimum_severity:
  description: The value of O(minimum_severity).
  returned: success
  type: str
  sample: info
rules_off:
  description: The rules that the policy has switched off.
  returned: success
  type: list
  elements: str
  sample: []
unjudged:
  description: What a rule could not judge, and why.
  returned: success
  type: list
  elements: dict
  sample: [{"rule": "secret.history", "subject": "/home/bob/env", "reason": "permission denied"}]
unreadable:
  description: What is there and could not be read.
  returned: success
  type: list
  elements: dict
  sample: [{"path": "/home/bob", "reason": "permission denied"}]
unreadable_count:
  description: How many things could not be read.
  returned: success
  type: int
  sample: 1
complete:
  description: Whether the audit came to its end within O(time_limit).
  returned: success
  type: bool
  sample: true
root:
  description: The root that was looked at.
  returned: success
  type: str
  sample: /
containers:
  description:
    - The containers that were audited, with O(containers). Each has the values that
      RV(labfleet.conda.conda_info#module:containers) lists to tell which it is, and RV(findings), RV(installations),
      RV(environments), RV(coverage), RV(counts), RV(gpu), RV(unjudged), RV(not_checked), RV(unreadable),
      RV(unreadable_count), RV(complete) and RV(seconds) of its own, with paths and users as they are inside.
  returned: success
  type: list
  elements: dict
images:
  description: The images that were audited, with O(images); as RV(containers), with C(health) as well.
  returned: success
  type: list
  elements: dict
  contains:
    health:
      description:
        - What it may still be used for, by C(images) of the policy. C(status) is C(current), C(supported),
          C(to be archived), C(blocked), or C(unknown) where it does not tell its age or not all of it was judged,
          as with O(families);
          C(reason) says why in one sentence.
      type: dict
      sample: {"status": "supported", "reason": "It was built 120 days ago, and 365 count.", "age_days": 120}
packed:
  description:
    - With O(packed), what would be returned without it, as one text. RV(counts) and RV(complete) are returned as well.
      The options of the task are not repeated, whatever the verbosity.
    - What the control node has to add to that is the text C(added), of the same form.
  returned: success, with O(packed)
  type: str
  sample: eJyrVkrLzEvJzEsvVrKKjq0FAC5KBew=
looked_into:
  description: What O(containers) and O(images) asked for.
  returned: success
  type: dict
  sample: {"containers": "running", "images": false}
homes:
  description: The number of homes that were looked at.
  returned: success
  type: int
  sample: 12
seconds:
  description: How long the audit took.
  returned: success
  type: float
  sample: 0.084
files_opened:
  description: How many files were opened.
  returned: success
  type: int
  sample: 310
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.labfleet.conda.plugins.module_utils._system._zip_import import compile_once

compile_once()

from ansible_collections.labfleet.conda.plugins.module_utils._audit._packed import packed
from ansible_collections.labfleet.conda.plugins.module_utils._audit._result import audit
from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import ScanError

FAMILIES = [
    "base",
    "caches",
    "channels",
    "configuration",
    "environment",
    "gpu",
    "permissions",
    "policy",
    "secrets",
    "solver",
    "tool",
    "transport",
    "vulnerabilities",
]
LAYER = {"type": "dict", "default": {}}
ARGUMENT_SPEC = {
    "policy": {"type": "dict", "default": {}, "options": {"base": LAYER, "platform": LAYER, "user": LAYER}},
    "advisories": {"type": "path"},
    "vex": {"type": "list", "elements": "path", "default": []},
    "families": {"type": "list", "elements": "str", "choices": FAMILIES, "default": []},
    "minimum_severity": {"type": "str", "choices": ["info", "low", "medium", "high", "critical"], "default": "info"},
    "integrity": {"type": "str", "choices": ["none", "files", "hashes"], "default": "files"},
    "storage": {"type": "bool", "default": False},
    "packages": {"type": "bool", "default": False},
    "gpu_driver": {"type": "str"},
    "gpu_devices": {"type": "list", "elements": "str", "default": []},
    "root": {"type": "str", "default": "/"},
    "search_paths": {"type": "list", "elements": "str", "default": []},
    "exclude": {"type": "list", "elements": "str", "default": []},
    "users": {"type": "list", "elements": "str"},
    "depth": {"type": "int", "default": 3},
    "one_file_system": {"type": "bool", "default": False},
    "containers": {"type": "str", "choices": ["none", "running", "all"], "default": "none"},
    "images": {"type": "bool", "default": False},
    "packed": {"type": "bool", "default": False},
    "variables": {"type": "str"},
    "time_limit": {"type": "float", "default": 120},
    "prepared": {"type": "dict"},
}


def main() -> None:
    # The action plugin keeps the options, the whole policy among them, out of the host's system log.
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.no_log = False
    module.log("audit of %s" % module.params["root"])
    try:
        result = audit(module.params)
    except ScanError as error:
        module.fail_json(msg=str(error))
    # What the control node has told need not go back to it.
    module.params["prepared"] = None
    if module.params["packed"]:
        # Nor does the control node look at each option that it has given, several times.
        result = {**packed(result), "invocation": {}}
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
