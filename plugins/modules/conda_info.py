#!/usr/bin/python
# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: conda_info
short_description: Finds every conda, mamba, micromamba and pixi of a host, and all their environments
version_added: 0.1.0
author:
  - The labfleet.conda contributors (@labfleet)
description:
  - Reads files only. Neither conda nor any other program is started, and nothing is written, so it is safe to run as
    root on hosts where every user may have a conda of their own. With O(containers) or O(images) alone the command
    lines of the container engines are asked what there is.
  - Looks at the usual places, at every home, at what shell start files, job tables and module files name, at the
    registries C(~/.conda/environments.txt), at the C(envs_dirs) and C(pkgs_dirs) of every condarc, and at the running
    processes.
  - What is there and cannot be read is in RV(unreadable), with the reason. Unknown is never reported as clean.
  - Tokens and passwords in URLs, commands and settings are masked in everything that is returned.
  - Symbolic links are followed inside O(root) only, and a link that a user has set only to what that user may read.
extends_documentation_fragment:
  - labfleet.conda._attributes
  - labfleet.conda._attributes.info_module
  - labfleet.conda._attributes.actiongroup_conda
options:
  root:
    description:
      - The root of the file system to look at. Another one than V(/) is that of a container seen from its host, such as
        C(/proc/4711/root), or of a mounted disk.
      - All paths in options and results are those seen from inside this root.
    type: str
    default: /
  search_paths:
    description:
      - Directories to search besides the known places, O(depth) levels deep. Symbolic links below them are not
        followed.
    type: list
    elements: str
    default: []
  exclude:
    description:
      - Directories that are not entered. What would have been looked at in them is in RV(unreadable).
    type: list
    elements: str
    default: []
  users:
    description:
      - Look only at the homes of these users. System-wide places are looked at all the same.
      - Without it every home is looked at, also those that no user has any more.
    type: list
    elements: str
  depth:
    description:
      - How many levels of directories below each of O(search_paths) are searched.
    type: int
    default: 3
  one_file_system:
    description:
      - Do not enter any directory that is not on the file system of O(root).
      - Independent of this, kernel file systems are never entered, network mounts that do not answer within 3 seconds
        are passed over, and an automounter is never made to mount anything.
    type: bool
    default: false
  gather:
    description:
      - What to gather besides that which is always gathered, because it costs time.
      - V(records) reads every record of every environment, for build number, channel and URL of each package, and makes
        RV(environments[].pip_packages) exact.
      - V(sizes) counts bytes and inodes of every environment and package cache.
      - V(last_use) tells when each environment was last used, as far as the file system knows.
    type: list
    elements: str
    choices:
      - records
      - sizes
      - last_use
    default: []
  containers:
    description:
      - Which containers of the host are looked into as well. Each is read from outside, in the same task, and told in
        RV(containers). Nothing is executed in a container, whatever is or is not installed there.
      - V(running) are those that run or are paused; they are read through the root of their first process.
      - V(all) are also those that do not run; they are read through the layers that they are stored in. Nothing is
        mounted or started for that.
      - Asked are the engines whose command line is there, as far as it belongs to root and nobody else can write it -
        C(docker), C(podman), C(ctr) (containerd) and C(crictl) (CRI). As root, the Podman of each user who has one is
        asked too, as that user. Where an engine is not at its usual place, set C(DOCKER_HOST), C(CONTAINERS_CONF) or
        C(CONTAINERD_ADDRESS) by C(environment) of the task.
      - Works only with the O(root) V(/).
    type: str
    choices:
      - none
      - running
      - all
    default: none
    version_added: 0.1.0
  images:
    description:
      - Whether the images of Docker and Podman are looked into as well, layer by layer; told in RV(images).
      - Works only with the O(root) V(/).
    type: bool
    default: false
    version_added: 0.1.0
  drift:
    description:
      - Whether each container is compared with its image, and what is different told in RV(containers[].drift). Each
        record of the environments of both is read for that.
      - The image is read from the layers below the container's own, which Docker and Podman keep as long as there is
        the container, so it need not have a name any more. Nothing is executed or mounted.
      - Works only with O(containers).
    type: bool
    default: false
    version_added: 0.1.0
  time_limit:
    description:
      - After so many seconds the look ends, and what was found until then is returned with RV(complete=false).
      - Containers and images share what is left of it after the host; each gets at least a second.
      - System-wide places come first. What lies in one home, or is named there, may take a tenth of the time that is
        left, but at least a second; if it is too much for that, RV(unreadable) says so.
    type: float
    default: 60
notes:
  - To see the homes and processes of all users, use C(become). As another user the module tells what that user can see.
  - Homes are those of the root's passwd file, those beside them, and those of the users who run something. Where a
    directory service keeps others elsewhere, name them with O(users) or O(search_paths).
  - A standalone micromamba or pixi program carries no record of its version. Since nothing is run, its version is then
    unknown (V(null)).
  - With V(records) in O(gather), a record is told when all but its lists of files can be read. Whether these lists, and
    the files themselves, are intact is not looked at.
  - Without V(records) in O(gather), a Python package that pip installed in the very version that a conda record
    of the same name has is not noticed.
seealso:
  - module: labfleet.conda.fleet_report
"""

EXAMPLES = r"""
---
- name: Look at everything on the host
  labfleet.conda.conda_info:
  become: true
  register: conda

- name: Show which conda versions there are
  ansible.builtin.debug:
    msg: "{{ conda.installations | map(attribute='version') | unique }}"

- name: Look at a GPU server and into its running containers, in one task
  labfleet.conda.conda_info:
    containers: running
  become: true
  register: conda

- name: Show which conda each container has
  ansible.builtin.debug:
    msg: "{{ item.image }}: {{ item.installations | map(attribute='version') | join(', ') }}"
  loop: "{{ conda.containers }}"
  loop_control:
    label: "{{ item.name }}"

- name: Find what users have changed in containers that run or were stopped
  labfleet.conda.conda_info:
    containers: all
    drift: true
  become: true
  register: conda

- name: Show the containers whose packages are not those of their image
  ansible.builtin.debug:
    msg: "{{ conda.containers | selectattr('drift.changed') | map(attribute='name') }}"

- name: Look into a running container from its host, with the channel of every package
  labfleet.conda.conda_info:
    root: /proc/4711/root
    gather:
      - records
  become: true

- name: How much space do the environments of two users take, and when were they last used
  labfleet.conda.conda_info:
    users:
      - alice
      - bob
    gather:
      - sizes
      - last_use
    time_limit: 600
  become: true

- name: Search a shared file system too, but not its archive
  labfleet.conda.conda_info:
    search_paths:
      - /groups
    depth: 4
    exclude:
      - /groups/archive
  become: true
"""

RETURN = r"""
root:
  description: The root that was looked at.
  returned: success
  type: str
  sample: /
installations:
  description: Every conda, mamba, micromamba and pixi that was found, by prefix.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description: Which tool it is. A base prefix that holds both conda and mamba is a conda.
      type: str
      choices: [conda, mamba, micromamba, pixi]
      sample: conda
    distribution:
      description: Where it comes from; V(null) for a program that stands alone.
      type: str
      choices: [anaconda, miniconda, miniforge, mambaforge, custom]
      sample: miniforge
    distribution_evidence:
      description: What tells the distribution.
      type: str
      sample: conda comes from the channel conda-forge
    prefix:
      description: The base prefix, or the root prefix of a micromamba; V(null) for a program that stands alone.
      type: str
      sample: /opt/conda
    program:
      description: The program file, if there is one.
      type: str
      sample: /opt/conda/bin/conda
    version:
      description: The version of the tool that RV(installations[].kind) names; V(null) where it is unknown.
      type: str
      sample: 26.7.1
    version_source:
      description: Whether the name of a record tells the version, or only the metadata in site-packages (V(dist-info)).
      type: str
      choices: [record, dist-info]
      sample: record
    versions:
      description: The versions of the packages that make up the tool chain, of those that are installed.
      type: dict
      sample: {"conda": "26.7.1", "python": "3.13.1", "conda-libmamba-solver": "26.6.0", "libmambapy": "2.8.1"}
    solver:
      description: The solver in force for users without a setting of their own; V(null) for other kinds than conda.
      type: dict
      contains:
        name:
          description: The solver's name; V(null) where it is unknown, since a file that could decide could not be read.
          type: str
          sample: libmamba
        version:
          description: The version of the package that provides it; V(null) where conda itself does, or it is missing.
          type: str
          sample: 26.6.0
        source:
          description: The file or environment variable that says so, the default of the version, or why it is unknown.
          type: str
          sample: default since conda 23.10
        available:
          description: Whether the package that provides it is installed; V(null) where the solver is unknown.
          type: bool
          sample: true
    owner:
      description:
        - The user who owns the prefix or program; a number where nobody has that number any more.
        - For another O(root) than V(/) only that root's own passwd file is asked, so users of a directory service are
          numbers there.
      type: str
      sample: root
    group:
      description: The group of the prefix or program.
      type: str
      sample: root
    mode:
      description: The permissions of the prefix or program, octal.
      type: str
      sample: "0755"
    writers:
      description:
        - Who, besides root, may change the code of the installation, by the permissions and access control lists of the
          prefix, its C(bin), C(condabin), C(conda-meta), C(lib) and C(site-packages), and of the directories above it.
      type: dict
      contains:
        users:
          description: Names of users.
          type: list
          elements: str
          sample: []
        groups:
          description: Names of groups.
          type: list
          elements: str
          sample: [conda-admins]
        everybody:
          description: Whether every user may.
          type: bool
          sample: false
    frozen:
      description: V(null) where the base is not frozen (CEP 22), else the message for who tries to change it.
      type: dict
      sample: {"message": "Ask the platform team"}
    installer:
      description: What the installer left behind, and in which file; V(null) where it left nothing.
      type: dict
      sample:
        name: Miniforge3
        version: 26.7.2-0
        platform: linux-64
        type: sh
        source: /opt/conda/.installer.info
    last_change:
      description: The last section of the base prefix's history, as in RV(environments[].last_change).
      type: dict
    secondary:
      description: Whether it lies in an environment of another installation.
      type: bool
      sample: false
    found_by:
      description: What led to it.
      type: list
      elements: str
      sample: [known place]
    notes:
      description: Further things worth knowing, one sentence each.
      type: list
      elements: str
      sample: []
environments:
  description: Every environment that was found, base prefixes included, by prefix.
  returned: success
  type: list
  elements: dict
  contains:
    prefix:
      description: Where it is, links resolved.
      type: str
      sample: /home/alice/.conda/envs/train
    name:
      description: The name under which its owner's conda knows it; V(null) for one that only its path names.
      type: str
      sample: train
    base:
      description: Whether it is the base prefix of an installation.
      type: bool
      sample: false
    owner:
      description: The user who owns it; a number where nobody has that number any more.
      type: str
      sample: alice
    group:
      description: Its group.
      type: str
      sample: alice
    mode:
      description: Its permissions, octal.
      type: str
      sample: "0755"
    installation:
      description: The prefix of the installation it belongs to; V(null) where nothing tells.
      type: str
      sample: /opt/conda
    installation_evidence:
      description: What tells the installation.
      type: str
      sample: a command in its history
    made_by:
      description: The tool that made it.
      type: str
      sample: conda
    python_version:
      description: The version of its Python, V(null) without one.
      type: str
      sample: 3.12.8
    record_count:
      description: The number of installed conda packages; V(null) where they could not be listed.
      type: int
      sample: 250
    requested:
      description: The specs that somebody asked for, by the history, of packages that are installed.
      type: list
      elements: str
      sample: ["python=3.12", "pytorch >=2.5"]
    pinned:
      description: The specs in C(conda-meta/pinned).
      type: list
      elements: str
      sample: ["numpy 1.26.*"]
    pip_packages:
      description: Python packages that something other than conda installed.
      type: list
      elements: dict
      contains:
        name:
          description: The project's name, as its metadata directory has it.
          type: str
          sample: wandb
        version:
          description: Its version.
          type: str
          sample: 0.19.1
        installer:
          description: The word in its INSTALLER file; V(null) where there is none.
          type: str
          sample: pip
    frozen:
      description: As RV(installations[].frozen), V(null) where it is not frozen.
      type: dict
    created:
      description: When it was made, in UTC; V(null) unless conda wrote it down, as 25.11 and later do.
      type: str
      sample: "2026-11-22T09:00:00Z"
    modified:
      description: When a record was last added or removed, in UTC.
      type: str
      sample: "2026-11-22T10:00:00Z"
    last_change:
      description: The last section of the history; V(null) without one.
      type: dict
      contains:
        time:
          description: The time as the history has it, in the host's local time of that day.
          type: str
          sample: "2026-11-22 11:00:00"
        command:
          description: The command line; V(null) where the section names none.
          type: str
          sample: /opt/conda/bin/conda install -y numpy
        tool_version:
          description: The version that the tool wrote into the section, if it did. Micromamba always writes 3.8.0.
          type: str
          sample: 26.7.1
    revisions:
      description: The number of sections in the history.
      type: int
      sample: 3
    registered_by:
      description: The users in whose C(~/.conda/environments.txt) it is listed.
      type: list
      elements: str
      sample: [alice]
    processes:
      description: The number of running processes whose program lies in it, of those that could be seen.
      type: int
      sample: 0
    suspect:
      description: V(null), or why conda would not take it for an environment.
      type: str
      sample: conda-meta holds no history
    found_by:
      description: What led to it.
      type: list
      elements: str
      sample: [registry /home/alice/.conda/environments.txt]
    records:
      description: Its packages.
      returned: when O(gather) has V(records)
      type: list
      elements: dict
      sample:
        - name: numpy
          version: 2.3.0
          build: py313h0_0
          build_number: 0
          channel: conda-forge
          subdir: linux-64
          url: https://conda.anaconda.org/conda-forge/linux-64/numpy-2.3.0-py313h0_0.conda
    size:
      description: What it takes on disk.
      returned: when O(gather) has V(sizes)
      type: dict
      contains:
        bytes:
          description: Bytes on disk, a hard-linked file counted once.
          type: int
          sample: 5368709120
        inodes:
          description: Number of files, directories and links, a hard-linked file counted once.
          type: int
          sample: 120000
        own_bytes:
          description: The bytes that removing it would free; the others are shared with a cache or other environments.
          type: int
          sample: 104857600
        complete:
          description: Whether all of it could be read.
          type: bool
          sample: true
    last_use:
      description: The latest sign of use.
      returned: when O(gather) has V(last_use)
      type: dict
      contains:
        time:
          description: When, in UTC.
          type: str
          sample: "2026-11-20T08:00:00Z"
        evidence:
          description: Which sign it is.
          type: str
          sample: /home/alice/.conda/envs/train/bin/python3.12 was read
        known:
          description:
            - Whether a later use would have left a sign. V(false) where no program tells when it was read, since the
              file system keeps no access times, or other environments share its file.
          type: bool
          sample: true
        running:
          description: Whether a process runs from it now, of those that can be seen.
          type: bool
          sample: false
configurations:
  description:
    - The settings in force for each installation, once for all users without files of their own
      (RV(configurations[].user) is V(null)), and once for each user who has some and can use the installation.
  returned: success
  type: list
  elements: dict
  contains:
    installation:
      description: The base prefix.
      type: str
      sample: /opt/conda
    user:
      description: The user, or V(null) for all others.
      type: str
      sample: alice
    files:
      description: The files that were read, lowest precedence first.
      type: list
      elements: str
      sample: [/etc/conda/condarc, /home/alice/.condarc]
    unread_files:
      description: The files that are there and could not be read; each is in RV(unreadable) with the reason.
      type: list
      elements: str
      sample: []
    settings:
      description:
        - For each key, under its present name, its C(value), and the file or variable (C(source)) and C(line) that
          decided it, or that comes first where several make it up (C(sources)).
        - C(final) tells that a C(#!final) mark decided; then C(ignored) are the files whose values have no effect.
        - C(known) is false for a key that conda itself does not know, such as one of a plugin or a misspelt one.
        - C(problem) is set, and the value V(null), where conda would stop at the setting.
      type: dict
      sample:
        channels:
          value: [conda-forge]
          source: /etc/conda/condarc
          line: 1
          sources: [/etc/conda/condarc]
          final: true
          ignored: [/home/alice/.condarc]
          known: true
          problem: null
    solver:
      description: The solver in force, as in RV(installations[].solver).
      type: dict
    environment_directories:
      description: The C(envs_dirs) in force, first one first.
      type: list
      elements: str
      sample: [/opt/conda/envs, /home/alice/.conda/envs]
    package_caches:
      description: The C(pkgs_dirs) in force, first one first.
      type: list
      elements: str
      sample: [/opt/conda/pkgs, /home/alice/.conda/pkgs]
package_caches:
  description: The package caches that are there.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: Where it is.
      type: str
      sample: /opt/conda/pkgs
    owner:
      description: The user who owns it.
      type: str
      sample: root
    group:
      description: Its group.
      type: str
      sample: root
    mode:
      description: Its permissions, octal.
      type: str
      sample: "0755"
    writers:
      description: Who, besides root, may write to it, as in RV(installations[].writers).
      type: dict
    file_system:
      description: The type of the file system it lies on, V(null) where it is unknown.
      type: str
      sample: ext4
    used_by:
      description: Whose configuration names it.
      type: list
      elements: dict
      contains:
        installation:
          description: The base prefix.
          type: str
          sample: /opt/conda
        user:
          description: The user with settings of their own; V(null) for all others.
          type: str
          sample: alice
    size:
      description: What it takes on disk; its C(own_bytes) are in use by no environment.
      returned: when O(gather) has V(sizes)
      type: dict
homes:
  description: The number of homes that were looked at.
  returned: success
  type: int
  sample: 12
unreadable:
  description:
    - What is there and could not be read, at most a hundred entries of one place, such as one home, and a thousand in
      all.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: Where it is.
      type: str
      sample: /home/bob
    reason:
      description: Why it could not be read.
      type: str
      sample: permission denied
unreadable_count:
  description: How many things could not be read.
  returned: success
  type: int
  sample: 1
containers:
  description:
    - The containers that were looked into, with O(containers). One that could not be looked into, or has ended
      meanwhile, is in RV(unreadable).
    - Each has, besides what is listed here, RV(installations), RV(environments), RV(configurations),
      RV(package_caches), RV(unreadable), RV(unreadable_count), RV(complete) and RV(seconds) of its own, with paths and
      users as they are inside.
  returned: success
  type: list
  elements: dict
  contains:
    engine:
      description: The engine that runs it.
      type: str
      choices: [docker, podman, containerd, cri]
      sample: docker
    engine_user:
      description: The user whose engine it is; for a Podman without root, that user.
      type: str
      sample: root
    id:
      description: Its whole identifier.
      type: str
      sample: c8eac16a1589e6d44b2082f301ab4c3b25fc1149d0d54641a5030ebda9ad1123
    name:
      description: Its name.
      type: str
      sample: training-alice
    image:
      description: The name of its image.
      type: str
      sample: ai-platform/base:ubuntu22-pytorch2.7
    image_id:
      description: The identifier of its image; V(null) where the engine does not tell.
      type: str
      sample: ab02e399d455612efc869241d5e393dfa3a07810610e7a77000c4daca6aeb7b4
    digest:
      description: The digest of the image's manifest; V(null) where the engine does not tell.
      type: str
      sample: sha256:b44834b10d59585bbe8810f74373fc5ec3c62109d652474324446561cacf5fb9
    status:
      description: Such as V(running), V(paused), V(exited) or V(created).
      type: str
      sample: running
    pid:
      description: Its first process, as the host sees it; V(null) where it has none.
      type: int
      sample: 4392
    created:
      description: When it was made.
      type: str
      sample: "2026-11-26T12:07:13.772594204Z"
    labels:
      description: Its labels.
      type: dict
      sample: {"com.docker.compose.project": "portal"}
    compose_project:
      description: The Compose project it belongs to; V(null) where it belongs to none.
      type: str
      sample: portal
    pod:
      description: The pod it belongs to, in Kubernetes as NAMESPACE/NAME; V(null) where it belongs to none.
      type: str
      sample: ml/trainer-0
    python:
      description:
        - A Python 3.7 or newer in it with which Ansible could run modules there, that of the system before that of a
          conda; V(null) where it has none, or does not run.
      type: str
      sample: /opt/conda/bin/python
    root:
      description: Where its root was read.
      type: str
      sample: /proc/4392/root
    drift:
      description: What is different in it from its image.
      returned: with O(drift)
      type: dict
      contains:
        status:
          description: V(compared), or V(unknown) where it could not be compared.
          type: str
          sample: compared
        reason:
          description: Why it could not be compared; V(null) where it was.
          type: str
        image:
          description:
            - Its image, with its names, its names with the digest of the manifest, and when it was made. C(there) is
              false where the engine has no image of that number any more, and V(null) where it does not tell.
          type: dict
          sample:
            id: ab02e399d455612efc869241d5e393dfa3a07810610e7a77000c4daca6aeb7b4
            name: ai-platform/base:ubuntu22-pytorch2.7
            there: true
            names: ["ai-platform/base:ubuntu22-pytorch2.7"]
            digests: ["ai-platform/base@sha256:b44834b10d59585bbe8810f74373fc5ec3c62109d652474324446561cacf5fb9"]
            created: "2026-11-26T08:14:53.017728679Z"
        changed:
          description: Whether anything is different; V(null) where it could not be compared.
          type: bool
          sample: true
        complete:
          description:
            - Whether all of both could be read. Where it is false, more can be different than is told.
          type: bool
          sample: true
        tools:
          description: The packages of conda, mamba and their solver whose version is another.
          type: list
          elements: dict
          sample: [{"prefix": "/opt/conda", "name": "conda", "before": "4.10.3", "after": "26.9.4"}]
        environments:
          description: The environments that are different, by prefix.
          type: list
          elements: dict
          contains:
            prefix:
              description: Where it is.
              type: str
              sample: /opt/conda/envs/train
            change:
              description:
                - Whether it was C(added), C(removed) or C(changed); C(unknown) where not all of it could be read, and
                  nothing is different in what could.
              type: str
              sample: changed
            installation:
              description: The prefix of the installation of the image that looks after it; V(null) where none does.
              type: str
              sample: /opt/conda
            program:
              description: The program of that installation.
              type: str
              sample: /opt/conda/bin/conda
            kind:
              description: Which tool that is, as RV(installations[].kind).
              type: str
              sample: conda
            packages:
              description: The packages that were C(added), C(removed) or C(changed), as they were and as they are.
              type: list
              elements: dict
              sample:
                - name: numpy
                  change: changed
                  before:
                    version: 1.26.4
                    build: py312heda63a1_0
                    channel: conda-forge
                    subdir: linux-64
                    url: https://conda.anaconda.org/conda-forge/linux-64/numpy-1.26.4-py312heda63a1_0.conda
                    md5: d8285bea2a350f63fab23bf460221f3f
                  after:
                    version: 2.1.3
                    build: py312h58c1407_0
                    channel: conda-forge
                    subdir: linux-64
                    url: https://conda.anaconda.org/conda-forge/linux-64/numpy-2.1.3-py312h58c1407_0.conda
                    md5: d1fb6d9ae0a4ec0ddb6ea2b5e4f3e8d0
            pip_packages:
              description: The same for Python packages that something other than conda installed, with their versions.
              type: list
              elements: dict
              sample: [{"name": "wandb", "change": "added", "before": null, "after": "0.19.1"}]
            pinned:
              description: The pins before and after; V(null) where they are the same.
              type: dict
              sample: {"before": [], "after": ["numpy 1.26.*"]}
            complete:
              description: Whether all its records could be read.
              type: bool
              sample: true
        settings:
          description:
            - The files of settings (condarc) that were C(added), C(removed) or C(changed), and of each the settings
              that are not the same.
          type: list
          elements: dict
          sample:
            - path: /root/.condarc
              change: added
              settings: [{"name": "channels", "change": "added", "before": null, "after": ["conda-forge"]}]
              complete: true
        mounted:
          description:
            - Environments and files of settings on something that is mounted in it, such as a volume. They are no part
              of the container, and were not compared.
          type: list
          elements: str
          sample: [/home/alice/envs/train]
        unreadable:
          description: What of both could not be read, and why.
          type: list
          elements: dict
          sample: []
images:
  description:
    - The images that were looked into, with O(images); as RV(containers), with these values instead of C(name),
      C(image), C(image_id), C(digest), C(status), C(pid), C(compose_project) and C(pod).
  returned: success
  type: list
  elements: dict
  contains:
    names:
      description: Its names with tags; empty where it has none.
      type: list
      elements: str
      sample: ["ai-platform/base:ubuntu22-pytorch2.7"]
    digests:
      description: Its names with the digest of the manifest.
      type: list
      elements: str
      sample: ["ai-platform/base@sha256:b44834b10d59585bbe8810f74373fc5ec3c62109d652474324446561cacf5fb9"]
    size:
      description: Its size in bytes, as the engine counts; V(null) where it does not tell.
      type: int
      sample: 252000000
looked_into:
  description: What O(containers) and O(images) asked for.
  returned: success
  type: dict
  sample: {"containers": "running", "images": false}
complete:
  description: Whether the look came to its end within O(time_limit).
  returned: success
  type: bool
  sample: true
seconds:
  description: How long the look took.
  returned: success
  type: float
  sample: 0.021
files_opened:
  description: How many files were opened.
  returned: success
  type: int
  sample: 84
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.labfleet.conda.plugins.module_utils._system._zip_import import compile_once

compile_once()

from ansible_collections.labfleet.conda.plugins.module_utils._discover._look_result import scan
from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import Options, ScanError
from ansible_collections.labfleet.conda.plugins.module_utils._discover._wanted import Wanted

ARGUMENT_SPEC = {
    "root": {"type": "str", "default": "/"},
    "search_paths": {"type": "list", "elements": "str", "default": []},
    "exclude": {"type": "list", "elements": "str", "default": []},
    "users": {"type": "list", "elements": "str"},
    "depth": {"type": "int", "default": 3},
    "one_file_system": {"type": "bool", "default": False},
    "gather": {"type": "list", "elements": "str", "choices": ["records", "sizes", "last_use"], "default": []},
    "containers": {"type": "str", "choices": ["none", "running", "all"], "default": "none"},
    "images": {"type": "bool", "default": False},
    "drift": {"type": "bool", "default": False},
    "time_limit": {"type": "float", "default": 60},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    options = dict(module.params)
    wanted = Wanted(options.pop("containers"), options.pop("images"), options.pop("drift"))
    try:
        result = scan(Options(**options), wanted)
    except ScanError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
