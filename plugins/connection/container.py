# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: container
short_description: Run tasks in a container of Docker or Podman on a remote host, over the ssh connection of that host
version_added: 0.1.0
author:
  - The labfleet.conda contributors (@labfleet)
description:
  - Makes a container an inventory host. Commands run by C(docker exec) or C(podman exec) on the host that the container
    lies on, which is reached by C(ansible.builtin.ssh) as that host itself would be - C(ansible_host), C(ansible_port),
    C(ansible_user), C(ansible_ssh_private_key_file) and all other variables of that plugin are those of the host.
  - Files are sent and fetched through standard input and output of these commands, so that nothing of them is left on
    the host. Pipelining is supported.
  - C(become) of a task is done in the container, by what there is there. To become root on the host, which Docker
    mostly needs, set O(host_become).
  - The container needs C(/bin/sh), and a Python for modules. Where it has none but that of a conda, name that one in
    C(ansible_python_interpreter); the playbook C(labfleet.conda.containers) does so by itself.
requirements:
  - C(docker) or C(podman) on the host of the container
  - on the host, with O(host_become), a C(sudo) that asks for no password
options:
  remote_addr:
    description: The name or identifier of the container.
    type: str
    default: inventory_hostname
    vars:
      - name: inventory_hostname
      - name: labfleet_container
  engine:
    description: The engine that runs the container.
    type: str
    choices: [docker, podman]
    default: docker
    vars:
      - name: labfleet_container_engine
  engine_environment:
    description: Environment variables for the engine, such as C(DOCKER_HOST), where it is not at its usual place.
    type: dict
    default: {}
    vars:
      - name: labfleet_container_engine_environment
  remote_user:
    description: The user in the container, as a name or number that is known there.
    type: str
    default: root
    vars:
      - name: labfleet_container_user
  host_become:
    description:
      - Whether the engine is started as O(host_become_user), by C(sudo), and not as the user of the ssh connection.
    type: bool
    default: false
    vars:
      - name: labfleet_container_host_become
  host_become_user:
    description: The user whose engine it is.
    type: str
    default: root
    vars:
      - name: labfleet_container_host_become_user
  transport:
    description:
      - How the host of the container is reached. V(local) is for the control node itself.
    type: str
    choices: [ssh, local]
    default: ssh
    vars:
      - name: labfleet_container_transport
notes:
  - For containers of the control node itself, or of a Docker that is reached over the network, the connections
    C(community.docker.docker), C(community.docker.docker_api) and C(containers.podman.podman) work as well.
"""

EXAMPLES = r"""
---
# An inventory with one container of a GPU server
all:
  children:
    containers:
      hosts:
        gpu01/docker/training:
          ansible_connection: labfleet.conda.container
          ansible_host: gpu01.example.org
          ansible_user: ops
          labfleet_container: training
          labfleet_container_host_become: true
          ansible_python_interpreter: /opt/conda/bin/python
"""

import os
import shlex

from ansible.errors import AnsibleConnectionFailure, AnsibleError, AnsibleFileNotFound
from ansible.plugins.connection import ConnectionBase
from ansible.plugins.loader import connection_loader
from ansible.utils.display import Display

# What docker and podman exit with, and say, when there is no such container, or it does not run.
_NOT_STARTED = (1, 125, 126, 127)
_NO_SUCH = ("no such container", "no container with name", "is not running", "can only create exec sessions")


class Connection(ConnectionBase):
    """Wraps each command for the container, and hands it to the connection of the host."""

    transport = "labfleet.conda.container"
    has_pipelining = True
    has_tty = False

    def __init__(self, play_context, *args, **kwargs):
        super().__init__(play_context, *args, **kwargs)
        self._host = None

    @property
    def ssh_type_conn(self):
        """The connection to the host.

        ansible-core asks for it by this name after it has set our own options, and sets those of the plugin that it is,
        from the variables that this one documents.
        """
        if self._host is None:
            name = "ansible.builtin." + self.get_option("transport")
            self._host = connection_loader.get(name, self._play_context, shell=self._shell)
        return self._host

    def _connect(self):
        self._connected = True
        return self

    def exec_command(self, cmd, in_data=None, sudoable=True):
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        return self._in_container(cmd, in_data, sudoable=sudoable)

    def put_file(self, in_path, out_path):
        super().put_file(in_path, out_path)
        if not os.path.exists(in_path):
            raise AnsibleFileNotFound("There is no file %s to send." % in_path)
        with open(in_path, "rb") as stream:
            data = stream.read()
        # Without data nothing would be connected to the standard input of the command.
        command = ("cat >%s" if data else ": >%s") % shlex.quote(out_path)
        self._transfer(command, data or None, "%s could not be written" % out_path)

    def fetch_file(self, in_path, out_path):
        super().fetch_file(in_path, out_path)
        content = self._transfer("cat <%s" % shlex.quote(in_path), None, "%s could not be read" % in_path)
        with open(out_path, "wb") as stream:
            stream.write(content)

    def reset(self):
        if self._host is not None and hasattr(self._host, "reset"):
            self._host.reset()
        self.close()

    def close(self):
        if self._host is not None:
            self._host.close()
        self._connected = False

    def _transfer(self, command, data, trouble):
        code, out, said = self._in_container(command, data, sudoable=False)
        if code != 0:
            reason = said.decode("utf-8", "replace").strip() or "exit code %d" % code
            raise AnsibleError("%s in the container %s: %s" % (trouble, self.get_option("remote_addr"), reason))
        return out

    def _in_container(self, command, data, *, sudoable):
        host = self.ssh_type_conn
        if host.has_option("use_tty"):
            host.set_option("use_tty", False)  # it would mix both outputs, and change the ends of lines
        host.become = self.become if sudoable else None  # which answers prompts of the become in the container
        words = self._words(command)
        Display().vvv("IN CONTAINER: %s" % words, host=self.get_option("remote_addr"))
        code, out, said = host.exec_command(words, in_data=data, sudoable=sudoable)
        if code in _NOT_STARTED and not out:
            text = said.decode("utf-8", "replace")
            if any(sign in text.lower() for sign in _NO_SUCH):
                # so that Ansible calls the host unreachable, and not the task failed
                raise AnsibleConnectionFailure(text.strip())
        return code, out, said

    def _words(self, command):
        """The command for the host's shell."""
        words = []
        if self.get_option("host_become"):
            words += ["sudo", "-n", "-H", "-u", self.get_option("host_become_user"), "--"]
        variables = ["%s=%s" % pair for pair in sorted(self.get_option("engine_environment").items())]
        words += ["env", *variables] if variables else []
        words += [self.get_option("engine"), "exec", "-i", "-u", self.get_option("remote_user")]
        words += [self.get_option("remote_addr"), "/bin/sh", "-c", command]
        return shlex.join(words)
