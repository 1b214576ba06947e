"""``app.py train``: its options, by stage."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import app
from models.commands.options import REQUIRED
from models.commands.train import OPTIONS, STAGES
from tests.helpers.mocap import write_mocap

ROOT = Path(app.__file__).parent


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("mocap")
    write_mocap(folder / "train.npz", clips=2)
    write_mocap(folder / "val.npz", clips=2)
    return folder


def test_the_options_reach_the_recipe(data: Path, tmp_path: Path) -> None:
    words = ["train", "--data", str(data), "--out", str(tmp_path), "--window", "9", "--strides", "3,3", "--width", "16"]
    words += ["--heads", "2", "--attention", "full", "--steps", "1", "--batch", "2", "--threads", "1", "--seed", "4"]
    words += ["--every", "3", "--target", "8", "--velocity", "0", "--plain-sequence-loss", "--lower-body", "0.5"]
    assert app.main([*words, "--lr", "0.01", "--muon-lr", "0.02", "--decay", "0.1", "--as-captured", "1"]) == 0
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    recipe, arch = state["recipe"], state["architecture"]
    assert (arch["window"], arch["strides"], arch["d_model"], arch["d_hidden"], arch["heads"]) == (9, [3, 3], 16, 64, 2)
    assert arch["vanilla_attention"] == arch["strided_attention"] == "full"
    assert (recipe["every"], recipe["target"], recipe["velocity"], recipe["weighted"]) == (3, 8, 0, False)
    assert (recipe["lr"], recipe["muon_lr"], recipe["decay"], recipe["seed"]) == (0.01, 0.02, 0.1, 4)
    assert recipe["lower_body"] == 0.5 and recipe["as_captured"] == 1
    assert json.loads((tmp_path / "log.jsonl").read_text())["step"] == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--window", "30"], "window 30"),
        (["--strides", "3,x"], "invalid literal"),
        (["--strides", "3,3"], "multiply to 9"),
        (["--heads", "5"], "5 heads do not divide 128 channels"),
        (["--target", "27"], "--target 27 is not inside the window of 27 frames"),
        (["--batch", "0"], "--batch 0 is not valid"),
        (["--stage", "frames", "--batch", "2"], "single frames come in threes"),
        (["--threads", "-1"], "--threads -1"),
        (["--stage", "frames", "--velocity", "1"], "--velocity does nothing with --stage frames (it is for windows)"),
        (["--stage", "frames", "--compile"], "--compile does nothing with --stage frames"),
        (["--dropout", "0.1"], "--dropout does nothing with --stage windows (it is for refine)"),
        (["--stage", "ablation", "--lr", "1"], "--lr does nothing with --stage ablation"),
        (["--stage", "refine"], "--stage refine needs --start-from"),
        (["--stage", "refine", "--start-from", "nothing.pt"], "checkpoint nothing.pt can't be read"),
        (["--start-from", "nothing.pt"], "checkpoint nothing.pt can't be read"),
    ],
)
def test_wrong_options_are_one_line(data: Path, tmp_path: Path, capsys, words: list[str], message: str) -> None:
    assert app.main(["train", "--data", str(data), "--out", str(tmp_path / "run"), *words]) == 2
    error = capsys.readouterr().err
    assert message in error and error.startswith("error: ") and error.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--velocty", "1"], "did you mean --velocity?"),
        (["--veloc", "1"], "--veloc is not an option of 'train'"),
        (["--stage", "widows"], "invalid choice: 'widows'"),
    ],
)
def test_unknown_options_name_the_nearest_one(capsys, words: list[str], message: str) -> None:
    with pytest.raises(SystemExit) as stop:
        app.main(["train", "--data", "x", "--out", "y", *words])
    assert stop.value.code == 2 and message in capsys.readouterr().err


def test_data_that_are_not_there_are_named(tmp_path: Path, capsys) -> None:
    for stage in STAGES:
        words = ["train", "--stage", stage, "--data", str(tmp_path), "--out", str(tmp_path / "run")]
        assert app.main([*words, *(["--start-from", "lift.pt"] if stage == "refine" else [])]) == 2
        assert "has no train.npz" in capsys.readouterr().err


def test_the_help_shows_every_option_and_needs_no_torch() -> None:
    words = "import sys; sys.modules['torch'] = None; import app; sys.exit(app.main(['train', '--help']))"
    done = subprocess.run([sys.executable, "-c", words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(option.flag in done.stdout for option in OPTIONS) and "torchrun" in done.stdout
    assert REQUIRED not in done.stdout and "of every stage" in done.stdout


def test_training_without_torch_says_what_to_install(data: Path, tmp_path: Path) -> None:
    words = ["train", "--data", str(data), "--out", str(tmp_path / "run")]
    code = f"import sys; sys.modules['torch'] = None; import app; sys.exit(app.main({words!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    error = done.stderr.strip().splitlines()
    assert done.returncode == 2 and len(error) == 1
    assert "'torch'" in error[0] and "pip install -r requirements.txt" in error[0]
