"""Notes what a run hands out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.arrays import U8
from pipeline.run.pipeline import Pipeline
from pipeline.types import Person, Pose3D, Rows, Shown, Tier


@dataclass(frozen=True)
class Picture:
    """What was shown of a frame."""

    shown: Shown
    picture: U8 | None

    @property
    def index(self) -> int:
        return self.shown.frame.index

    @property
    def pose(self) -> Pose3D:
        """That of the first person."""
        return self.shown.people[0].pose3d


class Taken:
    """Everything that a run handed out.

    Args:
        on_shown: called after each frame that is shown.

    Attributes:
        rows, pictures: in their order.
        order: of both: what it was ('rows', 'preview', 'settled'), and the number of the frame.
    """

    def __init__(self, on_shown: Callable[[Picture], None] = lambda picture: None) -> None:
        self._on_shown = on_shown
        self.rows: list[Rows] = []
        self.pictures: list[Picture] = []
        self.order: list[tuple[str, int]] = []

    def take_rows(self, rows: Rows) -> None:
        self.rows.append(rows)
        self.order.append(("rows", rows.frame_index))

    def take_shown(self, shown: Shown, picture: U8 | None) -> None:
        self.pictures.append(Picture(shown, picture))
        self.order.append((shown.tier.value, shown.frame.index))
        self._on_shown(self.pictures[-1])

    def of(self, pipeline: Pipeline, **options) -> Taken:
        """Run it."""
        pipeline.run(self.take_rows, self.take_shown, **options)
        return self

    @property
    def frames(self) -> list[int]:
        """Numbers of the frames with rows."""
        return [rows.frame_index for rows in self.rows]

    @property
    def first(self) -> list[Person]:
        """The first person of all rows."""
        return [rows.people[0] for rows in self.rows]

    def shown(self, tier: Tier) -> list[Picture]:
        return [picture for picture in self.pictures if picture.shown.tier is tier]
