"""MoveNet single-person: the 17 COCO joints of the person nearest to the middle of a square crop.

The crop of a frame follows from the joints of the frame before, as Google's published example does it: centred
between the hips, large enough for 1.9 times the torso and 1.2 times the whole visible body.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.arrays import F32, U8
from pipeline.detect.crops import Crop, whole_picture
from pipeline.detect.keypoints import Keypoints
from pipeline.detect.single_person import SinglePerson
from pipeline.runtime import Device, LoadedModel, OnnxModel
from pipeline.runtime.cards import DetectorCard, find_card
from pipeline.skeletons import COCO_17

THUNDER = "movenet-thunder"
LIGHTNING = "movenet-lightning"

_TORSO = [COCO_17.index(name) for name in ("l_shoulder", "r_shoulder", "l_hip", "r_hip")]
_SHOULDERS, _HIPS = _TORSO[:2], _TORSO[2:]
# A joint that decides about the next crop has at least this score.
_CROP_SCORE = 0.2
# Presence (see Keypoints) below which a followed person is lost, a wide crop shows nobody, and a person just
# found is not believed. On wide crops a real person is small and scores low, hence the second look.
_FOLLOW_PRESENCE = 0.3
_SEEN_PRESENCE = 0.2
_BELIEVED_PRESENCE = 0.5
# Above this one closer look is enough; otherwise there is a second, which has to confirm the first.
_SURE_PRESENCE = 0.7
_CLOSER_LOOKS = 2
# A picture longer than this times its other side is also searched in squares.
_WIDE = 1.25


class MoveNet:
    """One MoveNet in a session: a crop of a picture in, joints out."""

    def __init__(self, name: str, device: Device, threads: int = 0) -> None:
        card = find_card(name, DetectorCard)
        self._model = OnnxModel(card, device, threads)
        self._size_px = card.input_size

    @property
    def loaded(self) -> LoadedModel:
        """Name, hash and device of the loaded model."""
        return self._model.loaded

    def __call__(self, image: U8, crop: Crop) -> Keypoints:
        """The joints of the person nearest to the crop's middle, also where there is none."""
        pixels = crop.cut(image, self._size_px)[np.newaxis].astype(np.int32)
        (output,) = self._model.run(pixels)
        joints: F32 = output[0, 0]
        return Keypoints(crop.to_picture(joints[:, 1::-1]), joints[:, 2])


def next_crop(keypoints: Keypoints, width_px: int, height_px: int) -> Crop | None:
    """The upright crop around a person, for the next frame; None when torso and head are not seen.

    With shoulders and hips in sight it is Google's rule. Without hips (a person at a desk) the middle of the
    visible joints takes their place.
    """
    seen = keypoints.score > _CROP_SCORE
    if not seen[_SHOULDERS].any():
        return None
    xy = keypoints.xy_px
    if seen[_HIPS].any():
        middle = keypoints.middle("l_hip", "r_hip")
        torso = float(np.abs(xy[_TORSO] - middle).max())
        body = float(np.abs(xy[seen] - middle).max())
        half = max(1.9 * torso, 1.2 * body)
    else:
        middle = (xy[seen].min(0) + xy[seen].max(0)) / 2
        half = 1.4 * float(np.abs(xy[seen] - middle).max())
    x, y = float(middle[0]), float(middle[1])
    half = min(half, max(x, width_px - x, y, height_px - y))
    whole = whole_picture(width_px, height_px)
    return whole if 2 * half > whole.side_px else Crop(x, y, 2 * half)


class MoveNetFollower:
    """Follows a person by MoveNet; see ``single_person.Follower``."""

    def __init__(self, model: MoveNet) -> None:
        self._model = model

    def region(self, keypoints: Keypoints, image: U8) -> Crop | None:
        """The crop around the keypoints."""
        return next_crop(keypoints, image.shape[1], image.shape[0])

    def read(self, image: U8, crop: Crop) -> tuple[Keypoints, Crop] | None:
        """One inference; None when the joints are too unsure for a person."""
        keypoints = self._model(image, crop)
        if keypoints.presence < _FOLLOW_PRESENCE:
            return None
        following = self.region(keypoints, image)
        return (keypoints, following) if following else None


@dataclass(frozen=True, slots=True)
class _Look:
    """A crop to search for a person: number 0 is a wide one, each next number a closer one."""

    crop: Crop
    number: int = 0


class MoveNetSearch:
    """Finds a person by MoveNet Thunder; see ``single_person.Search``.

    The whole picture first; in a wide or tall picture also squares of its shorter side, in which a person is
    larger. Whoever seems to be there is looked at again in a crop of their own before they are believed.
    """

    def __init__(self, thunder: MoveNet) -> None:
        self._thunder = thunder
        self._turn = 0
        self._pending: _Look | None = None

    def reset(self) -> None:
        """Restart the turns over the picture."""
        self._turn, self._pending = 0, None

    def everywhere(self, image: U8) -> Keypoints | None:
        """All crops in turn until one shows a person; 1 to 12 inferences."""
        self._pending = None
        for crop in _search_crops(image):
            if found := self._look_through(image, crop):
                return found
        return None

    def somewhere(self, image: U8) -> Keypoints | None:
        """One inference: the closer look that the last call asked for, or the next crop in turn."""
        look = self._pending
        if look is None:
            crops = _search_crops(image)
            self._turn = (self._turn + 1) % len(crops)
            look = _Look(crops[self._turn])
        found, self._pending = self._look_once(image, look)
        return found

    def near(self, image: U8, crop: Crop) -> Keypoints | None:
        """Around a crop, half as large again; 1 to 3 inferences."""
        self._pending = None
        return self._look_through(image, Crop(crop.x_px, crop.y_px, 1.5 * crop.side_px))

    def _look_through(self, image: U8, crop: Crop) -> Keypoints | None:
        look: _Look | None = _Look(crop)
        found = None
        while look and found is None:
            found, look = self._look_once(image, look)
        return found

    def _look_once(self, image: U8, look: _Look) -> tuple[Keypoints | None, _Look | None]:
        """One inference; a person who is believed, or else the closer look that would be needed."""
        seen = self._thunder(image, look.crop)
        sure = _BELIEVED_PRESENCE if look.number == _CLOSER_LOOKS else _SURE_PRESENCE
        if look.number > 0 and seen.presence >= sure:
            return seen, None
        if look.number == _CLOSER_LOOKS or seen.presence < _SEEN_PRESENCE:
            return None, None
        height, width = image.shape[:2]
        # Small people score low in a wide crop: joints that are sure enough to show a person may also place the crop.
        raised = Keypoints(seen.xy_px, np.maximum(seen.score, _CROP_SCORE + 0.01))
        closer = next_crop(seen, width, height) or next_crop(raised, width, height)
        return None, _Look(closer, look.number + 1) if closer else None


def _search_crops(image: U8) -> list[Crop]:
    """The whole picture, then three squares along the longer side of a wide or tall one."""
    height, width = image.shape[:2]
    crops = [whole_picture(width, height)]
    short, long = sorted((width, height))
    if long > _WIDE * short:
        for along in (0.5, short / long / 2, 1 - short / long / 2):
            x, y = (along * width, height / 2) if width > height else (width / 2, along * height)
            crops.append(Crop(x, y, float(short)))
    return crops


@dataclass(frozen=True, slots=True)
class MoveNetConfig:
    """A MoveNet that follows one person, whom Thunder finds.

    Attributes:
        follow: which MoveNet reads the joints: Thunder, or Lightning in half the time. Lightning does not search: on a
            wide picture it locks on scenery.
    """

    follow: str = THUNDER

    def load(self, device: Device, threads: int) -> SinglePerson:
        """Load the detector, see ``DetectorConfig``."""
        thunder = MoveNet(THUNDER, device, threads)
        follower = thunder if self.follow == THUNDER else MoveNet(self.follow, device, threads)
        models = {"detector": follower.loaded, "search": thunder.loaded}
        return SinglePerson(MoveNetSearch(thunder), MoveNetFollower(follower), models)
