"""Peak memory of whole runs of growing length: it must not grow with the clip.

    python -m benchmarks.bench_memory [--size 1280x720] [--frames 150 600 2400]

Each run is a process of its own (``app.py bench`` on the synthetic walker, drawing and encoding included).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

_APP = Path(__file__).resolve().parent.parent / "app.py"


def peak_mb(frames: int, size: str, detector: str) -> tuple[float, float]:
    """Peak memory in MB and frames per second of one run."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figures.json"
        source = f"synthetic:frames={frames},size={size}"
        command = [sys.executable, str(_APP), "bench", source, "--detector", detector, "--json", str(file)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        figures = json.loads(file.read_text())
    return figures["peak_memory_mb"], figures["fps"]


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--frames", type=int, nargs="+", default=[150, 600, 2400])
    parser.add_argument("--detector", default="fast")
    options = parser.parse_args()
    print(f"{'frames':>8}{'peak memory MB':>18}{'frames/s':>12}")
    for frames in options.frames:
        memory, fps = peak_mb(frames, options.size, options.detector)
        print(f"{frames:>8}{memory:>18.0f}{fps:>12.1f}")


if __name__ == "__main__":
    main()
