# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The judgement on CUDA stacks, with the shipped tables: which driver, which code, which two copies."""

from __future__ import annotations

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._audit._cuda_table import (
    CudaTable,
    Kernels,
    driver_reaches,
    is_over,
)
from ansible_collections.labfleet.conda.plugins.module_utils._audit._gpu_parts import Device, Target
from ansible_collections.labfleet.conda.plugins.module_utils._audit._gpu_stack import (
    Texts,
    cuda_of_build,
    make_stack,
    parse_arch_list,
)
from ansible_collections.labfleet.conda.plugins.module_utils._audit._gpu_truth import judge
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import RecordName
from ansible_collections.labfleet.conda.plugins.plugin_utils._gpu_data import for_host, load

TABLE = CudaTable(for_host(load()))
H100 = Device("NVIDIA H100 80GB HBM3", "9.0")
V100 = Device("Tesla V100-SXM2-16GB", "7.0")
RTX5090 = Device("NVIDIA GeForce RTX 5090", "12.0")
SPARK = Device("NVIDIA GB10", "12.1")
ORIN = Device("Jetson AGX Orin", "8.7")
TORCH_TEXT = "__version__ = '%s'\ndebug = False\ncuda: Optional[str] = %s\nhip: Optional[str] = %s\n"
TENSORFLOW_TEXT = (
    "build_info = collections.OrderedDict([('cpu_compiler', '/usr/lib/llvm-18/bin/clang'), "
    "('cuda_compute_capabilities', ['sm_60', 'sm_70', 'sm_80', 'sm_89', 'compute_90']), ('cuda_version', '12.5.1'), "
    "('cudnn_version', '9'), ('is_cuda_build', True), ('is_rocm_build', False)])\n"
)


def stack(*records, pip=None, torch="", tensorflow="", archs="", platform="linux-64"):
    names = [RecordName(*text.rsplit("-", 2)) for text in records]
    texts = Texts(torch=torch, tensorflow=tensorflow, archs=archs, arch_path="/e/libtorch_activate.sh")
    return make_stack({name.name: name for name in names}, pip or {}, texts, platform, TABLE)


def torch_wheel(version, cuda, **more):
    return stack(pip=dict({"torch": version}, **more), torch=TORCH_TEXT % (version, repr(cuda), None))


def rules(verdict):
    return sorted((rule, problem.item, problem.severity) for rule, problem in verdict.problems)


@pytest.mark.parametrize(
    ("driver", "cuda", "answer"),
    [
        ("535.183.01", "12.2", "ok"),
        ("535.183.01", "12.8", "limited"),
        ("535.183.01", "13.0", "fails"),
        ("580.65.06", "13.0", "ok"),
        ("580.95.05", "13.2", "limited"),
        ("525.60.11", "12.0", "fails"),
        ("525", "12.0", "ok"),
        ("570", "12.8", "ok"),
        ("570.10", "12.8", "limited"),
        ("580.95.05", "11.8", "ok"),
        ("450.80.02", "11.8", "limited"),
        ("440.33", "10.2", "ok"),
        ("440.31", "10.2", "fails"),
        ("560.35.03", "12.7", "unknown"),
        ("570.26", "12.7", "ok"),
        ("550.54.14", "12.7", "limited"),
        ("610.43", "13.4", "unknown"),
        ("580.95.05", "13.4", "limited"),
        ("535.183.01", "12", "ok"),
        ("535.183.01", "13", "fails"),
        ("580.95.05", "14.0", "unknown"),
        ("580.95.05", "nonsense", "unknown"),
    ],
)
def test_which_driver_runs_which_cuda(driver, cuda, answer):
    assert TABLE.judge_driver(driver, cuda).answer == answer


def test_a_branch_stands_for_its_newest_driver():
    assert driver_reaches("570", "570.124.06") and not driver_reaches("570.86", "570.124.06")


def test_what_conda_shows_as_cuda():
    assert TABLE.cuda_of_driver("535.183.01") == "12.2"
    assert TABLE.cuda_of_driver("580.95.05") == "13.0"
    assert TABLE.cuda_of_driver("300.1") is None


@pytest.mark.parametrize(
    ("archs", "ptx", "capability", "answer"),
    [
        (("8.0", "8.6"), None, "8.9", "native"),
        (("8.6",), None, "8.0", "no"),
        (("8.0",), None, "9.0", "no"),
        (("8.0",), "8.0", "9.0", "ptx"),
        (("12.0",), None, "12.1", "native"),
        (("9.0a",), None, "9.0", "native"),
        (("9.0a", "8.0"), None, "9.1", "no"),
        (("7.0",), None, "7.2", "unknown"),
        (("8.0", "8.7"), None, "8.7", "native"),
        (("8.7",), None, "8.9", "unknown"),
        ((), None, "9.0", "no"),
    ],
)
def test_which_gpu_runs_which_code(archs, ptx, capability, answer):
    assert TABLE.runs(Kernels(archs, ptx, ""), capability) == answer


@pytest.mark.parametrize(
    ("build", "cuda"),
    [
        ("cuda129_mkl_py312_h4c2f9f5_303", "12.9"),
        ("cuda126_py312h1a0b8f8_305", "12.6"),
        ("cuda112py310he33e0d6_201", "11.2"),
        ("cpu_generic_py312h1a0b8f8_5", "cpu"),
        ("py3.12_cuda12.4_cudnn9.1.0_0", "12.4"),
        ("py3.7_cuda10.1.243_cudnn7.6.3_0", "10.1"),
        ("py3.12_cpu_0", "cpu"),
        ("gpu_cuda124py312h2a0b8f8_300", "12.4"),
        ("cpu_py312h2a0b8f8_0", "cpu"),
        ("h0_0", None),
        ("cudatest_0", None),
    ],
)
def test_build_strings_tell_the_cuda_release(build, cuda):
    assert cuda_of_build(build) == cuda


def test_the_arch_list_of_conda_forge():
    text = 'export CF_TORCH_CUDA_ARCH_LIST="7.5;8.0;9.0a;12.0+PTX"\n'
    assert parse_arch_list(text, "CF_TORCH_CUDA_ARCH_LIST") == (("7.5", "8.0", "9.0a", "12.0"), "12.0")
    assert parse_arch_list("export CF_TORCH_CUDA_ARCH_LIST=Volta\n", "CF_TORCH_CUDA_ARCH_LIST") is None
    assert parse_arch_list("", "CF_TORCH_CUDA_ARCH_LIST") is None


def test_a_wheel_is_known_by_its_own_file_then_its_version_then_its_companions():
    found = torch_wheel("2.8.0", "12.8").torch
    assert (found.cuda, found.source) == ("12.8", "torch/version.py")
    assert found.kernels.archs[0] == "7.0" and found.cudnn == 9
    assert stack(pip={"torch": "2.8.0+cu126"}).torch.cuda == "12.6"
    assert stack(pip={"torch": "2.8.0+cpu"}).torch.cuda == "cpu"
    assert stack(pip={"torch": "2.8.0+rocm6.4"}).torch.cuda == "rocm"
    assert stack(pip={"torch": "2.8.0", "nvidia-cuda-runtime-cu12": "12.8.90"}).torch.cuda == "12.8"
    assert stack(pip={"torch": "2.13.0"}).torch.cuda == "13.0"
    assert stack(pip={"torch": "2.3.0"}).torch.cuda is None
    assert torch_wheel("2.8.0", None).torch.cuda == "cpu"


def test_a_wheel_for_amd_is_no_wheel_for_the_cpu():
    found = stack(pip={"torch": "2.8.0"}, torch=TORCH_TEXT % ("2.8.0", None, "'6.4.43482'"))
    assert found.torch.cuda == "rocm"
    assert rules(judge(found, Target("580.95.05", (H100,)), TABLE)) == []


def test_a_build_of_somebody_else_is_not_looked_up_in_the_tables():
    found = stack(pip={"torch": "2.8.0a0+5228986c39.nv25.6"}, torch=TORCH_TEXT % ("2.8.0a0", "'12.9'", None))
    assert found.torch.cuda == "12.9" and found.torch.kernels is None


def test_torch_for_a_newer_major_than_the_driver_fails():
    verdict = judge(torch_wheel("2.11.0", "13.0"), Target("535.183.01", (H100,)), TABLE)
    ((rule, problem),) = verdict.problems
    assert (rule, problem.item, problem.severity, verdict.answer) == ("env.gpu_driver", "torch", None, "fails")
    assert "needs driver 580 or newer; the loaded driver is 535.183.01" in problem.evidence
    assert "torch==2.14.*" in problem.remedy and "whl/cu126" in problem.remedy


def test_an_assumed_driver_is_told_as_assumed():
    verdict = judge(torch_wheel("2.11.0", "13.0"), Target("580", (H100,), assumed=True), TABLE)
    assert verdict.answer == "ok"
    verdict = judge(torch_wheel("2.11.0", "13.0"), Target("570", (H100,), assumed=True), TABLE)
    assert "the assumed driver is 570" in verdict.problems[0][1].evidence


def test_a_driver_between_minimum_and_release_is_a_limit():
    verdict = judge(torch_wheel("2.8.0", "12.8"), Target("535.183.01", (H100,)), TABLE)
    assert rules(verdict) == [("env.gpu_driver", "torch", "low")] and verdict.answer == "limited"


def test_the_compatibility_library_softens_the_finding():
    verdict = judge(torch_wheel("2.11.0", "13.0"), Target("535.183.01", (H100,), compat="580.65.06"), TABLE)
    assert rules(verdict) == [("env.gpu_driver", "torch", "low")]
    assert "/usr/local/cuda/compat" in verdict.problems[0][1].evidence


def test_blackwell_with_an_old_torch_has_no_code():
    verdict = judge(torch_wheel("2.6.0", "12.6"), Target("580.95.05", (RTX5090,)), TABLE)
    assert rules(verdict) == [("env.gpu_arch", "torch", None)] and verdict.answer == "fails"
    assert "torch==2.14.*" in verdict.problems[0][1].remedy


def test_blackwell_with_a_torch_that_the_tables_lack_is_open_not_fine():
    verdict = judge(torch_wheel("2.5.1", "12.4"), Target("580.95.05", (RTX5090,)), TABLE)
    assert rules(verdict) == [("env.gpu_arch", "torch", "medium")] and verdict.answer == "unknown"
    verdict = judge(torch_wheel("2.5.1", "12.4"), Target("580.95.05", (H100,)), TABLE)
    assert rules(verdict) == [] and verdict.answer == "unknown"


def test_volta_lost_its_code_in_torch_2_11():
    assert judge(torch_wheel("2.10.0", "12.8"), Target("570.124.06", (V100,)), TABLE).answer == "ok"
    verdict = judge(torch_wheel("2.11.0", "12.8"), Target("570.124.06", (V100,)), TABLE)
    assert rules(verdict) == [("env.gpu_arch", "torch", None)]
    assert "whl/cu126" in verdict.problems[0][1].remedy


def test_a_host_with_two_kinds_of_gpus_is_judged_by_each():
    verdict = judge(torch_wheel("2.11.0", "12.8"), Target("570.124.06", (V100, H100)), TABLE)
    assert "no code for Tesla V100-SXM2-16GB (7.0)" in verdict.problems[0][1].evidence
    assert "The other GPUs" in verdict.problems[0][1].evidence


def test_a_driver_after_the_last_branch_of_the_gpu_ends_every_environment():
    verdict = judge(torch_wheel("2.8.0", "12.6"), Target("595.71.05", (V100,), assumed=True), TABLE)
    assert rules(verdict) == [("env.gpu_driver", "Tesla V100-SXM2-16GB", "high")] and verdict.answer == "fails"
    assert "branch 580 is the last" in verdict.problems[0][1].evidence


def test_ptx_helps_only_with_a_driver_of_the_release():
    env = stack("pytorch-2.9.1-cuda129_mkl_py312_h0_303", archs="CF_TORCH_CUDA_ARCH_LIST='8.0;9.0+PTX'")
    assert rules(judge(env, Target("580.95.05", (RTX5090,)), TABLE)) == [("env.gpu_arch", "torch", "low")]
    verdict = judge(env, Target("570.124.06", (RTX5090,)), TABLE)
    assert ("env.gpu_arch", "torch", None) in rules(verdict)


def test_the_arch_list_in_the_environment_outweighs_the_table():
    build = "pytorch-2.10.0-cuda129_mkl_py312_h0_303"
    assert judge(stack(build), Target("580.95.05", (V100,)), TABLE).answer == "ok"
    env = stack(build, archs="export CF_TORCH_CUDA_ARCH_LIST=7.5;8.0;12.0+PTX\n")
    verdict = judge(env, Target("580.95.05", (V100,)), TABLE)
    assert "/e/libtorch_activate.sh" in verdict.of("env.gpu_arch")[0].evidence


def test_a_newer_minor_of_one_architecture_runs():
    assert judge(torch_wheel("2.13.0", "13.0"), Target("580.95.05", (SPARK,)), TABLE).answer == "ok"


def test_a_jetson_is_left_open():
    env = stack(pip={"torch": "2.8.0"}, torch=TORCH_TEXT % ("2.8.0", "'12.8'", None), platform="linux-aarch64")
    assert judge(env, Target("580.95.05", (ORIN,)), TABLE).answer == "unknown"


def test_tensorflow_tells_all_in_its_own_file():
    env = stack(pip={"tensorflow": "2.19.0", "nvidia-cudnn-cu12": "9.3.0.75"}, tensorflow=TENSORFLOW_TEXT)
    (found,) = env.frameworks
    assert (found.cuda, found.cudnn, found.kernels.ptx) == ("12.5", 9, "9.0")
    assert found.kernels.archs == ("6.0", "7.0", "8.0", "8.9", "9.0")
    assert judge(env, Target("580.95.05", (H100,)), TABLE).answer == "ok"
    map_form = TENSORFLOW_TEXT.replace("OrderedDict([(", "{").replace("', ", "': ").replace("12.5.1", "11.2")
    assert stack(pip={"tensorflow": "2.4.0"}, tensorflow=map_form).frameworks[0].cuda == "11.2"


def test_jax_and_cupy_are_known_by_their_packages():
    env = stack(pip={"jaxlib": "0.7.2", "jax-cuda13-plugin": "0.7.2", "cupy-cuda12x": "13.6.0"})
    assert [(item.name, item.cuda) for item in env.frameworks] == [("jax", "13"), ("cupy", "12")]
    verdict = judge(env, Target("535.183.01", (H100,)), TABLE)
    assert ("env.gpu_driver", "jax", None) in rules(verdict)
    assert ("env.gpu_two_stacks", "frameworks", None) in rules(verdict)


def test_a_build_for_cpu_counts_only_where_there_is_a_gpu():
    env = stack("pytorch-2.9.1-cpu_generic_py312_h0_3")
    assert rules(judge(env, Target(None), TABLE)) == []
    verdict = judge(env, Target("580.95.05", (H100,)), TABLE)
    assert rules(verdict) == [("env.gpu_cpu_only", "torch", None)]
    assert "CONDA_OVERRIDE_CUDA=13.0" in verdict.problems[0][1].remedy


def test_two_copies_and_two_runtimes_are_told():
    env = stack(
        "pytorch-2.5.1-cuda126_py312h0_305",
        "cuda-cudart-12.6.77-h0_0",
        pip={"torch": "2.8.0+cu128", "nvidia-cuda-runtime-cu12": "12.8.90"},
    )
    found = rules(judge(env, Target("580.95.05", (H100,)), TABLE))
    assert ("env.gpu_two_stacks", "torch", "high") in found and ("env.gpu_two_stacks", "cuda", None) in found
    assert env.torch.version == "2.8.0+cu128"


def test_the_runtimes_of_two_majors_by_pip_are_two_stacks():
    env = stack(pip={"nvidia-cublas-cu11": "11.11.3.6", "nvidia-cuda-runtime": "13.0.48", "nvidia-cufft": "12.0.0.61"})
    assert [item.version for item in env.toolkits] == ["11", "13.0"]
    assert ("env.gpu_two_stacks", "cuda", None) in rules(judge(env, Target(None), TABLE))


def test_what_other_packages_bring_is_no_second_stack():
    """xgboost, for one, brings NCCL."""
    env = stack("cuda-cudart-12.9.79-h0_0", pip={"nvidia-nccl-cu12": "2.27.3", "nvidia-ml-py": "13.580.82"})
    assert rules(judge(env, Target(None), TABLE)) == []


def test_a_gpu_without_a_known_capability_leaves_the_environment_open():
    verdict = judge(torch_wheel("2.8.0", "12.8"), Target("580.95.05", (Device("NVIDIA PG509-210", None),)), TABLE)
    assert verdict.answer == "unknown" and "PG509-210" in verdict.unknown[0]


def test_a_cudnn_of_another_major_is_told():
    env = torch_wheel("2.8.0", "12.8", **{"nvidia-cudnn-cu12": "8.9.7.29"})
    assert ("env.gpu_cudnn", "torch", None) in rules(judge(env, Target(None), TABLE))
    env = torch_wheel("2.8.0", "12.8", **{"nvidia-cudnn-cu12": "9.10.2.21"})
    assert rules(judge(env, Target(None), TABLE)) == []
    env = torch_wheel("2.8.0", "12.8", **{"nvidia-cudnn-cu13": "9.10.2.21", "nvidia-cudnn-cu12": "9.10.2.21"})
    assert ("env.gpu_cudnn", "nvidia-cudnn-cu13", "medium") in rules(judge(env, Target(None), TABLE))


def test_old_cuda_is_told_with_the_last_torch_for_it():
    verdict = judge(stack("cudatoolkit-11.8.0-h0_0"), Target("580.95.05", (H100,)), TABLE)
    assert rules(verdict) == [("env.cuda_eol", "cuda", None)]
    assert "The last PyTorch with a wheel for CUDA 11 is 2.7" in verdict.problems[0][1].evidence
    assert rules(judge(stack("cuda-cudart-12.8.90-h0_0"), Target("580.95.05", (H100,)), TABLE)) == []


def test_a_bare_runtime_is_judged_too():
    verdict = judge(stack("cuda-cudart-13.0.48-h0_0"), Target("535.183.01"), TABLE)
    assert rules(verdict) == [("env.gpu_driver", "cuda", None)]


def test_what_a_package_declares_counts():
    verdict = judge(stack("cuda-arch-8.0-0"), Target("580.95.05", (V100,)), TABLE)
    assert rules(verdict) == [("env.gpu_arch", "cuda-arch", None)]


@pytest.mark.parametrize("version", ["x", "", "+", "+cu", "9" * 3000, "2.8.0+cu" + "1" * 3000])
def test_versions_without_sense_raise_nothing(version):
    pip = dict.fromkeys(
        "torch tensorflow jaxlib nvidia-cuda-runtime nvidia-cudnn-cu12 nvidia-cublas cupy-cuda12x".split(), version
    )
    records = {name: RecordName(name, version, "cuda") for name in "cudatoolkit cuda-cudart cudnn cuda-arch".split()}
    found = make_stack(records, pip, Texts(), "linux-64", TABLE)
    judge(found, Target("580.95.05", (H100,)), TABLE)


def test_without_tables_everything_is_unknown_and_nothing_is_fine():
    empty = CudaTable({})
    verdict = judge(torch_wheel("2.8.0", "12.8"), Target("535.183.01", (H100,)), empty)
    assert verdict.answer == "unknown" and verdict.problems == []


def test_a_month_is_over_after_its_last_day():
    assert not is_over("2026-06", 1782777600)  # 2026-06-30
    assert is_over("2026-06", 1782864000)  # 2026-07-01
