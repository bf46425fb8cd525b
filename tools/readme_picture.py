"""Draw the picture of the README: three unseen rooms, coarse, fine, truth, one depth scale.

depthlib train eigen-rooms --profile cpu && python tools/readme_picture.py runs/eigen-rooms/cpu-0
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from PIL import Image

from depthlib.checkpoints import load_model
from depthlib.data import open_dataset
from depthlib.plots import colorize
from depthlib.prediction import predict

TARGET = Path(__file__).resolve().parent.parent / "book" / "_static" / "readme.jpg"
ROOMS = (33, 82, 31)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="folder of the run")
    model = load_model(parser.parse_args().run)
    rows = []
    for sample in open_dataset("rooms", "test", size=(240, 320), count=100).__getitems__(ROOMS):
        maps = {}
        for stage in ("coarse", "fine"):
            model.begin_phase(stage)
            maps[stage] = predict(model, sample["rgb"]).full()[0]
        seen = maps["fine"] > 0
        top, left, bottom, right = 10, 12, 230, 308
        low, high = sample["depth"][seen].quantile(0.02).item(), sample["depth"][seen].quantile(0.98).item()
        tiles = [(sample["rgb"] * 255).byte().permute(1, 2, 0)]
        tiles += [
            torch.from_numpy(colorize(d, (low, high)).copy()) for d in (maps["coarse"], maps["fine"], sample["depth"])
        ]
        rows.append(torch.cat([tile[top:bottom, left:right] for tile in tiles], dim=1))
    Image.fromarray(torch.cat(rows).numpy()).save(TARGET, quality=85)
    print(f"{TARGET}: {TARGET.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
