# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role portal sets up a real JupyterHub, in which a real browser picks an image, and blocked ones are refused."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import typing as t
from pathlib import Path

import pytest
from gates import toolbox
from integration.ansible_run import Ansible
from integration.test_report_in_browser import browser
from lab import LabUnavailable, cache, docker, portal

__all__ = ("browser",)

NAME = "labfleet-test-portal"
KUBERNETES = ("kubernetes-validate==1.37.0", "jupyterhub==5.5.0", "jupyterhub-kubespawner==7.1.0")
USER, PASSWORD = "ada", "a long enough password"  # noqa: S105 - of a portal of this test
POLICY: dict[str, t.Any] = {
    "versions": {"minimum": {"conda": "4.3.16"}, "newest": {"conda": "4.3.16"}},
    "rules": {"tool.below_minimum": "critical"},
    "images": {"current_days": 100000, "supported_days": 100001},
    "servers": {"cpus": 1.5, "memory_gigabytes": 1, "shared_memory_gigabytes": 0.25},
}
GOOD, BAD = "lab-4.3.16", "lab-4.3.13"


class Site:
    """A portal of this machine."""

    def __init__(self, top: Path, made: portal.Images, compose: list[str]) -> None:
        self.ansible, self.top, self.images = Ansible(top), top, made
        self.directory = top / "portal"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % free.getsockname()[1]
        self.url = f"http://{self.address}"
        self.compose = compose

    def variables(self, **more: t.Any) -> dict[str, t.Any]:
        listed = [
            {
                "name": "lab",
                "version": conda,
                "image": image,
                "description": f"conda {conda}",
                "labels": {"os": "Debian"},
            }
            for conda, image in self.images.servers.items()
        ]
        return {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "conda_policy_base": POLICY,
            "portal_name": NAME,
            "portal_directory": str(self.directory),
            "portal_images": listed,
            "portal_authenticator": "native",
            "portal_authenticator_settings": {"minimum_password_length": 12},
            "portal_admins": [USER],
            "portal_secrets": {"OF_A_PROVIDER": "s3cret"},
            "portal_hub_image": self.images.hub,
            "portal_bind": self.address,
            "portal_socket": docker.environment()["DOCKER_HOST"].removeprefix("unix://"),
            "portal_compose": self.compose,
            "portal_start_seconds": 180,
            **more,
        }

    def role(self, *options: str, tasks_from: str = "main", **more: t.Any) -> tuple[int, int, str]:
        """Run the role: the exit code, the number of changed tasks, and the output."""
        variables = self.variables(**more)
        engine = {"DOCKER_HOST": docker.environment()["DOCKER_HOST"]}  # for Kubernetes; else the role knows the socket
        done = self.ansible.role(
            "portal", "localhost,", *options, tasks_from=tasks_from, variables=variables, environment=engine
        )
        return done.of_one

    def files(self) -> dict[str, tuple[int, bytes]]:
        found = [path for path in self.directory.rglob("*") if path.is_file()]
        return {
            str(path.relative_to(self.directory)): (path.stat().st_mode & 0o777, path.read_bytes()) for path in found
        }

    def remove(self) -> None:
        """Remove all of it, the volumes of users too."""
        for label in (f"labfleet.portal={NAME}", f"com.docker.compose.project={NAME}"):
            left = docker.run("ps", "-aq", "--filter", f"label={label}").stdout.split()
            if left:
                docker.run("rm", "-f", "-v", *left)
        docker.run("network", "rm", NAME, check=False)
        volumes = docker.run("volume", "ls", "-q", "--filter", f"name=^{NAME}-").stdout.split()
        if volumes:
            docker.run("volume", "rm", *volumes)


def running(label: str) -> list[dict[str, t.Any]]:
    names = docker.run("ps", "-q", "--filter", f"label={label}").stdout.split()
    return docker.inspect(*names) if names else []


def hubs() -> list[tuple[str, str]]:
    """The identifier of each container of the portal, and when it was started."""
    found = running(f"com.docker.compose.project={NAME}")
    return sorted((item["Id"], item["State"]["StartedAt"]) for item in found)


def servers() -> list[dict[str, t.Any]]:
    return running(f"labfleet.portal={NAME}")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Site]:
    """A portal that was set up, once in check mode first."""
    with contextlib.ExitStack() as stack:
        try:
            made = portal.make_images("4.3.16", "4.3.13")
            stack.enter_context(cache.locked("portal"))
            found = Site(tmp_path_factory.mktemp("portal"), made, portal.compose())
        except LabUnavailable as reason:
            pytest.skip(str(reason))
        found.remove()
        stack.callback(found.remove)
        code, changed, output = found.role("--check", "--diff")
        assert code == 0 and changed > 5 and not found.directory.exists(), output
        code, changed, output = found.role("--diff")
        assert code == 0 and changed > 5 and len(hubs()) == 2, output
        secrets = [found.files()[name] for name in ("proxy.env", "hub.env", "authenticator.env")]
        assert {mode for mode, _text in secrets} == {0o600}
        assert all(text.decode().strip().partition("=")[2] not in output for _mode, text in secrets)
        yield found


@pytest.fixture
def page(browser: t.Any, site: Site) -> t.Iterator[t.Any]:  # noqa: F811 - the fixture
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    found = context.new_page()
    found.set_default_timeout(180_000)
    yield found
    context.close()


def picture(page: t.Any, name: str) -> None:
    """Keep a picture of the page where LABFLEET_PICTURES names a directory."""
    if os.environ.get("LABFLEET_PICTURES"):
        page.screenshot(path=f"{os.environ['LABFLEET_PICTURES']}/{name}.png")


def log_in(page: t.Any, site: Site) -> None:
    """Log in, after signing up where that was not done yet."""
    page.goto(f"{site.url}/hub/signup")
    page.fill("input[name=username]", USER)
    page.fill("input[name=signup_password]", PASSWORD)
    page.fill("input[name=signup_password_confirmation]", PASSWORD)
    picture(page, "1-signup")
    page.click("#signup_submit")
    page.wait_for_load_state()
    page.goto(f"{site.url}/hub/login?next=%2Fhub%2Fhome")
    page.fill("input[name=username]", USER)
    page.fill("input[name=password]", PASSWORD)
    picture(page, "2-login")
    page.click("#login_submit")
    page.wait_for_url("**/hub/home")
    page.goto(f"{site.url}/hub/spawn")


# What a user could send without the page: the answer's code and text.
SEND = """async ([method, address, body, type]) => {
  const xsrf = document.cookie.match(/_xsrf=([^;]+)/)[1];
  const answer = await fetch(address + "?_xsrf=" + encodeURIComponent(xsrf), {
    method, body, headers: { "Content-Type": type, "X-XSRFToken": xsrf } });
  return [answer.status, await answer.text()];
}"""


def post_form(page: t.Any, value: str) -> list[t.Any]:
    return page.evaluate(SEND, ["POST", "/hub/spawn", f"image={value}", "application/x-www-form-urlencoded"])


def post_api(page: t.Any, options: dict[str, t.Any]) -> list[t.Any]:
    return page.evaluate(SEND, ["POST", f"/hub/api/users/{USER}/server", json.dumps(options), "application/json"])


@pytest.mark.long
def test_a_user_picks_a_version_and_gets_its_conda_and_a_blocked_one_is_refused(page: t.Any, site: Site) -> None:
    log_in(page, site)
    rows = page.locator("#portal-images tbody tr")
    assert rows.count() == 2
    good, bad = (page.locator(f"tr[data-key='{key}']") for key in (GOOD, BAD))
    assert "current" in good.inner_text() and "0 days ago" in good.inner_text()
    assert "blocked" in bad.inner_text() and "1 critical" in bad.inner_text()
    assert good.locator("input").is_enabled() and bad.locator("input").is_disabled()
    assert "1.5 processors, 1 GB of memory, 0 GPUs, 0.25 GB of shared memory" in page.inner_text("#portal-limits")
    picture(page, "3-choose")
    # By hand, the blocked one, an image that is not listed, and none at all are refused too.
    code, text = post_form(page, BAD)
    assert code == 403 and "lab 4.3.13 is blocked and cannot be started" in text
    for options in ({"image": BAD}, {"image": site.images.servers["4.3.13"]}, {"image": site.images.hub}, {}):
        assert post_api(page, options)[0] == 403, options
    assert servers() == []
    # The refusal as a user sees it.
    bad.locator("input").evaluate("button => { button.disabled = false; button.checked = true; }")
    page.click("#spawn_form button[type=submit]")
    page.wait_for_selector(".spawn-error-msg")
    assert "lab 4.3.13 is blocked" in page.inner_text(".spawn-error-msg") and servers() == []
    picture(page, "4-refused")
    page.check(f"input[value='{GOOD}']")
    page.click("#spawn_form button[type=submit]")
    page.wait_for_url(f"**/user/{USER}/lab**")
    page.click(".jp-LauncherCard[data-category='Console'] >> nth=0")
    page.locator(".jp-CodeConsole", has_text="IPython").wait_for()  # the kernel has answered
    cell = page.locator(".jp-CodeConsole-input .cm-content")
    cell.click()
    cell.press_sequentially("!conda --version; touch ~/mine; df -k --output=size /dev/shm | tail -1")
    page.keyboard.press("Shift+Enter")
    page.locator(".jp-OutputArea-output", has_text="conda 4.3.16").wait_for()
    page.locator(".jp-OutputArea-output", has_text="262144").wait_for()
    picture(page, "5-server")
    (server,) = servers()
    limits = server["HostConfig"]
    assert (limits["Memory"], limits["ShmSize"]) == (1024**3, 1024**3 // 4)
    assert limits["CpuQuota"] == 1.5 * limits["CpuPeriod"] and "no-new-privileges" in limits["SecurityOpt"]
    (image,) = docker.inspect(site.images.servers["4.3.16"])
    assert server["Image"] == image["Id"]
    (mount,) = server["Mounts"]
    assert (mount["Name"], mount["Destination"]) == (f"{NAME}-home-{USER}", "/home/jovyan")


@pytest.mark.long
def test_a_second_run_changes_nothing(site: Site) -> None:
    before, ran = site.files(), hubs()
    code, changed, output = site.role()
    assert (code, changed) == (0, 0), output
    assert site.files() == before and hubs() == ran


@pytest.mark.long
def test_a_new_setting_makes_only_the_hub_anew(site: Site) -> None:
    ran = hubs()
    code, changed, output = site.role(portal_servers_at_most=3)
    assert code == 0 and changed == 3, output
    assert len(set(hubs()) & set(ran)) == 1 and len(hubs()) == 2
    assert site.role()[:2] == (0, 3)


@pytest.mark.long
def test_a_new_catalogue_counts_without_a_restart(page: t.Any, site: Site) -> None:
    log_in(page, site)
    page.goto(f"{site.url}/hub/home")  # where a server runs, the page of a choice leads to it
    address = f"/hub/api/users/{USER}/server"
    assert page.evaluate(SEND, ["DELETE", address, None, "application/json"])[0] in (204, 400) and servers() == []
    ran = hubs()
    stricter = {**POLICY, "versions": {"minimum": {"conda": "4.4"}, "newest": {"conda": "4.4"}}}
    code, changed, output = site.role(tasks_from="catalogue", conda_policy_base=stricter)
    assert (code, changed) == (0, 1), output
    page.goto(f"{site.url}/hub/spawn")
    try:
        assert hubs() == ran
        assert page.locator("#portal-images .text-bg-danger").count() == 2
        assert "No image can be started now." in page.inner_text("#spawn_form")
        picture(page, "6-all-blocked")
        assert post_api(page, {"image": GOOD})[0] == 403 and servers() == []
    finally:
        assert site.role(tasks_from="catalogue")[:2] == (0, 1)


# --- Kubernetes


# KubeSpawner wants to know of a cluster; this one does not exist.
NO_CLUSTER = {
    "current-context": "none",
    "contexts": [{"name": "none", "context": {"cluster": "none", "user": "none"}}],
    "clusters": [{"name": "none", "cluster": {"server": "http://127.0.0.1:1"}}],
    "users": [{"name": "none", "user": {}}],
}


@pytest.mark.long
def test_on_kubernetes_pods_have_the_image_and_the_limits_and_blocked_ones_are_refused(site: Site) -> None:
    python = toolbox.venv("portal-kubernetes", Path(sys.executable).resolve(), *KUBERNETES) / "python"
    more = {
        "portal_target": "kubernetes",
        "portal_directory": str(site.top / "kubernetes"),
        "portal_secrets": {},
        "conda_policy_base": {**POLICY, "servers": {**POLICY["servers"], "gpus": 2}},
    }
    code, changed, output = site.role("--diff", **more)
    assert (code, changed) == (0, 3), output
    folder = site.top / "kubernetes" / "kubernetes"
    choices = [{"profile": GOOD}, {"profile": BAD}, {}, {"image": GOOD}, {"profile": "else"}]
    driver = Path(__file__).with_name("portal_pods.py")
    command = [str(python), str(driver), str(folder), *map(json.dumps, choices)]
    cluster = site.top / "cluster.json"
    cluster.write_text(json.dumps(NO_CLUSTER))
    said = toolbox.run(command, cwd=site.top, env=toolbox.environment(KUBECONFIG=str(cluster)))
    told = json.loads(next(line for line in said.splitlines() if line.startswith("{")))
    assert told["kinds"] == ["Namespace", "LimitRange", "ResourceQuota", "ConfigMap"]
    assert told["form"].count("<tr data-key") == 2 and "blocked" in told["form"]
    pod, *refused = told["answers"]
    (container,) = pod["spec"]["containers"]
    assert container["image"] == site.images.servers["4.3.16"]
    assert container["resources"]["limits"] == {"cpu": 1.5, "memory": 1024**3, "nvidia.com/gpu": "2"}
    assert {"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": "256Mi"}} in pod["spec"]["volumes"]
    assert [code for code, _text in refused] == [403] * 4 and "lab 4.3.13 is blocked" in refused[0][1]


@pytest.mark.long
def test_the_ladder_on_kubernetes(site: Site) -> None:
    more = {"portal_target": "kubernetes", "portal_directory": str(site.top / "ladder"), "portal_secrets": {}}
    assert site.role("--check", **more)[:2] == (0, 3) and not (site.top / "ladder").exists()
    assert site.role(**more)[:2] == (0, 3)
    assert site.role(**more)[:2] == (0, 0)
    undone = {**more, "tasks_from": "undo"}
    assert site.role(**undone)[0] == 0 and not (site.top / "ladder").exists()
    assert len(hubs()) == 2


def refused(top: Path, variables: t.Any, said: str) -> None:
    site = Site(top, portal.Images("hub:1", {"1": "server:1"}), compose=["docker", "compose"])
    code, _changed, output = site.role("--check", **variables)
    assert code == 2 and said in " ".join(output.split()), output
    assert not site.directory.exists()


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"portal_images": []}, "portal_images is empty"),
        ({"portal_bind": "0.0.0.0:8000"}, "there is no TLS"),
        ({"portal_startable": ["blocked"]}, "never blocked ones"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_is_written(tmp_path: Path, variables: t.Any, said: str) -> None:
    refused(tmp_path, variables, said)


@pytest.mark.long
@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"portal_admins": []}, "Nobody may log in"),
        ({"portal_admins": [], "portal_allow_all": True}, "portal_admins is empty"),
        ({"portal_tls_key": "/etc/key"}, "belong together"),
        ({"portal_hub_image": ""}, "portal_hub_image is empty"),
        ({"portal_hub_image": "not/here:1"}, "not/here:1 cannot be used"),
        ({"portal_name": "A portal"}, "portal_name (A portal)"),
        ({"portal_target": "kubernetes"}, "portal_secrets must be empty"),
    ],
)
def test_what_else_cannot_be_meant_is_refused(tmp_path: Path, variables: t.Any, said: str) -> None:
    refused(tmp_path, variables, said)


# --- the way back


@pytest.mark.long
def test_the_way_back_leaves_the_volumes(site: Site) -> None:
    volumes = docker.run("volume", "ls", "-q", "--filter", f"name=^{NAME}-").stdout
    assert f"{NAME}-hub" in volumes
    options = (f"--label=labfleet.portal={NAME}", "--label", docker.LABEL, f"--network={NAME}")
    docker.run("run", "-d", *options, site.images.hub, "sleep", "600")  # as a server of a user
    (site.directory / "of-the-operator").write_text("")
    code, changed, output = site.role("--check", tasks_from="undo", portal_stop_servers=True)
    assert code == 0 and changed > 0 and len(hubs()) == 2, output
    code, _changed, output = site.role(tasks_from="undo")
    assert code == 2 and "set portal_stop_servers" in output and len(hubs()) == 2 and servers(), output
    code, changed, output = site.role(tasks_from="undo", portal_stop_servers=True)
    assert code == 0 and changed > 0 and hubs() == servers() == [], output
    assert list(site.files()) == ["of-the-operator"]
    (site.directory / "of-the-operator").unlink()
    assert site.role(tasks_from="undo")[0] == 0 and not site.directory.exists()
    assert site.role(tasks_from="undo")[:2] == (0, 0)
    assert docker.run("volume", "ls", "-q", "--filter", f"name=^{NAME}-").stdout == volumes
    assert docker.run("network", "inspect", NAME, check=False).returncode != 0
