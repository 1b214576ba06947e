"""Peak memory of whole runs of growing length: it must not grow with the clip.

    python -m benchmarks.bench_memory [--size 1280x720] [--frames 150 600 2400] [--json FILE]

Each run is a process of its own (``app.py bench`` on the synthetic walker, drawing and encoding included).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.measuring import new_parser, size_px, start, write_figures

_APP = Path(__file__).resolve().parent.parent / "app.py"


@dataclass(frozen=True)
class Run:
    """Peak memory and frames per second of a run."""

    frames: int
    peak_memory_mb: float
    fps: float


def measure(frames: int, size: tuple[int, int], detector: str) -> Run:
    """Run the walker for so many frames."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figures.json"
        source = f"synthetic:frames={frames},size={size[0]}x{size[1]}"
        command = [sys.executable, str(_APP), "bench", source, "--detector", detector, "--json", str(file)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        figures = json.loads(file.read_text())
    return Run(frames, figures["peak_memory_mb"], figures["timings"]["fps"])


def main(arguments: list[str] | None = None) -> None:
    """Print one table.

    Raises:
        ExportError: the figures can't be written.
    """
    parser = new_parser("bench_memory", __doc__)
    parser.add_argument("--size", type=size_px, default=(1280, 720), help="of the pictures, default: 1280x720")
    parser.add_argument("--frames", type=int, nargs="+", default=[150, 600, 2400], help="default: 150 600 2400")
    parser.add_argument("--detector", default="fast", help="as for run, default: %(default)s")
    options = parser.parse_args(arguments)
    print(f"{'frames':>8}{'peak memory MB':>18}{'frames/s':>12}")
    runs = []
    for frames in options.frames:
        run = measure(frames, options.size, options.detector)
        print(f"{run.frames:>8}{run.peak_memory_mb:>18.0f}{run.fps:>12.1f}", flush=True)
        runs.append(run)
    write_figures(options.json, {"rows": [asdict(run) for run in runs]})


if __name__ == "__main__":
    start(main)
