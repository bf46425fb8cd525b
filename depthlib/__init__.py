"""depthlib: seeing depth in a single image.

Scenes or data sets → augmentation → model → loss → training → evaluation → report.
Importing this package imports nothing heavy; each room is imported where it is used::

    from depthlib.data import scenes
    from depthlib.prediction import predict
"""

__version__ = "0.1.0"
