# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the code of a module that changes a base in a process of its own, without Ansible around it, to be killed.

Its arguments are a JSON map of options, where the defaults are those of the module, and the name of the module,
conda_update without one. It prints the result as JSON, and what
it is doing, a line each, on standard error.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "build" / "collections"))
PLUGINS = "ansible_collections.labfleet.conda.plugins."


def main() -> None:
    name = sys.argv[2] if len(sys.argv) > 2 else "conda_update"
    module = importlib.import_module(PLUGINS + "modules." + name)
    change = getattr(module, name.partition("_")[2])
    options = {name: spec.get("default") for name, spec in module.ARGUMENT_SPEC.items()}
    given = json.loads(sys.argv[1])
    check = given.pop("check", False)
    options.update(given)
    try:
        result = change(options, check=check, note=lambda text: print(text, file=sys.stderr, flush=True))
    except module.ChangeError as error:
        result = dict(error.result, failed=str(error))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
