"""The evaluation on Human3.6M or HumanEva-I by the published protocols, in the files of VideoPose3D.

The tables of Li et al. 2022 are made with the mirrored input and the published refine module. Lifters that were trained
on bodies of one stature can't know the size of the people here: judge them by P-MPJPE and N-MPJPE.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from models.data import human36m, humaneva
from models.data.videopose3d import CameraSequence
from models.evaluation.protocols import TITLES, Scores, judge, table
from models.evaluation.sequence_lift import WholeSequences, load_network
from models.exchange.checkpoints import load_official_refine
from pipeline.errors import ConfigError
from pipeline.runtime import Device
from pipeline.skeletons import H36M_17, Skeleton

PROJECTED = "projected"
"""Name of the projected truth as keypoints."""


@dataclass(frozen=True)
class DataSet:
    """One of the data sets.

    Attributes:
        stem: its name in the names of its files.
        keypoints: name of the 2D file where none is given.
        skeleton: the data set's joints.
        columns: key -> title in published tables.
        column_of: key of the column that a sequence counts for.
        load: see ``models.data.human36m.load_human36m``.
        projects: whether its lenses are published, so that the truth can be projected.
    """

    stem: str
    keypoints: str
    skeleton: Skeleton
    columns: dict[str, str]
    column_of: Callable[[CameraSequence], str]
    load: Callable[..., list[CameraSequence]]
    projects: bool


DATA_SETS = {
    "human36m": DataSet(
        "h36m",
        "cpn_ft_h36m_dbb",
        H36M_17,
        human36m.ACTIONS,
        lambda sequence: sequence.label,
        human36m.load_human36m,
        True,
    ),
    "humaneva": DataSet(
        "humaneva15",
        "gt",
        humaneva.HUMANEVA_15,
        humaneva.COLUMNS,
        humaneva.column_of,
        humaneva.load_humaneva,
        False,
    ),
}
"""Protocol -> its data."""


@dataclass(frozen=True)
class PublishedJob:
    """A protocol, its files, and how a model is run on them.

    Attributes:
        protocol: key of ``DATA_SETS``.
        folder: with ``data_3d_NAME.npz`` and ``data_2d_NAME_KEYPOINTS.npz``.
        keypoints: which 2D file; ``PROJECTED``: the truth; None: the usual one.
        flip: average with the mirrored input, as published.
        refine: the ``refine_*.pth`` that was stored with a published network.
        fraction, stride: see ``models.data.videopose3d.part_of``.
    """

    protocol: str
    folder: Path
    keypoints: str | None = None
    flip: bool = False
    refine: Path | None = None
    fraction: float = 1.0
    stride: int = 1

    @property
    def data(self) -> DataSet:
        """The data set."""
        return DATA_SETS[self.protocol]


@dataclass(frozen=True)
class PublishedResult:
    """The scores of a model."""

    model: Path
    name: str
    job: PublishedJob
    scores: Scores

    def to_json(self) -> dict[str, object]:
        """The stored form."""
        job = self.job
        return {
            "model": str(self.model),
            "dataset": job.data.stem,
            "keypoints": job.keypoints or job.data.keypoints,
            "flip": job.flip,
            "refine": None if job.refine is None else str(job.refine),
            "fraction": job.fraction,
            "stride": job.stride,
            "frames": self.scores.frames,
            **self.scores.by_metric,
        }


def on_protocol(model: Path, job: PublishedJob, device: Device, threads: int) -> PublishedResult:
    """Judge a lifter.

    Args:
        model: an ONNX file with its card, a checkpoint of ours (.pt) or a published one (no_refine_*.pth).
        job: data and protocol.
        device, threads: where an ONNX file runs.

    Raises:
        PoseStrideError: the model or the data can't be used.
    """
    network = load_network(model, device, threads)
    refine = None if job.refine is None else load_official_refine(job.refine)
    lift = WholeSequences(network, job.data.skeleton, job.flip, refine)
    sequences = _load(job)
    with tqdm(total=sum(len(s.xy_px) for s in sequences), unit="frame", disable=not sys.stderr.isatty()) as bar:

        def progress(sequence: CameraSequence) -> None:
            bar.update(len(sequence.xy_px))

        scores = judge(lift, sequences, job.data.column_of, progress)
    return PublishedResult(model, network.name, job, scores)


def tables(results: list[PublishedResult]) -> str:
    """The tables of all metrics, with one row per model."""
    columns = results[0].job.data.columns
    return "\n\n".join(
        f"{title}\n{table({result.name: result.scores.by_metric[key] for result in results}, columns)}"
        for key, title in TITLES.items()
    )


def _load(job: PublishedJob) -> list[CameraSequence]:
    data, keypoints = job.data, job.keypoints or job.data.keypoints
    if keypoints == PROJECTED and not data.projects:
        raise ConfigError("--keypoints", "projected", "needs lenses, which HumanEva-I lacks; give a 2D file's name")
    data_2d = None if keypoints == PROJECTED else job.folder / f"data_2d_{data.stem}_{keypoints}.npz"
    data_3d = job.folder / f"data_3d_{data.stem}.npz"
    return data.load(data_3d, data_2d, fraction=job.fraction, stride=job.stride)
