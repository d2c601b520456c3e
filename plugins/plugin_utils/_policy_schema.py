# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The one list of what a policy may say, as a JSON Schema and in the words of its reference page."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.labfleet.conda.plugins.plugin_utils._gates import SEVERITIES
from ansible_collections.labfleet.conda.plugins.plugin_utils._policy_keys import (
    BOOLEAN,
    CHOICE,
    DATE_PATTERN,
    KEYS,
    NUMBER,
    OFF,
    ON,
    PATHS,
    RULE_PATTERN,
    RULES,
    SETTING_PATTERN,
    SETTINGS,
    TEXT,
    TEXTS,
    TOOLS,
    VERSION,
    VERSION_PATTERN,
    VERSIONS,
    WAIVER,
    WHOLE,
    Field,
    Key,
)

SCHEMA_ID = "https://raw.githubusercontent.com/labfleet/labfleet.conda/main/docs/policy.schema.json"


def sections() -> dict[str, list[Key]]:
    """The keys by what stands before the first dot, in the order of KEYS."""
    found: dict[str, list[Key]] = {}
    for key in KEYS:
        found.setdefault(key.name.partition(".")[0], []).append(key)
    return found


def json_schema() -> dict[str, t.Any]:
    """The JSON Schema (draft 2020-12) of one layer, for editors and for checks before a run."""
    properties: dict[str, t.Any] = {}
    for section, keys in sections().items():
        if keys[0].name == section:
            properties[section] = _key_schema(keys[0])
        else:
            properties[section] = _object({key.name.partition(".")[2]: _key_schema(key) for key in keys})
    properties["locked"] = {
        "description": "Keys that no layer above this one can set.",
        **_list(
            {
                "type": "string",
                "anyOf": [{"enum": lockable()}, *({"pattern": pattern} for pattern in _lockable_patterns())],
            }
        ),
    }
    waiver = {field.name: {"description": bare(field.text), **_field_schema(field)} for field in WAIVER}
    properties["waivers"] = {
        "description": "Findings that are accepted for a time.",
        **_list(_object(waiver, [field.name for field in WAIVER if field.required])),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "One layer of a policy of labfleet.conda",
        **_object(properties),
    }


def _object(properties: dict[str, t.Any], required: t.Sequence[str] = ()) -> dict[str, t.Any]:
    schema = {"type": "object", "additionalProperties": False, "properties": properties}
    return {**schema, "required": list(required)} if required else schema


def _list(items: dict[str, t.Any]) -> dict[str, t.Any]:
    return {"type": "array", "items": items}


def _key_schema(key: Key) -> dict[str, t.Any]:
    schema = _kind_schema(key)
    if key.nullable:
        schema = {"anyOf": [schema, {"type": "null"}]}
    return {"description": bare(key.text), "default": key.default, **schema}


def _kind_schema(key: Key) -> dict[str, t.Any]:
    text = {"type": "string", "minLength": 1}
    version = {"type": "string", "pattern": VERSION_PATTERN}
    rule = {"enum": [OFF, ON, *SEVERITIES, False, True]}
    schemas: dict[str, dict[str, t.Any]] = {
        BOOLEAN: {"type": "boolean"},
        TEXT: text,
        TEXTS: _list(text),
        PATHS: _list({"type": "string", "pattern": "^/"}),
        VERSION: version,
        NUMBER: {"type": "number", "minimum": key.minimum},
        WHOLE: {"type": "integer", "minimum": key.minimum},
        CHOICE: {"enum": list(key.choices)},
        VERSIONS: _object({tool: {"anyOf": [version, {"type": "null"}]} for tool in TOOLS}),
        SETTINGS: {"type": "object", "propertyNames": {"pattern": SETTING_PATTERN}},
        RULES: {"type": "object", "propertyNames": {"pattern": RULE_PATTERN}, "additionalProperties": rule},
    }
    return schemas[key.kind]


def _field_schema(field: Field) -> dict[str, t.Any]:
    text = {"type": "string", "minLength": 1}
    if field.kind == TEXTS:
        return {**_list(text), "minItems": 1}
    return text if field.kind == TEXT else {"type": "string", "format": "date", "pattern": DATE_PATTERN}


def lockable() -> list[str]:
    """What a layer may lock by name: keys, what stands before their dots, entries for known tools, and the waivers."""
    names = {key.name for key in KEYS}
    names.update(key.name + "." + tool for key in KEYS if key.kind == VERSIONS for tool in TOOLS)
    return sorted({*names, *sections(), "waivers"})


def _lockable_patterns() -> list[str]:
    """Patterns of the entries of maps whose entries are not known beforehand."""
    patterns = {SETTINGS: SETTING_PATTERN, RULES: RULE_PATTERN}
    return ["^%s\\.%s" % (key.name.replace(".", "\\."), patterns[key.kind][1:]) for key in KEYS if key.kind in patterns]


def bare(text: str) -> str:
    """A text without the marks of the reference page."""
    return re.sub(r"C\((.*?)\)", r"\1", text)


__all__ = ("SCHEMA_ID", "bare", "json_schema", "lockable", "sections")
