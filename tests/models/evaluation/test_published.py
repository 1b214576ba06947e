from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import app
from models.data.human36m import load_human36m
from models.evaluation.metrics import mpjpe
from models.exchange.checkpoints import load_official
from pipeline.window.image_plane import image_plane
from tests.helpers.videopose3d_files import write_human36m, write_humaneva

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data, and small networks in the published layout."""
    folder = tmp_path_factory.mktemp("human36m")
    write_human36m(folder, {"S9": {"Walking": 9, "Photo 1": 4}, "S11": {"Walking 1": 3}})
    for stored, name in (("official_network_27", "no_refine_1"), ("official_refine", "refine_1")):
        with np.load(DATA / f"{stored}.npz") as file:
            state = {
                key.removeprefix("state/"): torch.from_numpy(np.asarray(file[key], file[key].dtype))
                for key in file.files
                if key.startswith("state/")
            }
        torch.save({k: v.float() if v.is_floating_point() else v for k, v in state.items()}, folder / f"{name}.pth")
    return folder


def run(folder: Path, *more: str) -> dict:
    out = folder / "figures.json"
    words = ["evaluate", str(folder / "no_refine_1.pth"), "--protocol", "human36m", "--on", str(folder)]
    assert app.main([*words, "--keypoints", "gt", "--json", str(out), *more]) == 0
    return json.loads(out.read_text())


def test_tables_and_figures(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = run(folder)
    text = capsys.readouterr().out
    assert [line.split(":")[0] for line in text.splitlines() if ":" in line] == ["Protocol 1", "Protocol 2"]
    assert text.count("WalkT.") == 3
    assert f"{figures['mpjpe_mm']['average']:.1f}" in text
    assert figures["frames"] == {"Walking": 4 * 12, "Photo": 4 * 4}
    # the same by hand for one action
    network = load_official(folder / "no_refine_1.pth")
    errors = []
    for sequence in load_human36m(folder / "data_3d_h36m.npz", folder / "data_2d_h36m_gt.npz", actions=("Photo",)):
        plane = image_plane(sequence.xy_px, sequence.camera.size_px)
        for target in range(4):
            window = plane[np.clip(np.arange(target - 13, target + 14), 0, 3)]
            with torch.no_grad():
                pose = network(torch.from_numpy(window[None]))[0].numpy()
            pose[:, 0] = 0
            errors.append(1000 * mpjpe(pose, sequence.relative_m[target : target + 1])[0])
    assert figures["mpjpe_mm"]["Photo"] == pytest.approx(np.mean(errors), rel=1e-5)
    assert figures["mpjpe_mm"]["average"] == pytest.approx((np.mean(errors) + figures["mpjpe_mm"]["Walking"]) / 2)


def test_options_change_what_they_say(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = run(folder)
    flipped, refined = run(folder, "--flip"), run(folder, "--refine", str(folder / "refine_1.pth"))
    third, projected = run(folder, "--stride", "3"), run(folder, "--keypoints", "projected")
    assert len({f["mpjpe_mm"]["average"] for f in (plain, flipped, refined, third)}) == 4
    assert projected["mpjpe_mm"]["average"] == pytest.approx(plain["mpjpe_mm"]["average"], rel=1e-4)
    assert third["frames"] == {"Walking": 4 * (3 + 1), "Photo": 4 * 2}
    capsys.readouterr()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nothing.onnx", "--on", "."], 2, "nothing.onnx does not exist"),
        (["{}/no_refine_1.pth", "--on", "{}"], 2, "data_2d_h36m_cpn_ft_h36m_dbb.npz can't be read"),
        (["{}/no_refine_1.pth", "--on", "{}", "--protocol", "humaneva"], 2, "lifts 17 joints, the data set has 15"),
        (["{}/refine_1.pth", "--on", "{}"], 1, "holds the refine module"),
        (["{}/no_refine_1.pth", "--on", "{}", "--refine", "{}/no_refine_1.pth"], 1, "holds a network"),
        (["{}/data_3d_h36m.npz", "--on", "{}"], 2, "is not a checkpoint"),
        (["{}/no_refine_1.pth", "--on", "{}", "--refine"], 2, "is not a published module; give its refine_*.pth"),
    ],
)
def test_refusals_are_one_line(folder: Path, capsys, arguments: list[str], code: int, message: str) -> None:
    words = [argument.format(folder) for argument in arguments]
    protocol = [] if "--protocol" in words else ["--protocol", "human36m"]
    assert app.main(["evaluate", *words, *protocol]) == code
    error = capsys.readouterr().err
    assert message in error and error.startswith("error: ") and error.count("\n") == 1


def test_several_models_share_the_tables(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = folder / "no_refine_1.pth", tmp_path / "other.pth"
    second.write_bytes(first.read_bytes())
    out = tmp_path / "figures.json"
    words = ["evaluate", str(first), str(second), "--protocol", "human36m", "--on", str(folder), "--keypoints", "gt"]
    assert app.main([*words, "--json", str(out)]) == 0
    rows = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith(("no_refine", "other"))]
    assert rows == 3 * ["no_refine_1", "other"]
    one, two = json.loads(out.read_text())["results"]
    assert one["mpjpe_mm"] == two["mpjpe_mm"] and two["model"] == str(second)


def test_humaneva_needs_its_own_network(tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A published network of 15 joints gives a table of the validation subjects."""
    write_humaneva(tmp_path, {f"Validate/S{n}": {"Jog 1 chunk0": 3, "Box 1 chunk0": 2} for n in (1, 2, 3)})
    state = torch.load(folder / "no_refine_1.pth", weights_only=True)
    state["encoder.0.weight"] = state["encoder.0.weight"][:, :30].clone()
    for head in ("fcn", "fcn_1"):
        for part in ("weight", "bias"):
            state[f"{head}.1.{part}"] = state[f"{head}.1.{part}"][:45].clone()
    torch.save(state, tmp_path / "no_refine_15.pth")
    words = ["evaluate", str(tmp_path / "no_refine_15.pth"), "--protocol", "humaneva", "--on", str(tmp_path)]
    assert app.main(words) == 0
    row = capsys.readouterr().out.splitlines()[2].split()
    assert row[:4] == ["no_refine_15", "-", "-", "-"] and all(float(cell) > 0 for cell in row[4:]) and len(row) == 11
    assert app.main([*words, "--keypoints", "projected"]) == 2
    assert "needs lenses, which HumanEva-I lacks" in capsys.readouterr().err
