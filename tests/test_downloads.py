"""Downloads against a local server that misbehaves on purpose, and the whole preparation of NYU's labelled set."""

import hashlib
import http.server
import shutil
import threading
import zipfile

import h5py
import numpy as np
import pytest
from filelock import FileLock
from made import script
from scipy.io import savemat

from depthlib.cli import main
from depthlib.data import catalogue, sources
from depthlib.data.archives import unpack
from depthlib.data.downloads import NotThere, Source, fetch, forget
from depthlib.data.nyu import NyuMat, open_nyu
from depthlib.errors import DepthError

CONTENT = bytes(np.random.default_rng(0).integers(0, 256, 3_000_000, dtype=np.uint8))


class Server(http.server.BaseHTTPRequestHandler):
    """``/good`` serves ranges, ``/plain`` ignores them, ``/cut`` stops half-way, ``/wrong`` and ``/long`` lie.

    ``/tagged-cut`` is ``/cut`` of a server that names the version of its file.
    """

    requests: list[tuple[str, str | None]] = []
    cut, version = True, '"1"'

    def do_GET(self):
        name = self.path.strip("/").split("/")[0]
        wanted = self.headers.get("Range")
        self.requests.append((name, wanted))
        if name == "page-without-length":
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(b"<html>log in</html>")
            return
        body = {
            "wrong": CONTENT[::-1], "long": CONTENT * 2, "page": b"<html>log in</html>", "empty": b"",
            "untyped-page": b"\n <!DOCTYPE html><html>log in</html>",
        }.get(name, CONTENT)  # fmt: skip
        if name == "garbage":
            self.wfile.write(b"nothing like HTTP\r\n\r\n")
            return
        if name == "chunked":  # ends in the middle of a chunk
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"ffff\r\nshort")
            return
        if name == "none":
            self.send_error(404)
            return
        tagged = name == "tagged-cut"
        if tagged and self.version == '"2"':
            body = CONTENT[::-1]
        if tagged and wanted and self.headers.get("If-Range") != self.version:
            wanted = None  # of another version: all of it
        if wanted and int(wanted.split("=")[1].rstrip("-")) >= len(body):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(body)}")
            self.end_headers()
            return
        start = int(wanted.split("=")[1].rstrip("-")) if wanted and name != "plain" else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.send_header("Content-Type", "text/html" if name == "page" else "application/zip")
        if tagged:
            self.send_header("ETag", self.version)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.end_headers()
        self.wfile.write(body[start:1_000_000] if self.cut and name in ("cut", "tagged-cut") else body[start:])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    Server.requests, Server.cut, Server.version = [], True, '"1"'
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()


def source(server, *names) -> Source:
    urls = tuple(f"{server}/{name}" for name in names)
    return Source("data.bin", urls, len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


def test_a_download_cut_off_goes_on_where_it_stopped(server, tmp_path):
    with pytest.raises(DepthError, match=r"cut off after .* are kept"):
        fetch(source(server, "cut"), tmp_path)
    assert (tmp_path / "data.bin.partial").stat().st_size == 1_000_000 and not (tmp_path / "data.bin").exists()
    assert fetch(source(server, "good"), tmp_path).read_bytes() == CONTENT
    assert Server.requests[-1] == ("good", "bytes=1000000-") and not (tmp_path / "data.bin.partial").exists()


def test_a_server_without_ranges_starts_anew(server, tmp_path):
    (tmp_path / "data.bin.partial").write_bytes(CONTENT[:500])
    assert fetch(source(server, "plain"), tmp_path).read_bytes() == CONTENT


def test_the_next_address_is_tried_and_wrong_bytes_never_count(server, tmp_path):
    assert fetch(source(server, "none", "wrong", "long", "good"), tmp_path).read_bytes() == CONTENT
    assert [name for name, _ in Server.requests] == ["none", "wrong", "long", "good"]


@pytest.mark.parametrize("first", ["page", "garbage", "chunked"])
def test_a_login_page_or_a_broken_answer_costs_no_progress_and_the_next_address_is_asked(server, tmp_path, first):
    (tmp_path / "data.bin.partial").write_bytes(CONTENT[:1_000_000])
    assert fetch(source(server, first, "good"), tmp_path).read_bytes() == CONTENT
    if first != "chunked":
        assert Server.requests[-1] == ("good", "bytes=1000000-")


def test_a_wrong_part_from_an_earlier_address_is_replaced(server, tmp_path):
    (tmp_path / "data.bin.partial").write_bytes(b"not the beginning")
    assert fetch(source(server, "good"), tmp_path).read_bytes() == CONTENT


def test_all_addresses_failing_says_what_each_answered(server, tmp_path):
    with pytest.raises(DepthError, match=r"(?s)404.*wrong checksum.*by hand") as told:
        fetch(source(server, "none", "wrong"), tmp_path)
    assert not list(tmp_path.iterdir()) and not isinstance(told.value, NotThere)
    with pytest.raises(DepthError, match="could not be fetched") as told:
        fetch(Source("data.bin", ("http://127.0.0.1:9/x",), 10, "0"), tmp_path, timeout_s=2)
    assert not isinstance(told.value, NotThere)  # it may answer tomorrow
    with pytest.raises(NotThere, match="404"):
        fetch(source(server, "none"), tmp_path)


def test_a_good_file_is_kept_and_another_one_never_overwritten(server, tmp_path):
    (tmp_path / "data.bin").write_bytes(CONTENT)
    fetch(source(server, "none"), tmp_path)
    (tmp_path / "data.bin").write_bytes(b"mine")
    with pytest.raises(DepthError, match="Move it away"):
        fetch(source(server, "good"), tmp_path)
    assert (tmp_path / "data.bin").read_bytes() == b"mine"


def test_too_small_a_disk_is_noticed_first(server, tmp_path):
    with pytest.raises(DepthError, match="GB free"):
        fetch(Source("data.bin", (f"{server}/good",), 10**18, "0"), tmp_path)
    assert not Server.requests


def unmeasured(server, *names) -> Source:
    """A file whose publisher names neither size nor checksum."""
    return Source("data.bin", tuple(f"{server}/{name}" for name in names))


def test_without_a_published_size_a_part_is_gone_on_with_only_where_the_server_vouches_for_it(server, tmp_path):
    with pytest.raises(DepthError, match=r"cut off after 1000000 of 3000000.* 1\.0 MB are kept"):
        fetch(unmeasured(server, "tagged-cut"), tmp_path)
    Server.cut = False
    assert fetch(unmeasured(server, "tagged-cut"), tmp_path).read_bytes() == CONTENT
    assert Server.requests[-1] == ("tagged-cut", "bytes=1000000-")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.bin", "data.bin.sha256"]
    # a part from elsewhere, or from a server that names no version, could be of another file: begin again
    for first, then in (("tagged-cut", "good"), ("cut", "cut"), ("cut", "tagged-cut")):
        Server.cut = True
        forget(tmp_path / "data.bin")
        with pytest.raises(DepthError, match="are kept" if first == "tagged-cut" else "is thrown away"):
            fetch(unmeasured(server, first), tmp_path)
        Server.cut = False
        assert fetch(unmeasured(server, then), tmp_path).read_bytes() == CONTENT
        assert Server.requests[-1] == (then, None)


def test_each_address_goes_on_with_its_own_part_and_a_dead_one_costs_nothing(server, tmp_path):
    """Without a checksum, two addresses whose transfers are cut again and again still come to an end."""
    two = unmeasured(server, "tagged-cut", "tagged-cut/other")
    with pytest.raises(DepthError, match=r"1\.0 MB are kept"):
        fetch(two, tmp_path)
    assert [wanted for _, wanted in Server.requests] == [None, None]
    with pytest.raises(DepthError, match=r"Connection refused.*404.* 1\.0 MB are kept"):
        fetch(unmeasured(server, "none"), tmp_path, mirrors=["http://127.0.0.1:9/x"], timeout_s=2)
    Server.cut = False
    assert fetch(two, tmp_path).read_bytes() == CONTENT and Server.requests[-1] == ("tagged-cut", "bytes=1000000-")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.bin", "data.bin.sha256"]


def test_one_process_at_a_time_fetches_a_file(server, tmp_path):
    with FileLock(tmp_path / ".data.bin.fetching.lock"):
        with pytest.raises(DepthError, match="another process is fetching it"):
            fetch(source(server, "good"), tmp_path)
        assert not Server.requests
        (tmp_path / "data.bin").write_bytes(CONTENT)
        assert fetch(source(server, "good"), tmp_path).read_bytes() == CONTENT  # what is here needs no lock
    (tmp_path / "data.bin").unlink()
    assert fetch(source(server, "good"), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(("name", "words"), [("empty", "an empty file"), ("untyped-page", "a web page")])
def test_an_answer_that_cannot_be_data_is_none(server, tmp_path, name, words):
    with pytest.raises(DepthError, match=f"sends {words}"):
        fetch(unmeasured(server, name), tmp_path)
    assert not list(tmp_path.iterdir())
    assert fetch(unmeasured(server, name, "good"), tmp_path).read_bytes() == CONTENT


def test_a_file_that_changed_at_its_publisher_is_fetched_anew(server, tmp_path):
    with pytest.raises(DepthError, match="cut off"):
        fetch(unmeasured(server, "tagged-cut"), tmp_path)
    Server.cut, Server.version = False, '"2"'
    assert fetch(unmeasured(server, "tagged-cut"), tmp_path).read_bytes() == CONTENT[::-1]


def test_a_part_that_was_whole_already_and_one_that_is_too_long(server, tmp_path):
    address = hashlib.sha256(f"{server}/tagged-cut".encode()).hexdigest()[:8]
    partial, tag = (tmp_path / f"data.bin.{address}.partial{end}" for end in ("", ".etag"))
    tag.write_text('"1"')
    partial.write_bytes(CONTENT)  # stopped between the last byte and the name
    Server.cut = False
    assert fetch(unmeasured(server, "tagged-cut"), tmp_path).read_bytes() == CONTENT
    assert Server.requests[-1] == ("tagged-cut", "bytes=3000000-")
    forget(tmp_path / "data.bin")
    tag.write_text('"1"')
    partial.write_bytes(CONTENT + b"more")
    assert fetch(unmeasured(server, "tagged-cut"), tmp_path).read_bytes() == CONTENT
    assert not partial.exists() and not tag.exists()


@pytest.mark.parametrize("page", ["page", "page-without-length"])
def test_a_web_page_is_no_file(server, tmp_path, page):
    with pytest.raises(DepthError, match="web page"):
        fetch(unmeasured(server, page), tmp_path)
    assert not (tmp_path / "data.bin").exists()


def test_what_came_first_is_remembered_and_the_note_is_named(server, tmp_path):
    path = fetch(unmeasured(server, "good"), tmp_path)
    note = (tmp_path / "data.bin.sha256").read_text()
    assert note == f"{hashlib.sha256(CONTENT).hexdigest()}  data.bin\n"  # as sha256sum writes and checks it
    path.write_bytes(CONTENT[:-1] + b"?")
    with pytest.raises(DepthError, match=r"data\.bin\.sha256 says .* Remove both"):
        fetch(unmeasured(server, "good"), tmp_path)
    path.unlink()
    with pytest.raises(DepthError, match=r"wrong checksum .*remove that if the file changed"):
        fetch(unmeasured(server, "wrong"), tmp_path)
    forget(fetch(unmeasured(server, "good"), tmp_path))
    assert not list(tmp_path.iterdir())


def test_unpacking_goes_on_and_writes_nothing_outside(tmp_path):
    archive = tmp_path / "set.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("train/a/1.txt", "one")
        file.writestr("train/b/2.txt", "two")
    assert unpack(archive, tmp_path / "set", strip=1) == 2
    assert (tmp_path / "set/a/1.txt").read_text() == "one" and (tmp_path / "set/b/2.txt").read_text() == "two"
    (tmp_path / "set/a/1.txt").write_text("on")  # cut short by something else
    written = (tmp_path / "set/b/2.txt").stat().st_mtime_ns
    unpack(archive, tmp_path / "set", strip=1)
    assert (tmp_path / "set/a/1.txt").read_text() == "one"
    assert (tmp_path / "set/b/2.txt").stat().st_mtime_ns == written


@pytest.mark.parametrize("path", ["../out.txt", "/tmp/out.txt", "train/../../out.txt", "..\\out.txt"])
def test_an_archive_that_climbs_out_is_refused_whole(tmp_path, path):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as file:
        file.writestr("good.txt", "good")
        file.writestr(path, "bad")
    with pytest.raises(DepthError, match="leads out of the folder"):
        unpack(tmp_path / "set.zip", tmp_path / "in" / "set")
    assert not (tmp_path / "in").exists() and not (tmp_path / "out.txt").exists()


def test_an_archive_does_not_follow_a_link_out_of_the_folder(tmp_path):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as file:
        file.writestr("scene/1.txt", "one")
        file.writestr("scene/deep/2.txt", "two")
    (tmp_path / "set").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "set" / "scene").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DepthError, match="link that leads out"):
        unpack(tmp_path / "set.zip", tmp_path / "set")
    assert not list((tmp_path / "elsewhere").iterdir())


def test_of_an_archive_files_above_the_stripped_folders_are_left_out_and_two_for_one_place_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as file:
        file.writestr("README", "about")
        file.writestr("train/1.txt", "one")
    assert unpack(tmp_path / "set.zip", tmp_path / "set", strip=1) == 1
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["1.txt"]
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as file:
        file.writestr("train/1.txt", "one")
        file.writestr("val/1.txt", "other")
    with pytest.raises(DepthError, match="would be written over"):
        unpack(tmp_path / "two.zip", tmp_path / "two", strip=1)
    assert not (tmp_path / "two").exists()


def test_an_unpacked_archive_is_let_go_of(tmp_path, monkeypatch):
    """An open file keeps its disk space after it is removed."""
    archive = tmp_path / "set.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("1.txt", "one")
    opened, closed = [], []
    begin, end = zipfile.ZipFile.__init__, zipfile.ZipFile.close
    monkeypatch.setattr(
        zipfile.ZipFile, "__init__", lambda self, *a, **k: (begin(self, *a, **k), opened.append(self))[0]
    )
    monkeypatch.setattr(zipfile.ZipFile, "close", lambda self: (end(self), closed.append(self))[0])
    unpack(archive, tmp_path / "set")
    assert opened and all(file in closed for file in opened)


def one_file(archive):
    """A good archive."""
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("scene/1.txt", "one")


def small_set(monkeypatch, tmp_path, *names):
    """A set of one archive, looked for below tmp_path/data."""
    monkeypatch.setenv("DEPTHLIB_DATA", str(tmp_path / "data"))
    items = tuple(sources.Item(sources.Source(name, ()), unpacked=True) for name in names)
    monkeypatch.setitem(sources.SOURCES, "sintel", items)
    return tmp_path / "data" / "sintel"


def test_a_damaged_archive_is_fetched_again_and_one_put_by_hand_is_kept(mirror, monkeypatch, tmp_path, capsys):
    folder, address = mirror
    place = small_set(monkeypatch, tmp_path, "set.zip")
    (folder / "set.zip").write_bytes(b"PK\x03\x04 and nothing more")
    assert main(["data", "fetch", "sintel", "--mirror", address]) == 2
    assert "Fetch it again" in capsys.readouterr().err and not list(place.glob("set.zip*"))
    one_file(folder / "set.zip")
    assert main(["data", "fetch", "sintel", "--mirror", address]) == 0
    assert sorted(path.name for path in place.iterdir()) == [".set.zip.unpacked", "scene"]
    assert main(["data", "fetch", "sintel", "--mirror", address]) == 0 and "nothing new" in capsys.readouterr().out
    (place / ".set.zip.unpacked").rename(place / "gone")
    shutil.copy(folder / "set.zip", place)
    assert main(["data", "fetch", "sintel"]) == 0 and (place / "set.zip").is_file()


def test_a_full_disk_while_unpacking_costs_no_archive(mirror, monkeypatch, tmp_path):
    folder, address = mirror
    place = small_set(monkeypatch, tmp_path, "set.zip")
    one_file(folder / "set.zip")

    def full(*_):
        raise DepthError("set: cannot be written (No space left on device). Choose another folder.")

    with monkeypatch.context() as patch:
        patch.setattr(sources, "unpack", full)
        with pytest.raises(DepthError, match="No space left"):
            sources.fetch_set("sintel", place, [address])
    assert (place / "set.zip").is_file()
    (folder / "set.zip").unlink()  # it is not asked for again
    sources.fetch_set("sintel", place, [address])
    assert sorted(path.name for path in place.iterdir()) == [".set.zip.unpacked", "scene"]


def test_an_archive_that_stays_packed_is_looked_into_before_it_counts(mirror, monkeypatch, tmp_path, capsys):
    """Else every reader says `Fetch it again`, and fetching says that all is here."""
    folder, address = mirror
    place = small_set(monkeypatch, tmp_path, "set.zip")
    monkeypatch.setitem(sources.SOURCES, "sintel", (sources.Item(sources.Source("set.zip", ())),))
    (folder / "set.zip").write_bytes(b"PK\x03\x04 and nothing more")
    for _ in range(2):
        assert main(["data", "fetch", "sintel", "--mirror", address]) == 2
        assert "It is removed; the same command fetches it anew" in capsys.readouterr().err
        assert not list(place.glob("set.zip*"))
    shutil.copy(folder / "set.zip", place)
    assert main(["data", "fetch", "sintel", "--mirror", address]) == 2
    assert "Move it away" in capsys.readouterr().err and (place / "set.zip").is_file()
    (place / "set.zip").unlink()
    one_file(folder / "set.zip")
    assert main(["data", "fetch", "sintel", "--mirror", address]) == 0 and (place / "set.zip").is_file()
    assert main(["data", "fetch", "sintel", "--mirror", address]) == 0 and "nothing new" in capsys.readouterr().out


def test_an_unpacking_that_was_cut_short_lets_go_of_what_it_fetched(mirror, monkeypatch, tmp_path):
    folder, address = mirror
    place = small_set(monkeypatch, tmp_path, "set.zip")
    one_file(folder / "set.zip")

    def cut(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sources, "unpack", cut)
        with pytest.raises(KeyboardInterrupt):
            sources.fetch_set("sintel", place, [address])
    sources.fetch_set("sintel", place, [address])
    assert sorted(path.name for path in place.iterdir()) == [".set.zip.unpacked", "scene"]


def test_every_source_is_a_set_that_a_reader_looks_for():
    for name, items in sources.SOURCES.items():
        if name != "nyu":  # a store is made of it, by a script
            assert sources.fetch_place(name) == catalogue.place(name)
        files = [(item.into, item.source.name) for item in items]
        assert len(set(files)) == len(files), name
        for item in items:
            assert all(url.startswith(("http://", "https://")) and " " not in url for url in item.source.urls), item
            assert item.unpacked == item.source.name.endswith(".zip") or name == "nyu_densedepth"
    assert len(sources.SOURCES["nyu_raw"]) == 39  # archives on the set's page
    assert sum(item.source.name.endswith("_sync.zip") for item in sources.SOURCES["kitti"]) == 61


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["matterport"], "there is no public file of it"),
        (["sintel", "--only", "*.rar"], "no file is called '*.rar'"),
        (["sintl"], "did you mean 'sintel'"),
    ],
)
def test_what_cannot_be_fetched(arguments, words, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("DEPTHLIB_DATA", str(tmp_path))
    assert main(["data", "fetch", *arguments]) == 2
    assert words in capsys.readouterr().err and not list(tmp_path.iterdir())


@pytest.fixture
def prepare():
    return script("prepare_nyu_labelled")


def test_the_folder_becomes_a_store_with_the_official_split(prepare, nyu_root, tmp_path, monkeypatch):
    """On the first frames only: the official split of 1449 is kept, the pictures cut down to a few."""
    from depthlib.data import nyu

    few = {"train": np.array([2, 3]), "test": np.array([0, 1])}
    monkeypatch.setattr(nyu, "read_splits", lambda path: few)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "splits.mat").write_bytes((nyu_root / "splits.mat").read_bytes())
    for name in ("rgb", "depth"):
        (tmp_path / "in" / name).symlink_to(nyu_root / name)
    assert prepare.main(["--from", str(tmp_path / "in"), "--to", str(tmp_path / "store")]) == 0
    store, folder = open_nyu(tmp_path / "store", "train"), open_nyu(nyu_root, "train")
    assert [s["name"] for s in store.__getitems__([0, 1])] == ["0003", "0004"]
    assert (store[0]["depth"] - folder[0]["depth"]).abs().max() < 0.001
    assert prepare.main(["--to", str(tmp_path / "store")]) == 0  # there already


def test_the_official_mat_becomes_the_same_store(prepare, nyu_mat, tmp_path, monkeypatch):
    from depthlib.data import nyu

    monkeypatch.setattr(nyu, "read_splits", lambda path: {"train": np.array([2, 3]), "test": np.array([0, 1])})
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "nyu_depth_v2_labeled.mat").symlink_to(nyu_mat)
    (tmp_path / "in" / "splits.mat").write_bytes(b"read by the stand-in above")
    assert prepare.main(["--from", str(tmp_path / "in"), "--to", str(tmp_path / "store")]) == 0
    with h5py.File(nyu_mat) as file:
        truth = file["depths"][2].T
    depth = open_nyu(tmp_path / "store", "train")[0]["depth"][0].numpy()
    assert abs(depth.mean() - truth.mean()) < 0.01 and depth.shape == (240, 320)
    for size in ((480, 640), (192, 256)):  # one store serves every size
        store, genuine = open_nyu(tmp_path / "store", "train", size), NyuMat(nyu_mat, [2, 3], size)
        assert len(store) == 2 and store.fingerprint() != open_nyu(tmp_path / "store", "train").fingerprint()
        for sample, wanted in zip(store.__getitems__([0, 1]), genuine.__getitems__([0, 1]), strict=False):
            assert sample["rgb"].equal(wanted["rgb"]) and sample["K"].allclose(wanted["K"])
            assert sample["depth"].allclose(wanted["depth"], atol=0.00051)
    assert prepare.main(["--from", str(tmp_path / "in"), "--to", str(tmp_path / "half"), "--size", "240", "320"]) == 0
    assert open_nyu(tmp_path / "half", "train")[0]["rgb"].shape == (3, 240, 320)
    with pytest.raises(DepthError, match=r"are \(240, 320\), asked for \(192, 256\). Prepare one at \(480, 640\)"):
        open_nyu(tmp_path / "half", "train", (192, 256))


def test_preparing_from_nothing_is_one_line(prepare, tmp_path, capsys):
    assert prepare.main(["--from", str(tmp_path), "--to", str(tmp_path / "store")]) == 2
    assert "splits.mat: not found" in capsys.readouterr().err and not (tmp_path / "store").exists()
    savemat(tmp_path / "splits.mat", {"trainNdxs": np.arange(1, 796), "testNdxs": np.arange(796, 1450)})
    assert prepare.main(["--from", str(tmp_path), "--to", str(tmp_path / "store")]) == 2
    assert "results on another split do not compare" in capsys.readouterr().err
