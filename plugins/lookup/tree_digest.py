# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sums up files and directories of the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
name: tree_digest
short_description: One SHA-256 sum over a file, or over all that is in a directory, on the control node
version_added: 0.1.0
author:
  - The labfleet.conda contributors (@labfleet)
description:
  - Tells whether files of the control node are others than they were. The names of files below a directory count,
    their content, and whether they can be executed; owners and times do not.
options:
  _terms:
    description:
      - Files and directories. Paths that are not absolute are searched as those of M(ansible.builtin.copy) are.
    type: list
    elements: path
    required: true
"""

EXAMPLES = r"""
---
- name: Tell the sum of what goes into an image
  ansible.builtin.debug:
    msg: "{{ lookup('labfleet.conda.tree_digest', 'files/site') }}"
"""

RETURN = r"""
_raw:
  description: One sum for each of the paths.
  type: list
  elements: str
"""

import hashlib
import os

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase


def _files(top):
    """Each file below a path: its name from there, and where it is."""
    if not os.path.isdir(top):
        return [("", top)]
    found = []
    for folder, _folders, names in os.walk(top, followlinks=True):
        found += [os.path.join(folder, name) for name in names]
    return sorted((os.path.relpath(path, top), path) for path in found)


def _digest(top):
    total = hashlib.sha256()
    for name, path in _files(top):
        with open(path, "rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        may_run = "x" if os.stat(path).st_mode & 0o100 else "-"
        total.update(("%s %s %s\n" % (content, may_run, name)).encode("utf-8", "surrogateescape"))
    return total.hexdigest()


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        answer = []
        for term in terms:
            path = self.find_file_in_search_path(variables, "files", term)
            if not path:
                raise AnsibleLookupError("tree_digest: there is no file or directory %s on the control node." % term)
            try:
                answer.append(_digest(path))
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                raise AnsibleLookupError("tree_digest: %s: %s." % (error.filename, reason)) from None
        return answer
