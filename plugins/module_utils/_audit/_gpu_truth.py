# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Whether the CUDA stack of an environment fits a driver and its GPUs: pure judgement, no looking."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._audit._cuda_table import (
    CudaTable,
    Kernels,
    driver_reaches,
    minor,
    numbers,
)
from ansible_collections.labfleet.conda.plugins.module_utils._audit._gpu_parts import (
    CPU,
    Device,
    Framework,
    Stack,
    Target,
    Verdict,
    dropped_devices,
)

_FRAMEWORK = {"torch": "PyTorch", "tensorflow": "TensorFlow", "jax": "JAX", "cupy": "CuPy"}


def judge(stack: Stack, target: Target, table: CudaTable) -> Verdict:
    """Judge a stack against a driver and GPUs, and by itself.

    Rules without a severity here have that of the rule. An empty target asks only what a stack tells by itself.
    """
    verdict = Verdict()
    with_cuda = [item for item in stack.frameworks if item.has_cuda]
    if target.driver:
        _driver(verdict, stack, with_cuda, target, table)
    for framework in with_cuda:
        _devices(verdict, framework, target, table, stack.platform)
    if stack.least_capability:
        _declared(verdict, stack.least_capability, target)
    if target.devices:
        _cpu_only(verdict, stack, target, table)
    _unknown_builds(verdict, stack)
    _two_stacks(verdict, stack)
    _cudnn(verdict, stack)
    _end_of_life(verdict, stack, table)
    return verdict


def _wanted(stack: Stack, with_cuda: t.Sequence[Framework]) -> t.List[t.Tuple[str, str, str]]:
    """Item, words and CUDA release of each thing that needs a driver: frameworks, or the runtime where none is."""
    found = [(item.name, words(item), t.cast(str, item.cuda)) for item in with_cuda]
    if not found:
        found = [
            ("cuda", "The CUDA runtime %s (%s)" % (item.version, item.package), item.version) for item in stack.toolkits
        ]
    return found


def words(framework: Framework) -> str:
    """A framework in words: name, version, CUDA release and what tells it."""
    name = _FRAMEWORK.get(framework.name, framework.name)
    return "%s %s for CUDA %s (%s)" % (name, framework.version, framework.cuda, framework.source)


def _driver(verdict: Verdict, stack: Stack, with_cuda: t.Sequence[Framework], target: Target, table: CudaTable) -> None:
    driver = t.cast(str, target.driver)
    for item, text, cuda in _wanted(stack, with_cuda):
        found = table.judge_driver(driver, cuda)
        details = {"cuda": cuda, "driver": driver, "minimum": found.minimum, "packaged": found.packaged}
        if found.answer == "fails":
            least = t.cast(str, found.minimum)
            evidence = "%s needs driver %s or newer; %s." % (text, least, target.driver_words)
            severity = None
            if target.compat and not target.assumed and driver_reaches(target.compat, least):
                severity = "low"
                evidence += (
                    " On a data-center GPU, libcuda %s in /usr/local/cuda/compat bridges this if programs load it."
                    % target.compat
                )
            remedy = _driver_remedy(stack, item, least, target, table)
            verdict.add("env.gpu_driver", evidence, item=item, remedy=remedy, severity=severity, details=details)
        elif found.answer == "limited":
            evidence = (
                "%s came with driver %s; %s. It runs by minor version compatibility: without new features, and PTX is "
                "not translated." % (text, found.packaged, target.driver_words)
            )
            remedy = "Update the driver to %s or newer where a program says that a feature is missing." % found.packaged
            verdict.add("env.gpu_driver", evidence, item=item, remedy=remedy, severity="low", details=details)
        elif found.answer == "unknown":
            verdict.unknown.append("which driver CUDA %s needs: the tables of %s do not tell" % (cuda, table.date))
    if _wanted(stack, with_cuda):
        _dropped(verdict, target, table)


def _driver_remedy(stack: Stack, item: str, least: str, target: Target, table: CudaTable) -> str:
    update = "Update the driver to %s or newer" % least
    if item != "torch":
        return update + "."
    capabilities = [device.capability for device in target.devices if device.capability]
    best = table.best_wheel(capabilities, target.driver, stack.platform)
    return update + (", or take a build that this driver runs: %s" % _install(*best) if best else "") + "."


def _install(torch: str, cuda: str) -> str:
    tag = "cu" + cuda.replace(".", "")
    return "python -m pip install 'torch==%s.*' --index-url https://download.pytorch.org/whl/%s" % (torch, tag)


def _dropped(verdict: Verdict, target: Target, table: CudaTable) -> None:
    for device, name, last in dropped_devices(target, table):
        verdict.add(
            "env.gpu_driver",
            "No CUDA program runs on %s (%s): branch %d is the last that serves it, and %s."
            % (device.name, name, last, target.driver_words),
            item=device.name,
            remedy="Keep the driver on branch %d on this host." % last,
            severity="high",
        )


def _devices(verdict: Verdict, framework: Framework, target: Target, table: CudaTable, platform: str) -> None:
    cuda = t.cast(str, framework.cuda)
    known = [device for device in target.devices if device.capability]
    for device in target.devices:
        if not device.capability:
            text = "whether %s has code for %s, whose compute capability is not in the tables"
            verdict.unknown.append(text % (words(framework), device.name))
    if framework.kernels is None:
        _by_architecture(verdict, framework, known, table)
        return
    answers = {device: table.runs(framework.kernels, t.cast(str, device.capability)) for device in known}
    limited = target.driver is not None and table.judge_driver(target.driver, cuda).answer != "ok"
    none = [device for device in known if answers[device] == "no" or (answers[device] == "ptx" and limited)]
    slow = [device for device in known if answers[device] == "ptx" and not limited]
    if none:
        _no_code(verdict, framework, none, known, limited, target, table, platform)
    if slow:
        verdict.add(
            "env.gpu_arch",
            "%s has no machine code for %s, only PTX from %s on, which the driver translates when a program starts."
            % (words(framework), names(slow), framework.kernels.ptx),
            item=framework.name,
            remedy="Nothing has to be done; a build with code for this GPU starts faster.",
            severity="low",
        )
    for device in known:
        if answers[device] == "unknown":
            text = "whether %s has code for %s: boards of the Tegra line run only builds of their own"
            verdict.unknown.append(text % (words(framework), device.name))


def _no_code(
    verdict: Verdict,
    framework: Framework,
    none: t.Sequence[Device],
    known: t.Sequence[Device],
    limited: bool,
    target: Target,
    table: CudaTable,
    platform: str,
) -> None:
    kernels = t.cast(Kernels, framework.kernels)
    text = "%s has no code for %s: it was built for %s%s, by %s."
    ptx = "" if kernels.ptx is None else " and PTX from %s on" % kernels.ptx
    if kernels.ptx and limited:
        ptx += ", which a driver older than the build's CUDA release does not translate"
    evidence = text % (words(framework), names(none), ", ".join(kernels.archs), ptx, kernels.source)
    if len(none) < len(known):
        evidence += " The other GPUs of the host can run it."
    remedy = "Take a build with code for this GPU"
    best = None
    if framework.name == "torch":
        wanted = sorted({t.cast(str, device.capability) for device in known})
        best = table.best_wheel(wanted, target.driver, platform)
        if best is None and target.driver:
            best = table.best_wheel(wanted, None, platform)
    verdict.add(
        "env.gpu_arch",
        evidence,
        item=framework.name,
        remedy=remedy + (": %s." % _install(*best) if best else "."),
        details={"archs": list(kernels.archs), "ptx": kernels.ptx, "capabilities": [one.capability for one in none]},
    )


def _by_architecture(verdict: Verdict, framework: Framework, known: t.Sequence[Device], table: CudaTable) -> None:
    """What the CUDA release alone tells, where nothing tells what code a build holds."""
    cuda = t.cast(str, framework.cuda)
    before, after = [], []
    for device in known:
        found = table.architecture(t.cast(str, device.capability))
        if found is None:
            continue
        if numbers(found.first_cuda)[: len(numbers(cuda))] > numbers(cuda):
            before.append(device)
        elif found.last_cuda and numbers(cuda)[: len(numbers(found.last_cuda))] > numbers(found.last_cuda):
            after.append(device)
    if before:
        text = "CUDA %s is older than %s, so %s has no machine code for it; it runs only if the build carries PTX."
        evidence = text % (cuda, names(before), words(framework))
        verdict.add("env.gpu_arch", evidence, item=framework.name, severity="medium")
    if after:
        evidence = "%s has no code for %s: CUDA %s dropped it." % (words(framework), names(after), cuda.split(".")[0])
        verdict.add("env.gpu_arch", evidence, item=framework.name)
    if known and not before and not after and framework.name in ("torch", "tensorflow"):
        text = "what machine code %s holds: the tables of %s do not tell"
        verdict.unknown.append(text % (words(framework), table.date))


def _declared(verdict: Verdict, least: str, target: Target) -> None:
    low = [one for one in target.devices if one.capability and numbers(one.capability) < numbers(least)]
    if low:
        text = "The package cuda-arch says that this environment needs capability %s or higher; not so %s."
        verdict.add("env.gpu_arch", text % (least, names(low)), item="cuda-arch")


def _cpu_only(verdict: Verdict, stack: Stack, target: Target, table: CudaTable) -> None:
    able = {item.name for item in stack.frameworks if item.has_cuda}
    for framework in stack.frameworks:
        if framework.cuda != CPU or framework.name in able:
            continue
        evidence = "%s %s is a build for CPU only (%s), and the host has %s." % (
            _FRAMEWORK[framework.name],
            framework.version,
            framework.source,
            names(target.devices),
        )
        verdict.add(
            "env.gpu_cpu_only",
            evidence,
            item=framework.name,
            severity=None if framework.name == "torch" else "low",
            remedy=_cpu_remedy(framework, stack, target, table),
            policy="gpu.required_cuda",
        )


def _cpu_remedy(framework: Framework, stack: Stack, target: Target, table: CudaTable) -> str:
    if framework.origin == "conda":
        name = {"torch": "pytorch", "jax": "jaxlib"}.get(framework.name, framework.name)
        release = table.cuda_of_driver(target.driver) if target.driver else None
        override = "env CONDA_OVERRIDE_CUDA=%s " % release if release else ""
        return (
            "The solver saw no GPU when it was made, as in an image build. Type: "
            "sudo -u {user} %sconda install -p {subject} '%s=*=*cuda*'" % (override, name)
        )
    capabilities = [device.capability for device in target.devices if device.capability]
    best = table.best_wheel(capabilities, target.driver, stack.platform) if framework.name == "torch" else None
    return "Install a build for CUDA%s." % (": " + _install(*best) if best else "")


def _unknown_builds(verdict: Verdict, stack: Stack) -> None:
    for framework in stack.frameworks:
        if framework.cuda is None:
            name = _FRAMEWORK[framework.name]
            verdict.unknown.append("what CUDA release %s %s is built for" % (name, framework.version))


def _two_stacks(verdict: Verdict, stack: Stack) -> None:
    for name in sorted({item.name for item in stack.frameworks}):
        origins = {item.origin: item for item in stack.frameworks if item.name == name}
        if len(origins) == 2:
            text = "%s is there twice: %s by conda and %s by pip, one written over the other."
            parts = (_FRAMEWORK[name], origins["conda"].version, origins["pip"].version)
            remedy = "Keep one: pip uninstall %s in the environment as {user}, then install that of conda again." % name
            verdict.add("env.gpu_two_stacks", text % parts, item=name, severity="high", remedy=remedy)
    origins = sorted({item.origin for item in stack.toolkits})
    text = ", ".join("%s %s (%s)" % (item.package, item.version, item.origin) for item in stack.toolkits)
    if len(origins) == 2:
        verdict.add("env.gpu_two_stacks", "It holds two CUDA runtimes: %s." % text, item="cuda")
    majors = {numbers(item.version)[0] for item in stack.toolkits}
    if len(majors) > 1 and len(origins) == 1:
        verdict.add("env.gpu_two_stacks", "It holds CUDA runtimes of two majors: %s." % text, item="cuda")
    built = [item for item in stack.frameworks if item.has_cuda]
    if len({numbers(t.cast(str, item.cuda))[0] for item in built}) > 1:
        text = "Its frameworks are built for different CUDA majors: %s." % "; ".join(map(words, built))
        verdict.add("env.gpu_two_stacks", text, item="frameworks")


def _cudnn(verdict: Verdict, stack: Stack) -> None:
    for framework in stack.frameworks:
        own = [item for item in stack.cudnns if item.origin == framework.origin] or list(stack.cudnns)
        if not framework.has_cuda or framework.cudnn is None or not own:
            continue
        if all(numbers(item.version)[0] != framework.cudnn for item in own):
            found = ", ".join("%s %s" % (item.package, item.version) for item in own)
            text = "%s loads cuDNN %d, and the environment has %s." % (words(framework), framework.cudnn, found)
            remedy = "Install cuDNN %d, or reinstall %s so that its own version comes with it." % (
                framework.cudnn,
                framework.name,
            )
            verdict.add("env.gpu_cudnn", text, item=framework.name, remedy=remedy)
    cuda = stack.cuda
    for item in stack.cudnns:
        if cuda and item.major is not None and item.major != numbers(cuda)[0]:
            majors = {numbers(one.version)[0] for one in stack.toolkits}
            if item.major not in majors:
                text = "%s %s is built for CUDA %d, and the environment is for CUDA %s."
                parts = (item.package, item.version, item.major, cuda)
                verdict.add("env.gpu_cudnn", text % parts, item=item.package, severity="medium")


def _end_of_life(verdict: Verdict, stack: Stack, table: CudaTable) -> None:
    newest = table.newest_cuda()
    if not stack.cuda or not newest or numbers(stack.cuda)[0] > numbers(newest)[0] - 2:
        return
    major = numbers(stack.cuda)[0]
    last = table.last_torch(major)
    text = "It is built for CUDA %s; the newest release is %s or later." % (minor(stack.cuda), newest)
    if last:
        text += " The last PyTorch with a wheel for CUDA %d is %s." % (major, last)
    verdict.add("env.cuda_eol", text, item="cuda", details={"cuda": stack.cuda})


def names(devices: t.Iterable[Device]) -> str:
    """Devices in words, with their capabilities."""
    return ", ".join(
        "%s (%s)" % (device.name, device.capability) if device.capability else device.name for device in devices
    )


__all__ = ("judge", "names", "words")
