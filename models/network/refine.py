"""The refine module: blends the network's pose with one that is true to the picture, given the camera.

Li et al. 2022 take it over from Cai et al., "Exploiting Spatial-Temporal Relationships for 3D Pose Estimation via Graph
Convolutional Networks" (ICCV 2019, section 3.4). The network's depths, together with the 2D keypoints and the camera's
intrinsics, give a second pose whose joints project exactly onto the keypoints. Both poses of the target frame enter two
fully connected layers, which give a weight in 0..1 per joint and image axis: how much to trust the network's x and y.
Depth is the network's.

The second pose needs the distance of the pelvis from the camera. In the published training and tables it is the true
one, as in ``refined`` here; without a truth it is fitted (``pipeline.lift.rays``). The module is trained after the
network, together with it at a small learning rate (published: 1e-5), with the MPJPE of the refined pose as the only
loss: ``models/training/refine.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Intrinsics:
    """Pinhole cameras of a batch, in the units of the image-normalised keypoints (picture width = 2).

    Attributes:
        focal: [B, 2], fx and fy; a focal length of f pixels is 2 f / width.
        centre: [B, 2], principal point, normalised as the keypoints are.
    """

    focal: Tensor
    centre: Tensor


class Refine(nn.Module):
    """Weights for two poses from the poses themselves.

    Args:
        joints: J.
        hidden: width of the hidden layer (1024 in the published code).
        dropout: after the hidden layer (0.5 in the published code).
    """

    def __init__(self, joints: int = 17, hidden: int = 1024, dropout: float = 0.5) -> None:
        super().__init__()
        self.joints = joints
        self.blend = nn.Sequential(
            nn.Linear(joints * 6, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, joints * 2),
            nn.Sigmoid(),
        )

    def forward(self, lifted: Tensor, projected: Tensor) -> Tensor:
        """Blend [B, J, 3] of the network and [B, J, 3] of ``pose_on_rays``, both root-relative, camera axes."""
        both = torch.cat([lifted, projected], -1)
        trust = self.blend(both.flatten(1)).unflatten(1, (self.joints, 2))
        xy = trust * lifted[..., :2] + (1 - trust) * projected[..., :2]
        return torch.cat([xy, lifted[..., 2:]], -1)


def pose_on_rays(keypoints: Tensor, depth: Tensor, root_depth: Tensor, camera: Intrinsics) -> Tensor:
    """The pose whose joints lie on the rays of their keypoints at the given depths.

    x = (u - c_x) z / f_x, y = (v - c_y) z / f_y, where z is the pelvis' distance plus the joint's depth.

    Args:
        keypoints: [B, J, 2], image-normalised, of the target frame; joint 0 is the pelvis.
        depth: [B, J], metres, relative to the pelvis, as the network gives it; the pelvis' own value is not used.
        root_depth: [B], metres, the pelvis' distance along the optical axis.
        camera: intrinsics.

    Returns:
        [B, J, 3], metres, relative to the pelvis, camera axes.
    """
    relative = torch.cat([torch.zeros_like(depth[:, :1]), depth[:, 1:]], 1)
    z = (root_depth[:, None] + relative)[..., None]
    xy = (keypoints - camera.centre[:, None]) * z / camera.focal[:, None]
    xyz = torch.cat([xy, z], -1)
    return xyz - xyz[:, :1]


def refined(refine: Refine, lifted: Tensor, keypoints: Tensor, root_depth: Tensor, camera: Intrinsics) -> Tensor:
    """The network's pose [B, J, 3] of the target frame after refinement; see ``pose_on_rays`` for the rest."""
    pose: Tensor = refine(lifted, pose_on_rays(keypoints, lifted[..., 2], root_depth, camera))
    return pose
