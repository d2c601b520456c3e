#!/usr/bin/python
# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: conda_ledger
short_description: Checks, exports and anchors the history of changes that a host keeps
version_added: 0.1.0
author:
  - The labfleet.conda contributors (@labfleet)
description:
  - Each change that the collection makes is one record of the host's ledger, a file that only grows, whose records are
    chained by hashes.
  - Whatever the O(operation), the whole chain is checked. A line that was removed, edited or reordered is found and
    named in RV(problems).
  - That the end of a ledger was cut off, or that the whole was written anew, can be found only against a record that is
    known from elsewhere. Keep RV(head) on another machine, and give it as O(known_head) the next time. The playbook
    C(labfleet.conda.ledger) does so for a whole fleet.
extends_documentation_fragment:
  - labfleet.conda._attributes
  - labfleet.conda._attributes.actiongroup_conda
attributes:
  check_mode:
    support: full
    details:
      - In check mode V(anchor) writes nothing and V(prune) removes nothing. The hash of the record that V(anchor) would
        write is not known before.
  diff_mode:
    support: full
    details:
      - Shows the head of the chain, before and after.
  idempotent:
    support: partial
    details:
      - V(verify) and V(export) only read, and V(prune) does nothing where nothing is to be removed. Each V(anchor)
        writes a record.
  platform:
    support: full
    platforms: posix
options:
  operation:
    description:
      - V(verify) checks the chain.
      - V(export) returns records too.
      - V(anchor) appends a record that marks the point up to which the chain is kept elsewhere. It makes the ledger
        where there is none. Nothing is appended to a ledger with problems, unless O(fail_on_problem=false).
      - V(prune) removes the oldest full files, as O(keep_files) and O(keep_days) say, after the chain was checked. The
        ledger says first, in a record, where it begins then, so that it can be verified as before; see RV(begins).
        Nothing is removed from a ledger with problems.
    type: str
    choices: [verify, export, anchor, prune]
    default: verify
  path:
    description:
      - The ledger, a file whose name ends in C(.jsonl). The files before it, such as C(ledger-0001.jsonl), lie beside
        it.
      - By default V(/var/log/labfleet-conda/ledger.jsonl) for root, else C(.local/state/labfleet-conda/ledger.jsonl) in
        the home of the user.
    type: str
  known_head:
    description:
      - A record that is known to be in the ledger, such as the RV(head) of an earlier run that was kept on another
        machine.
    type: dict
    suboptions:
      sequence:
        description: The number of the record.
        type: int
        required: true
      hash:
        description: The hash of the record.
        type: str
        required: true
  prefix:
    description:
      - Export only records about this prefix.
      - With V(anchor), the prefix that the record is about, such as one that the collection takes over.
    type: str
  since:
    description:
      - Export only records of this time or later, in UTC, such as V(2026-11-22) or V(2026-11-22T09:00:00Z).
    type: str
  outcome:
    description:
      - Export only records with one of these outcomes. V(recorded) is that of anchors, of other records about the
        ledger itself, and of starts of containers.
    type: list
    elements: str
    choices: [committed, rolled_back, failed, recovered, refused, recorded]
  after:
    description:
      - Export only records with a higher number.
    type: int
    default: 0
  last:
    description:
      - Export only the last so many of the records that all other options leave.
    type: int
  note:
    description:
      - A text for the record that V(anchor) writes, such as where the head will be kept.
    type: str
  keep_files:
    description:
      - For V(prune), how many full files are kept, the newest ones. One is always kept, and so is the file that grows.
    type: int
  keep_days:
    description:
      - For V(prune), full files are removed whose last record is older than this many days.
    type: float
  time_limit:
    description:
      - For V(anchor) and V(prune), how many seconds to wait for another run that writes to the ledger.
    type: float
    default: 60
  fail_on_problem:
    description:
      - Fail when there is a problem. All that was found is returned all the same.
    type: bool
    default: true
notes:
  - A chain proves that nobody has changed single records. Who may write to the file can write all of it anew, with new
    hashes; only what is kept on another machine tells that.
seealso:
  - module: labfleet.conda.fleet_ledger
"""

EXAMPLES = r"""
---
- name: Check the ledger of the host
  labfleet.conda.conda_ledger:
  become: true

- name: Check it against a head that was kept elsewhere
  labfleet.conda.conda_ledger:
    known_head:
      sequence: 118
      hash: 9f2d6d3f0a8c3c0e8f5a4f0c4b6b8d7e6a1c2f3b4d5e6f708192a3b4c5d6e7f8
  become: true

- name: What has changed in a prefix since October, and failed
  labfleet.conda.conda_ledger:
    operation: export
    prefix: /opt/conda
    since: "2026-10-01"
    outcome: [rolled_back, failed]
  become: true
  register: history

- name: Keep the ten newest full files of the last five years
  labfleet.conda.conda_ledger:
    operation: prune
    keep_files: 10
    keep_days: 1826
  become: true

- name: Mark the point up to which the auditors have a copy
  labfleet.conda.conda_ledger:
    operation: anchor
    note: Kept by the auditors
  become: true
  register: anchor
"""

RETURN = r"""
path:
  description: The ledger.
  returned: success or problem
  type: str
  sample: /var/log/labfleet-conda/ledger.jsonl
exists:
  description: Whether there is a ledger. A host on which nothing was changed has none.
  returned: success or problem
  type: bool
  sample: true
files:
  description: The names of its files, the oldest first.
  returned: success or problem
  type: list
  elements: str
  sample: [ledger-0001.jsonl, ledger.jsonl]
entries:
  description: The number of intact records.
  returned: success or problem
  type: int
  sample: 118
head:
  description: The last record, to be kept on another machine; V(null) without a ledger, or where its end was edited.
  returned: success or problem
  type: dict
  contains:
    sequence:
      description: Its number.
      type: int
      sample: 118
    hash:
      description: Its hash.
      type: str
      sample: 9f2d6d3f0a8c3c0e8f5a4f0c4b6b8d7e6a1c2f3b4d5e6f708192a3b4c5d6e7f8
intact:
  description: Whether there is no problem.
  returned: success or problem
  type: bool
  sample: false
problems:
  description: What is wrong, at most a thousand entries.
  returned: success or problem
  type: list
  elements: dict
  contains:
    kind:
      description:
        - What it is. V(inserted) is a line that is no record, V(repeated) a record that stands twice, V(torn) a last
          line without its end,
          V(cut_off) an end that is known and missing, V(forked) another record than the one known.
        - V(writable) and V(unreadable) are about files and directories, not records.
      type: str
      choices:
        - edited
        - inserted
        - removed
        - reordered
        - repeated
        - torn
        - missing_file
        - cut_off
        - forked
        - writable
        - unreadable
      sample: removed
    file:
      description: The file it is about.
      type: str
      sample: ledger.jsonl
    line:
      description: The line; for what is missing, the line behind it. V(null) where there is none.
      type: int
      sample: 17
    sequence:
      description: The number of the record, or the first of several; V(null) where it is not about records.
      type: int
      sample: 17
    last_sequence:
      description: The last of several, else the same as C(sequence).
      type: int
      sample: 17
    text:
      description: One sentence.
      type: str
      sample: record 17 is missing before the record on this line.
problem_count:
  description: How many things are wrong.
  returned: success or problem
  type: int
  sample: 1
recovered:
  description:
    - The numbers of the records that tell of a repair. After a crash or a power loss the rest of a line that was being
      written is put into a file of its own, and a record says so.
  returned: success or problem
  type: list
  elements: int
  sample: []
begins:
  description:
    - The last record that is not kept any more, as the ledger itself says; V(null) where it holds all records. One that
      is known from elsewhere (O(known_head)) and was before it is a problem, since nobody can compare it.
  returned: success or problem
  type: dict
  sample: {"sequence": 4711, "hash": 1b7e0d6c5a4f3e2d1c0b9a8f7e6d5c4b3a2f1e0d9c8b7a6f5e4d3c2b1a0f9e8d}
removed:
  description: The names of the files that were removed, or in check mode would be.
  returned: when O(operation=prune)
  type: list
  elements: str
  sample: [ledger-0001.jsonl]
records:
  description:
    - The records, the oldest first. Of a change in a container, C(host) holds C(container), with its engine, name and
      image as far as the inventory, or the marks of the engine in it, tell them.
  returned: when O(operation=export)
  type: list
  elements: dict
  sample:
    - sequence: 118
      time: "2026-11-22T09:12:44Z"
      action: update
      outcome: committed
      prefix: /opt/conda
      message: null
      who: {"user": "root", "login": "alice", "sudo_user": "alice"}
      host: {"name": "gpu01", "machine": "1d05bf3298f103f37168ea9cc8ded3e5"}
      before: {"conda": "26.5.2"}
      after: {"conda": "26.7.1"}
      packages:
        - name: conda
          from: {"version": "26.5.2", "build": "py313h0_0", "channel": "conda-forge"}
          to: {"version": "26.7.1", "build": "py313h0_0", "channel": "conda-forge", "sha256": "5f0c..."}
      snapshot: 20261122T091201Z-3fa9c1
      verification: {"passed": true}
      schema: 1
      previous: 1b7e0d6c5a4f3e2d1c0b9a8f7e6d5c4b3a2f1e0d9c8b7a6f5e4d3c2b1a0f9e8d
      hash: 9f2d6d3f0a8c3c0e8f5a4f0c4b6b8d7e6a1c2f3b4d5e6f708192a3b4c5d6e7f8
"""

import datetime

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.labfleet.conda.plugins.module_utils._ledger._append import append_anchor
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._place import LedgerError, place_at
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._result import (
    known_heads,
    look,
    problem_sentence,
    pruned,
    with_anchor,
)

ARGUMENT_SPEC = {
    "operation": {"type": "str", "choices": ["verify", "export", "anchor", "prune"], "default": "verify"},
    "path": {"type": "str"},
    "known_head": {
        "type": "dict",
        "options": {
            "sequence": {"type": "int", "required": True},
            "hash": {"type": "str", "required": True},
        },
    },
    "prefix": {"type": "str"},
    "since": {"type": "str"},
    "outcome": {
        "type": "list",
        "elements": "str",
        "choices": ["committed", "rolled_back", "failed", "recovered", "refused", "recorded"],
    },
    "after": {"type": "int", "default": 0},
    "last": {"type": "int"},
    "note": {"type": "str"},
    "keep_files": {"type": "int"},
    "keep_days": {"type": "float"},
    "time_limit": {"type": "float", "default": 60},
    "fail_on_problem": {"type": "bool", "default": True},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec=ARGUMENT_SPEC,
        supports_check_mode=True,
        required_if=[("operation", "prune", ("keep_files", "keep_days"), True)],
    )
    options = module.params
    try:
        for name in ("time_limit", "keep_files", "keep_days"):
            if options[name] is not None and not 0 <= options[name] < float("inf"):
                raise LedgerError("%s: %s is no number that can be used: give 0 or more." % (name, options[name]))
        place = place_at(options["path"])
        result = look(place, options, known=known_heads(options["known_head"]))
        bad = not result["intact"] and (options["fail_on_problem"] or options["operation"] == "prune")
        now = datetime.datetime.now(datetime.timezone.utc)
        if options["operation"] == "prune" and not bad:
            result = pruned(place, options, result, now=now, check=module.check_mode)
        if options["operation"] == "anchor" and not bad:
            before, entry = result["head"], None
            if not module.check_mode:
                told, seconds = (options["note"], options["prefix"]), options["time_limit"]
                entry = append_anchor(place, *told, now=now, lock_seconds=seconds)
            result = with_anchor(place, result, before, entry)
    except LedgerError as error:
        module.fail_json(msg=str(error))
    except (OSError, MemoryError, UnicodeError, RecursionError) as error:
        text = "The ledger %s could not be used: %s. Look at its directory, and at the memory of the host."
        module.fail_json(msg=text % (options["path"] or "of the host", str(error) or type(error).__name__))
    if bad:
        module.fail_json(msg=problem_sentence(result), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
