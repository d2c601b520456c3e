# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this doc fragment is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The options that modules on the control node have in common, of the files that they write there."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  mode:
    description:
      - The permissions of the files that are written, octal, as a number (V(0640)) or a text (V("0640")).
      - They tell much about the hosts, so only their owner may read them by default.
    type: raw
    default: "0600"
"""

    # For those that write one document.
    DOCUMENT = r"""
options:
  dest:
    description:
      - A file on the control node to which the document is written, as JSON. Its directory must exist.
      - A file that is there is replaced at once, never left half written.
    type: path
"""
