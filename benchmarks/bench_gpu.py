"""Speed and parity of the networks on an NVIDIA GPU beside the CPU, through the program's own session code.

    python -m benchmarks.bench_gpu [--lifter NAME] [--detector NAME] [--weights DIR] [--tensorrt] [--json FILE]

One call of each network is timed, lifters on batches of windows, detectors on one crop. Rows:

- ``CPU, n thread(s)``: the program's sessions on the CPU;
- ``CUDA``: as in a run (``OnnxModel`` with ``--device cuda``);
- ``CUDA, run()`` and ``CUDA, IO binding``: both ways to call such a session. A run binds where all shapes are fixed, as
  the detectors' are, and uses ``run()`` elsewhere. So ``CUDA`` repeats one of the two: what they differ by is chance;
- ``TensorRT`` (with ``--tensorrt``, since building engines takes minutes): as in a run with ``--device tensorrt``, the
  only device that half precision is tried on.

``ready s`` is the time from the weight file to the first result, with all that a GPU does at first runs; the first one
on a GPU also starts CUDA. ``off by`` is the largest difference of any output from the first row's on the same input
(metres for lifters; parts of the crop and scores for MoveNet; pixels of the crop, logits and metres alike for
BlazePose), ``as part`` the largest difference as part of the largest value of its output. Inputs are windows of the
synthetic walker, or the crop around him, not noise. Arrays begin and end in the CPU's memory, so transfers count.

Whole runs are measured by ``app.py bench SOURCE --device cuda``.

All ways take turns in rounds. What can't be used (no GPU, no library, no file) is a row that says why. The JSON file is
written anew after each network, so that an interrupted run leaves what it has measured.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from benchmarks import walker
from benchmarks.measuring import CPU, machine, new_parser, start, write_figures
from pipeline.detect.blazepose import HEAVY
from pipeline.detect.crops import Crop
from pipeline.detect.movenet import LIGHTNING, THUNDER
from pipeline.errors import DeviceError, PoseStrideError
from pipeline.lift.create import DEFAULT_MODEL
from pipeline.lift.network import normalisation_of
from pipeline.runtime import Device, OnnxModel, gpu_problem
from pipeline.runtime.binding import DTYPES, BoundRun, can_bind
from pipeline.runtime.cards import WEIGHTS_DIR, Card, DetectorCard, LifterCard, find_card
from pipeline.runtime.gpu import built_for_cuda, find_driver, nvidia_smi
from pipeline.runtime.model import LARGEST_BATCH, largest_difference
from pipeline.runtime.session import open_session
from pipeline.skeletons import COCO_17
from pipeline.sources import SyntheticSource
from pipeline.sources.synthetic import SyntheticOptions
from pipeline.window.buffer import WindowBuffer, frame_step

BATCHES = (1, LARGEST_BATCH)
"""Windows per call: live, and the most that there are."""

CUDA = "CUDA"
_ROUNDS = 3
_WARM_UP = 3  # calls per round that do not count
_PATIENCE_S = 1.0  # per way and round: slow ways are called less often
_LEAST_CALLS = 3
_MARGIN = 1.3  # of the crop around the person's joints
_MESSAGE = 200  # characters of a message in a table

Run = Callable[..., list[NDArray[Any]]]


@dataclass(frozen=True)
class Way:
    """One way to run a network.

    Attributes:
        name: as in the table.
        open: loads a model and says what was chosen (fp16 or fp32); raises what is in the way.
    """

    name: str
    open: Callable[[Card], tuple[Run, str]]


@dataclass
class Opened:
    """A network on one way, or why it can't be used.

    Attributes:
        way: name of it.
        run: calls it; None if it can't be called.
        ready_s: from the weight file to the first result.
        choice: what was chosen.
        problem: why it can't be used, or could not any longer.
    """

    way: str
    run: Run | None = None
    ready_s: float | None = None
    choice: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Figures:
    """Of a row; None where it was not called."""

    network: str
    batch: int
    way: str
    calls: int
    ms_median: float | None
    ms_p95: float | None
    per_s: float | None
    ready_s: float | None
    off_by: float | None
    off_by_part: float | None
    note: str

    def line(self) -> str:
        """Of the table."""
        cells = [
            self.network,
            str(self.batch),
            self.way,
            _shown(self.ms_median, ".3f"),
            _shown(self.ms_p95, ".3f"),
            _shown(self.per_s, ".0f"),
            _shown(self.ready_s, ".2f"),
            _shown(self.off_by, ".2g"),
            _shown(self.off_by_part, ".2g"),
            _shortened(self.note),
        ]
        return f"| {' | '.join(cells)} |"


@dataclass
class Row:
    """One line of the table.

    Attributes:
        network, batch, way: what was called.
        ms: of each call that counts.
        ready_s: see ``Opened``.
        off_by: largest difference of an output from the CPU's.
        off_by_part: the same as part of that output's largest value.
        note: what was chosen, or why there are no figures.
    """

    network: str
    batch: int
    way: str
    ms: list[float] = field(default_factory=list)
    ready_s: float | None = None
    off_by: float | None = None
    off_by_part: float | None = None
    note: str = ""

    def figures(self) -> Figures:
        """What the calls come to."""
        median, p95 = map(float, np.percentile(self.ms, [50, 95])) if self.ms else (None, None)
        return Figures(
            network=self.network,
            batch=self.batch,
            way=self.way,
            calls=len(self.ms),
            ms_median=median,
            ms_p95=p95,
            per_s=self.batch * 1000 / median if median else None,
            ready_s=self.ready_s,
            off_by=self.off_by,
            off_by_part=self.off_by_part,
            note=self.note,
        )


def ways(tensorrt: bool) -> list[Way]:
    """All ways to run a network; the first one is what the others are compared with."""
    threads = sorted({1, os.cpu_count() or 1})
    cpu = [Way(f"CPU, {n} thread{'s' if n > 1 else ''}", _as_in_a_run(CPU, n)) for n in threads]
    cuda = [
        Way(CUDA, _as_in_a_run(Device("cuda"))),
        Way(f"{CUDA}, run()", _unbound),
        Way(f"{CUDA}, IO binding", _bound),
    ]
    return [*cpu, *cuda, *([Way("TensorRT", _as_in_a_run(Device("tensorrt")))] if tensorrt else [])]


def _as_in_a_run(device: Device, threads: int = 0) -> Callable[[Card], tuple[Run, str]]:
    def load(card: Card) -> tuple[Run, str]:
        model = OnnxModel(card, device, threads)
        return model.run, model.choice

    return load


def _unbound(card: Card) -> tuple[Run, str]:
    session = _cuda_session(card)
    names = [node.name for node in session.get_inputs()]

    def run(*inputs: NDArray[Any]) -> list[NDArray[Any]]:
        return [np.asarray(output) for output in session.run(None, dict(zip(names, inputs, strict=True)))]

    return run, ""


def _bound(card: Card) -> tuple[Run, str]:
    session = _cuda_session(card)
    if not can_bind(session):
        raise DeviceError("not all shapes of this network are fixed, so the program calls run()")
    names = [node.name for node in session.get_inputs()]
    bound = BoundRun(session)
    return lambda *inputs: bound(dict(zip(names, inputs, strict=True))), ""


def _cuda_session(card: Card) -> ort.InferenceSession:
    device = Device("cuda")
    if problem := gpu_problem(device):
        raise DeviceError(problem)
    card.verify()
    return open_session(card, device, 0)


def windows_of_walker(card: LifterCard, count: int) -> NDArray[np.float32]:
    """What a lifter gets of the synthetic walker, float32 [count, T, 17, channels]."""
    frames = card.window + count
    source = SyntheticSource(SyntheticOptions(frames))
    size_px = (source.info.width_px, source.info.height_px)
    buffer = WindowBuffer(
        0,
        card.window,
        card.lookahead,
        size_px,
        step=frame_step(source.info.fps),
        normalisation=normalisation_of(card),
    )
    score, due = np.full(len(COCO_17), 0.9, np.float32), []
    for index, xy_px in enumerate(walker.keypoints_px(source, frames)):
        due += buffer.push(walker.pose(index, index / source.info.fps, xy_px, score))
    due += buffer.finish()
    made = [item.window.keypoints for item in due if item.window is not None]
    chosen = np.linspace(0, len(made) - 1, count).astype(int)
    return np.stack([made[n] for n in chosen])[..., : card.channels]


def crop_of_walker(card: DetectorCard) -> NDArray[Any]:
    """What a detector gets of the synthetic walker: [1, N, N, 3] RGB, 0..1 or 0..255 as its file's input asks."""
    source = SyntheticSource(SyntheticOptions(1))
    (frame,) = source
    xy_px = source.truth_coco_px(0)
    low, high = xy_px.min(0), xy_px.max(0)
    x, y = (float(value) for value in (low + high) / 2)
    pixels = Crop(x, y, _MARGIN * float((high - low).max())).cut(frame.image, card.input_size)[np.newaxis]
    (node,) = open_session(card, CPU, 1).get_inputs()
    values = pixels.astype(DTYPES[node.type])
    return values / 255 if values.dtype.kind == "f" else values


def measure(card: Card, inputs: list[NDArray[Any]], all_ways: list[Way], repeats: int) -> Iterator[Row]:
    """Rows of one network, by batch and way.

    Args:
        card: of the network.
        inputs: one per batch; the network has one input.
        all_ways: the first is what the others are compared with.
        repeats: calls of each way that count, over all rounds; fewer of slow ones.
    """
    opened = [_opened(card, way, inputs[0]) for way in all_ways]
    for x in inputs:
        rows = [Row(card.name, len(x), one.way, ready_s=one.ready_s) for one in opened]
        outputs = [_called(one, x) for one in opened]
        for row, found in zip(rows, outputs, strict=True):
            if found is not None and outputs[0] is not None and row is not rows[0]:
                row.off_by, row.off_by_part = _off_by(found, outputs[0])
        for _ in range(_ROUNDS):
            for one, row in zip(opened, rows, strict=True):
                row.ms += _timed(one, x, max(_LEAST_CALLS, repeats // _ROUNDS))
        for one, row in zip(opened, rows, strict=True):
            row.note = one.problem or one.choice
        yield from rows


def _opened(card: Card, way: Way, x: NDArray[Any]) -> Opened:
    started = time.perf_counter()
    try:
        run, choice = way.open(card)
        run(x)
        return Opened(way.name, run, time.perf_counter() - started, choice)
    except Exception as error:  # a way that fails is a result, too
        return Opened(way.name, problem=_message(error))


def _called(opened: Opened, x: NDArray[Any]) -> list[NDArray[Any]] | None:
    """Outputs of one call; None, with the reason in ``opened``, if there are none."""
    if opened.run is None:
        return None
    try:
        return opened.run(x)
    except Exception as error:
        opened.run, opened.problem = None, _message(error)
        return None


def _timed(opened: Opened, x: NDArray[Any], calls: int) -> list[float]:
    """Milliseconds of the calls of one round; none once the network has failed."""
    ms: list[float] = []
    began = time.perf_counter()
    for number in range(_WARM_UP + calls):
        started = time.perf_counter()
        if _called(opened, x) is None:
            return []
        ended = time.perf_counter()
        if number >= _WARM_UP:
            ms.append(1000 * (ended - started))
        if len(ms) >= _LEAST_CALLS and ended - began > _PATIENCE_S:
            break
    return ms


def _off_by(outputs: list[NDArray[Any]], exact: list[NDArray[Any]]) -> tuple[float, float]:
    absolute = max(float(np.abs(output - true).max()) for output, true in zip(outputs, exact, strict=True))
    return absolute, largest_difference(outputs, exact)


def _message(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if isinstance(error, PoseStrideError) else f"{type(error).__name__}: {text}"


HEAD = (
    "| network | batch | way | median ms | 95 % ms | per second | ready s | off by | as part | |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)


def _shown(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _shortened(text: str) -> str:
    text = text.replace("|", "/")
    return text if len(text) <= _MESSAGE else f"{text[:_MESSAGE]}..."


@dataclass(frozen=True)
class About:
    """The GPU, and what can be used of it."""

    gpu: str | None
    driver_cuda: tuple[int, int] | None
    built_for_cuda: tuple[int, int] | None
    providers: list[str]
    no_cuda_because: str | None


def about() -> About:
    """The GPU of this machine.

    Raises:
        DeviceError: the driver hangs; whoever calls it would not come back.
    """
    smi = nvidia_smi()
    driver = find_driver()
    return About(
        gpu=smi[1] if smi else None,
        driver_cuda=driver.cuda if driver else None,
        built_for_cuda=built_for_cuda(),
        providers=ort.get_available_providers(),
        no_cuda_because=gpu_problem(),
    )


class Report:
    """Prints each figure when it is there, and keeps the JSON file up to date.

    Args:
        path: of the JSON file; None for none.
        about: what the figures belong to.
        repeats: calls per figure.
    """

    def __init__(self, path: Path | None, about: About, repeats: int) -> None:
        self._path, self._about, self._repeats = path, about, repeats
        self._rows: list[Figures] = []

    def add(self, row: Row) -> None:
        """Take a row and print its line."""
        self._rows.append(row.figures())
        print(self._rows[-1].line(), flush=True)

    def save(self) -> None:
        """Write the file."""
        rows = [asdict(row) for row in self._rows]
        write_figures(self._path, {**asdict(self._about), "repeats": self._repeats, "rows": rows})


def _measure_all(options: argparse.Namespace, report: Report) -> None:
    lifters, detectors = options.lifter or [DEFAULT_MODEL], options.detector or _detectors(options.weights)
    all_ways = ways(options.tensorrt)
    names: list[tuple[str, type[LifterCard] | type[DetectorCard]]] = [(name, LifterCard) for name in lifters]
    for name, kind in names + [(name, DetectorCard) for name in detectors]:
        try:
            card = find_card(name, kind, options.weights)
            for row in measure(card, inputs_of(card, options.batches), all_ways, options.repeats):
                report.add(row)
        except Exception as error:  # the other networks are still worth measuring
            report.add(Row(name, 0, "-", note=_message(error)))
        report.save()


def _detectors(weights: Path) -> list[str]:
    """All that there are; the largest file is one that not every copy of the weights holds."""
    return [THUNDER, LIGHTNING, *([HEAVY] if (weights / f"{HEAVY}.onnx").is_file() else [])]


def inputs_of(card: LifterCard | DetectorCard, batches: Sequence[int]) -> list[NDArray[Any]]:
    """One input per batch; detectors see one crop."""
    if isinstance(card, DetectorCard):
        return [crop_of_walker(card)]
    windows = windows_of_walker(card, max(batches))
    return [np.ascontiguousarray(windows[:batch]) for batch in batches]


def main(arguments: list[str] | None = None) -> None:
    """Print the table.

    Raises:
        PoseStrideError: the JSON file can't be written, or the driver hangs.
    """
    parser = new_parser("bench_gpu", __doc__)
    parser.add_argument(
        "--lifter", action="append", metavar="NAME", help=f"may be given more than once (default: {DEFAULT_MODEL})"
    )
    parser.add_argument("--detector", action="append", metavar="NAME", help="the same (default: all that there are)")
    parser.add_argument("--weights", type=Path, default=WEIGHTS_DIR, metavar="DIR", help="folder of the networks")
    parser.add_argument("--tensorrt", action="store_true", help="TensorRT, too; building engines takes minutes")
    parser.add_argument(
        "--batches", type=int, nargs="+", default=list(BATCHES), metavar="N", help="of lifters (default: 1 32)"
    )
    parser.add_argument("--repeats", type=int, default=90, metavar="N", help="calls per figure (default: 90)")
    options = parser.parse_args(arguments)
    if min(options.repeats, *options.batches) < 1:
        parser.error("--repeats and --batches must be at least 1")
    head = about()
    report = Report(options.json, head, options.repeats)
    report.save()  # a file that can't be written shows now
    heading = {**asdict(machine()), **asdict(head)}
    print("\n".join(f"{key}: {value}" for key, value in heading.items()) + f"\n\n{HEAD}", flush=True)
    _measure_all(options, report)


if __name__ == "__main__":
    start(main)
