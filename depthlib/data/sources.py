"""Where each data set is fetched, file by file: its addresses, its checksum where one was published, where it unpacks.

Sets under signed terms (Matterport3D) or behind a form (SYNTHIA) are not here; ``depthlib data info NAME`` names their page.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from depthlib.data import FILES, data_root
from depthlib.data.archives import Damaged, members, unpack
from depthlib.data.downloads import Source, fetch, forget
from depthlib.data.kitti import DRIVES
from depthlib.data.nyu import MAT
from depthlib.errors import DepthError


@dataclass(frozen=True)
class Item:
    """A file to fetch, and what becomes of it.

    Args:
        source: the file.
        into: the folder, below the set's, where it goes; an archive that is ``unpacked`` unpacks there.
        unpacked: whether readers want its files, and not the archive. It is removed then.
        strip: folders to take off the front of its paths.
    """

    source: Source
    into: str = ""
    unpacked: bool = False
    strip: int = 0


def _items(
    base: str, names: Iterable[str], schemes: tuple[str, ...] = ("https",), unpacked: bool = False
) -> list[Item]:
    """Files of one server: ``base`` without a scheme, names below it."""
    return [
        Item(Source(name.rsplit("/", 1)[-1], tuple(f"{s}://{base}/{name}" for s in schemes)), unpacked=unpacked)
        for name in names
    ]


#: The official host under two schemes; no other public copy of the labelled file is known to us. Any copy will do
#: (mirrors): the checksums were found alike in three independent public projects, that of splits.mat checked.
NYU = "horatio.cs.nyu.edu/mit/silberman"
LABELLED = (
    Item(
        Source(
            MAT,
            tuple(f"{scheme}://{NYU}/nyu_depth_v2/{MAT}" for scheme in ("http", "https")),
            size=2_972_037_809,
            sha256="2d724b0c0ab358aa1ce5df855e5bd14a2279ab7202efe22f32a30d612dcb86aa",
        )
    ),
    Item(
        Source(
            "splits.mat",
            tuple(f"{scheme}://{NYU}/indoor_seg_sup/splits.mat" for scheme in ("http", "https")),
            size=2_626,
            sha256="6e081404491a8bfba2f066beaa9713ef6046f9007aa5f799f2a350506a580cee",
        )
    ),
)
#: The raw recordings' archives, and how many parts each has.
RAW = {
    "basements": 1, "bathrooms": 4, "bedrooms": 7, "bookstore": 3, "cafe": 1, "dining_rooms": 4, "furniture_stores": 1,
    "home_offices": 1, "kitchens": 3, "libraries": 1, "living_rooms": 4, "misc": 2, "office_kitchens": 1, "offices": 2,
    "playrooms": 1, "reception_rooms": 1, "studies": 1, "study_rooms": 1,
}  # fmt: skip
KITTI = "s3.eu-central-1.amazonaws.com/avg-kitti"
DAYS = sorted({drive[:10] for drive in DRIVES})
MIDDLEBURY = "vision.middlebury.edu/stereo/data"
SCENES_2014 = (
    "Adirondack", "Backpack", "Bicycle1", "Cable", "Classroom1", "Couch", "Flowers", "Jadeplant", "Mask", "Motorcycle",
    "Piano", "Pipes", "Playroom", "Playtable", "Recycle", "Shelves", "Shopvac", "Sticks", "Storage", "Sword1", "Sword2",
    "Umbrella", "Vintage",
)  # fmt: skip

SOURCES: dict[str, tuple[Item, ...]] = {
    "nyu": LABELLED,
    "nyu_densedepth": tuple(_items("s3-eu-west-1.amazonaws.com/densedepth", ["nyu_data.zip"])),
    "nyu_h5": tuple(
        _items(
            "huggingface.co/datasets/sayakpaul/nyu_depth_v2/resolve/main/data",
            [f"train-{i:06d}.tar" for i in range(12)] + [f"val-{i:06d}.tar" for i in range(2)],
        )
    ),
    "nyu_raw": tuple(
        _items(
            f"{NYU}/nyu_depth_v2",
            [
                f"{name}.zip" if parts == 1 else f"{name}_part{i}.zip"
                for name, parts in RAW.items()
                for i in range(1, parts + 1)
            ],
            ("http", "https"),
            unpacked=True,
        )
    ),
    "kitti": (
        *_items(f"{KITTI}/raw_data", [f"{day}_calib.zip" for day in DAYS], unpacked=True),
        *_items(
            f"{KITTI}/raw_data",
            [f"{drive.removesuffix('_sync')}/{drive}.zip" for drive in sorted(DRIVES)],
            unpacked=True,
        ),
        Item(
            Source("data_depth_annotated.zip", (f"https://{KITTI}/data_depth_annotated.zip",)),
            "annotated",
            True,
            strip=1,
        ),
        Item(
            Source(
                "eigen_test_files.txt",
                ("https://raw.githubusercontent.com/nianticlabs/monodepth2/master/splits/eigen/test_files.txt",),
            )
        ),
    ),
    "kitti_selection": tuple(_items(KITTI, ["data_depth_selection.zip"], unpacked=True)),
    "sintel": tuple(
        _items(
            "files.is.tue.mpg.de",
            ["sintel/MPI-Sintel-training_images.zip", "jwulff/sintel/MPI-Sintel-depth-training-20150305.zip"],
            ("https", "http"),
            unpacked=True,
        )
    ),
    "middlebury": tuple(
        _items(
            f"{MIDDLEBURY}/scenes2014/zip", [f"{scene}-perfect.zip" for scene in SCENES_2014], ("https", "http"), True
        )
    ),
    "middlebury_disparity": tuple(
        Item(Source(file, (f"https://{MIDDLEBURY}/scenes2003/newdata/{scene}/{file}",)), scene)
        for scene in ("cones", "teddy")
        for file in ("im2.png", "disp2.png")
    ),
}


def fetch_place(name: str) -> Path:
    """Where a set's files go: the folder of its reader; for the labelled NYU, which becomes a store there, beside it."""
    known = FILES.get(name)  # rooms and roads are in no file
    return data_root() / ("downloads" if name == "nyu" else (known and known.folder) or name)


def fetch_set(name: str, folder: Path, mirrors: Iterable[str] = (), only: str = "*") -> list[str]:
    """Fetch and unpack the files of a data set; what is here already is left as it is.

    Args:
        name: of the data set.
        folder: where the reader looks for it.
        mirrors: addresses of copies of that folder on servers; tried first.
        only: a pattern of file names, such as ``2011_09_26*``.

    Returns:
        the names of the files that were not here before.

    An archive that readers want unpacked is removed once it is, if it was downloaded here, and ``.NAME.unpacked`` remembers it.
    A damaged one is removed, too, so that the next run fetches it again; one that was put there by hand never is.

    Raises:
        DepthError: nothing to fetch (says why), a damaged archive, or what :func:`fetch` and :func:`unpack` raise.
    """
    items = [item for item in SOURCES.get(name, ()) if fnmatch(item.source.name, only)]
    if not items:
        known = ", ".join(SOURCES)
        why = f"no file is called {only!r}" if name in SOURCES else f"there is no public file of it; only of {known}"
        raise DepthError(f"{name}: nothing to fetch: {why}. `depthlib data info {name}` says how to get it.")
    fetched = []
    for item in items:
        place = folder / item.into
        unpacked = place / f".{item.source.name}.unpacked"
        if unpacked.is_file():
            continue
        ours = place / f".{item.source.name}.fetched"  # so that an unpacking that was cut short is gone on with as ours
        by_hand = (place / item.source.name).is_file() and not ours.is_file()
        inside = f"{item.into}/{item.source.name}".lstrip("/")
        path = fetch(item.source, place, [f"{mirror.rstrip('/')}/{inside}" for mirror in mirrors])
        if not by_hand or item.unpacked:
            fetched.append(item.source.name)
        if not by_hand and item.unpacked:
            ours.touch()
        try:
            if item.unpacked:
                unpack(path, place, item.strip)
            elif path.suffix in (".zip", ".tar"):  # readers look into it; a server may have sent anything
                members(path)
        except Damaged as error:
            if by_hand:
                raise DepthError(f"{error} Move it away, and the same command fetches it.") from error
            forget(path)
            ours.unlink(missing_ok=True)
            raise DepthError(f"{error} It is removed; the same command fetches it anew.") from error
        if not item.unpacked:
            continue
        unpacked.touch()
        if not by_hand:
            forget(path)
            ours.unlink(missing_ok=True)
    return fetched
