# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the code of a module in a process of its own, without Ansible around it, for tests that kill it.

Its arguments are the name of the module, that of its function, and a JSON map of options, of which C(check) is for
check mode; the defaults are those of the module. It prints the result as JSON.
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
    name, function, given = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    module = importlib.import_module(PLUGINS + "modules." + name)
    options = {key: spec.get("default") for key, spec in module.ARGUMENT_SPEC.items()}
    check = given.pop("check", False)
    options.update(given)
    try:
        result = getattr(module, function)(options, check=check, note=lambda text: None)
    except module.ChangeError as error:
        result = dict(error.result, failed=str(error))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
