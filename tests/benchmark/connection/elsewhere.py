# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A connection to a host that has a processor of its own, so that what is measured is the control node alone.

The first time that a command is asked of a kind of host, it is run here, and its answer and its seconds are kept. After
that the answer is given as late as the host gave it, without the processor of this machine.
"""

from __future__ import annotations

import json
import os
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
        if not os.path.exists(place):
            started = time.perf_counter()
            code, out, err = super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
            found = {"seconds": time.perf_counter() - started, "code": code, "sent": len(in_data or "")}
            with open(place, "w", encoding="utf-8") as stream:
                json.dump({**found, "out": out.decode(), "err": err.decode()}, stream)
            return code, out, err
        with open(place, encoding="utf-8") as stream:
            answer = json.load(stream)
        time.sleep(answer["seconds"])
        return answer["code"], answer["out"].encode(), answer["err"].encode()
