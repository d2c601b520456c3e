#!/usr/bin/python
# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r""""""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.labfleet.conda.plugins.module_utils._change._cache import ChangeError, cache
from ansible_collections.labfleet.conda.plugins.module_utils._change._options import UNFORESEEN, stopped
from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import ScanError
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import clean

ARGUMENT_SPEC = {
    "path": {"type": "path"},
    "prefix": {"type": "path"},
    "state": {"type": "str", "choices": ["reported", "cleaned", "moved", "split"], "default": "reported"},
    "archives": {"type": "bool", "default": True},
    "packages": {"type": "bool", "default": True},
    "leftovers": {"type": "bool", "default": True},
    "index_cache": {"type": "bool", "default": False},
    "keep_days": {"type": "float"},
    "keep_bytes": {"type": "bytes"},
    "to": {"type": "path"},
    "search_paths": {"type": "list", "elements": "path", "default": []},
    "exclude": {"type": "list", "elements": "path", "default": []},
    "time_limit": {"type": "float", "default": 300},
    "busy": {"type": "str", "choices": ["wait", "skip", "fail"], "default": "wait"},
    "busy_seconds": {"type": "float", "default": 600},
    "lock_seconds": {"type": "float", "default": 600},
    "reserve": {"type": "int", "default": 268435456},
    "ledger": {"type": "path"},
    "run_id": {"type": "str"},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec=ARGUMENT_SPEC,
        mutually_exclusive=[("path", "prefix")],
        required_one_of=[("path", "prefix")],
        required_if=[("state", "moved", ("to",))],
        supports_check_mode=True,
    )
    try:
        result = cache(module.params, check=module.check_mode, note=module.log)
    except ChangeError as error:
        module.fail_json(msg=clean(str(error)), **clean(error.result))
    except ScanError as error:
        module.fail_json(msg=clean(str(error)))
    except UNFORESEEN as error:
        module.fail_json(msg=stopped("The work on %s" % (module.params["path"] or module.params["prefix"]), error))
    module.exit_json(**clean(result))


if __name__ == "__main__":
    main()
