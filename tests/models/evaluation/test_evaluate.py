from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import app
from models.evaluation.lifting import lift_clip
from models.evaluation.on_mocap import CONDITIONS
from models.evaluation.sequence_head import SequenceHead
from pipeline.errors import ConfigError
from pipeline.lift.windows import WindowLifter
from pipeline.runtime.cards import WEIGHTS_DIR
from pipeline.skeletons import H36M_17
from tests.helpers.mocap import write_mocap
from tests.helpers.networks import FunctionNetwork

FIGURES = {
    "mpjpe_mm",
    "p_mpjpe_mm",
    "n_mpjpe_mm",
    "mpjve_mm",
    "acceleration_error_mm",
    "bone_length_variation_percent",
    "upper_body_mpjpe_mm",
}
QUICK = ["--cameras", "1", "--threads", "1", "--device", "cpu"]


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    return write_mocap(tmp_path_factory.mktemp("mocap") / "held_out.npz", clips=2, frames=40)


def test_the_json_has_one_object_per_condition(file, tmp_path, capsys) -> None:
    out = tmp_path / "figures.json"
    assert (
        app.main(["evaluate", "lift-27", "--on", str(file), "--json", str(out), "--lookaheads", "0,3,99", *QUICK]) == 0
    )
    result = json.loads(out.read_text())
    assert result["model"]["name"] == "lift-27" and result["data"] == "held_out.npz"
    for name in CONDITIONS:
        figures = result[name]
        assert set(figures) >= FIGURES and figures["frames"] + figures["frames_without_pose"] == 2 * 20
        assert all(0 < figures[key] < 1000 for key in FIGURES - {"bone_length_variation_percent"})
        assert set(figures["per_joint_mm"]) == set(H36M_17.joints)
        assert set(figures["per_action"]["wave"]) == {"mpjpe_mm", "p_mpjpe_mm", "frames"}
    # 99 frames of look-ahead do not fit into 27
    assert [entry["lookahead"] for entry in result["lookaheads"]] == [0, 3]
    text = capsys.readouterr().out
    assert all(name in text for name in CONDITIONS) and "sequence head, look-ahead 3" in text and "l_wrist" in text


def test_the_same_command_gives_the_same_figures_and_models_get_a_row_each(file, tmp_path, capsys) -> None:
    card = str(WEIGHTS_DIR / "lift-27.json")
    out = tmp_path / "figures.json"
    words = ["evaluate", "lift-27", card, "--on", str(file), "--json", str(out), "--conditions", "swaps,clean", *QUICK]
    assert app.main(words) == 0
    first, second = json.loads(out.read_text())["results"]
    assert first == second
    assert "clean" in first and "detector_like" not in first
    rows = [line.split()[:2] for line in capsys.readouterr().out.splitlines()[1:5]]
    assert rows == [["lift-27", "clean"], ["lift-27", "swaps"]] * 2


def test_qualities_are_judged_beside_the_plain_head(file, tmp_path, capsys) -> None:
    out = tmp_path / "figures.json"
    words = ["evaluate", "lift-27", "--on", str(file), "--json", str(out), "--conditions", "detector_like", *QUICK]
    assert app.main([*words, "--quality", "best,standard,fast"]) == 0
    result = json.loads(out.read_text())
    fast, best = result["qualities"]
    assert (fast["quality"], fast["passes_per_frame"]) == ("fast", 5 / 20)  # clips of 20 frames: 0, 5, 10, 14, 19
    assert (best["quality"], best["passes_per_frame"]) == ("best", 2.0)
    plain = result["detector_like"]
    for entry in (fast, best):
        assert set(entry) >= FIGURES and entry["frames"] == plain["frames"]
        assert entry["recipe"] == plain["recipe"] and entry["mpjpe_mm"] != plain["mpjpe_mm"]
    text = capsys.readouterr().out
    assert "--quality fast, 0.25 passes per frame" in text and "--quality best, 2.00 passes per frame" in text
    assert "standard" not in text


def test_focal_lengths_can_be_known_and_poses_refined(file, tmp_path) -> None:
    figures = []
    for words in ([], ["--known-focal"], ["--known-focal", "--refine"]):
        out = tmp_path / "figures.json"
        arguments = ["evaluate", "lift-27", "--on", str(file), "--conditions", "clean", *words, *QUICK]
        assert app.main([*arguments, "--json", str(out)]) == 0
        figures.append(json.loads(out.read_text()))
    assert len({entry["clean"]["mpjpe_mm"] for entry in figures}) == 3
    assert "known_focal" not in figures[0]["protocol"] and figures[1]["protocol"]["known_focal"]
    assert figures[2]["protocol"]["refined_by"]["name"] == "refine-27"


def test_the_sequence_head_is_read_at_its_place() -> None:
    def network(keypoints: np.ndarray) -> list[np.ndarray]:
        """Every joint lies as many metres beside the pelvis as its frame has before it in the window."""
        place = np.arange(27, dtype=np.float32)[None, :, None, None] * np.array([1, 0, 0], np.float32)
        sequence = np.broadcast_to(place, (len(keypoints), 27, 17, 3)).copy()
        return [np.zeros_like(sequence[:, 0]), sequence]

    lifter = WindowLifter(FunctionNetwork(network))
    rng = np.random.default_rng(1)
    xy = (rng.uniform(100, 500, (1, 17, 2)) + rng.normal(0, 2, (40, 17, 2)).cumsum(0)).astype(np.float32)
    confidence = np.full((40, 17), 0.8, np.float32)
    for lookahead in (0, 3, 13):
        joints = lift_clip(xy, confidence, (640, 640), 30.0, SequenceHead(lifter, lookahead))
        assert (joints[:, 0] == 0).all()
        assert np.linalg.norm(joints[:, 1:], axis=-1) == pytest.approx(26 - lookahead, rel=1e-5)
    with pytest.raises(ConfigError, match="27 is not inside"):
        SequenceHead(lifter, 27)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["evaluate", "lift-28", "--on", "{file}"], 1, "no lifter named 'lift-28'"),
        (["evaluate", "movenet-thunder.json", "--on", "{file}"], 1, "no model card"),
        (["evaluate", f"{WEIGHTS_DIR}/movenet-thunder.json", "--on", "{file}"], 1, "only lifters"),
        (["evaluate", "lift-27", "--on", "nowhere.npz"], 2, "nowhere.npz can't be read"),
        (["evaluate", "lift-27", "--on", "{folder}"], 2, "no NAME_truth.npz"),
        (["evaluate", "lift-27", "--on", "{file}", "--conditions", "swap"], 2, "did you mean 'swaps'"),
        (["evaluate", "lift-27", "--on", "{file}", "--conditions", ","], 2, "names none"),
        (["evaluate", "lift-27", "--on", "{file}", "--lookaheads", "-3"], 2, "numbers of frames"),
        (["evaluate", "lift-27", "--on", "{file}", "--quality", "fast,bets"], 2, "did you mean 'best'"),
        (["evaluate", "lift-27", "--on", "{file}", "--cameras", "0"], 2, "at least 1 camera"),
        (["evaluate", "lift-27", "--on", "{file}", "--seconds", "nan"], 2, "at least 1 camera"),
        (["evaluate", "lift-27", "--on", "{file}", "--threads", "-1"], 2, "--threads -1"),
        (["evaluate", "lift-27", "--on", "{file}", "--focal-px", "0"], 2, "--focal-px 0"),
        (["evaluate", "lift-27", "--on", "{file}", "--refine"], 2, "--refine 'refine-27' needs"),
        (["evaluate", "lift-27", "--on", "{file}", "--focal-px", "9", "--known-focal"], 2, "leave one of them out"),
        (["evaluate", "lift-27", "--on", "{file}", "--device", "gpu"], 2, "--device 'gpu'"),
        (["evaluate", "--on", "{file}"], 2, "MODEL was not given"),
        (
            ["evaluate", "lift-27", "--on", "{file}", "--detector", "fast"],
            2,
            "--detector does nothing with --on a motion",
        ),
        (["evaluate", "lift-27", "--on", "{file}", "--flip"], 2, "--flip does nothing with --on a motion capture file"),
        (["evaluate", "lift-27", "--on", "{folder}", "--cameras", "1"], 2, "--cameras does nothing with --on a folder"),
        (
            ["evaluate", "lift-27", "--on", "{folder}", "--protocol", "human36m", "--quality", "fast"],
            2,
            "--quality does nothing with --protocol",
        ),
    ],
)
def test_wrong_input_is_one_line(file, tmp_path, capsys, words: list[str], code: int, message: str) -> None:
    words = [word.format(file=file, folder=tmp_path) for word in words]
    # argparse takes '-3' for an option's value only with '='
    if "-3" in words:
        words[-2:] = ["--lookaheads=-3"]
    assert app.main(words) == code
    captured = capsys.readouterr()
    assert message in captured.err and len(captured.err.strip().splitlines()) == 1


def test_a_mocap_file_of_another_layout_is_named(tmp_path, capsys) -> None:
    np.savez(tmp_path / "other.npz", points=np.zeros((3, 2)))
    assert app.main(["evaluate", "lift-27", "--on", str(tmp_path / "other.npz")]) == 2
    assert "models/data/mocap.py" in capsys.readouterr().err
