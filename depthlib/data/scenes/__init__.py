"""RGB-D pictures with exact depth, made by ray casting: furnished rooms and roads, from a seed."""

from depthlib.data.scenes.datasets import Roads, Rooms
from depthlib.data.scenes.faults import kinect, velodyne
from depthlib.data.scenes.render import Frame, render
from depthlib.data.scenes.roads import make_roads
from depthlib.data.scenes.rooms import make_rooms
from depthlib.data.scenes.scene import Scene, camera_pose

__all__ = [
    "Frame",
    "Roads",
    "Rooms",
    "Scene",
    "camera_pose",
    "kinect",
    "make_roads",
    "make_rooms",
    "render",
    "velodyne",
]
