# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A webhook over real HTTP, on the loopback interface."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
import typing as t


@contextlib.contextmanager
def listening(take: t.Callable[[t.Any], None], *, status: int) -> t.Iterator[str]:
    """The address of a webhook.

    :param take: is given what each notification holds.
    :param status: that of the answers.
    """

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            take(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *unused: t.Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


__all__ = ("listening",)
