# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the code of the module conda_update in a process of its own, without Ansible around it, for tests that kill it.

Its one argument is a JSON map of options; the defaults are those of the module. It prints the result as JSON, and what
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
    module = importlib.import_module(PLUGINS + "modules.conda_update")
    options = {name: spec.get("default") for name, spec in module.ARGUMENT_SPEC.items()}
    given = json.loads(sys.argv[1])
    check = given.pop("check", False)
    options.update(given)
    try:
        result = module.update(options, check=check, note=lambda text: print(text, file=sys.stderr, flush=True))
    except module.ChangeError as error:
        result = dict(error.result, failed=str(error))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
