"""The files of a training: ``checkpoint.pt`` of a lifter (frames or windows), ``refine.pt`` of a refine module.

Both are dictionaries that PyTorch loads without running code. Files of earlier versions load too; their missing
fields are noted below.
"""

from __future__ import annotations

import pickle
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypedDict, cast

import torch
from torch import Tensor

from models.network.strided_transformer import Architecture, ArchitectureFields
from models.training.recipe import LifterRecipe, RefineRecipe
from pipeline.errors import DataError, ModelError

Tensors = dict[str, Tensor]
"""A state dictionary."""

OptimiserState = dict[str, Any]
"""As ``torch.optim.Optimizer.state_dict`` gives it; its content is PyTorch's."""


class LifterRecipeFields(TypedDict, total=False):
    """``LifterRecipe`` as it is stored; recipes of earlier versions had fewer fields."""

    steps: int
    batch: int
    lr: float
    seed: int
    minutes: float
    as_captured: float
    lower_body: float
    muon_lr: float
    warmup: int
    decay: float
    ema: float
    target: int
    weighted: bool
    velocity: float
    every: int


class StageRecord(LifterRecipeFields, total=False):
    """A stage of training, as stored in checkpoints and cards; ``minutes`` is the time that it took.

    Attributes:
        what: kind of the training.
        window: frames of the network's window.
        steps_done: optimiser steps.
    """

    what: str
    window: int
    steps_done: int


class RefineRecipeFields(TypedDict, total=False):
    """``RefineRecipe`` as it is stored; recipes of earlier versions had fewer fields."""

    steps: int
    batch: int
    lr: float
    seed: int
    minutes: float
    as_captured: float
    lower_body: float
    network_lr: float
    hidden: int
    dropout: float
    known: float


class _SinceStages(TypedDict, total=False):
    what: str
    stages_before: list[StageRecord]


class LifterState(_SinceStages):
    """``checkpoint.pt``.

    Attributes:
        what: kind of the training. The first versions lack it.
        stages_before: stages of the runs that the initial weights came from, in order. The first versions lack it.
        architecture, recipe: the network's options, and the run's recipe.
        network, average: weights, and their moving average, which is the result.
        optimisers: their states, in the stage's order.
        step, seconds: how far the run is.
    """

    architecture: ArchitectureFields
    recipe: LifterRecipeFields
    network: Tensors
    average: Tensors
    optimisers: list[OptimiserState]
    step: int
    seconds: float


class FileReference(TypedDict):
    """A file, and the SHA-256 of its content."""

    file: str
    sha256: str


RefineErrors = dict[str, dict[str, float]]
"""Condition of the 2D input -> error, as in 'refined_mpjpe_mm' -> mm."""


class _SinceResuming(TypedDict, total=False):
    network: Tensors
    optimisers: list[OptimiserState]
    step: int
    seconds: float
    random: Tensor


class RefineState(_SinceResuming):
    """``refine.pt``.

    Attributes:
        recipe: the run's recipe.
        lifter: the lifter whose poses the module corrects.
        metrics: errors on held-out people without and with the module.
        state: the module's weights.
        network: the lifter's weights, if they are trained too. Earlier versions lack this field and all below: they
            stored finished runs only, with the network in ``checkpoint.pt`` alone.
        optimisers, step, seconds: as in ``LifterState``.
        random: state of PyTorch's random numbers, which the dropout draws from on a CPU.
    """

    recipe: RefineRecipeFields
    lifter: FileReference
    metrics: RefineErrors
    state: Tensors


def fields_of_lifter(recipe: LifterRecipe) -> LifterRecipeFields:
    """The recipe as it is stored."""
    return cast(LifterRecipeFields, asdict(recipe))


def fields_of_refine(recipe: RefineRecipe) -> RefineRecipeFields:
    """The recipe as it is stored."""
    return cast(RefineRecipeFields, asdict(recipe))


def record_of(state: LifterState) -> StageRecord:
    """The stage of a checkpoint: its recipe, and how far it got."""
    kind = {"what": state["what"]} if "what" in state else {}
    record = {
        **kind,
        "window": state["architecture"]["window"],
        **state["recipe"],
        "steps_done": state["step"],
        "minutes": round(state["seconds"] / 60, 1),
    }
    return cast(StageRecord, record)


def write_state(path: Path, state: LifterState | RefineState) -> None:
    """Store a state; a crash while storing leaves the previous file."""
    temporary = path.with_suffix(".part")
    torch.save(state, temporary)
    temporary.replace(path)


def load_safely(path: Path) -> object:
    """The content of a file of PyTorch, on the CPU. Only tensors and plain data load: a checkpoint can't run code.

    Raises:
        DataError: the file can't be read.
        ModelError: it holds other objects.
    """
    try:
        return torch.load(path, weights_only=True, map_location="cpu")
    except OSError as error:
        raise DataError(f"checkpoint {path} can't be read: {error.strerror or error}") from error
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError, AttributeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(f"{path} is no checkpoint of tensors that PyTorch can load safely: {reason}") from error


def read_state(path: Path) -> LifterState | RefineState:
    """The state in a file of a training; its keys show which of the two kinds it is.

    Raises:
        DataError: the file can't be read, or is not from our training.
    """
    try:
        state = load_safely(path)
    except ModelError as error:
        raise DataError(f"{path} is not a checkpoint of 'app.py train': {error}") from error
    if isinstance(state, dict):
        if _has_fields(state, {"architecture": dict, "recipe": dict, "network": dict, "average": dict, "step": int}):
            return cast(LifterState, state)
        if _has_fields(state, {"recipe": dict, "lifter": dict, "metrics": dict, "state": dict}):
            return cast(RefineState, state)
    raise DataError(f"{path} is not a checkpoint of 'app.py train'; it holds {describe(state)}")


def is_lifter(state: LifterState | RefineState) -> bool:
    """Whether a state is that of a lifter."""
    return "average" in state


def read_lifter(path: Path) -> LifterState:
    """The checkpoint of a lifter.

    Raises:
        DataError: the file can't be read, or is something else.
    """
    state = read_state(path)
    if not is_lifter(state):
        raise DataError(f"{path} is not a checkpoint of a lifter but a refine module; give RUN/checkpoint.pt")
    return cast(LifterState, state)


def read_refine(path: Path) -> RefineState:
    """The checkpoint of a refine module.

    Raises:
        DataError: the file can't be read, or is something else.
    """
    state = read_state(path)
    if is_lifter(state):
        raise DataError(f"{path} is not a refine module but a lifter; give RUN/refine.pt")
    return cast(RefineState, state)


def architecture_in(state: LifterState, path: Path) -> Architecture:
    """The architecture of a checkpoint's network.

    Raises:
        DataError: no network has this architecture.
    """
    try:
        return Architecture.from_dict(state["architecture"])
    except (TypeError, ValueError) as error:
        raise DataError(f"{path} is not a checkpoint of 'app.py train': {error}") from error


def describe(state: object) -> str:
    """A file's content in a few words, for messages."""
    if not isinstance(state, dict):
        return f"a {type(state).__name__}"
    names = [str(name) for name in state]
    return f"{len(names)} entries: {', '.join(names[:4])}{', ...' if len(names) > 4 else ''}"


def _has_fields(state: dict[object, object], wanted: dict[str, type]) -> bool:
    return all(isinstance(state.get(key), kind) for key, kind in wanted.items())
