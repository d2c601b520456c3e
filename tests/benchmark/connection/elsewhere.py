# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A connection to a host that has a processor of its own, so that what is measured is the control node alone.

With LABFLEET_RECORD, a command is run here, and its answer and the seconds of the processor that it took are kept, for
each kind of host. Later the answer is given as late, without the processor of this machine.
"""

from __future__ import annotations

import json
import os
import resource
import time

from ansible.plugins.connection.local import Connection as LocalConnection

DOCUMENTATION = """
name: elsewhere
short_description: A host that answers as one did before
description: For the benchmark only.
author: The labfleet.conda contributors (@labfleet)
extends_documentation_fragment:
  - connection_pipelining
options:
  kind:
    description: What kind of host it is; hosts of one kind give the same answers.
    vars:
      - name: scale_kind
"""


class Connection(LocalConnection):
    transport = "elsewhere"

    def exec_command(self, cmd, in_data=None, sudoable=True):
        place = os.path.join(os.environ["LABFLEET_ANSWERS"], "%s.json" % self.get_option("kind"))
        if "LABFLEET_RECORD" in os.environ:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            code, out, err = super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            found = {"seconds": seconds, "code": code, "sent": len(in_data or "")}
            self._keep(place, {**found, "out": out.decode(), "err": err.decode()})
            return code, out, err
        with open(place, encoding="utf-8") as stream:
            answer = json.load(stream)
        time.sleep(answer["seconds"])
        return answer["code"], answer["out"].encode(), answer["err"].encode()

    def _keep(self, place, answer):
        """Keep the fastest answer: other work on this machine must not count for the host."""
        if os.path.exists(place):
            with open(place, encoding="utf-8") as stream:
                if json.load(stream)["seconds"] < answer["seconds"]:
                    return
        with open(place, "w", encoding="utf-8") as stream:
            json.dump(answer, stream)
