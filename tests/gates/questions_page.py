# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes the page on all ready questions from their data: PYTHONPATH=tests .venv/bin/python -m gates.questions_page"""

from __future__ import annotations

import shlex
import sys
import typing as t
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
PAGE = "docs/docsite/rst/questions.rst"

HEAD = """\
..
  Copyright (c) 2026, The labfleet.conda contributors
  GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
  SPDX-License-Identifier: GPL-3.0-or-later

.. This page is generated from plugins/plugin_utils/_questions.py by
   PYTHONPATH=tests .venv/bin/python -m gates.questions_page

.. _ansible_collections.labfleet.conda.docsite.questions:

Questions to a fleet
====================

The playbook ``labfleet.conda.ask`` answers a question over all hosts. It looks at the hosts of the inventory now, or,
with ``ask_document``, answers in a second from a report that ``labfleet.conda.audit`` has saved:

.. code-block:: console

  $ ansible-playbook -i my_inventory labfleet.conda.ask -e ask_question=conda_below -e ask_version=26.5.2
  $ ansible-playbook labfleet.conda.ask -e ask_document=audit.json -e ask_question=licensed_channel

Rows that differ only in their host are merged, and what is not in the answer is told below it: hosts that were not
seen, things that could not be read, versions that could not be compared. Questions about packages need a report that
was made with the lists of packages. It needs the Python package ``jmespath`` on the control node.

.. contents::
  :local:
  :depth: 1

Questions of your own
---------------------

A question is an expression in `JMESPath <https://jmespath.org/>`_ over the report:

.. code-block:: console

  $ ansible-playbook labfleet.conda.ask -e ask_document=audit.json \\
      -e '{"ask_expression": "environments[?record_count > `500`].{host: host, prefix: prefix}"}'

Besides the keys of the report there are flat lists of the entries of all hosts, each with its ``host``: ``findings``,
``installations``, ``environments``, ``unreadable``, ``unjudged``; and ``host_list``, with one line per host. Besides
the functions of JMESPath there are these, all in conda's order of versions:

.. list-table::
  :header-rows: 1

  * - function
    - what it gives
  * - ``version_lt(version, '26.5')``, ``version_ge(version, '26.5')``
    - whether a version is below another, or is not
  * - ``version_matches(version, '>=24,<26')``
    - whether a version is in a range
  * - ``match(package, 'openssl <3')``
    - whether a package of ``environments[].packages`` or ``environments[].pip_packages`` meets a match spec
  * - ``packages('openssl <3')``
    - all packages of the fleet that meet a match spec; faster than ``match`` over all of them
  * - ``blast_radius('openssl <3')``
    - whom it touches and what to type, see below; also for the id of an advisory
  * - ``is_number(text)``
    - whether a text consists of digits, as an owner without a name does
  * - ``param('name')``
    - what ``parameters`` gives

The ``<`` of JMESPath compares versions as texts, by which 4.10 comes before 4.9.

The blast radius
----------------

.. code-block:: console

  $ ansible-playbook labfleet.conda.ask -e ask_document=audit.json -e ask_question=blast_radius \\
      -e '{"ask_spec": "openssl <3.0.13"}'
  $ ansible-playbook labfleet.conda.ask -e ask_document=audit.json -e ask_question=blast_radius \\
      -e ask_advisory=CVE-2026-53940 -e ask_limit_dest=hosts.txt

The answer names the hosts, the users and the environments, and what to type: the hosts for ``--limit``, and the run of
the playbook ``update_environments`` that mends them
(:ref:`how it works <ansible_collections.labfleet.conda.docsite.update>`). For what pip installed, and inside another
root, it is a command that runs as the owner of the environment. There is none where somebody would have to run what
another user can change, or where no version is known that mends it; the reason stands there instead. Names merged as in
``gpu[01-12]`` are for reading only: Ansible does not take them for ``--limit``.

Ready questions
---------------
"""


def page(questions: t.Iterable[t.Any]) -> str:
    """The page on some questions."""
    return HEAD + "".join(_section(question) for question in questions)


def _section(question: t.Any) -> str:
    lines = ["", question.name, "^" * len(question.name), "", question.title]
    if question.note:
        lines += ["", question.note]
    lines += ["", ".. code-block:: console", ""]
    start = "  $ ansible-playbook labfleet.conda.ask -e ask_document=audit.json -e ask_question=%s" % question.name
    for parameter in question.parameters or (None,):
        lines += _command(start, parameter)
    if question.parameters:
        lines += ["", *("``ask_%s``: %s." % (parameter.name, parameter.text) for parameter in question.parameters)]
        if len(question.parameters) > 1:
            lines += ["One of them."]
    lines += ["", ".. code-block:: text", "", "  " + question.expression, ""]
    return "\n".join(lines[:-1]) + "\n"


def _command(start: str, parameter: t.Any) -> list[str]:
    if parameter is None:
        return [start]
    given = "ask_%s=%s" % (parameter.name, parameter.example)
    if " " in parameter.example:  # ansible splits key=value at blanks
        given = '{"ask_%s": "%s"}' % (parameter.name, parameter.example)
    return [start + " \\", "      -e " + shlex.quote(given)]


def main() -> int:
    """Write the page when it differs."""
    sys.path.insert(0, str(CHECKOUT / "tests"))
    __import__("conftest")  # makes the checkout importable
    from ansible_collections.labfleet.conda.plugins.plugin_utils._questions import QUESTIONS

    path, text = CHECKOUT / PAGE, page(QUESTIONS)
    if not path.is_file() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")
        print("written: " + PAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
