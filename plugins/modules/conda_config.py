#!/usr/bin/python
# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: conda_config
short_description: Sets, changes and removes settings in a configuration file of conda or mamba
version_added: 0.1.0
author:
  - The labfleet.conda contributors (@labfleet)
description:
  - Lets settings hold in one file (C(.condarc)). What else is in it stays as it is, byte for byte - comments, order,
    quotes, and keys that nobody knows.
  - Names and types are those of the conda and mamba in O(prefix), from conda 4.2 to 26.9 and mamba 0.18 to 2.8. A
    setting that this version has under another name is written under that one, so that a playbook serves a whole
    fleet.
  - No program is started. Whether anything is to do is decided from the files.
  - The file is replaced in one step, under a lock, and keeps its mode, owner, access control list and SELinux label.
    Run as root, the module works as the owner of the directory that the file lies in.
  - Each change is recorded in the ledger (see M(labfleet.conda.conda_ledger)). Tokens and passwords are masked in the
    result, the difference, the ledger and the system's log.
extends_documentation_fragment:
  - labfleet.conda._attributes
  - labfleet.conda._attributes.actiongroup_conda
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - It shows the settings that change, with their marks, and not the rest of the file, which may hold secrets.
  idempotent:
    support: full
  platform:
    support: partial
    platforms: linux
    details:
      - Linux hosts only.
options:
  tier:
    description:
      - Whose settings they are. Exactly one of O(tier) and O(path) is needed.
      - V(system) is C(/etc/conda/condarc), for everybody on the host.
      - V(base) is C(.condarc) in O(prefix), for everybody who uses that installation.
      - V(user) is C(.condarc) in the home of O(user).
      - V(environment) is C(.condarc) in O(environment), for those who have activated it.
    type: str
    choices: [system, base, user, environment]
  path:
    description:
      - A file of another place, such as one that E(CONDARC) names. Its directory must exist.
      - Its name must be one that conda reads - C(.condarc), C(condarc), or one that ends in C(.yml) or C(.yaml).
    type: path
  dropin:
    description:
      - The name of a file in the directory C(condarc.d) of the tier, instead of its main file. C(.yml) is added where
        it has no such ending. With O(tier=user) that is C(~/.conda/condarc.d).
    type: str
  prefix:
    description:
      - The base prefix of the conda or mamba that reads the file. Needed with O(tier=base).
      - Without it, any setting that any version has is taken, and only other files of the same tier, the system and the
        user are looked at for O(ignore:overridden).
    type: path
  environment:
    description:
      - The prefix of the environment, with O(tier=environment).
    type: path
  user:
    description:
      - The user, with O(tier=user). By default the one who runs the module.
    type: str
  settings:
    description:
      - Names of settings, and their values. Lists and maps hold exactly what is given here.
      - C(NAME.ENTRY) names one entry of a setting that is a map, such as C(proxy_servers.https), and leaves the others.
      - With O(state=absent) their values do not matter.
    type: dict
  prepend:
    description:
      - Names of settings that are lists, and the values that are to stand first in them, in this order. The other
        values stay.
    type: dict
  append:
    description:
      - As O(prepend), for values that are to stand last.
    type: dict
  remove:
    description:
      - Names of settings that are lists, and the values that must not be in them.
    type: dict
  final:
    description:
      - Names of settings that are to be marked with C(#!final), so that no file that is read later overrides them. They
        are in O(settings), or in the file already.
      - If this is given, other settings that this task sets lose the mark. If not, all marks stay.
    type: list
    elements: str
  marks:
    description:
      - Names of settings that are lists, each with a map of values of the list to V(top), V(bottom) or V(none).
      - Values marked with C(#!top) come first in what conda makes of all files together, those with C(#!bottom) last.
    type: dict
  state:
    description:
      - V(present) lets O(settings), O(prepend), O(append) and O(remove) hold.
      - V(absent) takes the names in O(settings) out of the file, also those that no conda knows.
    type: str
    choices: [present, absent]
    default: present
  allow_unknown:
    description:
      - Write settings that the conda and mamba in O(prefix) do not have, such as those of a plugin or of a newer
        version.
    type: bool
    default: false
  backup:
    description:
      - Keep a copy of the file as it was, beside it, when it changes.
    type: bool
    default: false
  lock_seconds:
    description:
      - How long to wait while another task of this collection changes something in the same directory, such as an
        update of the prefix.
    type: float
    default: 30
  ledger:
    description:
      - The file of the ledger on the host. By default C(/var/log/labfleet-conda/ledger.jsonl) for root, and a file in
        the home of other users.
    type: path
  run_id:
    description:
      - What names this run in the ledger, such as the number of a job.
    type: str
notes:
  - The lock lies in C(.labfleet-conda) in the directory of the file, or above C(condarc.d); in a prefix it is the one
    that updates take too. The directory is made with the first change.
  - conda takes all comments behind a value for its mark. A marked value that is followed by lines of comment therefore
    moves behind these.
  - What Ansible has made a number of cannot be told apart any more, so write versions in quotes, as in
    C(default_python=\"3.10\").
seealso:
  - module: labfleet.conda.conda_info
    description: Tells which settings are in force, and where each comes from.
  - module: labfleet.conda.conda_audit
    description: Finds settings that are unsafe, or not what the policy asks for.
"""

EXAMPLES = r"""
---
- name: The channels of this installation, and the proxy, for everybody who uses it
  labfleet.conda.conda_config:
    tier: base
    prefix: /opt/conda
    settings:
      channels: [https://mirror.example.com/conda-forge]
      channel_priority: strict
      proxy_servers.https: "http://{{ proxy_user }}:{{ proxy_password }}@proxy.example.com:3128"
  become: true

- name: What no user of the host may override
  labfleet.conda.conda_config:
    tier: system
    prefix: /opt/conda
    settings:
      ssl_verify: true
      allowlist_channels: [https://mirror.example.com/conda-forge]
    final: [ssl_verify, allowlist_channels]
  become: true

- name: A channel of their own comes first for alice, wherever the other files put it
  labfleet.conda.conda_config:
    tier: user
    user: alice
    prefix: /opt/conda
    prepend:
      channels: [alice]
    marks:
      channels: {alice: top}
  become: true

- name: A drop-in file, which a package or a role can own as a whole
  labfleet.conda.conda_config:
    tier: system
    dropin: 10-caches
    settings:
      pkgs_dirs: [/srv/conda/pkgs]
  become: true

- name: A channel that is no more
  labfleet.conda.conda_config:
    tier: base
    prefix: /opt/conda
    remove:
      channels: [defaults, free]
  become: true

- name: Settings that are to be what conda makes of them by itself
  labfleet.conda.conda_config:
    tier: user
    state: absent
    settings:
      restore_free_channel:
      always_yes:
"""

RETURN = r"""
path:
  description: The real path of the file.
  returned: when the file is known
  type: str
  sample: /opt/conda/.condarc
tier:
  description: The tier; V(null) with O(path).
  returned: when the file is known
  type: str
  sample: base
before:
  description: The settings that change, as they were. What was not there is left out. Secrets are masked.
  returned: when the file is known
  type: dict
  sample: {"channels": ["defaults"]}
after:
  description: The same settings as they are now, or would be.
  returned: when the file is known
  type: dict
  sample: {"channels": ["conda-forge"], "ssl_verify": true}
overridden:
  description:
    - Settings that have no effect where this file sets them, because another file decides. There is a warning for each.
    - C(final) tells that the other file marks it as final.
  returned: when the file is known
  type: list
  elements: dict
  sample: [{"setting": "ssl_verify", "path": "/etc/conda/condarc", "line": 3, "final": true}]
backup_file:
  description: The copy of the file as it was.
  returned: when O(backup=true) and the file was there and has changed
  type: str
  sample: /opt/conda/.condarc.4711.2026-11-22@09:00:00~
ledger:
  description: Where the change was recorded, and the head of the ledger; or C(problem), when it could not be.
  returned: when something was changed
  type: dict
  sample: {path: /var/log/labfleet-conda/ledger.jsonl, sequence: 12, hash: 9f86d081884c7d65...}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.labfleet.conda.plugins.module_utils._change._config import ChangeError, configure
from ansible_collections.labfleet.conda.plugins.module_utils._change._options import UNFORESEEN, answered, stopped
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import clean

ARGUMENT_SPEC = {
    "tier": {"type": "str", "choices": ["system", "base", "user", "environment"]},
    "path": {"type": "path"},
    "dropin": {"type": "str"},
    "prefix": {"type": "path"},
    "environment": {"type": "path"},
    "user": {"type": "str"},
    "settings": {"type": "dict"},
    "prepend": {"type": "dict"},
    "append": {"type": "dict"},
    "remove": {"type": "dict"},
    "final": {"type": "list", "elements": "str"},
    "marks": {"type": "dict"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "allow_unknown": {"type": "bool", "default": False},
    "backup": {"type": "bool", "default": False},
    "lock_seconds": {"type": "float", "default": 30},
    "ledger": {"type": "path"},
    "run_id": {"type": "str"},
}


def main() -> None:
    # What is logged and what is told of the options is masked value by value: channels have tokens, proxies passwords.
    module = AnsibleModule(
        argument_spec=ARGUMENT_SPEC,
        supports_check_mode=True,
        no_log=True,
        mutually_exclusive=[("tier", "path")],
        required_one_of=[("tier", "path"), ("settings", "prepend", "append", "remove", "final", "marks")],
    )
    module.no_log = False
    told = {"module_args": clean(module.params)}
    module.log("Invoked with %s" % told["module_args"])
    try:
        result = configure(module.params, check=module.check_mode)
    except ChangeError as error:
        module.fail_json(msg=clean(str(error)), invocation=told, **answered(error.result, module.warn))
    except UNFORESEEN as error:
        module.fail_json(msg=clean(stopped("The change of settings", error)), invocation=told)
    module.exit_json(invocation=told, **answered(result, module.warn))


if __name__ == "__main__":
    main()
