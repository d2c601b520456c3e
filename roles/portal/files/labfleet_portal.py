# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lets a JupyterHub offer the images of a catalogue, and start no other; the role labfleet.conda.portal installs it.

The catalogue is read anew for each page and each start, so a new one counts at once, without a restart of the hub.
"""

from __future__ import annotations

import html
import json

GIGABYTE = 1024**3
# Bootstrap's classes, which the pages of JupyterHub have.
COLOURS = {"current": "success", "supported": "info", "to be archived": "warning", "unknown": "secondary"}
SEVERITIES = ("critical", "high", "medium", "low", "info")


class Refused(Exception):
    """What was asked for is not started; the message tells why and what to do."""


class Portal:
    """A catalogue in a file.

    :param path: the file.
    :param option: the spawner's option that holds the choice: image of DockerSpawner, profile of KubeSpawner.
    """

    def __init__(self, path: str, option: str) -> None:
        self.path, self.option = path, option

    def read(self) -> dict:
        """The catalogue as it is now."""
        try:
            with open(self.path, encoding="utf-8") as stream:
                return json.load(stream)
        except (OSError, ValueError):
            raise Refused("The catalogue of images cannot be read. Tell the people who run this portal.") from None

    def form(self, spawner) -> str:
        """What the page "Server Options" asks."""
        try:
            return form(self.read(), self.option)
        except Refused as reason:
            return '<p class="alert alert-danger">%s</p>' % html.escape(str(reason))

    def options_from_form(self, data: dict) -> dict:
        """The spawner's options for a form that was sent."""
        return {self.option: (data.get(self.option) or [""])[0]}

    def allowed_images(self, spawner) -> dict:
        """For DockerSpawner: what can be chosen, and the image that is started for it."""
        return {image["key"]: image["start"] for image in self.read()["images"] if image["startable"]}

    def profiles(self, spawner) -> list:
        """For KubeSpawner: what can be chosen, and what a pod gets for it."""
        catalogue = self.read()
        return [
            {
                "slug": image["key"],
                "display_name": "%s %s" % (image["name"], image["version"]),
                "description": image["description"],
                "kubespawner_override": {"image": image["start"], **pod_limits(catalogue["limits"])},
            }
            for image in catalogue["images"]
            if image["startable"]
        ]

    def before_start(self, spawner) -> None:
        """Refuse what may not be started, however it was asked for, and set the limits of a container."""
        from tornado.web import HTTPError

        try:
            catalogue = self.read()
            image = chosen(catalogue, (spawner.user_options or {}).get(self.option))
        except Refused as reason:
            error = HTTPError(403, str(reason))
            error.jupyterhub_message = str(reason)  # what the page shows
            raise error from None
        if self.option == "image":
            spawner.image = image["start"]
            for name, value in container_limits(catalogue["limits"]).items():
                setattr(spawner, name, {**spawner.extra_host_config, **value} if isinstance(value, dict) else value)


def chosen(catalogue: dict, key: object) -> dict:
    """The image with a key; raises Refused where there is none that may be started."""
    if not isinstance(key, str) or not key:
        raise Refused("No image was chosen. Choose one that is offered.")
    image = next((image for image in catalogue["images"] if image["key"] == key), None)
    if image is None:
        raise Refused("There is no image %r in the catalogue. Choose one that is offered." % key[:100])
    if not image["startable"]:
        text = "%s %s is %s and cannot be started: %s Choose another one."
        raise Refused(text % (image["name"], image["version"], image["status"], image["reason"]))
    return image


def container_limits(limits: dict) -> dict:
    """The limits as traits of DockerSpawner."""
    host_config: dict = {"shm_size": int(limits["shared_memory_gigabytes"] * GIGABYTE), "device_requests": []}
    if limits["gpus"]:
        from docker.types import DeviceRequest

        host_config["device_requests"] = [DeviceRequest(count=limits["gpus"], capabilities=[["gpu"]])]
    found = {"extra_host_config": host_config}
    if limits["cpus"] is not None:
        found["cpu_limit"] = float(limits["cpus"])
    if limits["memory_gigabytes"] is not None:
        found["mem_limit"] = int(limits["memory_gigabytes"] * GIGABYTE)
    return found


def pod_limits(limits: dict) -> dict:
    """The limits as traits of KubeSpawner; that of the shared memory is in the values of the chart."""
    found: dict = {}
    if limits["cpus"] is not None:
        found["cpu_limit"] = float(limits["cpus"])
    if limits["memory_gigabytes"] is not None:
        found["mem_limit"] = int(limits["memory_gigabytes"] * GIGABYTE)
    if limits["gpus"]:
        found["extra_resource_limits"] = {limits.get("gpu_resource", "nvidia.com/gpu"): str(limits["gpus"])}
    return found


def form(catalogue: dict, option: str) -> str:
    """The table of images with a button to choose one, those that cannot be started with the reason why."""
    first = next((image["key"] for image in catalogue["images"] if image["startable"]), None)
    rows = "".join(_row(image, option, image["key"] == first) for image in catalogue["images"])
    parts = [
        '<table class="table align-middle" id="portal-images"><thead><tr><th></th><th>Image</th><th>Status</th>'
        "<th>Built</th><th>Findings</th></tr></thead><tbody>%s</tbody></table>" % rows,
        '<p class="text-body-secondary" id="portal-limits">%s The images were judged on %s.</p>'
        % (html.escape(_limits(catalogue["limits"])), html.escape(catalogue["as_of"])),
    ]
    if first is None:
        parts.append('<p class="alert alert-warning">No image can be started now.</p>')
    return "".join(parts)


def _row(image: dict, option: str, checked: bool) -> str:
    text = {name: html.escape(str(image[name]), quote=True) for name in ("key", "name", "version", "description")}
    labels = "".join(
        ' <span class="badge text-bg-light border">%s: %s</span>' % (html.escape(name), html.escape(value))
        for name, value in image["labels"].items()
    )
    state = "checked" if checked else "" if image["startable"] else "disabled"
    colour = COLOURS.get(image["status"], "danger")
    age = "unknown" if image["age_days"] is None else "%d days ago" % image["age_days"]
    found = [(name, image["findings"].get(name)) for name in SEVERITIES]
    findings = ", ".join("%d %s" % (count, name) for name, count in found if count)
    if not findings:
        findings = "unknown" if image["status"] == "unknown" else "none"
    about = '<div class="small">%s%s</div>' % (text["description"], labels) if text["description"] or labels else ""
    reason = "" if image["status"] == "current" else '<div class="small">%s</div>' % html.escape(image["reason"])
    return (
        '<tr data-key="{key}"><td><input type="radio" class="form-check-input" name="{option}" id="portal-{key}"'
        ' value="{key}" required {state}></td><td><label for="portal-{key}"><strong>{name}</strong> {version}</label>'
        '{about}</td><td><span class="badge text-bg-{colour}">{status}</span>{reason}</td><td>{age}</td>'
        "<td>{findings}</td></tr>"
    ).format(
        option=option, state=state, about=about, colour=colour, status=html.escape(image["status"]), reason=reason,
        age=age, findings=html.escape(findings), key=text["key"], name=text["name"], version=text["version"],
    )  # fmt: skip


def _limits(limits: dict) -> str:
    found = []
    if limits["cpus"] is not None:
        found.append("%g processors" % limits["cpus"])
    if limits["memory_gigabytes"] is not None:
        found.append("%g GB of memory" % limits["memory_gigabytes"])
    found += ["%d GPUs" % limits["gpus"], "%g GB of shared memory" % limits["shared_memory_gigabytes"]]
    return "Your server gets %s." % ", ".join(found)


__all__ = ("Portal", "Refused", "chosen", "container_limits", "form", "pod_limits")
