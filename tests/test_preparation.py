"""Writing a store: interrupted and resumed it is the same, damaged frames are named, several processes agree."""

import json

import numpy as np
import pytest
import torch
from filelock import FileLock
from made import Samples, make_pairs

from depthlib.data.folder import Folder
from depthlib.data.preparation import BATCH, write_store
from depthlib.data.store import InMemory, Store
from depthlib.errors import DepthError
from depthlib.reporting import left_out
from depthlib.sample import Sample


def frames(count, far=1.0):
    rng = np.random.default_rng(0)
    return Samples(
        [
            Sample(
                rgb=torch.from_numpy(rng.integers(0, 256, (3, 8, 10)) / 255).float(),
                depth=torch.from_numpy(rng.uniform(1, 9, (1, 8, 10))).float() * far,
                K=torch.eye(3) * (i + 1), name=f"f{i:03d}", dataset="made", index=i, scene=f"s{i // 10}",
            )
            for i in range(count)
        ]
    )  # fmt: skip


COUNT = 3 * BATCH + 7


class Interrupted(Samples):
    """Stops as if by a key at one sample, until it is let through; remembers what was read."""

    stops = True

    def __getitem__(self, index):
        if index == 2 * BATCH + 3 and self.stops:
            raise KeyboardInterrupt
        self.read = [*getattr(self, "read", []), index]
        return super().__getitem__(index)


def test_an_interrupted_run_goes_on_and_ends_as_if_it_had_not_been(tmp_path):
    data = Interrupted(frames(COUNT).samples)
    with pytest.raises(KeyboardInterrupt):
        write_store(data, tmp_path / "store", progress=False)
    assert not (tmp_path / "store").exists()
    lines = (tmp_path / ".store.partial/done.jsonl").read_text().splitlines()
    assert [json.loads(line)[0] for line in lines] == [0, BATCH]
    with open(tmp_path / ".store.partial/done.jsonl", "a") as log:
        log.write(f'[{2 * BATCH}, [{{"name": "cut')  # killed while it wrote a line
    data.stops, data.read = False, []
    again = write_store(data, tmp_path / "store", progress=False)
    assert min(data.read[1:]) == 2 * BATCH and again.kept == COUNT  # the first reading asks for the size
    whole = write_store(frames(COUNT), tmp_path / "whole", progress=False)
    assert Store(again.folder).fingerprint() == Store(whole.folder).fingerprint()
    Store(again.folder).verify()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["store", "whole"]


def test_what_was_left_of_other_data_is_not_taken_for_these(tmp_path):
    data = Interrupted(frames(COUNT).samples)
    with pytest.raises(KeyboardInterrupt):
        write_store(data, tmp_path / "store", progress=False)
    write_store(frames(20), tmp_path / "store", progress=False)
    assert len(Store(tmp_path / "store")) == 20
    Store(tmp_path / "store").verify()


def test_damaged_frames_are_left_out_by_name_or_stop_the_run(tmp_path):
    pairs = make_pairs(tmp_path / "pairs")
    for name in ("0000", "0005"):
        (pairs / "depth" / f"{name}.png").write_bytes(b"broken")
    with pytest.raises(DepthError, match=r"0000\.png"):
        write_store(Folder(pairs), tmp_path / "store", progress=False)
    prepared = write_store(Folder(pairs), tmp_path / "store", progress=False, drop_damaged=True)
    assert prepared.kept == 6 and [name for name, _ in prepared.dropped] == ["0000", "0005"]
    assert "2 left out:\n  0000: " in str(prepared) and "perhaps cut short" in str(prepared)
    store = Store(prepared.folder)
    store.verify()
    assert store.names() == ["0001", "0002", "0003", "0004", "0006", "0007"] and store.meta["dropped"] == 2
    assert left_out(store) == ["left out: 2 samples that could not be read when it was prepared"]
    assert left_out(InMemory(store)) == left_out(store) and not left_out(Folder(pairs))
    for stored, read in zip(store.__getitems__(range(6)), (Folder(pairs)[i] for i in (1, 2, 3, 4, 6, 7)), strict=True):
        torch.testing.assert_close(stored["rgb"], read["rgb"])
        torch.testing.assert_close(stored["depth"], read["depth"])
    for path in (pairs / "depth").iterdir():
        path.write_bytes(b"broken")
    with pytest.raises(DepthError, match=r"0007\.png"):
        write_store(Folder(pairs), tmp_path / "none", progress=False, drop_damaged=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["pairs", "store"]


def test_a_store_whose_names_or_depths_changed_is_not_what_was_written(tmp_path):
    store = Store(write_store(frames(3), tmp_path / "store", progress=False).folder)
    index = tmp_path / "store" / "index.json"
    index.write_text(index.read_text().replace("f001", "f009"))
    with pytest.raises(DepthError, match="does not have the fingerprint"):
        Store(store.folder).verify()
    index.write_text(index.read_text().replace("f009", "f001"))
    Store(store.folder).verify()
    depth = np.load(store.folder / "depth.npy", mmap_mode="r+")
    depth[1] = 0
    depth.flush()
    with pytest.raises(DepthError, match=r"f001.*every depth is 0"):
        Store(store.folder)[1]


def test_a_run_that_ended_while_it_left_damaged_frames_out_begins_again(tmp_path, monkeypatch):
    from depthlib.data import preparation

    pairs = make_pairs(tmp_path / "pairs")
    (pairs / "depth/0005.png").write_bytes(b"broken")
    with monkeypatch.context() as patch:
        patch.setattr(preparation, "content_hash", lambda *content: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            write_store(Folder(pairs), tmp_path / "store", progress=False, drop_damaged=True)
    prepared = write_store(Folder(pairs), tmp_path / "store", progress=False, drop_damaged=True)
    Store(prepared.folder).verify()
    assert prepared.kept == 7


def test_a_map_that_would_be_empty_in_the_store_is_damaged(tmp_path):
    data = frames(3)
    data.samples[1] = {**data.samples[1], "depth": torch.full((1, 8, 10), 0.0004)}  # less than half a millimetre
    with pytest.raises(DepthError, match="f001, as it would be stored: every depth is 0"):
        write_store(data, tmp_path / "store", progress=False)
    assert write_store(data, tmp_path / "store", progress=False, drop_damaged=True).kept == 2


def test_memory_keeps_far_depths_too():
    from depthlib.data.store import InMemory

    far = frames(2, far=9.0)
    assert far[0]["depth"].max() > 65.6  # where 16 bits of millimetres end
    assert InMemory(far)[0]["depth"].max().item() == pytest.approx(far[0]["depth"].max().item(), rel=1e-3)


def test_two_processes_write_what_one_writes(tmp_path):
    pairs = make_pairs(tmp_path / "pairs")
    one, two = (write_store(Folder(pairs), tmp_path / str(jobs), jobs=jobs, progress=False) for jobs in (1, 2))
    assert Store(one.folder).fingerprint() == Store(two.folder).fingerprint()


def test_far_depths_in_half_precision(tmp_path):
    near, far = frames(3), frames(3, far=12.0)
    store = Store(write_store(far, tmp_path / "roads", depth="float16", progress=False).folder)
    for kept, true in zip(store.__getitems__(range(3)), far.samples, strict=True):
        assert kept["depth"].max() > 65.6  # millimetres in 16 bits would have lost it
        torch.testing.assert_close(kept["depth"], true["depth"], rtol=2**-11, atol=0)
    for drop in (False, True):  # nothing is damaged, and nothing is left out
        with pytest.raises(
            DepthError, match=r"f000: reaches .* m, and 16 bits of millimetres end at 65.535 m. .*float16"
        ):
            write_store(far, tmp_path / "cut", drop_damaged=drop, progress=False)
    assert not (tmp_path / "cut").exists()
    with pytest.raises(DepthError, match="depth is 'float32'"):
        write_store(near, tmp_path / "x", depth="float32", progress=False)
    (tmp_path / "roads/depth.npy").unlink()
    np.save(tmp_path / "roads/depth.npy", np.zeros((3, 8, 10), np.uint16))
    with pytest.raises(DepthError, match="Prepare it again"):
        Store(tmp_path / "roads")  # millimetres where meta.json says metres


def test_a_store_that_is_being_written_is_left_alone(tmp_path):
    with FileLock(tmp_path / ".store.partial.lock"), pytest.raises(DepthError, match="another process is writing it"):
        write_store(frames(3), tmp_path / "store", progress=False)


def test_nothing_to_write(tmp_path):
    with pytest.raises(DepthError, match="holds no samples"):
        write_store(Samples([]), tmp_path / "store", progress=False)
    assert not list(tmp_path.iterdir())


def test_evened_scenes_have_equally_many_and_lose_nobody(tmp_path):
    folder = write_store(frames(37), tmp_path / "store", progress=False).folder  # scenes of 10, 10, 10 and 7
    data = Store(folder, even=8)
    shown = [sample["scene"] for sample in data.__getitems__(range(len(data)))]
    assert {scene: shown.count(scene) for scene in shown} == {"s0": 8, "s1": 8, "s2": 8, "s3": 8}
    assert len(set(data.names())) == 31  # eight different ones of each long scene, all seven of the short one
    assert Store(folder, even=8).names() == data.names() and data.fingerprint() != Store(folder).fingerprint()
    assert len(set(Store(folder, even=40).names())) == 37
    with pytest.raises(DepthError, match="even is 0"):
        Store(folder, even=0)
    plain = write_store(Samples([{**frames(1)[0], "scene": ""}]), tmp_path / "plain", progress=False).folder
    with pytest.raises(DepthError, match="do not know their scene"):
        Store(plain, even=2)


def test_a_clusters_workers_write_the_same_store(tmp_path, monkeypatch, capsys):
    from dask.distributed import LocalCluster

    from depthlib.cli import main

    pairs = make_pairs(tmp_path / "pairs")
    command = ["data", "prepare", "folder", "--option", f"root={pairs}", "--size", "48x64", "--jobs", "2"]
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        given = ["--cluster", cluster.scheduler_address]
        assert main([*command, "--to", str(tmp_path / "cluster"), *given]) == 0
    assert main([*command, "--to", str(tmp_path / "here")]) == 0
    assert Store(tmp_path / "cluster").fingerprint() == Store(tmp_path / "here").fingerprint()
    capsys.readouterr()
    assert main([*command, "--to", str(tmp_path / "none"), "--cluster", "elsewhere"]) == 2
    assert "no scheduler answers" in capsys.readouterr().err and not (tmp_path / "none").exists()


def test_a_file_that_is_gone_is_no_damaged_frame(pairs, tmp_path, monkeypatch):
    """As on a cluster's worker that does not see the folder: all would be "damaged"."""
    data = Folder(pairs, size=(48, 64))
    monkeypatch.setattr(data, "fingerprint", lambda: "as it was listed elsewhere")
    (pairs / "rgb/0003.png").unlink()
    with pytest.raises(DepthError, match=r"0003\.png: not found"):
        write_store(data, tmp_path / "store", drop_damaged=True, progress=False)
    assert not (tmp_path / "store").exists()
