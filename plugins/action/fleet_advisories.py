# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Refreshes the advisories from OSV records; see the documentation of the module of the same name."""

from __future__ import annotations

import datetime
import json

from ansible.errors import AnsibleActionFail

from ansible_collections.labfleet.conda.plugins.plugin_utils._advisories import age_days, load
from ansible_collections.labfleet.conda.plugins.plugin_utils._control_node import ControlNodeAction
from ansible_collections.labfleet.conda.plugins.plugin_utils._osv import Refresh, as_text
from ansible_collections.labfleet.conda.plugins.plugin_utils._osv_source import opened, shown
from ansible_collections.labfleet.conda.plugins.plugin_utils._output import permissions, write_if_changed
from ansible_collections.labfleet.conda.plugins.plugin_utils._shown import show

MAX_NAMED = 100


class ActionModule(ControlNodeAction):
    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, options = self.validate_argument_spec(
            argument_spec={
                "source": {"type": "str", "required": True},
                "dest": {"type": "path", "required": True},
                "checksum": {"type": "str"},
                "names": {"type": "list", "elements": "str"},
                "keep_shipped": {"type": "bool", "default": True},
                "timeout": {"type": "int", "default": 60},
                "validate_certs": {"type": "bool", "default": True},
                "mode": {"type": "raw", "default": "0644"},
            }
        )
        today = datetime.datetime.now(datetime.timezone.utc).date()  # noqa: UP017 - Python 3.10
        try:
            mode = permissions(options["mode"])
            refresh, data = _refresh(options, today)
        except ValueError as error:
            raise AnsibleActionFail("fleet_advisories: %s" % str(error).rstrip(".") + ".") from None
        counts = {**refresh.counts, "advisories": len(data["advisories"])}
        age = age_days(data["date"], today)
        result.update(counts=counts, skipped=refresh.skipped, date=data["date"], age_days=age)
        show(
            "%d advisories; the newest of %d records is of %s, %d days old."
            % (counts["advisories"], counts["records"], data["date"], age)
        )
        result.update(self._write(data, options["dest"], mode))
        return result

    def _write(self, data, dest, mode):
        text = as_text(data)
        try:
            before, changed = write_if_changed(dest, text, mode=mode, write=not self._task.check_mode)
        except OSError as error:
            message = "The advisories could not be written to %s: %s. Name a file in a directory that you may write to."
            raise AnsibleActionFail(message % (dest, (error.strerror or str(error)).lower())) from None
        answer = {"dest": dest, "changed": changed}
        if self._task.diff:
            old = _parsed(before)
            heads = {"before_header": dest, "after_header": dest}
            answer["diff"] = {"before": _summary(old, data), "after": _summary(data, old), **heads}
        return answer


def _refresh(options, today):
    refresh = Refresh(today=today, names=options["names"])
    arguments = {key: options[key] for key in ("checksum", "timeout", "validate_certs")}
    with opened(options["source"], **arguments) as path:
        refresh.read(path, name=options["source"])
    about = "OSV records from %s" % shown(options["source"])
    return refresh, refresh.data(about, load() if options["keep_shipped"] else None)


def _parsed(text):
    """The data in a file of ours; empty where it holds something else."""
    try:
        data = json.loads(text) if text else {}
        return data if isinstance(data["advisories"], list) else {}
    except (ValueError, KeyError, TypeError):
        return {}


def _summary(data, other):
    """What a diff shows of one side: its head, and the advisories that the other side has not, or says otherwise."""
    if not data:
        return ""
    theirs = {entry.get("id"): entry for entry in other.get("advisories", ()) if isinstance(entry, dict)}
    own = [entry for entry in data["advisories"] if isinstance(entry, dict)]
    different = [str(entry.get("id")) for entry in own if theirs.get(entry.get("id")) != entry]
    shown_ids = different[:MAX_NAMED] + (["and %d more" % (len(different) - MAX_NAMED)] * (len(different) > MAX_NAMED))
    head = {key: data.get(key) for key in ("date", "conda_date", "source")}
    return json.dumps({**head, "advisories": len(own), "different": shown_ids}, indent=1, sort_keys=True) + "\n"
