# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes what comes from the list of policy keys: PYTHONPATH=tests .venv/bin/python -m gates.policy_reference"""

from __future__ import annotations

import json
import re
import sys
import typing as t
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
SCHEMA = "docs/policy.schema.json"
PAGE = "docs/docsite/rst/policy_reference.rst"

HEAD = """\
..
  Copyright (c) 2026, The labfleet.conda contributors
  GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
  SPDX-License-Identifier: GPL-3.0-or-later

.. This page is generated from plugins/plugin_utils/_policy_keys.py by
   PYTHONPATH=tests .venv/bin/python -m gates.policy_reference

.. _ansible_collections.labfleet.conda.docsite.policy_reference:

The policy reference
====================

A policy says what is wanted of the hosts of a fleet. It is plain YAML in three layers. What a higher layer sets
replaces what a lower one says:

.. list-table::
  :header-rows: 1

  * - layer
    - who owns it
  * - ``default``
    - the collection; see the tables below
  * - ``base``
    - operations: the hosts, the images and their installations
  * - ``platform``
    - the platform team: published environments, channels, shared caches
  * - ``user``
    - whoever works there

.. contents::
  :local:
  :depth: 1

How layers merge
----------------

* Maps merge entry by entry, and every other value is replaced as a whole: a list of a higher layer is not appended.
* A key that a layer leaves out keeps what the lower layers say. The maps ``versions`` and ``settings.required`` take an
  entry back with null, and ``rules`` with ``on``.
* ``locked`` is a list of keys that the layers above cannot set: a key (``channels.denied``), everything below a name
  (``channels``), one entry of a map (``rules.chan.http``, ``versions.minimum.conda``), or ``waivers``. What counts then
  is the value that the layer with the lock and those below it give. A higher layer can neither remove a lock nor take
  it over. An attempt to set a locked key to something else has no effect, and is a finding of the rule
  ``policy.locked_override``.
* Waivers of all layers count, unless a lower layer locks ``waivers``.
* A key that does not exist, a value of a wrong type, a rule that does not exist and a waiver without reason, owner or
  last day are refused before anything is judged. All that is wrong is told at once, each with its layer and place.

A lock on a value does not keep a higher layer from switching off the rule that looks at it, nor from waiving its
findings. Who must rely on a value locks the rule and the waivers as well, and ``rules.policy``, which tells of the
attempt.

:ansplugin:`labfleet.conda.merge_policy#filter` shows what layers amount to, and which layer set each value.

Two things to know about YAML: a version is written in quotes, since ``26.10`` without them is the number 26.1, and an
unquoted ``off`` is the boolean false, which is understood where a rule is switched off.

An example
----------

Three layers, here in one file:

.. code-block:: yaml

"""

EXAMPLE = """\
---
base:
  organisation:
    commercial_use: true
  versions:
    minimum:
      conda: "26.9.4"
      micromamba: null
  channels:
    denied:
      - defaults
      - pkgs/main
      - pkgs/r
  settings:
    required:
      ssl_verify: true
    final:
      - ssl_verify
  permissions:
    writer_groups:
      - conda-admins
  rules:
    chan.http: critical
  locked:
    - channels.denied
    - settings
    - rules.chan
    - rules.policy

platform:
  channels:
    allowed:
      - conda-forge
      - https://mirror.example.org/*
  solver:
    wanted: libmamba
  caches:
    shared: read_only
    max_gigabytes: 200
  rules:
    cfg.always_yes: "off"
  gates:
    fail_on: high
  waivers:
    - rule: env.python_eol
      subject: /opt/conda/envs/legacy-*
      hosts:
        - gpu0?
        - teaching
      reason: The course uses it until the end of the term.
      owner: platform-team
      expires: 2027-03-31

user:
  environments:
    unused_days: 90
  rules:
    cfg.always_yes: "on"
"""

AFTER_EXAMPLE = """\

The base layer's ``channels.denied`` holds whatever the others say. The platform's ``cfg.always_yes`` is undone by the
user layer, which is its right: no layer has locked it. The floor for micromamba that the collection comes with is taken
back.

A JSON Schema of one layer, for editors, is
`docs/policy.schema.json <https://github.com/labfleet/labfleet.conda/blob/main/docs/policy.schema.json>`_.

The keys
--------
"""

LOCKS = """\
Locks
^^^^^

.. list-table::
  :header-rows: 1
  :widths: 25 15 10 50

  * - key
    - holds
    - default
    - meaning
  * - ``locked``
    - list of texts
    - ``[]``
    - Keys that no layer above this one can set; see above.

Waivers
-------

``waivers`` is a list. A finding that a waiver matches stays in the report, with the waiver, and no longer counts.
Patterns are those of a shell: ``*``, ``?`` and ``[...]``, where ``*`` also matches ``/``. From the day after
``expires``, the findings count again and the waiver itself is a finding of the rule ``policy.waiver_expired``.

.. list-table::
  :header-rows: 1
  :widths: 15 15 10 60

  * - field
    - holds
    - required
    - meaning
"""


def texts() -> dict[str, str]:
    """The content of each generated file, by its path in the checkout."""
    from ansible_collections.labfleet.conda.plugins.plugin_utils import _policy_keys as policy_keys
    from ansible_collections.labfleet.conda.plugins.plugin_utils import _policy_schema as schema

    return {SCHEMA: json.dumps(schema.json_schema(), indent=2) + "\n", PAGE: _page(schema, policy_keys)}


def _page(schema: t.Any, policy_keys: t.Any) -> str:
    example = "".join("  " + line if line.strip() else line for line in EXAMPLE.splitlines(keepends=True))
    parts = [HEAD, example, AFTER_EXAMPLE]
    for section, keys in schema.sections().items():
        title = section.capitalize()
        parts.append("\n%s\n%s\n\n%s" % (title, "^" * len(title), _head("key", "holds", "default", "25 15 10 50")))
        parts += [_row("``%s``" % key.name, _holds(key, policy_keys), _default(key.default), key.text) for key in keys]
    parts.append("\n" + LOCKS)
    for field in policy_keys.WAIVER:
        parts.append(_row("``%s``" % field.name, field.kind, "yes" if field.required else "no", field.text))
    return "".join(parts)


def _head(first: str, second: str, third: str, widths: str) -> str:
    return ".. list-table::\n  :header-rows: 1\n  :widths: %s\n\n" % widths + _row(first, second, third, "meaning")


def _row(*cells: str) -> str:
    marked = [re.sub(r"C\((.*?)\)", r"``\1``", cell) for cell in cells]
    return "  * - %s\n" % marked[0] + "".join("    - %s\n" % cell for cell in marked[1:])


def _holds(key: t.Any, policy_keys: t.Any) -> str:
    holds = key.kind
    if key.kind == policy_keys.CHOICE:
        holds = ", ".join("``%s``" % choice for choice in key.choices)
    if not key.nullable:
        return holds
    return "true, false or null" if key.kind == policy_keys.BOOLEAN else holds + " or null"


def _default(value: t.Any) -> str:
    if isinstance(value, (dict, list)) and value:
        parts = (
            value if isinstance(value, list) else ["%s: %s" % (name, json.dumps(item)) for name, item in value.items()]
        )
        return ", ".join("``%s``" % part for part in parts)
    return "``%s``" % (value if isinstance(value, str) else json.dumps(value))


def main() -> int:
    """Write the files that differ and name them."""
    sys.path.insert(0, str(CHECKOUT / "tests"))
    __import__("conftest")  # makes the checkout importable
    for name, text in texts().items():
        path = CHECKOUT / name
        if not path.is_file() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            print("written: " + name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
