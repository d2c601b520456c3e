# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tests that docs/traps.md names as proofs exist."""

from __future__ import annotations

import re
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def test_each_proof_is_a_test() -> None:
    rows = (
        (CHECKOUT / "docs" / "traps.md").read_text(encoding="utf-8").split("| --- | --- | --- |")[1].strip().split("\n")
    )
    texts = "\n".join(path.read_text(encoding="utf-8") for path in (CHECKOUT / "tests").rglob("test_*.py"))
    known = set(re.findall(r"def (test_\w+)\(", texts))
    named = {row: re.findall(r"`(test_\w+)`", row.split("|")[-2]) for row in rows}
    assert [row for row, names in named.items() if not names] == []
    assert sorted({name for names in named.values() for name in names} - known) == []
