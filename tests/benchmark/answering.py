# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All hosts of a simulated fleet that are reached by ssh: a server whose user names are kinds of hosts.

Each command is answered as that kind of host did when it was recorded, and after as many seconds. The client and the
protocol are real; the server is one process, so that the hosts take little of this machine's processor.

    python answering.py FOLDER_WITH_ANSWERS PORT
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import asyncssh

_PIECE = 1024 * 1024


class _Server(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        """Nobody needs to log in."""
        return False


async def serve(folder: Path, port: int) -> None:
    """Answer until the process is ended; prints a line when it is ready."""
    answers = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}

    async def answer(process: asyncssh.SSHServerProcess[bytes]) -> None:
        found = answers[process.get_extra_info("username")]
        while await process.stdin.read(_PIECE):  # the module, which a Python reads whole before it begins
            pass
        await asyncio.sleep(found["seconds"])
        process.stdout.write(found["out"].encode())
        process.stderr.write(found["err"].encode())
        process.exit(found["code"])

    key = asyncssh.generate_private_key("ssh-ed25519")
    await asyncssh.create_server(
        _Server, "", port, server_host_keys=[key], process_factory=answer, encoding=None, backlog=1000
    )
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
