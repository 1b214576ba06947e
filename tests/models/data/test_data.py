from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.data.batches import make_batch
from models.data.bodies import PARENT, crossover, mirror, vary
from models.data.cameras import random_views
from models.data.keypoint_noise import CLEAN, DETECTOR_LIKE, TRAINING, add_noise
from models.data.mocap import COCO_OF_MOCAP, MOCAP_26, WindowSampler, load_mocap, stature_m
from pipeline.errors import DataError
from pipeline.place.scale import MODEL_STATURE_M
from pipeline.skeletons import COCO_17
from tests.helpers.mocap import standing_person, write_mocap


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    return write_mocap(tmp_path_factory.mktemp("mocap") / "train.npz", clips=6, frames=90)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_the_layout(file: Path, tmp_path: Path) -> None:
    mocap = load_mocap(file)
    assert len(mocap) == 6 and mocap.clip_m(2).shape == (90, 26, 3) and len(MOCAP_26) == 26
    assert [MOCAP_26.joints[i] for i in COCO_OF_MOCAP] == list(COCO_17.joints)
    with pytest.raises(DataError, match="can't be read as motion capture"):
        load_mocap(tmp_path / "nothing.npz")
    np.savez(tmp_path / "other.npz", points=np.zeros(3))
    with pytest.raises(DataError, match=r"other\.npz"):
        load_mocap(tmp_path / "other.npz")


def test_stature_is_human() -> None:
    assert 1.55 < stature_m(standing_person()) < 1.85


def test_windows_show_the_rate_they_say(file: Path, rng) -> None:
    sampler = WindowSampler(load_mocap(file), 27, 13)
    windows, rate = sampler.draw(rng, 200)
    assert windows.shape == (200, 27, 26, 3) and (rate >= 15).all() and (rate <= 60).all()
    # the generated people move their pelvis at 1 m/s; windows repeat edge frames or run backwards, never faster
    speed = np.linalg.norm(np.diff(windows[:, :, 0], axis=1), axis=-1) * rate[:, None]
    assert np.median(speed) == pytest.approx(1.0, abs=0.2) and speed.max() < 1.75


def test_mirroring_twice_is_nothing(file: Path, rng) -> None:
    windows, _ = WindowSampler(load_mocap(file), 27, 13).draw(rng, 8)
    every = np.ones(8, bool)
    assert mirror(mirror(windows, every), every) == pytest.approx(windows)
    assert (mirror(windows, ~every) == windows).all()


def bone_lengths(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points - points[..., np.maximum(PARENT, 0), :], axis=-1)[..., 1:]


def test_crossover_joins_parts_without_tearing(file: Path, rng) -> None:
    windows, _ = WindowSampler(load_mocap(file), 27, 13).draw(rng, 64)
    crossed = crossover(windows, rng, probability=1.0)
    assert not np.allclose(crossed, windows)
    # all generated people have the same bones, so lengths survive
    assert bone_lengths(crossed) == pytest.approx(bone_lengths(windows), abs=2e-3)


def test_varied_bodies_have_one_stature_and_move_smoothly(file: Path, rng) -> None:
    windows, rate = WindowSampler(load_mocap(file), 27, 13).draw(rng, 128)
    bodies = vary(windows, rng)
    assert stature_m(bodies).mean(1) == pytest.approx(np.full(128, MODEL_STATURE_M), abs=1e-3)
    assert np.isfinite(bodies).all()
    lengths = bone_lengths(bodies)
    assert (lengths.std(1) < 2e-3).all()  # within a window bones keep their length
    relative = bodies - bodies[:, :, :1]
    assert (np.linalg.norm(np.diff(relative, axis=1), axis=-1) * rate[:, None, None]).max() < 12  # m/s


def test_cameras_project_what_they_see(file: Path, rng) -> None:
    windows, rate = WindowSampler(load_mocap(file), 27, 13).draw(rng, 64)
    view = random_views(vary(windows, rng), rate, rng)
    inside = view.inside
    xyz, focal, size = view.xyz_m, view.focal_px[:, None, None, None], view.size_px[:, None, None]
    again = xyz[..., :2] / xyz[..., 2:] * focal + size / 2
    assert again[inside] == pytest.approx(view.xy_px[inside], abs=0.05)
    assert (xyz[..., 2][inside] > 0.1).all() and inside.mean() > 0.6
    # cameras do not deform bodies, and people are not upside down: y points down
    assert bone_lengths(xyz).mean() == pytest.approx(bone_lengths(vary(windows, rng)).mean(), rel=0.1)
    assert np.median(xyz[..., 10, 1] - xyz[..., 0, 1]) < -0.3


def test_noise_recipes(rng) -> None:
    xy = rng.uniform(0, 500, (256, 27, 17, 2)).astype(np.float32)
    inside = np.ones((256, 27, 17), bool)
    body, rate = np.full(256, 300, np.float32), np.full(256, 30, np.float32)
    clean, confidence = add_noise(xy, inside, body, rate, rng, CLEAN)
    assert (clean == xy).all() and (confidence == np.float32(0.8)).all()
    noisy, confidence = add_noise(xy, inside, body, rate, rng, DETECTOR_LIKE)
    percent = np.linalg.norm(noisy - xy, axis=-1) / 3
    assert 1.0 < percent.mean() < 2.5 and (confidence > 0).all()
    assert np.corrcoef(percent.ravel(), confidence.ravel())[0, 1] < -0.3  # confidence falls with the error
    wrist, shoulder = percent[..., 9:11].mean(), percent[..., 5:7].mean()
    assert wrist > shoulder
    _, confidence = add_noise(xy, inside, body, rate, rng, TRAINING)
    assert 0.02 < (confidence == 0).mean() < 0.25
    inside[:, :, 3] = False
    assert (add_noise(xy, inside, body, rate, rng, CLEAN)[1][:, :, 3] == 0).all()


def test_batches_are_finite_normalised_and_repeatable(file: Path) -> None:
    sampler = WindowSampler(load_mocap(file), 27, 13)
    a, b = (make_batch(sampler, np.random.default_rng(5), 64) for _ in range(2))
    assert (a.keypoints == b.keypoints).all() and (a.truth_m == b.truth_m).all()
    assert a.keypoints.dtype == a.truth_m.dtype == np.float32
    assert np.isfinite(a.keypoints).all() and np.isfinite(a.truth_m).all()
    assert (a.truth_m[:, :, 0] == 0).all() and np.abs(a.truth_m).max() < 1.6
    missing = a.keypoints[..., 2] == 0
    assert (a.keypoints[missing] == 0).all()
    assert np.percentile(np.abs(a.keypoints[~missing][:, :2]), 90) < 1.6
    # what is seen right of the person's middle is right of it in truth
    seen = ~missing[..., 16] & ~missing[..., 13]
    drawn = a.keypoints[..., 16, 0] - a.keypoints[..., 13, 0]
    true = a.truth_m[..., 16, 0] - a.truth_m[..., 13, 0]
    assert np.corrcoef(drawn[seen], true[seen])[0, 1] > 0.8


def test_windows_as_captured_keep_their_shape(file: Path) -> None:
    """Mirror, limb lengths and yaw only: what leans or bends is the captured motion itself."""
    motion, _ = WindowSampler(load_mocap(file), 9, 4).draw(np.random.default_rng(0), 200)
    captured = vary(motion, np.random.default_rng(1), as_captured=1.0)
    varied = vary(motion, np.random.default_rng(1), as_captured=0.0)

    def upright(points: np.ndarray) -> np.ndarray:
        trunk = points[:, 4, 8] - points[:, 4, 0]
        return np.rad2deg(np.arccos(trunk[:, 1] / np.linalg.norm(trunk, axis=1)))

    assert np.percentile(upright(captured), 95) < 16 < 40 < np.percentile(upright(varied), 95)
    lengths = np.linalg.norm(captured - captured[:, :, np.maximum(PARENT, 0)], axis=-1)
    assert lengths.std(1).max() < 0.02 and stature_m(captured).mean(1) == pytest.approx(1.7, abs=1e-3)
