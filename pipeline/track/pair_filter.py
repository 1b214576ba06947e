"""Where the left joint of a mirrored pair is expected, seen from its right one, in the next frame.

A left/right swap reverses the vector from the right to the left joint and changes nothing else. So this module follows
these vectors, not the joints: how the person (or the camera) moves as a whole cancels out. One Kalman filter per
pair with white noise acceleration (Bar-Shalom, Li, Kirubarajan, "Estimation with Applications to Tracking and
Navigation", 2001, section 6.2.2), both coordinates alike, all pairs at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays import F64, Bools
from pipeline.skeletons import COCO_17

PAIRS: NDArray[np.intp] = np.array(COCO_17.pairs)
"""[P, 2], left and right joint of each pair: eyes, ears, shoulders, elbows, wrists, hips, knees, ankles."""

FORGET_S = 0.4
"""A pair that was not seen for this long is forgotten."""

# Fitted on people of the training split, projected, with a detector's noise: the values under which the prediction
# errors at 15, 30 and 60 Hz are most likely. Lengths are in body heights.
_MEASUREMENT_SD = np.array([0.0056, 0.0066, 0.0059, 0.0059, 0.0083, 0.0070, 0.0050, 0.0059])
_ACCELERATION = np.array([0.15, 0.25, 0.50, 1.00, 1.40, 0.30, 1.00, 1.40])  # square root of its spectral density
_SPEED_SD = np.array([0.05, 0.10, 0.20, 0.30, 0.50, 0.10, 0.30, 0.50])  # per second, of a pair just found
_DEGREES_OF_FREEDOM = 4.0  # of the errors' Student distribution: wrists and ankles jump now and then


class PairFilter:
    """The vectors from the right to the left joint of each pair, filtered over time. Lengths in any one unit.

    Attributes:
        known: bool [P], which pairs are followed.
    """

    def __init__(self) -> None:
        pairs = len(PAIRS)
        self.known: Bools = np.zeros(pairs, bool)
        self._vector = np.zeros((pairs, 2))
        self._speed = np.zeros((pairs, 2))
        self._covariance = np.zeros((pairs, 2, 2))  # of place and speed, in squared body heights
        self._unseen_s = np.zeros(pairs)

    def predict(self, dt_s: float) -> None:
        """Move on by ``dt_s`` seconds; forgets pairs that were not seen for ``FORGET_S``."""
        self._unseen_s += dt_s
        self.known &= self._unseen_s <= FORGET_S
        self._vector += self._speed * dt_s
        step = np.array([[1.0, dt_s], [0.0, 1.0]])
        growth = np.array([[dt_s**3 / 3, dt_s**2 / 2], [dt_s**2 / 2, dt_s]])
        self._covariance = step @ self._covariance @ step.T + growth * (_ACCELERATION**2)[:, None, None]

    def evidence(self, vectors: F64, seen: Bools, body: float) -> F64:
        """How much better each pair fits as detected than with its sides exchanged.

        Args:
            vectors: float64 [P, 2], from the right to the left joint; any value where not seen.
            seen: bool [P].
            body: length of the body in the unit of the vectors.

        Returns:
            float64 [P], natural logarithm of the ratio of likelihoods; 0 where a pair is not seen or not known.
        """
        spread = (self._covariance[:, 0, 0] + _MEASUREMENT_SD**2) * body**2
        kept = ((vectors - self._vector) ** 2).sum(1) / spread
        turned = ((vectors + self._vector) ** 2).sum(1) / spread
        ratio = _log_tail(turned) - _log_tail(kept)
        return np.where(seen & self.known, ratio, 0.0)

    def update(self, vectors: F64, seen: Bools, body: float) -> None:
        """Take the vectors of this frame (see ``evidence``), swaps already repaired."""
        new, old = seen & ~self.known, seen & self.known
        error = vectors - self._vector
        place = self._covariance[:, 0, 0]
        distance = (error**2).sum(1) / ((place + _MEASUREMENT_SD**2) * body**2)
        # The farther off a measurement is, the less weight it gets, as in a Student distribution.
        doubt = np.maximum((_DEGREES_OF_FREEDOM + distance) / (_DEGREES_OF_FREEDOM + 2), 1.0)
        gain = self._covariance[:, :, 0] / (place + doubt * _MEASUREMENT_SD**2)[:, None]
        gain[~old] = 0
        self._vector += gain[:, :1] * np.where(old[:, None], error, 0)
        self._speed += gain[:, 1:] * np.where(old[:, None], error, 0)
        self._covariance -= gain[:, :, None] * self._covariance[:, None, 0, :]
        self._vector[new], self._speed[new] = vectors[new], 0
        self._covariance[new] = 0
        self._covariance[new, 0, 0] = _MEASUREMENT_SD[new] ** 2
        self._covariance[new, 1, 1] = _SPEED_SD[new] ** 2
        self._unseen_s[seen] = 0
        self.known |= seen

    def turn(self, pairs: Bools) -> None:
        """Exchange left and right of these pairs [P] in the filter's state."""
        self._vector[pairs] *= -1
        self._speed[pairs] *= -1

    def forget(self) -> None:
        """Forget all pairs."""
        self.known[:] = False


def _log_tail(squared: F64) -> F64:
    """Minus the logarithm of a bivariate Student density at these squared distances, without its constant."""
    return np.asarray((_DEGREES_OF_FREEDOM + 2) / 2 * np.log1p(squared / _DEGREES_OF_FREEDOM))
