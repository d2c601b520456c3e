# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this doc fragment is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The attributes that every module of the collection documents."""

from __future__ import annotations


class ModuleDocFragment:
    # Each module says for these four how far it supports them, and why not when it does not.
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: In check mode the module changes nothing and reports what a real run would change.
  diff_mode:
    description: With C(--diff) the module shows what changes, before and after.
  idempotent:
    description: Called again with the same options, the module changes nothing, unless something else changed the host.
  platform:
    description: Operating systems of the hosts that the module can be used on.
"""

    # For modules that only look.
    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - The module only reads, so it does the same in check mode.
  diff_mode:
    support: N/A
    details:
      - The module only reads, so there is nothing to compare.
  idempotent:
    support: full
    details:
      - The module only reads, so it never reports a change.
  platform:
    support: partial
    platforms: linux, macos
    details:
      - On Linux everything is supported.
      - On macOS the same places are read, without a promise that none is missing.
      - Windows hosts are refused.
"""

    ACTIONGROUP_CONDA = r"""
options: {}
attributes:
  action_group:
    description:
      - Set C(group/labfleet.conda.conda) in C(module_defaults) to give an option one value for the whole collection.
    support: full
    membership:
      - labfleet.conda.conda
"""
