# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The options of the modules whose work condarefresh does, as it sets them."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._options import CHANGE_OPTIONS, RECORD_OPTIONS
from ansible_collections.labfleet.conda.plugins.module_utils._condarefresh._arguments import Arguments

_Map = t.Dict[str, t.Any]
_RUN_ID = "condarefresh"


def update_options(arguments: Arguments, prefix: str, **more: t.Any) -> _Map:
    """Those of conda_update, for the base prefix."""
    return {**_common(arguments), "environment": None, "version": None, "packages": [], "solver": "keep",
            "prefix": prefix, **more}  # fmt: skip


def package_options(arguments: Arguments, base: str, environment: t.Optional[str], names: t.Sequence[str]) -> _Map:
    """Those of conda_package, for packages of an environment, or of the base prefix itself."""
    return {**_common(arguments), "name": list(names), "state": "latest", "prefix": base, "environment": environment,
            "environments": None, "pip": [], "pip_force": False, "pip_arguments": [], "with_dependents": False,
            "tool": "auto"}  # fmt: skip


def _common(arguments: Arguments) -> _Map:
    found = {name: spec.get("default") for name, spec in {**CHANGE_OPTIONS, **RECORD_OPTIONS}.items()}
    found.update(channels=[], override_channels=True, allow_downgrade=False, time_limit=3600.0, grace=300.0)
    found.update(reserve=268435456, python=arguments.python, run_id=_RUN_ID)
    # A person waits: what is in use is told at once, not after ten minutes.
    found.update(busy="ignore" if arguments.even_if_in_use else "fail", busy_seconds=60.0, lock_seconds=60.0)
    return found


__all__ = ("package_options", "update_options")
