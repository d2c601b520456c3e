# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Takes the values of a YAML document by their shape; what has another one is told by its line."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._spec._request import FileError
from ansible_collections.labfleet.conda.plugins.module_utils._spec._yaml import Node


def map_of(node: Node, what: str) -> t.Dict[t.Any, Node]:
    """The keys and values of a map; none where nothing is written.

    :param what: what it is, as the subject of a sentence.
    """
    if node.kind == "scalar" and node.value is None:
        return {}
    if node.kind != "map":
        raise FileError(node.line, "%s must be a map of keys and values, not %s" % (what, _told(node)))
    return t.cast(t.Dict[t.Any, Node], node.value)


def list_of(node: t.Optional[Node], what: str) -> t.List[Node]:
    """The items of a list; none where nothing is written."""
    if node is None or (node.kind == "scalar" and node.value is None):
        return []
    if node.kind != "list":
        raise FileError(node.line, "%s must be a list, with a dash before each item, not %s" % (what, _told(node)))
    return t.cast(t.List[Node], node.value)


def text_of(node: t.Optional[Node], what: str, line: int = 1) -> str:
    """A text.

    :param line: where it should stand, for one that is not there.
    """
    if node is None:
        raise FileError(line, "%s is missing" % what)
    if node.kind != "scalar" or not isinstance(node.value, str) or not node.value.strip():
        raise FileError(node.line, "%s must be a text, not %s" % (what, _told(node)))
    return node.value.strip()


def texts_of(node: t.Optional[Node], what: str, item: str) -> t.List[str]:
    """The texts of a list.

    :param item: what one of them is.
    """
    return [text_of(child, item) for child in list_of(node, what)]


def _told(node: Node) -> str:
    if node.kind == "list":
        return "a list"
    if node.kind == "map":
        return "a map: is there a colon and a space too many?"
    if node.value is None or node.value == "":
        return "nothing"
    if isinstance(node.value, bool):
        return "a truth value: put it in quotes"
    if isinstance(node.value, (int, float)):
        return "a number: put it in quotes"
    return "a text"


__all__ = ("list_of", "map_of", "text_of", "texts_of")
