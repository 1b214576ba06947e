"""``train``: a lifter, on single frames and then on windows; a refine module; a comparison of networks."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from models.commands.options import REQUIRED, Option, add_options, chosen
from models.training.recipe import FRAMES, REFINE, WINDOWS, LifterRecipe, RefineRecipe
from pipeline.errors import ConfigError

if TYPE_CHECKING:
    from models.network.strided_transformer import Architecture

STAGES = ("frames", "windows", "refine", "ablation")

_EPILOG = """\
stages, in the order of a curriculum:
  frames    on single frames: the part of a lifter that works on each frame alone
  windows   a lifter on windows, with --start-from the checkpoint of 'frames' or of another window length
  refine    the refine module for cameras of known focal length, for the lifter of --start-from
  ablation  the plain network against strided attention and the frame-weighted loss, over several seeds

An existing run in --out is continued. With a GPU, batches are made on it too. Several processes (windows only):
  torchrun --nproc-per-node 2 app.py train --data DIR --out RUN"""

_RECIPES = {"frames": FRAMES, "windows": WINDOWS, "refine": REFINE}
_BUDGET: Mapping[str, object] = {"steps": 4000, "batch": 512, "width": 128, "hidden": 256}
"""Settings of each training of the ablation."""


def _recipe_defaults(field: str, *stages: str, **more: object) -> dict[str, object]:
    """Stage -> default of this field, from the stage's recipe."""
    return {stage: getattr(_RECIPES[stage], field) for stage in stages} | more


_LIFTERS = ("frames", "windows")
_TRAININGS = (*_LIFTERS, "refine")

OPTIONS = (
    Option("--steps", "optimiser steps", _recipe_defaults("steps", *_TRAININGS, ablation=_BUDGET["steps"]), int, "N"),
    Option(
        "--batch",
        "windows (single frames) per step",
        _recipe_defaults("batch", *_TRAININGS, ablation=_BUDGET["batch"]),
        int,
        "N",
    ),
    Option(
        "--save-every",
        "seconds between saved states, and between log entries",
        {"frames": 60.0, "windows": 180.0, "refine": 600.0, "ablation": 60.0},
        float,
        "S",
    ),
    Option("--threads", "CPU threads of PyTorch; 0: its default", dict.fromkeys(STAGES, 0), int, "N"),
    Option(
        "--hidden",
        "width of the hidden layers (not given: four times the channels), or of the module's hidden layer",
        {"frames": None, "windows": None, "refine": REFINE.hidden, "ablation": _BUDGET["hidden"]},
        int,
        "N",
    ),
    Option("--lr", "learning rate of AdamW, or of the module", _recipe_defaults("lr", *_TRAININGS), float, "RATE"),
    Option("--seed", "seed of data and initial weights", _recipe_defaults("seed", *_TRAININGS), int, "N"),
    Option(
        "--minutes",
        "length of the run in time, in place of --steps",
        _recipe_defaults("minutes", *_TRAININGS),
        float,
        "M",
    ),
    Option(
        "--as-captured",
        "share of windows with unchanged motion",
        _recipe_defaults("as_captured", *_TRAININGS),
        float,
        "SHARE",
    ),
    Option(
        "--lower-body", "share of windows without legs", _recipe_defaults("lower_body", *_TRAININGS), float, "SHARE"
    ),
    Option(
        "--start-from",
        "start from the weights of this checkpoint (.pt) or exported lifter (.onnx)",
        {"frames": None, "windows": None, "refine": REQUIRED},
        Path,
        "FILE",
    ),
    Option("--width", "channels (d_model)", {"frames": 128, "windows": 128, "ablation": _BUDGET["width"]}, int, "N"),
    Option("--window", "frames of the window", dict.fromkeys(_LIFTERS, 27), int, "FRAMES"),
    Option("--heads", "attention heads", dict.fromkeys(_LIFTERS, 8), int, "N"),
    Option(
        "--attention",
        "attention of both encoders",
        dict.fromkeys(_LIFTERS, "strided"),
        metavar="KIND",
        choices=("full", "strided"),
    ),
    Option(
        "--strides",
        "strides of the strided encoder, as in 3,3,1 (not given: the published ones)",
        dict.fromkeys(_LIFTERS),
        metavar="N,N,...",
    ),
    Option("--muon-lr", "learning rate of Muon", _recipe_defaults("muon_lr", *_LIFTERS), float, "RATE"),
    Option(
        "--decay",
        "share of the run in which the learning rates fall",
        _recipe_defaults("decay", *_LIFTERS),
        float,
        "SHARE",
    ),
    Option("--every", "use every Nth frame only", _recipe_defaults("every", "windows"), int, "N"),
    Option("--target", "index of the target frame (not given: the centre)", {"windows": None}, int, "FRAME"),
    Option(
        "--velocity",
        "weight of the velocity term of the loss",
        _recipe_defaults("velocity", "windows"),
        float,
        "WEIGHT",
    ),
    Option("--plain-sequence-loss", "sequence loss without the frame weights alpha_t", {"windows": False}, None),
    Option("--compile", "torch.compile: slow start, faster steps", {"windows": False}, None),
    Option("--network-lr", "train the lifter too, at this rate (published: 1e-5)", {"refine": 0.0}, float, "RATE"),
    Option("--dropout", "dropout in the module", _recipe_defaults("dropout", "refine"), float, "SHARE"),
    Option("--known", "share of cameras of known focal length", _recipe_defaults("known", "refine"), float, "SHARE"),
    Option("--seeds", "trainings of each network", {"ablation": 3}, int, "N"),
    Option("--at-once", "trainings that run side by side", {"ablation": 1}, int, "N"),
)


# Numbers and what they may be; NaN and infinity never are.
_MOST = 1e9
_RANGES = (
    ("minutes", 0, _MOST),
    ("seed", 0, _MOST),
    ("width", 1, 1e5),
    ("hidden", 1, 1e5),
    ("heads", 1, 1e3),
    ("lr", 0, 10),
    ("muon_lr", 0, 10),
    ("network_lr", 0, 10),
    ("velocity", 0, 1e3),
    ("decay", 0, 1),
    ("dropout", 0, 0.99),
    ("known", 0, 1),
    ("as_captured", 0, 1),
    ("lower_body", 0, 1),
    ("save_every", 0, _MOST),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``train``."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("--stage", choices=STAGES, default="windows", help="what is trained (default: windows)")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder with train.npz and val.npz")
    parser.add_argument("--out", type=Path, required=True, metavar="RUN", help="folder of the run")
    add_options(parser, OPTIONS, STAGES, "every stage")


def execute(options: argparse.Namespace) -> int:
    """Train the stage.

    Raises:
        PoseStrideError: an option is not valid or not for this stage, or the data or the first weights can't be used.
    """
    own = chosen(options, OPTIONS, options.stage, f"--stage {options.stage}")
    _check_options(options, own)
    if options.stage == "ablation":
        _compare(options, own)
    else:
        _train(options, own)
    return 0


def _check_options(options: argparse.Namespace, own: argparse.Namespace) -> None:
    for name in ("train.npz", "val.npz"):
        if not (options.data / name).is_file():
            raise ConfigError("--data", options.data, f"has no {name}; see models/data/mocap.py for the layout")
    for name in ("steps", "batch", "every", "seeds", "at_once"):
        if getattr(own, name, 1) < 1:
            raise ConfigError(f"--{name.replace('_', '-')}", getattr(own, name), "is not valid; use 1 or more")
    for name, low, high in _RANGES:
        value = getattr(own, name, None)
        if value is not None and not low <= value <= high:
            raise ConfigError(f"--{name.replace('_', '-')}", value, f"is not valid; use {low:g} to {high:g}")
    if options.stage == "frames" and own.batch < 3:
        raise ConfigError("--batch", own.batch, "is not valid; single frames come in threes")
    if options.stage == "windows" and own.target is not None and not 0 <= own.target < own.window:
        raise ConfigError("--target", own.target, f"is not inside the window of {own.window} frames; use 0 or more")
    if own.threads < 0:
        raise ConfigError("threads", own.threads, "is not valid; use 0 (PyTorch's default) or more")


def _train(options: argparse.Namespace, own: argparse.Namespace) -> None:
    import torch

    from models.training.distributed import joined
    from models.training.frames import SingleFrames
    from models.training.loop import Run, resume, train
    from models.training.refine import RefineModule
    from models.training.windows import Windows

    if own.threads:
        torch.set_num_threads(own.threads)
    run = Run(options.data, options.out, own.save_every, getattr(own, "compile", False))
    with joined() as processes:
        if options.stage == "refine":
            module = RefineModule(own.start_from, _refine_recipe(own), options.data, processes.device)
            resume(module, options.out)
            return train(module, run, processes)
        kind = SingleFrames if options.stage == "frames" else Windows
        lifter = kind(_architecture(own), _lifter_recipe(options.stage, own), processes.device)
        if not resume(lifter, options.out) and own.start_from is not None:
            lifter.start_from(own.start_from, options.data)
        train(lifter, run, processes)


def _architecture(own: argparse.Namespace) -> Architecture:
    from models.network.strided_transformer import Architecture

    try:
        return Architecture(
            window=own.window,
            strides=tuple(int(word) for word in (own.strides or "").split(",") if word),
            d_model=own.width,
            d_hidden=own.hidden or 4 * own.width,
            heads=own.heads,
            vanilla_attention=own.attention,
            strided_attention=own.attention,
        )
    except ValueError as error:
        raise ConfigError("--strides", own.strides, f"and what goes with it make no network: {error}") from error


def _lifter_recipe(stage: str, own: argparse.Namespace) -> LifterRecipe:
    names = ("steps", "batch", "lr", "seed", "minutes", "as_captured", "lower_body", "muon_lr", "decay")
    recipe = replace(FRAMES if stage == "frames" else WINDOWS, **{name: getattr(own, name) for name in names})
    if stage == "frames":
        return replace(recipe, target=own.window // 2)
    return replace(
        recipe,
        target=own.window // 2 if own.target is None else own.target,
        weighted=not own.plain_sequence_loss,
        velocity=own.velocity,
        every=own.every,
    )


def _refine_recipe(own: argparse.Namespace) -> RefineRecipe:
    return RefineRecipe(**{name: getattr(own, name) for name in RefineRecipe.__dataclass_fields__})


def _compare(options: argparse.Namespace, own: argparse.Namespace) -> None:
    from models.training.ablation import Ablation, compare

    budget = {name: getattr(own, name) for name in _BUDGET}
    compare(Ablation(options.data, options.out, own.seeds, own.at_once, own.threads, own.save_every, **budget))
