"""MediaPipe Pose in another process: ``mediapipe_worker.py``, run by an interpreter that has mediapipe."""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, cast

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays import U8
from pipeline.errors import ConfigError, ModelError

NETWORKS = {0: "lite", 1: "full", 2: "heavy"}
"""MediaPipe's ``model_complexity`` -> name of its network."""

INSTALL = (
    "python3.11 -m venv .venv/mediapipe && .venv/mediapipe/bin/pip install -r benchmarks/requirements-mediapipe.txt"
)
"""Commands that make an interpreter with mediapipe: .venv/mediapipe/bin/python."""

_ADVICE = (
    "benchmarks/requirements-mediapipe.txt says how to make an interpreter that has mediapipe, and where its networks "
    "come from"
)
_WORKER = Path(__file__).with_name("mediapipe_worker.py")
_LONGEST_WAIT_S = 180.0  # the first start may download a network of 28 MB
_PATIENCE_S = 5.0
_SHOWN = 300  # characters of the worker's stderr


class Started(TypedDict):
    """The facts about a started network."""

    versions: dict[str, str]
    opencv_threads: int
    network_sha256: str | None


@dataclass(frozen=True, slots=True)
class Look:
    """A pose in a picture, and its cost.

    Attributes:
        world_m: float64 [33, 3], ``BLAZEPOSE_33``, metres from mid-hip, camera axes; None without a person.
        ms: time it took, see ``mediapipe_worker.py``.
        cpu_ms: time of all its threads.
    """

    world_m: NDArray[np.float64] | None
    ms: float
    cpu_ms: float


class MediaPipeProcess:
    """MediaPipe Pose in a process of its own. Close it when done.

    Args:
        python: an interpreter that has mediapipe, see ``INSTALL``.
        longest_wait_s: after this time without an answer, the process is stopped.

    Raises:
        ConfigError: there is no such interpreter.
    """

    def __init__(self, python: str, longest_wait_s: float = _LONGEST_WAIT_S) -> None:
        self._python, self._longest_wait_s = python, longest_wait_s
        self._gave_up = False
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        try:
            self._process = subprocess.Popen(
                [python, str(_WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints
            )
        except OSError as error:
            self._complaints.close()
            raise ConfigError("--mediapipe", python, f"can't be started ({error.strerror}); {_ADVICE}") from error

    def start(self, complexity: int) -> Started:
        """Start anew with a network; returns versions, threads and the network's SHA-256.

        Raises:
            ModelError: mediapipe is missing or can't load this network.
        """
        try:
            return cast(Started, self._request({"do": "start", "complexity": complexity}))
        except ModelError as error:
            raise ModelError(f"MediaPipe {NETWORKS[complexity]} can't be started: {error}; {_ADVICE}") from error

    def look(self, image: U8, draw: bool = False) -> Look:
        """Find the person in the next picture, uint8 [H, W, 3] BGR, and perhaps draw the landmarks.

        Raises:
            ModelError: MediaPipe failed.
        """
        height, width = image.shape[:2]
        request = {"do": "look", "height": height, "width": width, "draw": draw}
        answer = self._request(request, np.ascontiguousarray(image).tobytes())
        points = answer["world_m"]
        return Look(None if points is None else np.array(points, np.float64), answer["ms"], answer["cpu_ms"])

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with suppress(OSError):  # the last request was not read
            self._process.stdin.close()
        self._end_process()
        self._process.stdout.close()
        self._complaints.close()

    def _request(self, request: dict[str, Any], more: bytes = b"") -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        too_late = threading.Timer(self._longest_wait_s, self._give_up)
        too_late.daemon = True
        too_late.start()
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n" + more)
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:
            line = b""
        finally:
            too_late.cancel()
        if not line:
            raise ModelError(f"{self._python} {self._how_it_ended()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ModelError(f"{self._python}: {answer['error']}")
        return answer

    def _give_up(self) -> None:
        self._gave_up = True
        self._process.kill()  # ends a read or a write that would wait for ever

    def _end_process(self) -> int:
        """The exit code; a process that does not end by itself is killed."""
        try:
            return self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _how_it_ended(self) -> str:
        code = self._end_process()
        if self._gave_up:
            return f"gave no answer for {self._longest_wait_s:g} s and was stopped"
        self._complaints.seek(0)
        words = self._complaints.read().decode(errors="replace").strip().splitlines()
        return f"ended with code {code}: {words[-1][-_SHOWN:] if words else 'it said nothing'}"
