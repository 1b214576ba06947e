from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.data.human36m import ACTIONS, KEPT_POINTS, TEST_SUBJECTS, TRAIN_SUBJECTS, load_human36m
from models.data.published_cameras import HUMAN36M_CAMERAS, HUMANEVA_CAMERAS, rotation
from models.data.videopose3d import CameraSequence, part_of
from pipeline.errors import ConfigError, DataError
from pipeline.skeletons import COCO_17, H36M_17, coco17_to_h36m17
from tests.helpers.videopose3d_files import metadata_of, write_human36m

SMALL = {"S9": {"Walking": 6, "Walking 1": 4, "WalkDog": 3}, "S11": {"Sitting": 5, "SittingDown 1": 2}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_human36m(tmp_path, SMALL, extra_frames=2)
    return tmp_path


def load(folder: Path, **options) -> list[CameraSequence]:
    return load_human36m(folder / "data_3d_h36m.npz", folder / "data_2d_h36m_gt.npz", **options)


def test_sequences_of_the_test_subjects(folder: Path) -> None:
    sequences = load(folder)
    assert len(sequences) == 5 * 4
    assert {s.subject for s in sequences} == set(TEST_SUBJECTS)
    assert [s.camera.name for s in sequences[:4]] == ["54138969", "55011271", "58860488", "60457274"]
    for s in sequences:
        frames = SMALL[s.subject][s.action]
        assert s.truth_m.shape == (frames, 17, 3) and s.xy_px.shape == (frames, 17, 2)  # the 2D file has two more
        assert s.rate_hz == 50 and s.camera.size_px[0] == 1000
        assert s.camera.project(s.truth_m) == pytest.approx(s.xy_px, abs=0.02)
        assert (s.relative_m[:, 0] == 0).all() and (s.truth_m[..., 2] > 2).all()
    assert {s.label for s in sequences} == {"Walking", "WalkDog", "Sitting", "SittingDown"}
    walking = load(folder, subjects=("S9",), actions=("Walking",))
    assert {s.action for s in walking} == {"Walking", "Walking 1"}


def test_all_cameras_see_the_same_body(folder: Path) -> None:
    with np.load(folder / "data_3d_h36m.npz", allow_pickle=True) as file:
        world = file["positions_3d"].item()["S9"]["Walking"][:, list(KEPT_POINTS)]
    for s in load(folder, subjects=("S9",), actions=("Walking",))[:4]:
        back = s.truth_m @ rotation(s.camera.orientation).T + np.array(s.camera.position_mm) / 1000
        assert back == pytest.approx(world, abs=1e-5)


def test_the_17_points_of_32() -> None:
    """Known names of the motion capture's points, in the files' order."""
    names = [
        *("pelvis", "r_hip", "r_knee", "r_ankle", "r_toe", "r_toe_end"),
        *("l_hip", "l_knee", "l_ankle", "l_toe", "l_toe_end"),
        *("pelvis again", "spine", "thorax", "nose", "head"),
        *("thorax again", "l_shoulder", "l_elbow", "l_wrist", "hand", "hand", "hand", "hand"),
        *("thorax again", "r_shoulder", "r_elbow", "r_wrist", "hand", "hand", "hand", "hand"),
    ]
    assert len(names) == 32
    assert tuple(names[n] for n in KEPT_POINTS) == H36M_17.joints


def test_published_cameras() -> None:
    assert set(HUMAN36M_CAMERAS) == {*TRAIN_SUBJECTS, *TEST_SUBJECTS} and set(HUMANEVA_CAMERAS) == {"S1", "S2", "S3"}
    for subject, cameras in HUMAN36M_CAMERAS.items():
        assert len(cameras) == 4
        for camera in cameras:
            # a person in the middle of the room: upright in every picture, in front of it, inside
            feet, head = camera.from_world(np.array([[0, 0, 0.0], [0, 0, 1.7]]))
            (x0, y0), (x1, y1) = camera.project(np.array([feet, head]))
            assert 3.5 < feet[2] < 6.5, subject
            assert 0 < x0 < 1000 and 0 < y1 < y0 < 1000 and abs(x0 - x1) < 50 and y0 - y1 > 200
    for cameras in HUMANEVA_CAMERAS.values():
        for camera in cameras:
            _, below, ahead = camera.from_world(np.array([0, 0, 1.0]))
            assert 3 < ahead < 5 and abs(below) < 1
            with pytest.raises(ValueError, match="not published"):
                camera.project(np.ones((1, 3)))


def test_distortion_by_hand() -> None:
    camera = HUMAN36M_CAMERAS["S1"][0]
    assert camera.lens is not None
    # on the optical axis there is none; off it, Brown's model with the published coefficients
    assert camera.project(np.array([0, 0, 5.0])) == pytest.approx(camera.lens.centre_px)
    k1, k2, k3 = camera.lens.radial
    p1, p2 = camera.lens.tangential
    x, y = 0.2, -0.1
    r2 = 0.05
    factor = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3 + p1 * x + p2 * y
    expected = np.array([x, y]) * factor + np.array([p1, p2]) * r2
    expected = expected * camera.lens.focal_px + camera.lens.centre_px
    assert camera.project(np.array([1.0, -0.5, 5.0])) == pytest.approx(expected)


def test_without_a_2d_file_the_truth_is_projected(folder: Path) -> None:
    projected = load_human36m(folder / "data_3d_h36m.npz", None)
    for a, b in zip(projected, load(folder), strict=True):
        assert a.xy_px == pytest.approx(b.xy_px, abs=0.02)


def test_coco_keypoints_are_converted(folder: Path) -> None:
    rng = np.random.default_rng(4)
    views = {
        s: {a: [rng.uniform(0, 1000, (n, 17, 2)).astype(np.float32) for _ in range(4)] for a, n in actions.items()}
        for s, actions in SMALL.items()
    }
    path = folder / "data_2d_h36m_coco.npz"
    np.savez_compressed(path, positions_2d=views, metadata=metadata_of(COCO_17))  # type: ignore[arg-type]
    sequence = load_human36m(folder / "data_3d_h36m.npz", path)[1]
    expected, _ = coco17_to_h36m17(views["S9"]["Walking"][1], np.ones((6, 17), np.float32))
    assert (sequence.xy_px == expected).all()


def _sequence(frames: int) -> CameraSequence:
    numbers = np.arange(frames, dtype=np.float32)[:, None, None]
    return CameraSequence(
        "S1",
        "Walking",
        HUMAN36M_CAMERAS["S1"][0],
        50.0,
        np.broadcast_to(numbers, (frames, 17, 2)),
        np.broadcast_to(numbers, (frames, 17, 3)),
    )


def test_a_third_of_the_data() -> None:
    whole = _sequence(100)
    assert (part_of(whole).xy_px == whole.xy_px).all()
    third = part_of(whole, fraction=1 / 3)
    frames = third.xy_px[:, 0, 0]
    # sha256("100") begins with ad 57 36 68: 0x683657ad is 0.40708 of the range, times 100 - 33 + 1 places is 27.7
    assert len(frames) == 33 and third.rate_hz == 50
    assert list(frames) == list(range(27, 60)) and (third.truth_m[:, 0, 0] == frames).all()
    every_third = part_of(whole, stride=3)
    assert list(every_third.xy_px[:, 0, 0]) == list(range(0, 100, 3))
    assert every_third.rate_hz == pytest.approx(50 / 3)
    both = part_of(whole, fraction=0.5, stride=5)
    assert len(both.xy_px) == 10 and both.rate_hz == 10
    for bad in ({"fraction": 0}, {"fraction": 1.5}, {"stride": 0}):
        with pytest.raises(ConfigError, match="not valid"):
            part_of(whole, **bad)


def test_what_is_missing_is_named(folder: Path) -> None:
    with pytest.raises(DataError, match="no subject S1; it has S9, S11"):
        load(folder, subjects=("S1",))
    with pytest.raises(DataError, match=r"Human3\.6M: no subject 'S2'; there are S1"):
        load(folder, subjects=("S2",))
    with pytest.raises(DataError, match="no action 'Dancing'"):
        load(folder, actions=("Dancing",))
    with pytest.raises(DataError, match="none of the actions Eating"):
        load(folder, actions=("Eating",))
    assert len(ACTIONS) == 15


def _rewrite(folder: Path, change) -> None:
    path = folder / "data_2d_h36m_gt.npz"
    with np.load(path, allow_pickle=True) as file:
        positions, metadata = file["positions_2d"].item(), file["metadata"].item()
    change(positions["S9"], metadata)
    np.savez_compressed(path, positions_2d=positions, metadata=metadata)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p, m: p.pop("Walking 1"), "no keypoints of S9, 'Walking 1'"),
        (lambda p, m: p["Walking"].pop(), "'Walking' has 3 cameras, expected 4"),
        (lambda p, m: p["Walking"].__setitem__(2, p["Walking"][2][:5]), "58860488 has 5 frames, fewer than the 6"),
        (lambda p, m: p["Walking"].__setitem__(0, p["Walking"][0][:, :15]), "15 keypoints .* are neither h36m17 nor"),
        (lambda p, m: p["Walking"].__setitem__(0, np.full((8, 17, 2), np.nan)), "expected finite keypoints"),
        (lambda p, m: p["Walking"].__setitem__(0, None), "expected finite keypoints .* found shape"),
        (lambda p, m: m.__setitem__("keypoints_symmetry", [[1], [2]]), r"left \(1,\) and right \(2,\) are neither"),
        (lambda p, m: m.clear(), "no keypoints_symmetry"),
    ],
)
def test_damaged_2d_files_are_named(folder: Path, change, message: str) -> None:
    _rewrite(folder, change)
    with pytest.raises(DataError, match=message):
        load(folder)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (np.zeros((5, 17, 3), np.float32), r"should be \[T, 32, 3\], found \[5, 17, 3\]"),
        (np.zeros((0, 32, 3), np.float32), r"found \[0, 32, 3\]"),
        (np.full((5, 32, 3), np.nan, np.float32), "not finite"),
        ("text", "should be"),
    ],
)
def test_damaged_3d_files_are_named(folder: Path, points: object, message: str) -> None:
    np.savez_compressed(folder / "data_3d_h36m.npz", positions_3d={"S9": {"Walking": points}, "S11": {}})  # type: ignore[arg-type]
    with pytest.raises(DataError, match=message):
        load(folder)


@pytest.mark.parametrize("positions", [[1, 2], {"S9": [1, 2]}, {"S9": 3}, np.array([None, 1], object)])
def test_other_things_than_subjects_are_named(folder: Path, positions: object) -> None:
    np.savez_compressed(folder / "data_3d_h36m.npz", positions_3d=positions)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"expected a dictionary|not a dictionary of subjects"):
        load(folder)
