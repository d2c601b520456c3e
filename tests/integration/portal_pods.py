# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks a real KubeSpawner what it would start: python portal_pods.py FOLDER OPTIONS...

FOLDER is what the role portal has written for Kubernetes; each of OPTIONS is a choice, as JSON. Prints one JSON
document: for each choice the pod, or the code and the text of the refusal. Pods and manifests are first checked against
the schemas of Kubernetes. No cluster is asked, but KUBECONFIG must name a file that could lead to one.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path

import kubernetes_validate
import yaml
from jupyterhub.objects import Hub
from kubernetes_asyncio.client import ApiClient
from kubespawner import KubeSpawner
from tornado.web import HTTPError
from traitlets.config import Config

VERSION = "1.32"


def configuration(folder: Path, mounted: Path) -> Config:
    """What the chart makes of the values, as far as pods of users are concerned."""
    values = yaml.safe_load((folder / "values.yaml").read_text())
    config, server = Config(), values["singleuser"]
    (mount,) = values["hub"]["extraVolumeMounts"]
    for code in values["hub"]["extraConfig"].values():
        exec(code.replace(mount["mountPath"], str(mounted)), {"c": config})  # noqa: S102 - as the chart does
    config.KubeSpawner.volumes = server["storage"]["extraVolumes"]
    config.KubeSpawner.volume_mounts = server["storage"]["extraVolumeMounts"]
    config.KubeSpawner.environment = server["extraEnv"]
    config.KubeSpawner.cmd = server["cmd"]
    return config


async def started(config: Config, options: dict) -> dict | list:
    """The pod for a choice, or the refusal."""
    spawner = KubeSpawner(_mock=True, config=config, hub=Hub(), user_options=options)
    try:
        spawner.run_pre_spawn_hook()
        await spawner.load_user_options()
    except (HTTPError, ValueError) as error:
        return [getattr(error, "status_code", 0), str(error)]
    client = ApiClient()
    pod = client.sanitize_for_serialization(await spawner.get_pod_manifest())
    await client.close()
    kubernetes_validate.validate(pod, VERSION, strict=True)
    return pod


async def main(folder: Path, choices: list[dict]) -> None:
    documents = []
    for name in ("manifests.yaml", "catalogue.yaml"):
        documents += yaml.safe_load_all((folder / name).read_text())
    for document in documents:
        kubernetes_validate.validate(document, VERSION, strict=True)
    with tempfile.TemporaryDirectory() as place:
        for name, text in documents[-1]["data"].items():
            (Path(place) / name).write_text(text)
        config = configuration(folder, Path(place))
        form = await KubeSpawner(_mock=True, config=config).get_options_form()
        answers = [await started(config, choice) for choice in choices]
    print(json.dumps({"kinds": [item["kind"] for item in documents], "form": form, "answers": answers}))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), [json.loads(text) for text in sys.argv[2:]]))
