# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The CUDA stack of one environment: frameworks, toolkits and cuDNN, as records, metadata and three text files tell."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._audit._cuda_table import (
    CudaTable,
    Kernels,
    minor,
    numbers,
)
from ansible_collections.labfleet.conda.plugins.module_utils._audit._gpu_parts import CPU, Framework, Library, Stack
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment, site_packages
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._pip import normalize
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import RecordName
from ansible_collections.labfleet.conda.plugins.module_utils._system._directory import Directory
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable

MAX_TEXT_FILE = 64 * 1024
_ARCH_FILE = "etc/conda/activate.d/libtorch_activate.sh"
# Not NCCL and the like, which other packages bring too. Of some, the own version is that of CUDA.
_RUNTIMES = re.compile(
    r"^nvidia-(cuda-runtime|cuda-nvrtc|cublas|cufft|curand|cusolver|cusparse|nvjitlink)(?:-cu(\d{2}))?$"
)
_VERSIONED_AS_CUDA = ("cuda-runtime", "cuda-nvrtc", "cublas", "nvjitlink")


class Texts(t.NamedTuple):
    """The small text files that tell what a build is; they are read and searched, never run or imported."""

    torch: str = ""
    tensorflow: str = ""
    archs: str = ""
    arch_path: str = ""


def read_stack(environment: Environment, prefix: Directory, table: CudaTable) -> Stack:
    """Read the stack of an environment.

    :param prefix: its open directory, for the text files.
    :param table: for what only the tables tell.
    """
    notes: t.List[t.Tuple[str, str]] = []
    python = environment.record("python")
    packages = site_packages(python) if python else None

    def text(path: str) -> str:
        directory, _slash, name = path.rpartition("/")
        try:
            with prefix.directory(directory) as place:
                return place.read(name, limit=MAX_TEXT_FILE).decode("utf-8", "replace")
        except Absent:
            return ""
        except Unreadable as error:
            notes.append((error.path, error.reason))
            return ""

    texts = Texts(
        torch=text(packages + "/torch/version.py") if packages else "",
        tensorflow=text(packages + "/tensorflow/python/platform/build_info.py") if packages else "",
        archs=text(_ARCH_FILE),
        arch_path=prefix.join(_ARCH_FILE),
    )
    records = {record.name: record for record in environment.records or ()}
    pip = {normalize(package.name): package.version for package in environment.pip_packages}
    subdirs = [record.subdir for record in environment.details or () if record.subdir and record.subdir != "noarch"]
    stack = make_stack(records, pip, texts, (subdirs or ["linux-64"])[0], table)
    return stack._replace(notes=tuple(notes))


def make_stack(
    records: t.Mapping[str, RecordName],
    pip: t.Mapping[str, str],
    texts: Texts,
    platform: str,
    table: CudaTable,
) -> Stack:
    """Put the stack together; pure.

    :param records: the records by name.
    :param pip: the versions of what pip installed, by normal name.
    """
    toolkits = [*_conda_toolkits(records), *_pip_toolkits(pip)]
    frameworks = [
        *_conda_torch(records, "torch" in pip, texts, table),
        *_pip_torch(pip, texts, platform, table),
        *_tensorflow(records, pip, texts),
        *_jax(records, pip),
        *_cupy(pip),
    ]
    arch = records.get("cuda-arch")
    return Stack(
        frameworks=tuple(frameworks),
        toolkits=tuple(toolkits),
        cudnns=tuple(_cudnns(records, pip)),
        least_capability=minor(arch.version) if arch and len(numbers(arch.version)) >= 2 else None,
        platform=platform,
    )


def cuda_of_build(build: str) -> t.Optional[str]:
    """The CUDA release in a build string, or C(cpu); None where it tells neither.

    The forms are those of conda-forge (C(cuda129_mkl_py312_h1_303), C(cpu_generic_py312_h1_3)), of the pytorch
    channel (C(py3.12_cuda12.4_cudnn9.1.0_0), C(py3.7_cuda10.1.243_cudnn7.6.3_0), C(py3.12_cpu_0)) and of defaults
    (C(gpu_cuda124py312h1_300)).
    """
    match = re.search(r"(?:^|_)cuda(?:(\d+\.\d+)(?:\.\d+)?|(\d{1,2})(\d))(?=_|py|$)", build)
    if match:
        return match.group(1) or "%s.%s" % match.group(2, 3)
    return CPU if re.search(r"(?:^|_)cpu(?=_|$)", build) else None


def parse_arch_list(text: str, name: str) -> t.Optional[t.Tuple[t.Tuple[str, ...], t.Optional[str]]]:
    """Capabilities and PTX of an assignment such as C(NAME="8.0;9.0;12.0+PTX"); None where it is not understood."""
    match = re.search(r"(?:^|\s)%s=[\"']?([0-9A-Za-z.;+ ]{1,400})" % name, text)
    if not match:
        return None
    archs: t.List[str] = []
    ptx = None
    for word in re.split(r"[; ]+", match.group(1).strip()):
        part = re.match(r"^(\d{1,2}\.\d[af]?)(\+PTX)?$", word)
        if not part:
            return None
        archs.append(part.group(1))
        ptx = part.group(1).rstrip("af") if part.group(2) else ptx
    return tuple(archs), ptx


def _conda_torch(
    records: t.Mapping[str, RecordName], pip_has_torch: bool, texts: Texts, table: CudaTable
) -> t.Iterator[Framework]:
    record = records.get("pytorch") or (None if pip_has_torch else records.get("libtorch"))
    if record is None:
        return
    cuda = cuda_of_build(record.build)
    kernels = None
    if cuda and cuda != CPU:
        listed = parse_arch_list(texts.archs, "CF_TORCH_CUDA_ARCH_LIST")
        if listed:
            kernels = Kernels(listed[0], listed[1], texts.arch_path)
        elif record.build.startswith("cuda"):
            kernels = table.conda_forge(cuda)
    source = "build %s" % record.build
    yield Framework("torch", record.version, cuda, "conda", source, kernels, _cudnn_of(record.build))


def _cudnn_of(build: str) -> t.Optional[int]:
    match = re.search(r"_cudnn(\d+)", build)
    return int(match.group(1)) if match else None


def _pip_torch(pip: t.Mapping[str, str], texts: Texts, platform: str, table: CudaTable) -> t.Iterator[Framework]:
    version = pip.get("torch")
    if version is None:
        return
    cuda, source = _cuda_of_torch(version, pip, texts, table)
    local = version.partition("+")[2]
    ours = not local or re.match(r"^cu\d+$", local)  # other builds, such as NVIDIA's own, are not in the table
    is_release = re.match(r"^\d+\.\d+(?:\.\d+)?(?:\+|$)", version) is not None
    kernels = table.wheel(version, cuda, platform) if cuda and cuda[:1].isdigit() and ours and is_release else None
    yield Framework("torch", version, cuda, "pip", source, kernels, table.cudnn_major(version) if kernels else None)


def _cuda_of_torch(
    version: str, pip: t.Mapping[str, str], texts: Texts, table: CudaTable
) -> t.Tuple[t.Optional[str], str]:
    """What a wheel of torch is built for: by torch/version.py, else its version, else NVIDIA's packages beside it."""
    match = re.search(r"^cuda[^=\n]{0,60}= *(?:None|['\"]([\d.]{1,10})['\"])", texts.torch, re.MULTILINE)
    if match and match.group(1):
        return minor(match.group(1)), "torch/version.py"
    if match:
        other = re.search(r"^(hip|xpu)[^=\n]{0,60}= *['\"]", texts.torch, re.MULTILINE)
        return ({"hip": "rocm", "xpu": "xpu"}[other.group(1)] if other else CPU), "torch/version.py"
    local = re.search(r"\+(?:(cpu|rocm|xpu)|cu(\d{1,2})(\d))", version)
    if local:
        return local.group(1) or "%s.%s" % local.group(2, 3), "version %s" % version
    runtime = next(iter(_pip_toolkits(pip)), None)
    if runtime:
        return runtime.version, "%s beside it" % runtime.package
    default = table.default_cuda(version)
    return default, "the wheel that PyPI has, by the table of %s" % table.date if default else "nothing"


def _tensorflow(records: t.Mapping[str, RecordName], pip: t.Mapping[str, str], texts: Texts) -> t.Iterator[Framework]:
    record = records.get("tensorflow-base") or records.get("tensorflow")
    names = [name for name in ("tensorflow", "tensorflow-gpu", "tensorflow-cpu") if name in pip]
    built = _tensorflow_build(texts.tensorflow)
    if record:
        cuda = cuda_of_build(record.build)
        told = built if built and not names else None
        source = "build %s" % record.build
        if cuda is None and told:
            cuda, source = told[0], "build_info.py"
        yield Framework("tensorflow", record.version, cuda, "conda", source, *(told[1:] if told else ()))
    if names:
        cuda, kernels, cudnn = built or (CPU if names == ["tensorflow-cpu"] else None, None, None)
        source = "tensorflow/python/platform/build_info.py" if built else "package %s" % names[0]
        yield Framework("tensorflow", pip[names[0]], cuda, "pip", source, kernels, cudnn)


def _tensorflow_build(text: str) -> t.Optional[t.Tuple[t.Optional[str], t.Optional[Kernels], t.Optional[int]]]:
    """CUDA release, machine code and cuDNN of a build_info.py; C(sm_80) is code, C(compute_90) code and PTX."""
    is_cuda = re.search(r"'is_cuda_build'[,:] *(True|False)", text)
    if not is_cuda:
        return None
    if is_cuda.group(1) == "False":
        return CPU, None, None
    cuda = re.search(r"'cuda_version'[,:] *'(\d{1,2}(?:\.\d{1,2})?)[.\d]{0,6}'", text)
    cudnn = re.search(r"'cudnn_version'[,:] *'(\d{1,2})[.\d]{0,10}'", text)
    listed = re.search(r"'cuda_compute_capabilities'[,:] *\[([^\]]{1,400})\]", text)
    found = re.findall(r"'(sm|compute)_(\d{1,2})(\d)([af]?)'", listed.group(1)) if listed else []
    archs = tuple("%s.%s%s" % part[1:] for part in found)
    ptx = [("%s.%s" % part[1:3]) for part in found if part[0] == "compute"]
    # Of several PTX the lowest runs on the most GPUs.
    kernels = Kernels(archs, min(ptx, key=numbers, default=None), "build_info.py") if archs else None
    return cuda.group(1) if cuda else None, kernels, int(cudnn.group(1)) if cudnn else None


def _jax(records: t.Mapping[str, RecordName], pip: t.Mapping[str, str]) -> t.Iterator[Framework]:
    record = records.get("jaxlib")
    if record:
        yield Framework("jax", record.version, cuda_of_build(record.build), "conda", "build %s" % record.build)
    if "jaxlib" not in pip:
        return
    plugins = [match for match in (re.match(r"^jax-cuda(\d+)-plugin$", name) for name in sorted(pip)) if match]
    for match in plugins:
        yield Framework("jax", pip["jaxlib"], match.group(1), "pip", "package %s" % match.group(0))
    local = re.search(r"\+cuda(\d{1,2})", pip["jaxlib"])
    if local:
        yield Framework("jax", pip["jaxlib"], local.group(1), "pip", "version %s" % pip["jaxlib"])
    elif not plugins:
        yield Framework("jax", pip["jaxlib"], CPU, "pip", "jaxlib without a plugin for CUDA")


def _cupy(pip: t.Mapping[str, str]) -> t.Iterator[Framework]:
    for name, version in sorted(pip.items()):
        match = re.match(r"^cupy-cuda(\d{2,3})x?$", name)
        if match:
            digits = match.group(1)
            yield Framework(
                "cupy", version, digits[:2] + ("." + digits[2] if digits[2:] else ""), "pip", "package " + name
            )


def _conda_toolkits(records: t.Mapping[str, RecordName]) -> t.Iterator[Library]:
    for name in ("cudatoolkit", "cuda-cudart"):
        if name in records and numbers(records[name].version):
            yield Library(minor(records[name].version), "conda", name)
    if "libcublas" in records and "cuda-cudart" not in records and numbers(records["libcublas"].version):
        yield Library(str(numbers(records["libcublas"].version)[0]), "conda", "libcublas")


def _pip_toolkits(pip: t.Mapping[str, str]) -> t.Iterator[Library]:
    """The runtimes that pip brought, one for each CUDA major; from CUDA 13 on their names carry no suffix."""
    found: t.Dict[int, Library] = {}
    for name, version in sorted(pip.items(), key=lambda item: ("cuda-runtime" not in item[0], item[0])):
        match = _RUNTIMES.match(name)
        if match is None or not numbers(version):
            continue
        versioned, suffix = match.group(1) == "cuda-runtime", match.group(2)
        major = int(suffix) if suffix else numbers(version)[0]
        if suffix or match.group(1) in _VERSIONED_AS_CUDA:
            found.setdefault(major, Library(minor(version) if versioned else str(major), "pip", name))
    return iter([found[major] for major in sorted(found)])


def _cudnns(records: t.Mapping[str, RecordName], pip: t.Mapping[str, str]) -> t.Iterator[Library]:
    record = records.get("cudnn") or records.get("libcudnn")
    if record and numbers(record.version):
        match = re.search(r"(?:^|_)cuda(\d{2})", record.build)
        yield Library(record.version, "conda", record.name, int(match.group(1)) if match else None)
    for name, version in sorted(pip.items()):
        suffix = re.match(r"^nvidia-cudnn-cu(\d{2})$", name)
        if suffix and numbers(version):
            yield Library(version, "pip", name, int(suffix.group(1)))


__all__ = (
    "Texts",
    "cuda_of_build",
    "make_stack",
    "parse_arch_list",
    "read_stack",
)
