# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The bill of materials as CycloneDX 1.6 JSON, with conda and pip packages of every environment that listed them.

Written by hand: cyclonedx-python-lib is no part of what a controller has, and holds the whole document in memory. The
tests validate with it.
"""

from __future__ import annotations

import hashlib
import re
import typing as t
import uuid
import zlib
from urllib.parse import quote

from ansible_collections.labfleet.conda.plugins.plugin_utils._report_licences import licences
from ansible_collections.labfleet.conda.plugins.plugin_utils._report_parts import (
    NOT_SEEN,
    ReportError,
    dump,
    visible,
)
from ansible_collections.labfleet.conda.plugins.plugin_utils._report_vex import Vulnerabilities

_Map = t.Mapping[str, t.Any]
_NAMESPACE = uuid.UUID("6f1d2a0e-5f3b-5c1e-9a53-0c5a8d1f7e42")
# All that a component is made of.
_USED = ("name", "version", "build", "build_number", "channel", "subdir", "url", "license", "md5", "sha256")
_HASHES = (("md5", "MD5", 32), ("sha256", "SHA-256", 64))


def chunks(document: _Map, host: str | None = None) -> t.Iterator[str]:
    """Yield the text in pieces: a component for each host, in it one for each environment, in it the packages.

    :param host: only this one, which then is what the whole document describes.
    :raises ReportError: no environment lists its packages, or there is no such host.
    """
    hosts = document["hosts"] if host is None else {host: document["hosts"].get(host)}
    if None in hosts.values():
        raise ReportError("cyclonedx: the report has no host %r. Name one of its hosts." % host)
    if not any("packages" in item for found in hosts.values() for item in found.get("environments") or ()):
        raise ReportError(
            "cyclonedx: no environment in the report lists its packages, so there is no bill of materials to write. "
            "Audit the hosts with `packages: true`."
        )
    # The serial number is the content's own, so that the same content has the same one; hence it comes last.
    digest = hashlib.sha256()
    for chunk in _content(document, hosts, host):
        digest.update(chunk.encode("ascii"))
        yield chunk
    yield ',\n"serialNumber":"urn:uuid:%s"}\n' % uuid.uuid5(_NAMESPACE, digest.hexdigest())


def _content(document: _Map, hosts: _Map, host: str | None) -> t.Iterator[str]:
    yield '{"$schema":"http://cyclonedx.org/schema/bom-1.6.schema.json","bomFormat":"CycloneDX","specVersion":"1.6"'
    subject = {"type": "platform", "bom-ref": "fleet", "name": "fleet"} if host is None else _host(host, hosts[host])
    tool = {"type": "application", "name": "labfleet.conda"}
    metadata = {"timestamp": document["generated"], "tools": {"components": [tool]}, "component": subject}
    yield ',"version":1,"metadata":%s,"components":[' % dump(metadata)
    found = Vulnerabilities(document)
    unknown: list[str] = []
    made: dict[t.Any, dict[str, t.Any]] = {}
    # They come after the components and are as much again; packed they are a tenth of it.
    dependencies = [] if host is not None else [_packed([dump(_edge("fleet", map(_host_ref, hosts)))])]
    separator = ""
    for name, looked in hosts.items():
        parts, edges, gaps, refs = _environments(name, looked, made)
        found.add_host(name, refs)
        dependencies.append(_packed(edges))
        unknown += gaps
        parts = parts if host is not None else [{**_host(name, looked), **({"components": parts} if parts else {})}]
        for part in parts:
            yield separator + dump(part)
            separator = ",\n"
    for place, packed in enumerate(dependencies):
        yield (",\n" if place else '],\n"dependencies":[') + zlib.decompress(packed).decode("ascii")
    yield '],\n"vulnerabilities":[%s]' % ",\n".join(dump(item) for item in found.as_list())
    # Unknown is not clean: what is missing here is named, with the reason in the component's properties.
    aggregates = [{"aggregate": "unknown", "assemblies": sorted(unknown)}] if unknown else []
    yield ',\n"compositions":%s' % dump(aggregates)


def _host(name: str, host: _Map) -> dict[str, t.Any]:
    component: dict[str, t.Any] = {"type": "operating-system", "bom-ref": _host_ref(name), "name": visible(name)}
    properties = [_property("status", host["status"])]
    if host["status"] in NOT_SEEN:
        properties.append(_property("message", host.get("message") or "no reason was given"))
    if host.get("last_seen"):
        properties.append(_property("last_seen", host["last_seen"]))
    return {**component, "properties": properties}


def _host_ref(name: str) -> str:
    return "host:" + visible(name)


def _packed(edges: t.Iterable[str]) -> bytes:
    return zlib.compress(",\n".join(edges).encode("ascii"), 1)


def _edge(ref: str, wanted: t.Iterable[str]) -> dict[str, t.Any]:
    return {"ref": ref, "dependsOn": sorted(wanted)}


def _environments(
    name: str, host: _Map, made: dict[t.Any, dict[str, t.Any]]
) -> tuple[list[dict[str, t.Any]], list[str], list[str], dict[t.Any, str]]:
    """A host's environments as components; the dependencies as JSON; the references of what is not known; and all
    references by prefix and package."""
    parts, edges = [], []
    unknown = [] if host["status"] == "ok" else [_host_ref(name)]
    refs = {("", ""): _host_ref(name)}
    for environment in host.get("environments") or ():
        part = _environment(name, environment)
        refs[environment["prefix"], ""] = part["bom-ref"]
        if "packages" in environment:
            inside, between = _packages(environment, part, made)
            edges += between
            refs.update({(environment["prefix"], package): ref for package, ref in inside.items()})
        else:
            unknown.append(part["bom-ref"])
            part["properties"].append(_property("packages", "not listed: audit with packages: true"))
        parts.append(part)
    edges.insert(0, dump(_edge(_host_ref(name), [part["bom-ref"] for part in parts])))
    return parts, edges, unknown, refs


def _environment(name: str, environment: _Map) -> dict[str, t.Any]:
    prefix = visible(environment["prefix"])
    properties = [_property(key, environment[key]) for key in ("name", "owner", "installation") if environment.get(key)]
    return {
        "type": "platform",
        "bom-ref": "%s:%s" % (_host_ref(name), prefix),
        "name": prefix,
        "properties": properties,
    }


def _packages(
    environment: _Map, part: dict[str, t.Any], made: dict[t.Any, dict[str, t.Any]]
) -> tuple[dict[str, str], list[str]]:
    """Put the packages into the component of their environment.

    :param made: the components of conda packages so far: most environments have the same ones.
    :returns: the references by name, and what depends on what, by installed name, as JSON.
    """
    records = list({package["name"]: package for package in environment["packages"]}.values())
    components = {}
    for package in records:
        key = tuple(map(package.get, _USED))
        if key not in made:
            made[key] = conda_component(package)
        components[package["name"]] = dict(made[key])
    known = {(_pip_name(package["name"]), package["version"]) for package in records}
    for package in environment.get("pip_packages") or ():
        # the metadata that a conda package brings along is the same thing, not a second one
        if (_pip_name(package["name"]), package["version"]) not in known:
            components.setdefault(package["name"] + " (pip)", _pip_component(package))
    refs = {}
    for name, component in components.items():
        refs[name] = component["bom-ref"] = "%s#%s" % (part["bom-ref"], component["purl"])
    if components:
        part["components"] = list(components.values())
    edges = [dump(_edge(part["bom-ref"], refs.values()))]
    for package in records:
        wanted = {refs[name] for name in map(_wanted, package.get("depends") or ()) if name in refs}
        edges.append(dump(_edge(refs[package["name"]], wanted - {refs[package["name"]]})))
    for name in [name for name in refs if name.endswith(" (pip)")]:
        refs.setdefault(name.removesuffix(" (pip)"), refs[name])
    return refs, edges


def conda_component(package: _Map) -> dict[str, t.Any]:
    """The component of one conda record, without a C(bom-ref)."""
    url = package.get("url") or ""
    component: dict[str, t.Any] = {
        "type": "library",
        "name": visible(package["name"]),
        "version": visible(package.get("version")),
        "purl": conda_purl(package),
    }
    hashes = [
        {"alg": algorithm, "content": package[key].lower()}
        for key, algorithm, length in _HASHES
        if isinstance(package.get(key), str) and re.fullmatch("[0-9a-fA-F]{%d}" % length, package[key])
    ]
    if hashes:
        component["hashes"] = hashes
    if package.get("license"):
        component["licenses"] = licences(visible(package["license"]))
    if url:
        address = quote(url.encode("utf-8", "surrogatepass"), safe=":/?&=@+$,;~*!'()%-._")
        address = re.sub("%(?![0-9A-Fa-f]{2})", "%25", address)
        component["externalReferences"] = [{"type": "distribution", "url": address}]
    keys = ("channel", "subdir", "build", "build_number")
    component["properties"] = [_property(key, package[key]) for key in keys if package.get(key) not in (None, "")]
    return component


def conda_purl(package: _Map) -> str:
    """The package URL of a conda record (purl-spec, types/conda-definition.json).

    No namespace; the qualifiers build, channel, subdir and type, sorted. The channel is the canonical name, for
    Anaconda's own ones without C(pkgs/), as in the test vectors of the specification.
    """
    url = (package.get("url") or "").partition("#")[0]
    kinds = [kind for kind in ("conda", "tar.bz2") if url.endswith("." + kind)]
    qualifiers = {
        "build": package.get("build"),
        "channel": (package.get("channel") or "").removeprefix("pkgs/"),
        "subdir": package.get("subdir"),
        "type": kinds[0] if kinds else None,
    }
    text = "&".join("%s=%s" % (key, _quoted(value, "/")) for key, value in qualifiers.items() if value)
    version = "@" + _quoted(package["version"]) if package.get("version") else ""
    return "pkg:conda/%s%s%s" % (_quoted(package["name"]), version, "?" + text if text else "")


def _pip_component(package: _Map) -> dict[str, t.Any]:
    version = visible(package.get("version"))
    purl = "pkg:pypi/" + _quoted(_pip_name(package["name"])) + ("@" + _quoted(version) if version else "")
    component = {"type": "library", "name": visible(package["name"]), "version": version, "purl": purl}
    if package.get("installer"):
        component["properties"] = [_property("installer", package["installer"])]
    return component


def _pip_name(name: str) -> str:
    return name.lower().replace("_", "-")


def _quoted(text: t.Any, safe: str = "") -> str:
    # a colon stays (purl-spec, "Character encoding")
    return quote(visible(text), safe=safe).replace("%3A", ":")


def _wanted(spec: str) -> str:
    return re.split(r"[ =<>!~\[]", str(spec).rpartition("::")[2].strip(), maxsplit=1)[0]


def _property(name: str, value: t.Any) -> dict[str, str]:
    return {"name": "labfleet:conda:" + name, "value": visible(value)}


__all__ = ("chunks", "conda_component", "conda_purl")
