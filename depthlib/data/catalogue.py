"""What each data set is, under which terms, where it comes from and what has to lie where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from depthlib.data import FILES, data_root, open_dataset
from depthlib.errors import DepthError
from depthlib.sample import RGBD


@dataclass(frozen=True)
class Entry:
    """A data set as it is listed.

    Args:
        what: one line.
        content: how many frames, of which size; bytes to fetch, where known.
        terms: the licence, in short.
        page: where it is had; empty for what is made here or comes along.
        layout: what lies in its folder.
        splits: parts that :func:`depthlib.data.open_dataset` knows.
        far: depths beyond 65 m, so that a store keeps them as float16.
        metres: False where there are disparities only.
        example: a root, where the user has to name one.
    """

    what: str
    content: str
    terms: str
    page: str = ""
    layout: str = ""
    splits: tuple[str, ...] = ("train",)
    far: bool = False
    metres: bool = True
    example: str = ""


RESEARCH = "research use, under the set's own terms; not redistributable"
CATALOGUE: dict[str, Entry] = {
    "rooms": Entry(
        "rendered rooms with exact depth", "as many as asked for, any size", "made by this library, free",
        splits=("train", "validation", "test"),
    ),
    "roads": Entry(
        "rendered roads with exact depth", "as many as asked for, any size", "made by this library, free",
        splits=("train", "validation", "test"), far=True,
    ),
    "motorcycle": Entry(
        "one real scene of Middlebury 2014, in metres", "1 frame, 500x741; comes with scikit-image", "free for research",
    ),
    "nyu": Entry(
        "NYU Depth v2, the labelled set: indoor scenes, official split", "1449 frames, 480x640; 2.8 GB", RESEARCH,
        "https://cs.nyu.edu/~fergus/datasets/nyu_depth_v2.html",
        "nyu_depth_v2_labeled.mat and splits.mat, or a store of `python data_scripts/prepare_nyu_labelled.py`",
        ("train", "test", "fit", "validation", "all"),
    ),
    "nyu_densedepth": Entry(
        "NYU's raw frames as DenseDepth packed them; training depth has 8 bits", "50,688 + 654 frames, 480x640; 4.4 GB",
        RESEARCH, "https://github.com/ialhashim/DenseDepth", "nyu_data.zip as it is, or data/ from it",
        ("train", "test"),
    ),
    "nyu_h5": Entry(
        "NYU's raw frames as sparse-to-dense packed them, in HDF5", "47,584 + 654 frames, 480x640; 32 GB", RESEARCH,
        "https://github.com/fangchangma/sparse-to-dense", "train/SCENE/*.h5 and val/…, or tars of them: train-*.tar",
        ("train", "test"),
    ),
    "nyu_raw": Entry(
        "NYU's raw recordings, aligned and masked as Eigen et al. did; training scenes only", "about 120,000 frames; 428 GB",
        RESEARCH, "https://cs.nyu.edu/~fergus/datasets/nyu_depth_v2.html",
        "SCENE/r-*.ppm and d-*.pgm; the official labelled .mat and splits.mat in downloads or nyu_depth_v2_labeled",
    ),
    "kitti": Entry(
        "KITTI's raw drives with laser scans or accumulated depth", "33 drives to train on, 28 to test on; 175 GB",
        "CC BY-NC-SA 3.0", "https://www.cvlibs.net/datasets/kitti/raw_data.php",
        "DATE/calib_*.txt, DATE/DATE_drive_NNNN_sync/image_02 and velodyne_points; eigen_test_files.txt; annotated/",
        ("train", "test"), far=True,
    ),
    "kitti_selection": Entry(
        "KITTI's own validation part for depth", "1000 frames, 352x1216; 2 GB", "CC BY-NC-SA 3.0",
        "https://www.cvlibs.net/datasets/kitti/eval_depth.php", "val_selection_cropped/", ("test",), True,
    ),
    "sintel": Entry(
        "MPI Sintel: an animated film with exact depth and cameras", "1064 frames of 23 scenes, 436x1024", "research use",
        "http://sintel.is.tue.mpg.de/depth", "training/final, training/depth, training/camdata_left", far=True,
    ),
    "synthia": Entry(
        "SYNTHIA: rendered drives through a city", "video sequences, 760x1280", "CC BY-NC-SA 3.0",
        "https://synthia-dataset.net", "SYNTHIA-SEQS-NN-SEASON/RGB and Depth", far=True,
    ),
    "matterport": Entry(
        "Matterport3D: houses captured from tripods", "194,400 frames of 90 houses, 1024x1280",
        "signed terms; never redistributed", "https://niessner.github.io/Matterport",
        "HOUSE/undistorted_color_images, undistorted_depth_images, undistorted_camera_parameters",
    ),
    "middlebury": Entry(
        "Middlebury stereo of 2014: disparity with a calibration, so metres", "33 scenes of about 6 megapixels",
        "free for research", "https://vision.middlebury.edu/stereo/data/scenes2014",
        "SCENE/im0.png, disp0.pfm, calib.txt",
    ),
    "middlebury_disparity": Entry(
        "Middlebury stereo of 2001 to 2006: disparity without a calibration, so no metres", "38 scenes, 8-bit disparities",
        "free for research", "https://vision.middlebury.edu/stereo/data", "SCENE/im2.png, disp2.png", metres=False,
    ),
    "disparities": Entry(
        "Middlebury's disparities as they lie on disk, and Motorcycle's: what depth super-resolution is compared on",
        "38 scenes and one that comes along, 8-bit levels", "free for research", "https://vision.middlebury.edu/stereo/data",
        "SCENE/im2.png, disp2.png", metres=False,
    ),
    "folder": Entry(
        "your own pairs: rgb/NAME.jpg with depth/NAME.png", "16-bit PNG, depth_scale units a metre", "yours", example="my_pairs",
    ),
    "store": Entry(
        "a store that was prepared from any of these", "memory-mapped arrays", "of what it was made from",
        example="my_store",
    ),
    "shards": Entry(
        "a store exported as tar files, in a folder or on a server", "WebDataset's naming", "of what it was made from",
        example="https://my.server/shards",
    ),
}  # fmt: skip


def entry(name: str) -> Entry:
    """An entry by name.

    Raises:
        DepthError: an unknown name; names the nearest.

    >>> entry("sintel").splits
    ('train',)
    """
    if name not in CATALOGUE:
        from depthlib.typed import nearest

        raise DepthError(
            f"data set {name!r} is unknown{nearest(name, list(CATALOGUE))}; `depthlib data list` shows all. (`preview` and `prepare` take "
            "one of your own, too, as module:NAME.)"
        )
    return CATALOGUE[name]


def found(name: str) -> RGBD | DepthError:
    """The data set as it lies here, in its first part; or why it cannot be opened."""
    known = entry(name)
    try:
        return open_dataset(name, known.splits[0])
    except DepthError as error:
        return error


def place(name: str) -> Path | None:
    """Where it is looked for, or None where nothing is looked for."""
    entry(name)
    folder = FILES[name].folder if name in FILES else None
    return None if folder is None else data_root() / folder
