"""One loop for three stages: a run that is broken off and continued is the run in one go; files of before continue."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from models.network.refine import Refine
from models.network.strided_transformer import Architecture, StridedTransformer
from models.training.distributed import Processes
from models.training.frames import SingleFrames
from models.training.loop import Run, resume, train
from models.training.muon import Muon
from models.training.recipe import LifterRecipe, Recipe, RefineRecipe
from models.training.refine import RefineModule
from models.training.stage import Stage
from models.training.windows import Windows
from pipeline.errors import ConfigError, DataError
from pipeline.runtime.cards import file_sha256
from tests.helpers.mocap import write_mocap

TINY = Architecture(window=9, strides=(3, 3), d_model=16, d_hidden=32, heads=2, vanilla_layers=2)
OF_LIFTER = LifterRecipe(steps=6, batch=12, warmup=2, target=4)
OF_MODULE = RefineRecipe(steps=6, batch=12, hidden=16)
STAGES = ("frames", "windows", "refine", "refine with network")

Make = Callable[[str, int], Stage]


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("mocap")
    write_mocap(folder / "train.npz")
    write_mocap(folder / "val.npz", clips=2)
    return folder


@pytest.fixture(scope="module")
def lifter(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("lifter")
    Windows(TINY, OF_LIFTER).save(folder)
    return folder / "checkpoint.pt"


@pytest.fixture
def make(data: Path, lifter: Path, monkeypatch) -> Make:
    """A stage by its name, with a number of steps."""
    monkeypatch.setattr("models.training.refine._JUDGED", 32)
    monkeypatch.setattr("models.training.refine._JUDGED_AT_ONCE", 16)
    torch.set_num_threads(1)

    def make(name: str, steps: int) -> Stage:
        recipe: Recipe = OF_MODULE if name.startswith("refine") else OF_LIFTER
        recipe = replace(recipe, steps=steps)
        if isinstance(recipe, LifterRecipe):
            return (SingleFrames if name == "frames" else Windows)(TINY, recipe)
        assert isinstance(recipe, RefineRecipe)
        rate = 1e-3 if name.endswith("network") else 0.0
        return RefineModule(lifter, replace(recipe, network_lr=rate), data)

    return make


def tensors(value: object, name: str = "") -> dict[str, torch.Tensor]:
    """All tensors in a state, by their path."""
    if isinstance(value, torch.Tensor):
        return {name: value}
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return {key: tensor for part, inner in parts for key, tensor in tensors(inner, f"{name}/{part}").items()}


def stored(stage: Stage, out: Path) -> dict[str, torch.Tensor]:
    return tensors(torch.load(out / stage.file, weights_only=True))


@pytest.mark.parametrize("name", STAGES)
def test_a_run_in_two_parts_is_the_run_in_one_go(
    name: str, make: Make, data: Path, tmp_path: Path, monkeypatch
) -> None:
    for recipe in (LifterRecipe, RefineRecipe):  # the first part ends sooner: rates that do not depend on the length
        monkeypatch.setattr(recipe, "rate", lambda self, step, progress: 0.5 + 0.1 * step)
    whole = make(name, 6)
    assert not resume(whole, tmp_path / "whole")
    train(whole, Run(data, tmp_path / "whole"))
    out = tmp_path / "parts"
    train(make(name, 4), Run(data, out))
    torch.manual_seed(99)  # a new process has other random numbers
    continued = make(name, 6)
    assert resume(continued, out) and continued.step == 4
    train(continued, Run(data, out))
    one, two = stored(whole, tmp_path / "whole"), stored(continued, out)
    assert one.keys() == two.keys()
    assert [key for key in one if not torch.equal(one[key], two[key])] == []
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in log] == [4, 6] and all(entry["loss_mm"] > 0 for entry in log)
    last = json.loads((tmp_path / "whole" / "log.jsonl").read_text())
    same = last.keys() - {"minutes", "loss_mm"}
    assert len(same) > 3 and all(last[key] == log[-1][key] for key in same)


def old_layout(network: StridedTransformer, steps: int) -> dict[str, object]:
    """``checkpoint.pt`` as it was written before there were stages."""
    matrices: list[torch.Tensor] = []
    others: list[torch.Tensor] = []
    for name, parameter in network.named_parameters():
        (matrices if name.startswith(("vanilla", "strided")) and parameter.ndim == 2 else others).append(parameter)
    recipe = {"steps": steps, "batch": 12, "lr": 1e-3, "muon_lr": 2e-3, "warmup": 2, "decay": 0.35, "ema": 0.999}
    optimisers = [Muon(matrices, lr=2e-3), torch.optim.AdamW(others, lr=1e-3, betas=(0.9, 0.98))]
    return {
        "architecture": network.arch.to_dict(),
        "recipe": {**recipe, "target": 4, "weighted": True, "velocity": 0.5, "seed": 0},
        "network": network.state_dict(),
        "average": network.state_dict(),
        "optimisers": [optimiser.state_dict() for optimiser in optimisers],
        "step": steps,
        "seconds": 7.0,
    }


@pytest.mark.parametrize("name", ["frames", "windows"])
def test_a_checkpoint_of_before_is_continued(name: str, make: Make, data: Path, tmp_path: Path) -> None:
    torch.manual_seed(5)
    network = StridedTransformer(TINY)
    torch.save(old_layout(network, 3), tmp_path / "checkpoint.pt")
    stage = make(name, 5)
    assert resume(stage, tmp_path) and (stage.step, stage.seconds) == (3, 7.0)
    before = {key: value.clone() for key, value in stage.network.state_dict().items()}
    assert all(torch.equal(value, network.state_dict()[key]) for key, value in before.items())
    train(stage, Run(data, tmp_path))
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state["step"] == 5 and state["stages_before"] == [] and state["seconds"] > 7
    assert not torch.equal(state["network"]["embed.0.weight"], before["embed.0.weight"])


@pytest.mark.parametrize("rate", [0.0, 1e-3])
def test_a_module_of_before_is_continued(
    rate: float, make: Make, lifter: Path, data: Path, tmp_path: Path, capsys
) -> None:
    """It had come to its end, and kept no optimiser; a network that was trained with it lay beside it."""
    module, network = Refine(17, 16), StridedTransformer(TINY)
    recipe = {"steps": 3, "batch": 12, "lr": 1e-3, "network_lr": rate, "hidden": 16, "dropout": 0.5, "known": 1.0}
    state = {
        "recipe": {**recipe, "seed": 0},
        "lifter": {"file": lifter.name, "sha256": file_sha256(lifter)},
        "metrics": {"clean": {"refined_mpjpe_mm": 1.0}},
        "state": module.state_dict(),
    }
    torch.save(state, tmp_path / "refine.pt")
    torch.save(old_layout(network, 3), tmp_path / "checkpoint.pt")
    stage = make("refine with network" if rate else "refine", 5)
    assert isinstance(stage, RefineModule)
    assert resume(stage, tmp_path) and stage.step == 3
    assert torch.equal(stage.refine.get_parameter("blend.0.weight"), module.get_parameter("blend.0.weight"))
    weights = stage.network.get_parameter("lifter.embed.0.weight")
    assert torch.equal(weights, network.get_parameter("embed.0.weight")) == bool(rate)
    train(stage, Run(data, tmp_path))
    again = torch.load(tmp_path / "refine.pt", weights_only=True)
    assert again["step"] == 5 and set(again["metrics"]) == {"clean", "detector_like"}


def test_files_of_other_runs_are_refused(make: Make, lifter: Path, data: Path, tmp_path: Path) -> None:
    stage = make("refine", 3)
    assert isinstance(stage, RefineModule)
    stage.save(tmp_path)
    for change, message in (
        ({"hidden": 32}, "hidden layer of 16, not 32"),
        ({"network_lr": 1e-3}, "trained without its network"),
    ):
        other = RefineModule(lifter, replace(OF_MODULE, **change), data)
        with pytest.raises(DataError, match=message):
            resume(other, tmp_path)
    Windows(TINY, replace(OF_LIFTER, seed=1)).save(tmp_path)
    with pytest.raises(DataError, match="for another lifter"):
        resume(RefineModule(tmp_path / "checkpoint.pt", OF_MODULE, data), tmp_path)
    (tmp_path / "checkpoint.pt").write_bytes((tmp_path / "refine.pt").read_bytes())
    with pytest.raises(DataError, match="not a checkpoint of a lifter but a refine module"):
        resume(make("windows", 3), tmp_path)


def test_states_are_stored_as_the_run_goes_and_the_clock_can_end_it(make: Make, data: Path, tmp_path: Path) -> None:
    stage = make("windows", 4)
    train(stage, Run(data, tmp_path, save_every_s=0.0))
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 4 and not list(tmp_path.glob("*.part"))
    timed = Windows(TINY, replace(OF_LIFTER, steps=1_000_000, minutes=0.0001))
    train(timed, Run(data, tmp_path / "timed"))
    assert torch.load(tmp_path / "timed" / "checkpoint.pt", weights_only=True)["step"] < 1000


@pytest.mark.parametrize(
    ("name", "minutes", "compiled", "message"),
    [
        ("windows", 1.0, False, "--minutes works with one process, not with 2; use --steps"),
        ("windows", 0.0, True, "--compile works with one process"),
        ("frames", 0.0, False, "WORLD_SIZE 2 is too many for .*frames"),
        ("refine", 0.0, False, "WORLD_SIZE 2 is too many for .*refine module"),
    ],
)
def test_several_processes_have_limits(
    name: str, minutes: float, compiled: bool, message: str, make: Make, data: Path, tmp_path: Path
) -> None:
    stage = make(name, 3)
    stage.recipe = replace(stage.recipe, minutes=minutes)
    with pytest.raises(ConfigError, match=message):
        train(stage, Run(data, tmp_path / "run", compiled=compiled), Processes(0, 2))
    assert not (tmp_path / "run").exists()


def test_a_checkpoint_of_another_stage_is_refused(make: Make, tmp_path: Path) -> None:
    make("frames", 3).save(tmp_path)
    with pytest.raises(DataError, match=r"of another stage \(single frames"):
        resume(make("windows", 3), tmp_path)
