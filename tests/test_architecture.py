"""The plan of the house: what each room may import, and what none of them may."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# What everybody in pipeline/ may use, beside their own room.
COMMON = {"arrays", "errors", "skeletons", "types", "runtime"}
ROOMS = {"sources", "detect", "track", "window", "lift", "place", "smooth", "render", "export"}

# Rooms (folders) and loose files of pipeline/, and which of the others each may import.
PIPELINE: dict[str, set[str]] = {
    "arrays": set(),
    "errors": set(),
    "skeletons": {"arrays"},
    "types": {"arrays", "skeletons"},
    "motion": COMMON,
    "runtime": {"arrays", "errors"},
    "sources": COMMON,
    "detect": COMMON,
    "track": COMMON,
    "window": COMMON,
    "lift": COMMON,
    "place": COMMON,
    "smooth": COMMON,
    "render": COMMON,
    "export": COMMON | {"motion"},
    "run": COMMON | ROOMS - {"export"},
    "job_options": COMMON | ROOMS | {"run"},
    "job_report": COMMON | ROOMS | {"run", "job_options"},
    "job": COMMON | ROOMS | {"run", "job_options", "job_report"},
    "api": COMMON | ROOMS | {"run", "motion", "job", "job_options"},
    "commands": COMMON | ROOMS | {"run", "job", "job_options", "job_report"},
    "": {"errors", "api", "detect", "export", "job", "job_options", "lift", "motion", "run", "sources", "types"},
}

MODELS: dict[str, set[str]] = {
    "network": set(),
    "data": {"network"},
    "evaluation": {"network", "data", "exchange"},
    "training": {"network", "data", "evaluation", "exchange"},
    "exchange": {"network", "data", "evaluation", "training"},
    "commands": {"network", "data", "evaluation", "training", "exchange"},
    "": set(),
}


def imports_of(path: Path) -> Iterator[str]:
    """The modules that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            # 'from pipeline.detect import movenet' imports a module of the room, 'from pipeline import errors' a room
            yield from (f"{module}.{name.name}" for name in node.names) if module.count(".") == 0 else (module,)


def room_of(module: str) -> str:
    """'lift' of 'pipeline.lift.windows', '' of 'pipeline'."""
    return module.split(".")[1] if "." in module else ""


def files(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


@pytest.mark.parametrize(("package", "table"), [("pipeline", PIPELINE), ("models", MODELS)])
def test_every_room_imports_what_it_may(package: str, table: dict[str, set[str]]) -> None:
    wrong = []
    for path in files(package):
        room = room_of(module_of(path))
        assert room in table, f"{path}: the room {room!r} is not in the plan"
        for module in imports_of(path):
            if module.split(".")[0] == package and room_of(module) not in table[room] | {room}:
                wrong.append(f"{path.relative_to(ROOT)} imports {module}")
    assert wrong == []


def test_the_pipeline_needs_neither_torch_nor_models() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in files("pipeline")
        for module in imports_of(path)
        if module.split(".")[0] in ("torch", "models", "benchmarks", "tests")
    ]
    assert wrong == []


def test_only_commands_know_arguments_and_the_terminal() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in files("pipeline")
        if room_of(module_of(path)) != "commands"
        for module in imports_of(path)
        if module.split(".")[0] in ("argparse", "tqdm", "signal")
    ]
    assert wrong == []


def test_the_library_speaks_of_fields_and_not_of_options() -> None:
    """Also not in docstrings; what other programs are told does not count."""
    flag = re.compile(r"(?<![\w-])--[a-z]")
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.value[:60]!r}"
        for path in files("pipeline")
        if room_of(module_of(path)) != "commands"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and flag.search(node.value)
        and not node.value.startswith(("--query-gpu", "--format="))
    ]  # fmt: skip
    assert wrong == []


def modules_after(code: str) -> set[str]:
    """The packages that are imported after running code in a fresh interpreter."""
    code += "\nimport sys\nprint(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split("\n")[-2].split())


def test_importing_the_face_imports_nothing_heavy() -> None:
    heavy = {"numpy", "cv2", "av", "onnxruntime", "matplotlib", "torch", "tqdm"}
    assert modules_after("import pipeline") & heavy == set()
    assert modules_after("from pipeline import Frame, Pose2D, Pose3D, Person, Rows") & heavy == {"numpy"}


def test_lifting_keypoints_needs_no_window_no_video_and_no_plots() -> None:
    code = (
        "import numpy as np; from pipeline import lift_keypoints; "
        "lift_keypoints(np.ones((3, 17, 2)), size_px=(9, 9), fps=30)"
    )
    assert modules_after(code) & {"cv2", "av", "matplotlib", "torch", "tqdm"} == set()


def test_running_without_drawing_needs_no_plots() -> None:
    code = (
        "from pipeline import Pipeline, RunOptions, create_detector, create_lifter, open_source\n"
        "with open_source('synthetic:frames=2,size=64x64') as source, create_detector('fast') as detector:\n"
        "    assert len(list(Pipeline(source, detector, create_lifter(device='cpu'), RunOptions()))) == 2"
    )
    assert modules_after(code) & {"matplotlib", "torch", "tqdm"} == set()


@pytest.mark.parametrize("verb", ["run", "models", "doctor", "bench"])
def test_verbs_that_need_no_torch_import_none(verb: str) -> None:
    code = f"import app\ntry:\n    app.main([{verb!r}, '--help'])\nexcept SystemExit:\n    pass"
    assert "torch" not in modules_after(code)
