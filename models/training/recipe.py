"""Recipes: all settings that decide a training's result, besides network and data. PyTorch is not needed here."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

from models.data.bodies import AS_CAPTURED
from models.data.keypoint_noise import TRAINING


@dataclass(frozen=True)
class Recipe(ABC):
    """The part that all stages share.

    Attributes:
        steps, batch: optimiser steps, and windows (single frames in their stage) per step.
        lr: learning rate of Adam or AdamW.
        seed: of data and initial weights.
        minutes: if not 0, the run's length in time, in place of ``steps``.
        as_captured: share of windows whose motion is not changed, see ``models.data.bodies.vary``.
        lower_body: share of windows without legs, as a webcam on a desk sees them.
    """

    steps: int = 30000
    batch: int = 64
    lr: float = 1e-3
    seed: int = 0
    minutes: float = 0.0
    as_captured: float = AS_CAPTURED
    lower_body: float = TRAINING.lower_body

    def progress(self, step: int, seconds: float) -> float:
        """Share of the run that is done after ``step`` steps and ``seconds`` of training; 1 at its end."""
        return seconds / (60 * self.minutes) if self.minutes else step / self.steps

    @abstractmethod
    def rate(self, step: int, progress: float) -> float:
        """Factor on the learning rates, in 0..1."""


@dataclass(frozen=True)
class LifterRecipe(Recipe):
    """The recipe of a lifter, on single frames or windows.

    The learning rate is constant after a warm-up and falls linearly to zero over the last part of the run, so that a
    run can be prolonged before the fall.

    Attributes:
        muon_lr: learning rate of Muon (matrices of the encoders); AdamW has the embeddings, norms, heads, convolutions.
        warmup, decay: steps of the warm-up, and share of the run in which the rates fall.
        ema: decay of the moving average of the weights.
        target: index of the target frame.
        weighted: frame-weighted sequence loss (alpha_t) or plain mean.
        velocity: weight of the velocity term.
        every: n where windows take every n-th frame: 9 frames, 3 apart, span as much time as 27 at a third of the cost.
    """

    muon_lr: float = 2e-3
    warmup: int = 300
    decay: float = 0.35
    ema: float = 0.999
    target: int = 13
    weighted: bool = True
    velocity: float = 0.5
    every: int = 1

    def rate(self, step: int, progress: float) -> float:
        """Factor on the learning rates, in 0..1."""
        fall = (1 - progress) / max(self.decay, 1e-9)
        return max(0.0, min(1.0, (step + 1) / self.warmup, fall))


@dataclass(frozen=True)
class RefineRecipe(Recipe):
    """The recipe of a refine module. The learning rates fall to zero by a cosine.

    Attributes:
        network_lr: learning rate of the lifter's network; 0: the network is not trained.
        hidden, dropout: width of the module's hidden layer (as published), and dropout after it.
        known: share of the cameras whose focal length is known within a few percent.
    """

    steps: int = 3000
    batch: int = 256
    network_lr: float = 0.0
    hidden: int = 1024
    dropout: float = 0.5
    known: float = 1.0

    def rate(self, step: int, progress: float) -> float:
        """Factor on the learning rates, in 0..1."""
        return (1 + math.cos(math.pi * min(progress, 1.0))) / 2


FRAMES = LifterRecipe(steps=6000, batch=1536)
"""The default for single frames: huge batches, since a frame costs a few percent of a window."""

WINDOWS = LifterRecipe()
REFINE = RefineRecipe()
