# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every file says under which licence it stands."""

from __future__ import annotations

from pathlib import Path

from gates import toolbox


def test_reuse(collection: Path) -> None:
    toolbox.run([toolbox.tools() / "reuse", "lint"], cwd=collection)


def test_the_two_copies_of_the_licence_agree() -> None:
    texts = [(toolbox.CHECKOUT / name).read_bytes() for name in ("LICENSE", "LICENSES/GPL-3.0-or-later.txt")]
    assert texts[0] == texts[1]
    assert b"Version 3, 29 June 2007" in texts[0]


def test_python_files_carry_the_same_head() -> None:
    head = (toolbox.CHECKOUT / "tests" / "gates" / "toolbox.py").read_text("utf-8").split("\n\n")[0]
    sources = {name: (toolbox.CHECKOUT / name).read_text("utf-8") for name in toolbox.files() if name.endswith(".py")}
    other = [
        name
        for name, text in sources.items()
        if text
        and not text.removeprefix("#!/usr/bin/python\n").removeprefix("#!/usr/bin/env python3\n").startswith(head)
    ]
    assert other == []
