# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules on GPUs over whole trees. The trees are written after the documents, not recorded from a real host."""

from __future__ import annotations

import os
import sys

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils import _audit
from ansible_collections.labfleet.conda.plugins.module_utils._audit._rules_gpu import RULES
from ansible_collections.labfleet.conda.plugins.plugin_utils._gpu_data import for_host, load

PREPARED = {"gpu": for_host(load())}
VERSION = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  %s  Wed Aug 23 10:11:16 UTC 2023\n"
INFORMATION = "Model: \t\t %s\nGPU UUID: \t GPU-8d7b1f2e-0c44-4c1b-9f0e-3a1b2c3d4e5f\nBus Location: \t 0000:07:00.0\n"
PACKAGES = "/opt/conda/envs/train/lib/python3.12/site-packages"
PYTHON = "python-3.12.1-h1_0"


def driver(host, version, model="NVIDIA H100 80GB HBM3", library=None):
    host.write("/proc/driver/nvidia/version", VERSION % version)
    host.write("/proc/driver/nvidia/gpus/0000:07:00.0/information", INFORMATION % model)
    library = library or version
    host.write("/usr/lib64/libcuda.so." + library)
    host.link("/usr/lib64/libcuda.so.1", "libcuda.so." + library)


def environment(host, *packages):
    host.environment("/opt/conda", ["python-3.12.1-h1_0", "conda-26.9.4-py312_0"])
    host.write("/opt/conda/bin/conda", "#!/opt/conda/bin/python\n", mode=0o755)
    return host.environment("/opt/conda/envs/train", (PYTHON, *packages))


def wheel(host, name, version, text=None):
    host.write("%s/%s-%s.dist-info/INSTALLER" % (PACKAGES, name, version), "pip\n")
    if text:
        host.write(PACKAGES + "/torch/version.py", text)


@pytest.fixture
def gpu(findings):
    """A function that audits a tree by the rules on GPUs and gives rule, item and severity of each finding."""

    def run(host, **options):
        found = findings(host, RULES, prepared=PREPARED, **options)
        return sorted((item["rule"], item["item"], item["severity"]) for item in found)

    return run


def test_an_h100_with_an_old_driver_and_a_new_torch(host, findings):
    driver(host, "535.183.01")
    prefix = environment(host)
    wheel(host, "torch", "2.11.0", "cuda: Optional[str] = '13.0'\nhip: Optional[str] = None\n")
    by_rule = {item["rule"]: item for item in findings(host, RULES, prepared=PREPARED)}
    assert set(by_rule) == {"env.gpu_driver", "gpu.driver_eol"}
    found = by_rule["env.gpu_driver"]
    assert (found["subject"], found["item"], found["severity"]) == (prefix, "torch", "high")
    assert "2026-06" in by_rule["gpu.driver_eol"]["evidence"]


def test_the_same_host_after_the_driver_goes_to_580(host, gpu):
    driver(host, "535.183.01")
    environment(host)
    wheel(host, "torch", "2.11.0", "cuda: Optional[str] = '13.0'\n")
    assert gpu(host, gpu_driver="580") == []
    assert gpu(host, policy={"gpu": {"driver": "580.95.05"}}) == []


def test_the_summary_holds_both_verdicts(host, run_audit):
    driver(host, "535.183.01")
    environment(host)
    wheel(host, "torch", "2.11.0", "cuda: Optional[str] = '13.0'\n")
    summary = run_audit(host, RULES, prepared=PREPARED, gpu_driver="580").audit.gpu_summary
    assert (summary["driver"], summary["cuda"], summary["assumed"]["driver"]) == ("535.183.01", "12.2", "580")
    (entry,) = summary["environments"]
    assert (entry["prefix"], entry["present"], entry["assumed"]) == ("/opt/conda/envs/train", "fails", "ok")


def test_a_v100_on_the_last_branch_that_serves_it(host, gpu):
    driver(host, "580.95.05", model="Tesla V100-SXM2-16GB")
    environment(host)
    wheel(host, "torch", "2.8.0+cu126")
    ending = ("gpu.arch_ending", "Tesla V100-SXM2-16GB", "info")
    assert gpu(host) == [ending]
    assert gpu(host, gpu_driver="595") == [
        ("env.gpu_driver", "Tesla V100-SXM2-16GB", "high"),
        ending,
        ("gpu.driver_too_new", "Tesla V100-SXM2-16GB", "high"),
    ]


def test_blackwell_with_an_old_torch_and_with_other_gpus(host, gpu):
    driver(host, "580.95.05", model="NVIDIA GeForce RTX 5090")
    environment(host)
    wheel(host, "torch", "2.6.0+cu126")
    assert gpu(host) == [("env.gpu_arch", "torch", "high")]
    assert gpu(host, gpu_devices=["9.0", "NVIDIA A100-SXM4-40GB"]) == []


def test_a_gpu_without_driver(host, gpu, run_audit):
    place = "/sys/bus/pci/devices/0000:3b:00.0/"
    for name, text in (("vendor", "0x10de"), ("class", "0x030200"), ("device", "0x2330")):
        host.write(place + name, text + "\n")
    environment(host, "pytorch-2.9.1-cpu_generic_py312_h0_3")
    assert gpu(host) == [("gpu.driver_missing", "0000:3b:00.0", "info")]
    assert run_audit(host, RULES, prepared=PREPARED).audit.gpu_summary["environments"][0]["present"] is None
    host.link(place + "driver", "../../drivers/vfio-pci")
    assert gpu(host) == []


def test_a_host_without_a_gpu_has_no_findings_and_no_summary(host, gpu, run_audit):
    environment(host, "pytorch-2.9.1-cpu_generic_py312_h0_3")
    assert gpu(host) == []
    assert run_audit(host, RULES, prepared=PREPARED).audit.gpu_summary is None


def test_nothing_of_the_hardware_is_read_for_other_rules(host, run_audit):
    driver(host, "580.95.05")
    environment(host)
    assert run_audit(host, (), prepared=PREPARED).audit.gpu_summary is None


def test_a_library_that_differs_from_the_kernel_module(host, gpu):
    driver(host, "580.65.06", library="580.95.05")
    assert gpu(host) == [("gpu.driver_mismatch", "driver", "high")]


def test_a_build_for_cpu_on_a_gpu_host_as_the_policy_says(host, gpu):
    driver(host, "580.95.05")
    environment(host, "pytorch-2.9.1-cpu_generic_py312_h0_3")
    assert gpu(host) == [("env.gpu_cpu_only", "torch", "medium")]
    assert gpu(host, policy={"gpu": {"required_cuda": False}}) == []


def test_the_remedy_names_the_environment(host, findings):
    driver(host, "580.95.05")
    prefix = environment(host, "pytorch-2.9.1-cpu_generic_py312_h0_3")
    (found,) = findings(host, RULES, prepared=PREPARED)
    assert "-p %s " % prefix in found["remedy"] and "{" not in found["remedy"]


def test_overrides_of_the_virtual_package(host, gpu):
    driver(host, "535.183.01", model="NVIDIA H100")
    end = ("gpu.driver_eol", "driver", "medium")
    host.write("/etc/environment", "CONDA_OVERRIDE_CUDA=\n")
    item = "CONDA_OVERRIDE_CUDA in /etc/environment"
    assert gpu(host) == [end, ("gpu.virtual_package", item, "medium")]
    host.write("/etc/environment", "CONDA_OVERRIDE_CUDA=13.0\n")
    assert gpu(host) == [end, ("gpu.virtual_package", item, "medium")]
    host.write("/etc/environment", "CONDA_OVERRIDE_CUDA=12.0\n")
    assert gpu(host) == [end, ("gpu.virtual_package", item, "info")]
    host.write("/etc/environment", "CONDA_OVERRIDE_CUDA=12.2\n")
    assert gpu(host) == [end]


def test_an_override_in_a_condarc(host, gpu):
    driver(host, "580.95.05")
    environment(host)
    host.write("/opt/conda/.condarc", "override_virtual_packages:\n  cuda: '13.2'\n")
    assert [item[:1] for item in gpu(host)] == [("gpu.virtual_package",)]


def test_mamba_takes_the_toolkit_and_conda_the_driver(host, gpu):
    driver(host, "580.95.05")
    host.write("/usr/local/cuda/version.json", '{"cuda": {"version": "12.4.1"}}')
    environment(host)
    assert gpu(host) == []
    host.environment("/opt/conda", ["mamba-2.7.0-py312_0"])
    assert gpu(host) == [("gpu.virtual_package", "/usr/local/cuda/version.json", "low")]


def test_an_unknown_model_is_told(host, gpu):
    driver(host, "580.95.05", model="NVIDIA PG509-210")
    environment(host)
    wheel(host, "torch", "2.8.0+cu128")
    assert gpu(host) == [("gpu.unknown_model", "NVIDIA PG509-210", "info")]


def test_a_branch_that_the_tables_lack_is_unknown_not_fine(host, run_audit):
    driver(host, "570.124.06")
    auditing = run_audit(host, RULES, prepared=PREPARED)
    assert auditing.judgement.findings == []
    assert any("branch 570" in entry["reason"] for entry in auditing.look.report.entries)


def test_a_driver_that_is_none_is_told(host, run_audit):
    driver(host, "580.95.05")
    auditing = run_audit(host, RULES, prepared=PREPARED, gpu_driver="latest")
    assert any("gpu_driver: 'latest'" in entry["reason"] for entry in auditing.look.report.entries)


def test_hostile_files_of_one_environment_leave_the_others_alone(host, run_audit):
    driver(host, "535.183.01")
    environment(host)
    wheel(host, "torch", "2.11.0", "cuda: Optional[str] = '13.0'\n")
    other = host.environment("/opt/conda/envs/bad", [PYTHON, "pytorch-2.9.1-cuda130_mkl_py312_h0_303"])
    packages = other + "/lib/python3.12/site-packages"
    os.makedirs(host.path(packages + "/torch"))
    os.mkfifo(host.path(packages + "/torch/version.py"))
    host.write(other + "/etc/conda/activate.d/libtorch_activate.sh", b"\xff" * (1024 * 1024))
    auditing = run_audit(host, RULES, prepared=PREPARED)
    assert not auditing.judgement.unjudged
    failing = {item["subject"] for item in auditing.judgement.findings if item["rule"] == "env.gpu_driver"}
    assert failing == {"/opt/conda/envs/train", other}
    unreadable = {entry["path"]: entry["reason"] for entry in auditing.look.report.entries}
    assert "FIFO" in unreadable[packages + "/torch/version.py"]
    assert "1048576 bytes" in unreadable[other + "/etc/conda/activate.d/libtorch_activate.sh"]


def test_without_the_tables_nothing_is_taken_for_fine(host, findings, run_audit):
    driver(host, "535.183.01")
    environment(host)
    wheel(host, "torch", "2.11.0", "cuda: Optional[str] = '13.0'\n")
    assert [item["rule"] for item in findings(host, RULES)] == ["gpu.unknown_model"]
    assert run_audit(host, RULES).audit.gpu_summary["environments"][0]["present"] == "unknown"


def test_a_host_without_cuda_is_spared_the_code_that_judges_stacks(host, run_audit, monkeypatch):
    for name in ("_gpu_stack", "_gpu_truth"):
        monkeypatch.delitem(sys.modules, "%s.%s" % (_audit.__name__, name), raising=False)
        monkeypatch.delattr(_audit, name, raising=False)
    environment(host)
    driver(host, "580.95.05")
    assert run_audit(host, RULES, prepared=PREPARED, gpu_driver="580").judgement.unjudged == []
    assert not hasattr(_audit, "_gpu_truth") and not hasattr(_audit, "_gpu_stack")
    environment(host, "pytorch-2.5.1-cuda124_0")
    run_audit(host, RULES, prepared=PREPARED)
    assert hasattr(_audit, "_gpu_truth") and hasattr(_audit, "_gpu_stack")
