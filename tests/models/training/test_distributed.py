from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import app
from models.training.distributed import Processes, SyncedBatchNorm, joined, synchronise_norms
from pipeline.errors import ConfigError
from tests.helpers.mocap import write_mocap
from tests.helpers.train_steps import steps

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("mocap")
    for name in ("train", "val"):
        write_mocap(folder / f"{name}.npz")
    return folder


def torchrun(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Two processes on the CPU, one thread each."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return subprocess.run(
        [*command, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def one(data: Path, tmp_path_factory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("one")
    steps(data, out)
    return torch.load(out / "0.pt", weights_only=True)


@pytest.fixture(scope="module")
def two(data: Path, tmp_path_factory) -> list[dict[str, Any]]:
    out = tmp_path_factory.mktemp("two")
    done = torchrun("-m", "tests.helpers.train_steps", data, out)
    assert done.returncode == 0, done.stderr
    return [torch.load(out / f"{rank}.pt", weights_only=True) for rank in range(2)]


def test_two_processes_have_the_losses_of_one_with_twice_the_batch(one, two) -> None:
    assert one["windows"] == 8 and all(process["windows"] == 4 for process in two)
    assert two[0]["losses"] == pytest.approx(one["losses"], rel=1e-5)
    assert one["losses"][0] - one["losses"][-1] > 0.01  # something was learned, so that the comparison says something


@pytest.mark.parametrize("name", ["network", "average"])
def test_weights_and_running_statistics_are_those_of_one(one, two, name: str) -> None:
    assert two[0][name].keys() == one[name].keys()
    for key, expected in one[name].items():
        assert torch.equal(two[0][name][key], two[1][name][key]), key
        # A bias before a norm, or of the keys, has no effect: its gradient is rounding, which AdamW enlarges.
        if not key.endswith(("bias", "running_mean")):
            assert torch.allclose(two[0][name][key], expected, rtol=1e-3, atol=1e-5), key


def test_norms_of_each_process_alone_would_differ(data: Path, one, tmp_path: Path) -> None:
    done = torchrun("-m", "tests.helpers.train_steps", data, tmp_path, "--plain-norms")
    assert done.returncode == 0, done.stderr
    losses = torch.load(tmp_path / "0.pt", weights_only=True)["losses"]
    assert abs(losses[0] / one["losses"][0] - 1) > 1e-3


def test_the_command_line_continues_a_run_by_torchrun(data: Path, tmp_path: Path) -> None:
    options = ["--data", str(data), "--out", str(tmp_path), "--batch", "4", "--width", "16", "--heads", "4"]
    assert app.main(["train", *options, "--steps", "2"]) == 0
    done = torchrun("app.py", "train", *options, "--steps", "4")
    assert done.returncode == 0, done.stderr
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in log] == [2, 4]
    assert len(done.stdout.splitlines()) == 1 and json.loads(done.stdout) == log[-1]  # one process speaks
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == 4


def test_the_batch_must_be_shared_evenly() -> None:
    assert [Processes(rank, 3).part(6) for rank in range(3)] == [slice(0, 2), slice(2, 4), slice(4, 6)]
    with pytest.raises(ConfigError, match="--batch 64 can't be shared evenly by 3"):
        Processes(0, 3).part(64)


def test_an_incomplete_environment_is_named(monkeypatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match=r"is set, but not .*MASTER_PORT; start with: torchrun"), joined():
        pass


def test_synchronised_norms_share_parameters_and_buffers() -> None:
    network = nn.Sequential(nn.Conv1d(3, 4, 1), nn.Sequential(nn.BatchNorm1d(4), nn.ReLU()))
    before = dict(network.state_dict(keep_vars=True))
    synchronise_norms(network)
    assert isinstance(network[1][0], SyncedBatchNorm)  # type: ignore[index]
    after = network.state_dict(keep_vars=True)
    assert list(after) == list(before) and all(after[key] is before[key] for key in before)
