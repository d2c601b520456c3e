# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes the page on all rules, and what the control node knows of them, from their code.

PYTHONPATH=tests .venv/bin/python -m gates.rule_reference
"""

from __future__ import annotations

import json
import sys
import typing as t
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
PAGE = "docs/docsite/rst/rule_reference.rst"
# For the control node.
TEXTS = "plugins/plugin_utils/_data/rules.json"
FIELDS = ("title", "family", "severity", "explanation", "remedy", "source")

HEAD = """\
..
  Copyright (c) 2026, The labfleet.conda contributors
  GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
  SPDX-License-Identifier: GPL-3.0-or-later

.. This page is generated from the code of the rules by PYTHONPATH=tests .venv/bin/python -m gates.rule_reference

.. _ansible_collections.labfleet.conda.docsite.rule_reference:

The rule reference
==================

These are the rules by which :ansplugin:`labfleet.conda.conda_audit#module` judges a host. A policy gives a rule another
severity, or switches it off, under ``rules``; a waiver excuses one subject for a time. See
:ref:`ansible_collections.labfleet.conda.docsite.policy_reference`.

A rule that *needs* something is asked only with the option named: ``files`` and ``hashes`` with ``integrity``,
``storage`` with ``storage``.

.. contents::
  :local:
  :depth: 1
"""

FAMILIES = {
    "tool": "The tool",
    "solver": "The solver",
    "channels": "Channels and licences",
    "transport": "Transport",
    "secrets": "Secrets",
    "permissions": "Permissions",
    "caches": "Package caches",
    "base": "The base prefix",
    "environment": "The health of environments",
    "configuration": "Configuration",
    "vulnerabilities": "Known vulnerabilities",
    "gpu": "GPUs",
    "policy": "The policy itself",
}


def page(rules: t.Iterable[t.Any]) -> str:
    """The page on some rules."""
    found = sorted(rules, key=lambda rule: rule.id)
    lines = [HEAD]
    for family, title in FAMILIES.items():
        lines += [title, "-" * len(title), ""]
        for rule in found:
            if rule.family == family:
                lines += entry(rule)
    return "\n".join(lines).rstrip() + "\n"


def entry(rule: t.Any) -> list[str]:
    """One rule as a definition."""
    facts = [f"Severity: {rule.severity}.", f"Looks at: each {rule.scope}."]
    if rule.needs:
        facts.append(f"Needs: {', '.join(rule.needs)}.")
    texts = [
        f"**{escaped(rule.title)}.** {escaped(rule.explanation)}",
        f"*Remedy:* {escaped(rule.remedy)}",
        f"{' '.join(facts)} Source: {escaped(rule.source.rstrip('.'))}.",
    ]
    lines = [f".. _ansible_collections.labfleet.conda.docsite.rule_reference.{rule.id}:", "", f"``{rule.id}``"]
    for text in texts:
        lines += [f"  {text}", ""]
    return lines


def escaped(text: str) -> str:
    """A text with what reStructuredText would take for markup made harmless."""
    for mark in "\\*`|_":
        text = text.replace(mark, "\\" + mark)
    return text


def texts(rules: t.Iterable[t.Any]) -> str:
    """What a report tells of each rule by its id, as JSON."""
    told = {rule.id: {field: getattr(rule, field) for field in FIELDS} for rule in rules}
    return json.dumps(told, indent=1, sort_keys=True) + "\n"


def main() -> None:
    """Write the page and the texts."""
    sys.path.insert(0, str(CHECKOUT / "build" / "collections"))
    from ansible_collections.labfleet.conda.plugins.module_utils._audit._catalogue import RULES

    (CHECKOUT / PAGE).write_text(page(RULES), encoding="utf-8")
    (CHECKOUT / TEXTS).write_text(texts(RULES), encoding="utf-8")


if __name__ == "__main__":
    main()
