# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rules on GPUs: whether driver, devices and virtual packages are sound, and each environment fits them."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._audit._context import Audit
from ansible_collections.labfleet.conda.plugins.module_utils._audit._cuda_table import is_over, minor, numbers
from ansible_collections.labfleet.conda.plugins.module_utils._audit._gpu_parts import dropped_devices
from ansible_collections.labfleet.conda.plugins.module_utils._audit._remedies import quoted, sudoer
from ansible_collections.labfleet.conda.plugins.module_utils._audit._rule import Problem, Rule
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._system._gpu import TOOLKIT_FILE, VERSION_FILE
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import shorten

_Check = t.Callable[[Environment, Audit], t.Iterator[Problem]]


def _of_environment(rule: str) -> _Check:
    """The check that yields what the judgement on an environment says under one rule."""

    def check(environment: Environment, audit: Audit) -> t.Iterator[Problem]:
        for problem in audit.gpu.verdict(environment).of(rule):
            remedy = problem.remedy and problem.remedy.replace("{subject}", quoted(environment.prefix))
            if remedy:
                remedy = remedy.replace("{user}", sudoer(audit.user(environment.uid)))
            yield problem._replace(remedy=remedy)

    return check


def _cpu_only(environment: Environment, audit: Audit) -> t.Iterator[Problem]:
    if audit.policy.get("gpu.required_cuda", True):
        yield from _of_environment("env.gpu_cpu_only")(environment, audit)


def _driver_eol(_subject: Audit, audit: Audit) -> t.Iterator[Problem]:
    driver, table = audit.gpu.target.driver, audit.gpu.table
    if driver is None:
        return
    end = table.branch_end(driver)
    branch = numbers(driver)[0]
    if end is None:
        audit.unknown(VERSION_FILE, "until when driver branch %d is maintained is not in the tables" % branch)
    elif is_over(end, audit.now):
        text = "Driver %s is of branch %d, whose maintenance ended in %s."
        yield Problem(text % (driver, branch, end), item="driver", details={"driver": driver, "end": end})


def _driver_mismatch(_subject: Audit, audit: Audit) -> t.Iterator[Problem]:
    found = audit.gpu.hardware
    if found.driver and found.user_driver and found.driver != found.user_driver:
        text = "The loaded kernel module is %s, and the library that programs load is libcuda.so.%s."
        details = {"kernel": found.driver, "library": found.user_driver}
        yield Problem(text % (found.driver, found.user_driver), item="driver", details=details)


def _driver_missing(_subject: Audit, audit: Audit) -> t.Iterator[Problem]:
    found = audit.gpu.hardware
    if audit.root.process is not None:
        return  # the devices are the host's, and so is this finding
    for device in found.pci_only:
        if device.driver == "vfio-pci":
            continue  # given to a virtual machine, which has a driver of its own
        text = "The NVIDIA device %s at %s is served by %s."
        evidence = text % (device.device or "without a number", device.bus, device.driver or "no driver")
        if found.driver:
            evidence += " Driver %s is loaded; branches drop old GPUs." % found.driver
        yield Problem(evidence, item=device.bus)
    if found.driver and found.devices and not found.user_driver:
        text = "Kernel module %s is loaded, but none of the usual directories has a libcuda.so.1."
        yield Problem(text % found.driver, item="libcuda")


def _driver_too_new(_subject: Audit, audit: Audit) -> t.Iterator[Problem]:
    for device, name, last in dropped_devices(audit.gpu.target, audit.gpu.table):
        text = "%s is of architecture %s, which branch %d is the last to serve; %s."
        yield Problem(text % (device.name, name, last, audit.gpu.target.driver_words), item=device.name)


def _arch_ending(_subject: Audit, audit: Audit) -> t.Iterator[Problem]:
    target, table = audit.gpu.target, audit.gpu.table
    for device in target.devices:
        found = table.architecture(device.capability) if device.capability else None
        if device.capability is None or found is None or found.last_cuda is None:
            continue
        evidence = "%s (%s) is of architecture %s: the last CUDA for it is %s, the last driver branch %s." % (
            device.name,
            device.capability,
            found.name,
            found.last_cuda,
            found.last_branch,
        )
        best = table.best_wheel([device.capability], None, "linux-64")
        if best:
            evidence += " The newest PyTorch wheel with code for it is %s for CUDA %s." % best
        for release, change, source in table.planned:
            evidence += " Planned for PyTorch %s: %s (%s)." % (release, change, source)
        yield Problem(evidence, item=device.name, details={"capability": device.capability})


def _unknown_model(_subject: Audit, audit: Audit) -> t.Iterator[Problem]:
    for device in audit.gpu.target.devices:
        if device.capability is None:
            text = "The compute capability of %s is not in the tables of %s, so no environment is judged by it."
            yield Problem(text % (device.name, audit.gpu.table.date), item=device.name)


def _virtual_package(_subject: Audit, audit: Audit) -> t.Iterator[Problem]:
    driver = audit.gpu.present.driver
    most = audit.gpu.table.cuda_of_driver(driver) if driver else None
    if most is None:
        return
    overrides = list(_overrides(audit))
    for source, value in overrides:
        told = numbers(value)[:2]
        if not value:
            text = "%s hides the GPU from the solver; the driver serves CUDA %s."
            yield Problem(text % (source, most), item=source)
        elif not told:
            audit.unknown(source, "the CUDA release that it sets for the solver is no version")
        elif told > numbers(most):
            text = "%s makes the solver believe in CUDA %s; driver %s serves %s in full."
            yield Problem(text % (source, minor(value), driver, most), item=source)
        elif told < numbers(most)[: len(told)]:
            text = "%s keeps the solver at CUDA %s; driver %s serves %s."
            yield Problem(text % (source, minor(value), driver, most), item=source, severity="info")
    toolkit = audit.gpu.hardware.toolkit
    kinds = {item.kind for item in audit.installations} | {
        name for item in audit.installations for name in item.versions
    }
    if toolkit and not overrides and minor(toolkit) != most and kinds & {"mamba", "micromamba"}:
        path = TOOLKIT_FILE
        text = (
            "mamba takes __cuda from the toolkit in %s, which is %s; conda takes it from the driver, which serves %s."
        )
        yield Problem(text % (path, minor(toolkit), most), item=path, path=path, severity="low")


def _overrides(audit: Audit) -> t.Iterator[t.Tuple[str, str]]:
    """Everything that sets C(__cuda) by hand: where it stands, and the value."""
    seen = set()
    for path, value in audit.gpu.hardware.overrides:
        yield "CONDA_OVERRIDE_CUDA in %s" % path, value
    for process in audit.survey.processes:
        value = process.variables.get("CONDA_OVERRIDE_CUDA")
        if value is not None and value not in seen and len(seen) < 10:
            seen.add(value)
            yield "CONDA_OVERRIDE_CUDA of running processes of %s" % audit.user(process.uid), shorten(value.strip(), 50)
    for configuration in audit.configurations:
        setting = configuration.settings.get("override_virtual_packages")
        told = setting.value.get("cuda") if setting and isinstance(setting.value, dict) else None
        if told is not None and setting.source not in seen:
            seen.add(setting.source)
            yield "override_virtual_packages in %s" % setting.source, shorten(str(told).strip(), 50)


def _rule(name: str, severity: str, scope: str, check: t.Callable[..., t.Any], **texts: str) -> Rule:
    return Rule(id=name, family="gpu", severity=severity, scope=scope, check=check, **texts)


RULES = (
    _rule(
        "env.gpu_driver",
        "high",
        "environment",
        _of_environment("env.gpu_driver"),
        title="The driver does not run the CUDA release of the environment",
        explanation="A CUDA program needs a driver that is new enough for its CUDA major; below the driver that its"
        " release came with it runs with limits. A driver also stops to serve old GPUs.",
        remedy="Update the driver of the host, or install packages for an older CUDA release.",
        source="NVIDIA CUDA toolkit release notes; NVIDIA minor version compatibility",
    ),
    _rule(
        "env.gpu_arch",
        "high",
        "environment",
        _of_environment("env.gpu_arch"),
        title="The build has no code for the GPUs of the host",
        explanation="A build runs only on GPUs that it has machine code or PTX for; else it stops with 'no kernel image"
        " is available for execution on the device', often only after minutes.",
        remedy="Take a build that lists the capability of this GPU.",
        source="CUDA programming guide; PyTorch RELEASE.md",
    ),
    _rule(
        "env.gpu_cpu_only",
        "medium",
        "environment",
        _cpu_only,
        title="A framework that can use only the CPU, on a host with a GPU",
        explanation="The environment works, slowly: the solver saw no GPU when it was made, as in an image build or on"
        " a login node, and took the build for CPU.",
        remedy="Install the build for CUDA, with CONDA_OVERRIDE_CUDA set where the solver sees no GPU.",
        source="conda-forge pytorch builds; CEP 30",
    ),
    _rule(
        "env.gpu_two_stacks",
        "medium",
        "environment",
        _of_environment("env.gpu_two_stacks"),
        title="Two CUDA stacks in one environment",
        explanation="Which of two copies of a library is loaded depends on the order of imports; crashes and wrong"
        " versions come and go.",
        remedy="Take frameworks and CUDA libraries of {subject} all from conda or all from pip, for one CUDA major.",
        source="labfleet.conda",
    ),
    _rule(
        "env.gpu_cudnn",
        "high",
        "environment",
        _of_environment("env.gpu_cudnn"),
        title="cuDNN is not of the major that the framework loads",
        explanation="A framework loads cuDNN by its major; another major is not found, or crashes.",
        remedy="Install the cuDNN that the framework asks for into {subject}.",
        source="PyTorch RELEASE.md; conda-forge cudnn feedstock",
    ),
    _rule(
        "env.cuda_eol",
        "low",
        "environment",
        _of_environment("env.cuda_eol"),
        title="The CUDA release is two majors old or older",
        explanation="Frameworks build for the newest two CUDA majors. An older one gets no new builds, so the"
        " environment stays with old, unmaintained versions.",
        remedy="Plan to make {subject} anew with packages for a current CUDA release.",
        source="labfleet.conda, after PyTorch RELEASE.md",
    ),
    _rule(
        "gpu.driver_eol",
        "medium",
        "host",
        _driver_eol,
        title="The driver is of a branch that is no longer maintained",
        explanation="A branch after its end gets no fixes, also none for vulnerabilities of the kernel module.",
        remedy="Move to a maintained branch, such as a long term support branch that serves all GPUs of the host.",
        source="NVIDIA data center drivers: supported drivers and CUDA toolkit versions",
    ),
    _rule(
        "gpu.driver_mismatch",
        "high",
        "host",
        _driver_mismatch,
        title="Kernel module and user-space library of the driver differ",
        explanation="After an update of the driver without a reboot every new CUDA program stops with 'driver/library"
        " version mismatch'.",
        remedy="Reboot the host, or unload and load the kernel module; restart a container that holds the old library.",
        source="NVIDIA driver README",
    ),
    _rule(
        "gpu.driver_missing",
        "info",
        "host",
        _driver_missing,
        title="An NVIDIA GPU that no NVIDIA driver serves",
        explanation="The device is on the bus, but no CUDA program can use it.",
        remedy="Install the NVIDIA driver, or waive this where the GPU is not meant for CUDA.",
        source="Linux sysfs-bus-pci",
    ),
    _rule(
        "gpu.driver_too_new",
        "high",
        "host",
        _driver_too_new,
        title="The driver's branch does not serve a GPU of the host",
        explanation="Each architecture has a last driver branch; with a newer one the GPU is not there any more.",
        remedy="Stay on, or go back to, the last branch that serves the GPU.",
        source="NVIDIA CUDA toolkit, driver and architecture matrix",
    ),
    _rule(
        "gpu.arch_ending",
        "info",
        "host",
        _arch_ending,
        title="A GPU that new CUDA releases no longer support",
        explanation="No CUDA release and no framework after a certain one will run on it, so its environments stay"
        " behind. Good to know before the driver or an image is updated.",
        remedy="Keep driver and CUDA of this host at what still serves it, and plan its replacement.",
        source="NVIDIA CUDA toolkit, driver and architecture matrix; PyTorch RELEASE.md",
    ),
    _rule(
        "gpu.virtual_package",
        "medium",
        "host",
        _virtual_package,
        title="What the solver believes of CUDA is not what the driver serves",
        explanation="conda and mamba choose builds by the virtual package __cuda. Set by hand, or taken from a toolkit,"
        " it leads to builds that this driver does not run, or to builds for CPU.",
        remedy="Remove the setting, or set it to the CUDA release that the driver serves.",
        source="CEP 30; conda/plugins/virtual_packages/cuda.py; libmamba virtual_packages.cpp",
    ),
    _rule(
        "gpu.unknown_model",
        "info",
        "host",
        _unknown_model,
        title="The compute capability of a GPU is not known",
        explanation="Capabilities are looked up by the name of the model. Without one, whether builds have code for the"
        " GPU stays open.",
        remedy="Name its capability with gpu_devices, such as 9.0, to judge the environments by it.",
        source="developer.nvidia.com/cuda-gpus",
    ),
)


__all__ = ("RULES",)
