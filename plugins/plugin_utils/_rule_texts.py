# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What the control node knows of the rules by which hosts are judged."""

from __future__ import annotations

import functools
import json
import pathlib

_TEXTS = pathlib.Path(__file__).parent / "_data" / "rules.json"


@functools.lru_cache(maxsize=1)
def rule_texts() -> dict[str, dict[str, str]]:
    """For each rule by its id what a report tells of it: title, family, severity, explanation, remedy and source.

    They are data, made from the code of the rules, which ansible-core would compile in every run.
    """
    return json.loads(_TEXTS.read_text(encoding="utf-8"))


__all__ = ("rule_texts",)
