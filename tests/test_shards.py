"""Shards: the store's samples from a folder or a server, in an order that can be streamed, shared and gone on with."""

import dataclasses
import http.server
import json
import os
import pickle
import shutil
import threading

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from made import Samples, make_pairs

from depthlib import camera
from depthlib.batches import Batches
from depthlib.cli import main
from depthlib.data import open_dataset, shards
from depthlib.data.downloads import sha256
from depthlib.data.preparation import write_store
from depthlib.data.shards import Shards, write_shards
from depthlib.data.store import Store, decode_batch
from depthlib.errors import DepthError
from depthlib.sample import Sample, collate
from depthlib.training import train


def made_store(folder, count=23, far=False, seed=0):
    generator = torch.Generator().manual_seed(seed)
    samples = []
    for i in range(count):
        depth = torch.rand(1, 24, 32, generator=generator) * (80 if far else 5) + 0.5
        depth[:, :2] = 0
        rgb = torch.rand(3, 24, 32, generator=generator)
        K = camera.from_field_of_view(24, 32, 60)
        samples.append(Sample(rgb=rgb, depth=depth, K=K, name=f"n{i}", dataset="made", index=i, scene=f"s{i % 3}"))
    write_store(Samples(samples), folder, depth="float16" if far else "uint16", progress=False)
    return Store(folder)


@pytest.mark.parametrize("far", [False, True])
def test_shards_hold_the_stores_samples_bit_for_bit(tmp_path, far):
    store = made_store(tmp_path / "store", far=far)
    read = Shards(write_shards(store, tmp_path / "shards", each=5))
    assert len(read) == 23 and read.names() == store.names() and read.fingerprint() == store.fingerprint()
    assert [path.name for path in sorted((tmp_path / "shards").glob("*.tar"))] == [
        f"shard-{i:05d}.tar" for i in range(5)
    ]
    for a, b in zip(read.__getitems__(range(23)), store.__getitems__(range(23)), strict=True):
        assert a.keys() == b.keys()
        assert all(torch.equal(a[k], b[k]) if isinstance(a[k], torch.Tensor) else a[k] == b[k] for k in a)
    again = pickle.loads(pickle.dumps(read))
    assert torch.equal(again[7]["depth"], read[7]["depth"])


def test_encoded_batches_are_the_numbers_of_the_samples(tmp_path):
    store = made_store(tmp_path / "store")
    read = Shards(write_shards(store, tmp_path / "shards", each=5))
    kept = open_dataset("store", root=tmp_path / "store", keep=True)
    wanted = collate(store.__getitems__([3, 20, 4]))
    for dataset in (store, read, kept):
        found = decode_batch(dataset.encoded([3, 20, 4]))
        assert found.keys() == wanted.keys()
        assert all(
            torch.equal(found[k], wanted[k]) if isinstance(found[k], torch.Tensor) else found[k] == wanted[k]
            for k in found
        )
    assert decode_batch(wanted) is wanted


def test_webdataset_reads_them(tmp_path):
    """The other program that reads this format."""
    webdataset = pytest.importorskip("webdataset")
    store = made_store(tmp_path / "store")
    write_shards(store, tmp_path / "shards", each=8)
    urls = [str(path) for path in sorted((tmp_path / "shards").glob("*.tar"))]
    rows = list(webdataset.WebDataset(urls, shardshuffle=False).decode("rgb8"))
    assert len(rows) == 23
    for i, row in enumerate(rows):
        rgb, _, rest = store.kept(i)
        assert row["__key__"] == f"{i:08d}" and np.array_equal(row["rgb.png"], rgb)
        assert row["json"]["name"] == rest["name"]


@pytest.mark.parametrize("lanes", [1, 2, 3, 8, 40])
def test_an_epoch_takes_every_sample_once_and_few_shards_at_a_time(tmp_path, lanes):
    read = Shards(write_shards(made_store(tmp_path / "store"), tmp_path / "shards", each=4), lanes=lanes)
    orders = [read.order(0, epoch) for epoch in (0, 1)]
    assert all(sorted(order) == list(range(23)) for order in orders) and orders[0] != orders[1]
    assert orders[0] == read.order(0, 0) != read.order(1, 0)
    for lane in range(lanes):  # a lane finishes a shard before it begins another
        visited = [index // 4 for index in orders[0][lane::lanes]]
        runs = [shard for i, shard in enumerate(visited) if i == 0 or shard != visited[i - 1]]
        assert len(runs) == len(set(runs))


def test_each_process_reads_lanes_of_its_own(tmp_path):
    """Two processes share a batch, and (but for one shard that is cut between two lanes) no shard."""
    store = made_store(tmp_path / "store", count=48)
    folder = write_shards(store, tmp_path / "shards", each=4)
    seen = []
    for rank in (0, 1):
        read = Shards(folder, lanes=4)
        with Batches(read, 8, 1, 0, 0, rank, 2, "cpu") as feed:
            names = [name for step in range(6) for batch, _ in feed.take(step, 5) for name in batch["name"]]
        seen.append({int(name[1:]) for name in names})
    assert seen[0].isdisjoint(seen[1]) and len(seen[0] | seen[1]) == 48
    assert len({i // 4 for i in seen[0]} & {i // 4 for i in seen[1]}) <= 1
    with pytest.raises(DepthError, match="3 processes cannot share evenly"):
        Batches(Shards(folder, lanes=4), 8, 1, 0, 0, 0, 3, "cpu")


def tiny_on(tiny_recipe, root, **options):
    first = dataclasses.replace(tiny_recipe.phases[0], samples=8 * 6, checkpoint_every=2)
    data = dataclasses.replace(tiny_recipe.data, name="shards", options={"root": str(root), "lanes": 2, **options})
    return dataclasses.replace(tiny_recipe, data=data, phases=(first,), evaluate=())


@pytest.fixture
def streamed(mirror, tmp_path):
    """Shards of pairs, on a server."""
    folder, url = mirror
    pairs = open_dataset("folder", root=make_pairs(tmp_path / "many", 20))
    write_store(pairs, tmp_path / "store", progress=False)
    write_shards(Store(tmp_path / "store"), folder / "shards", each=4)
    return folder / "shards", f"{url}/shards"


def test_training_streams_from_a_server_as_from_the_folder(tiny_recipe, streamed, tmp_path):
    folder, url = streamed
    runs = [
        train(tiny_on(tiny_recipe, root), tmp_path / name, progress=False) for name, root in (("a", folder), ("b", url))
    ]
    assert [h["loss"] for h in runs[0].history] == [h["loss"] for h in runs[1].history]


def test_a_server_that_stops_answering_stops_the_run_and_nothing_is_lost(tiny_recipe, streamed, tmp_path, monkeypatch):
    folder, url = streamed
    whole = train(tiny_on(tiny_recipe, folder), tmp_path / "whole", progress=False)
    monkeypatch.setattr(shards, "PAUSES", (0, 0.01))
    fetched = []
    real = shards.fetch

    def breaks_off(source, *arguments, **options):
        fetched.append(source.name)
        if len(fetched) > 4:  # the index and three shards came
            source = dataclasses.replace(source, urls=("http://127.0.0.1:9/gone",))
        return real(source, *arguments, **options)

    monkeypatch.setattr(shards, "fetch", breaks_off)
    recipe = tiny_on(tiny_recipe, url, cache=str(tmp_path / "cache"))
    with pytest.raises(DepthError, match=r"Tried 2 times.*goes on at step [1-9]"):
        train(recipe, tmp_path / "cut", progress=False)
    monkeypatch.setattr(shards, "fetch", real)
    run = train(recipe, tmp_path / "cut", progress=False)
    assert [h["loss"] for h in run.history] == [h["loss"] for h in whole.history]


def test_what_a_server_does_not_have_is_asked_for_once(streamed, tmp_path, monkeypatch):
    folder, url = streamed
    read = Shards(url, cache=str(tmp_path / "cache"))
    (folder / "shard-00001.tar").unlink()
    asked, real = [], shards.fetch
    monkeypatch.setattr(shards, "fetch", lambda source, *rest, **options: asked.append(source.name) or real(source, *rest, **options))  # fmt: skip
    with pytest.raises(DepthError, match=r"shard-00001.tar: HTTP Error 404"):
        read[5]
    assert len(asked) == 1
    with pytest.raises(DepthError, match="shards.json: HTTP Error 404"):
        Shards(f"{url}/nowhere")
    assert len(asked) == 2


def test_a_server_that_is_silent_is_given_up_after_its_time(tmp_path, monkeypatch):
    hold = threading.Event()

    class Silent(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            hold.wait(5)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silent)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(shards, "PAUSES", (0, 0.01))
    with pytest.raises(DepthError, match=r"timed out.*Tried 2 times"):
        Shards(f"http://127.0.0.1:{server.server_port}", timeout_s=0.2)
    hold.set()
    server.shutdown()


def test_a_shard_cut_short_on_the_way_is_fetched_to_its_end(streamed, tmp_path, monkeypatch):
    folder, url = streamed
    read = Shards(url, cache=str(tmp_path / "cache"))
    part = (folder / "shard-00001.tar").read_bytes()
    kept = tmp_path / "cache" / f"shard-{sha256(folder / 'shard-00001.tar')[:16]}.tar"
    kept.with_name(f"{kept.name}.partial").write_bytes(part[:1000])
    assert torch.equal(read[5]["depth"], Shards(folder)[5]["depth"])
    assert kept.read_bytes() == part


def test_what_a_killed_export_left_does_not_stay(streamed, tmp_path):
    made = Store(tmp_path / "store")
    half = tmp_path / ".out.partial"
    half.mkdir()
    (half / "shard-00009.tar").write_bytes(b"half")
    folder = write_shards(made, tmp_path / "out", each=8)
    assert not list(tmp_path.glob(".out*")) and not (folder / "shard-00009.tar").exists()
    assert len(Shards(folder)) == len(made) and Shards(folder)[-1]["index"] == len(made) - 1


def test_the_cache_forgets_the_oldest_and_reads_on(streamed, tmp_path):
    folder, url = streamed
    size = (folder / "shard-00000.tar").stat().st_size
    read = Shards(url, lanes=1, cache=str(tmp_path / "cache"), keep_gb=2.2 * size / 1e9)
    depths = [read[i]["depth"] for i in (0, 4, 8, 12, 16, 0)]
    assert len(list((tmp_path / "cache").glob("*.tar"))) == 2
    assert torch.equal(depths[0], depths[-1])


def test_shards_of_two_stores_share_a_cache(mirror, tmp_path):
    """Their files have the same names, and the same lengths, as tar rounds them up."""
    folder, url = mirror
    stores = [made_store(tmp_path / name, count=4, seed=k) for k, name in enumerate("ab")]
    written = [write_shards(store, folder / name) / "shard-00000.tar" for name, store in zip("ab", stores, strict=True)]
    assert written[0].stat().st_size == written[1].stat().st_size
    read = [Shards(f"{url}/{name}", cache=str(tmp_path / "cache")) for name in "ab"]
    for store, shards_ in zip(stores, read, strict=True):
        assert torch.equal(shards_[3]["depth"], store[3]["depth"])


def test_many_processes_begin_with_one_cache(streamed, tmp_path):
    """As the processes of a distributed run do: at the same moment."""
    _, url = streamed
    begun = Parallel(4)(delayed(_first_depth)(url, str(tmp_path / "cache")) for _ in range(24))
    assert all(torch.equal(depth, begun[0]) for depth in begun)


def _first_depth(url, cache):
    return Shards(url, cache=cache)[0]["depth"]


def damaged(how):
    def damage(folder):
        path = folder / "shard-00001.tar"
        index = json.loads((folder / "shards.json").read_text())
        content = path.read_bytes()
        if how == "cut":
            path.write_bytes(content[: len(content) // 2])
        elif how == "cut, as the index says":
            path.write_bytes(content[: len(content) // 2])
            index["shards"][1]["bytes"] = len(content) // 2
        elif how == "overwritten":
            start = content.index(b"\x89PNG") + 40
            path.write_bytes(content[:start] + bytes(400) + content[start + 400 :])
        elif how == "gone":
            path.unlink()
        elif how == "no index":
            (folder / "shards.json").unlink()
            return
        elif how == "outside":
            index["shards"][1]["name"] = "../shard-00001.tar"
        elif how == "counts":
            index["count"] = 7
        elif how == "another size":
            index["size"] = [index["size"][1], index["size"][0]]
        elif how == "schema":
            index["schema"] = 9
        (folder / "shards.json").write_text("{" if how == "no json" else json.dumps(index))

    return damage


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("cut", "cut short or of another export"),
        ("cut, as the index says", "cut short|cannot be read as a shard"),
        ("overwritten", "sample 0000000. is damaged"),
        ("gone", "not there, expected"),
        ("no index", "cannot be read as an index"),
        ("no json", "cannot be read as an index"),
        ("outside", "names do not agree"),
        ("counts", "counts or names"),
        ("schema", "schema 9"),
        ("another size", "sample 00000000 is .*Export the store again"),
    ],
)
def test_damaged_shards_are_named(tmp_path, how, words):
    folder = write_shards(made_store(tmp_path / "store", count=12), tmp_path / "shards", each=4)
    damaged(how)(folder)
    with pytest.raises(DepthError, match=words):
        Shards(folder).__getitems__(range(12))


def test_what_cannot_be_is_refused(tmp_path, capsys):
    store = made_store(tmp_path / "store", count=4)
    write_shards(store, tmp_path / "shards")
    for call, words in (
        (lambda: write_shards(store, tmp_path / "shards"), "exists already"),
        (lambda: write_shards(store, tmp_path / "more", each=0), "0 samples in each"),
        (lambda: Shards(tmp_path / "shards", lanes=0), "lanes is 0"),
        (lambda: Shards("ftp://x"), "http://"),
        (lambda: open_dataset("shards", root=tmp_path / "shards", size=(48, 64)), "Export a store of that size"),
    ):
        with pytest.raises(DepthError, match=words):
            call()
    assert main(["data", "shards", str(tmp_path / "store"), "--to", str(tmp_path / "cli"), "--each", "2"]) == 0
    assert "4 samples in 2 shards" in capsys.readouterr().out
    assert main(["data", "shards", str(tmp_path / "nothing")]) == 2


def test_a_full_disk_leaves_no_half_export(tmp_path, monkeypatch):
    store = made_store(tmp_path / "store", count=4)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shards.tarfile.TarFile, "addfile", full)
    with pytest.raises(DepthError, match="No space left"):
        write_shards(store, tmp_path / "shards")
    assert sorted(os.listdir(tmp_path)) == ["store"]
    shutil.rmtree(tmp_path / "store")


def test_a_folder_of_shards_and_a_store_are_verified_byte_by_byte(tmp_path, capsys):
    store = made_store(tmp_path / "store", count=8)
    folder = write_shards(store, tmp_path / "shards", each=3)
    assert main(["data", "verify", str(folder)]) == main(["data", "verify", str(store.folder)]) == 0
    assert capsys.readouterr().out.count("as they were written") == 2
    damaged = sorted(folder.glob("*.tar"))[1]
    content = bytearray(damaged.read_bytes())
    content[700] ^= 1
    damaged.write_bytes(content)
    assert main(["data", "verify", str(folder)]) == 2
    assert f"{damaged.name}: has the SHA-256" in capsys.readouterr().err
