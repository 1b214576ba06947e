"""What a closed source must not leave behind."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path


def wait_until(condition: Callable[[], bool], limit_s: float = 10.0) -> bool:
    """Ask again and again until it is true; False when the limit has passed."""
    due_s = time.monotonic() + limit_s
    while time.monotonic() < due_s:
        if condition():
            return True
        time.sleep(0.005)
    return condition()


def reader_threads() -> list[str]:
    """Names of the threads that read live sources."""
    return [thread.name for thread in threading.enumerate() if thread.name.endswith(" reader")]


def child_processes(words: str) -> list[int]:
    """The running children of this process with these words in their command line (Linux)."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            if int(parent) == os.getpid() and state != "Z" and words.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:  # it just ended
            continue
    return found


def open_sockets() -> int:
    """How many sockets this process has open; 0 where that can't be seen."""
    count = 0
    folder = Path("/proc/self/fd")
    for link in folder.iterdir() if folder.is_dir() else ():
        try:
            count += str(link.readlink()).startswith("socket:")
        except OSError:  # the folder's own handle
            continue
    return count
