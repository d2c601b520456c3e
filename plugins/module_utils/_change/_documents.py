# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find the JSON documents in what a tool has written, whatever stands around them."""

from __future__ import annotations

import json
import re
import typing as t

Document = t.Dict[str, t.Any]
_DECODER = json.JSONDecoder()
_LINE_START = re.compile(r"[\n\0]\{")


def json_documents(output: bytes) -> t.List[Document]:
    """The documents that are objects, in their order, without those that only report progress.

    conda up to 22.11 writes progress documents that end in a NUL byte, ``conda self`` and micromamba mix text into the
    same stream, before or after the document and on the same line. A document that is cut off is left out whole: what
    is inside it is no document.
    """
    text = output.decode("utf-8", "replace")
    documents: t.List[Document] = []
    start = text.find("{")
    while start >= 0:
        try:
            document, end = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            found = _LINE_START.search(text, start)
            start = found.end() - 1 if found else -1
            continue
        if not _is_progress(document):
            documents.append(document)
        start = text.find("{", end)
    return documents


def _is_progress(document: Document) -> bool:
    return "progress" in document and "finished" in document  # 4.2 also reports what it unpacks and links


__all__ = ("Document", "json_documents")
