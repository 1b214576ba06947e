"""Cuts, scales and re-encodes a demo clip: python demo_videos/make_clips.py walk|jacks|balance SOURCE

``walk`` and ``jacks`` make walk_and_flip.mp4 and jumping_jacks.mp4 from the demo clip of Sports2D, ``balance`` makes
balance_portrait.mp4 from a view of the demo of Pose2Sim; README.md says where the sources come from.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Recipe:
    """What to take from the source, and how to write it.

    ``crop_px`` is x, y, width, height in the source's picture, None for all of it; ``crf`` is the coder's quality.
    """

    name: str
    first: int
    end: int
    size_px: tuple[int, int]
    fps: int
    crf: int
    crop_px: tuple[int, int, int, int] | None = None


RECIPES = {
    "walk": Recipe("walk_and_flip.mp4", 0, 230, (1280, 720), 30, 22),
    "jacks": Recipe("jumping_jacks.mp4", 0, 150, (960, 540), 30, 22, (180, 0, 960, 540)),
    "balance": Recipe("balance_portrait.mp4", 0, 100, (540, 960), 60, 20),
}


def make(recipe: Recipe, source: Path, target: Path) -> int:
    """Write the clip; returns its number of frames."""
    count = 0
    with av.open(str(source)) as reader, av.open(str(target), "w", options={"movflags": "faststart"}) as writer:
        stream = writer.add_stream("libx264", rate=recipe.fps)
        stream.width, stream.height = recipe.size_px
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, recipe.fps)
        # One thread: the coder's result then does not depend on the machine's cores.
        stream.options = {"crf": str(recipe.crf), "preset": "veryslow", "threads": "1"}
        for number, frame in enumerate(reader.decode(video=0)):
            if not recipe.first <= number < recipe.end:
                continue
            image = frame.to_ndarray(format="bgr24")
            if recipe.crop_px is not None:
                x, y, width, height = recipe.crop_px
                image = image[y : y + height, x : x + width]
            picture = av.VideoFrame.from_ndarray(_fill(image, recipe.size_px), format="bgr24")
            picture.pts, picture.time_base = count, Fraction(1, recipe.fps)
            writer.mux(stream.encode(picture))
            count += 1
        writer.mux(stream.encode())
    return count


def _fill(image: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
    """Scale the picture to cover the size, cut what juts out evenly on both sides."""
    width, height = size_px
    scale = max(width / image.shape[1], height / image.shape[0])
    scaled = cv2.resize(
        image, (round(image.shape[1] * scale), round(image.shape[0] * scale)), interpolation=cv2.INTER_AREA
    )
    x, y = (scaled.shape[1] - width) // 2, (scaled.shape[0] - height) // 2
    return np.ascontiguousarray(scaled[y : y + height, x : x + width])


def main() -> None:
    """Parse the command line and write the clip beside this file."""
    parser = argparse.ArgumentParser(description="Cut, scale and re-encode a demo clip.")
    parser.add_argument("clip", choices=sorted(RECIPES))
    parser.add_argument("source", type=Path)
    options = parser.parse_args()
    recipe = RECIPES[options.clip]
    target = HERE / recipe.name
    count = make(recipe, options.source, target)
    print(f"{target}: {count} frames, {target.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
