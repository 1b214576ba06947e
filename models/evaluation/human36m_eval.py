"""Judge a lifter on Human3.6M or HumanEva-I by the published protocols.

    python -m models.evaluation.human36m_eval MODEL --data DIR [--keypoints cpn_ft_h36m_dbb] [--flip] [--json FILE]

MODEL is an ONNX file with its card, a checkpoint of ours (.pt) or a published one (no_refine_*.pth). DIR holds the
files of VideoPose3D: ``data_3d_h36m.npz`` and ``data_2d_h36m_KEYPOINTS.npz``. The tables of Li et al. 2022 are made
with ``--flip`` and ``--refine refine_*.pth``. Lifters that were trained on bodies of one stature can't know the size of
the people here: judge them by P-MPJPE and N-MPJPE.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tqdm import tqdm

from models.data import human36m, humaneva
from models.data.videopose3d import CameraSequence
from models.evaluation.protocols import TITLES, Scores, judge, table
from models.evaluation.sequence_lift import WholeSequences, load_network
from models.exchange.checkpoints import load_official_refine
from pipeline.errors import ConfigError, PoseStrideError
from pipeline.runtime import parse_device
from pipeline.skeletons import H36M_17

_STEMS = {"h36m": "h36m", "humaneva": "humaneva15"}
_DEFAULT_KEYPOINTS = {"h36m": "cpn_ft_h36m_dbb", "humaneva": "gt"}
PROJECTED = "projected"
"""Name of keypoints that are the projected truth."""


def load(options: argparse.Namespace) -> list[CameraSequence]:
    """The test sequences that the options name.

    Raises:
        ConfigError: a file is missing or has another layout.
    """
    stem = _STEMS[options.dataset]
    keypoints = options.keypoints or _DEFAULT_KEYPOINTS[options.dataset]
    data_3d, data_2d = options.data / f"data_3d_{stem}.npz", options.data / f"data_2d_{stem}_{keypoints}.npz"
    part = {"fraction": options.fraction, "stride": options.stride}
    if options.dataset == "humaneva":
        if keypoints == PROJECTED:
            raise ConfigError(
                "--keypoints projected: the lenses of HumanEva-I are not published; give a 2D file's name"
            )
        return humaneva.load_humaneva(data_3d, data_2d, **part)
    return human36m.load_human36m(data_3d, None if keypoints == PROJECTED else data_2d, **part)


def evaluate(options: argparse.Namespace) -> tuple[str, Scores]:
    """Judge; returns the model's name and its scores.

    Raises:
        PoseStrideError: the model or the data can't be used.
    """
    network = load_network(options.model, parse_device(options.device), options.threads)
    refine = None if options.refine is None else load_official_refine(options.refine)
    human = options.dataset == "h36m"
    lift = WholeSequences(network, H36M_17 if human else humaneva.HUMANEVA_15, options.flip, refine)
    sequences = load(options)
    with tqdm(total=sum(len(s.xy_px) for s in sequences), unit="frame", disable=not sys.stderr.isatty()) as bar:

        def progress(sequence: CameraSequence) -> None:
            bar.update(len(sequence.xy_px))

        column_of = (lambda sequence: sequence.label) if human else humaneva.column_of
        return network.name, judge(lift, sequences, column_of, progress)


def report(name: str, scores: Scores, columns: dict[str, str]) -> str:
    """The tables of all protocols."""
    return "\n\n".join(f"{title}\n{table({name: scores.by_metric[key]}, columns)}" for key, title in TITLES.items())


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Options of the command line."""
    parser = argparse.ArgumentParser(prog="human36m_eval", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path, help=".onnx with its card, .pt of training, or a published .pth")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder with VideoPose3D's .npz files")
    parser.add_argument("--dataset", choices=tuple(_STEMS), default="h36m")
    parser.add_argument(
        "--keypoints",
        metavar="NAME",
        help=f"which 2D file (default {_DEFAULT_KEYPOINTS['h36m']}; gt for HumanEva-I), or {PROJECTED}: the truth",
    )
    parser.add_argument("--flip", action="store_true", help="average with the mirrored input, as published")
    parser.add_argument("--refine", type=Path, metavar="PTH", help="the refine_*.pth stored with a published network")
    parser.add_argument("--fraction", type=float, default=1.0, help="contiguous part of each sequence (default: all)")
    parser.add_argument("--stride", type=int, default=1, help="every how many frames (lowers the frame rate)")
    parser.add_argument("--device", default="auto", help="for .onnx: auto, cpu, cuda, cuda:N or tensorrt")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: one per core)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Entry of ``python -m models.evaluation.human36m_eval``."""
    options = parse(arguments)
    try:
        name, scores = evaluate(options)
    except PoseStrideError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2 if isinstance(error, ConfigError) else 1) from error
    print(report(name, scores, human36m.ACTIONS if options.dataset == "h36m" else humaneva.COLUMNS))
    if options.json is not None:
        figures = {
            "model": str(options.model),
            "dataset": options.dataset,
            "keypoints": options.keypoints or _DEFAULT_KEYPOINTS[options.dataset],
            "flip": options.flip,
            "refine": None if options.refine is None else str(options.refine),
            "fraction": options.fraction,
            "stride": options.stride,
            "frames": scores.frames,
            **scores.by_metric,
        }
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
