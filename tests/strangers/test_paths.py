"""Names in a stranger's shard or table never lead out of the folder that the user named."""

from __future__ import annotations

import io
import json
import tarfile

import pytest

from signvip.data.requests import many
from signvip.data.sample import key_of
from signvip.data.shards import ShardWriter, read_shard
from signvip.errors import ConfigError, DataError

OUTSIDE = [
    "../x.mp4", "../../x.mp4", "a/../../x.mp4", "/tmp/x.mp4", "//x.mp4", "..\\x.mp4", "a\\..\\x.mp4", "C:\\x.mp4",
    "C:x.mp4", "c:/x.mp4", "a\x00.mp4", "a\nb.mp4", "\x1b[31m.mp4", "\u202egpj.mp4", "x" * 300 + ".mp4",
    "a/" + "y" * 300 + ".mp4", "a//b.mp4", "..",
]  # fmt: skip


def tar_of(path, *members):
    with tarfile.open(path, "w") as tar:
        for member in members:
            member = tarfile.TarInfo(member) if isinstance(member, str) else member
            tar.addfile(member, io.BytesIO(bytes(member.size)))
    return path


@pytest.mark.parametrize("name", [*OUTSIDE, "a/b.mp4", "nodot", ".mp4", "a.", ""])
def test_a_key_that_is_a_path_is_refused(tmp_path, name):
    with pytest.raises(DataError, match=r"train-000000\.tar is damaged") as caught:
        read_shard(tar_of(tmp_path / "train-000000.tar", "good.txt", name))
    assert len(str(caught.value).splitlines()) == 1 and str(caught.value).isprintable()


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.CONTTYPE],
)
def test_members_that_are_no_files_are_refused(tmp_path, kind):
    member = tarfile.TarInfo("a.mp4")
    member.type, member.linkname = kind, "/etc/passwd"
    with pytest.raises(DataError, match="not a plain file"):
        read_shard(tar_of(tmp_path / "train-000000.tar", member))


def test_folders_and_leading_dots_are_fine(tmp_path):
    folder = tarfile.TarInfo("./")
    folder.type = tarfile.DIRTYPE
    (sample,) = read_shard(tar_of(tmp_path / "train-000000.tar", folder, "./a.txt", "./a.latents.npy"))
    assert (sample.key, set(sample.members)) == ("a", {"txt", "latents.npy"})


def test_a_spoilt_header_in_the_middle_is_no_shorter_shard(tmp_path):
    path = tar_of(tmp_path / "train-000000.tar", "a.txt", "b.txt", "c.txt")
    data = bytearray(path.read_bytes())
    data[512 + 5] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match="is damaged"):
        read_shard(path)


@pytest.mark.parametrize("clip_id", [*OUTSIDE, "a b", "é" * 200, "\ud800", "a:b", "a\u2028b"])
def test_any_id_of_a_corpus_is_a_key(tmp_path, clip_id):
    key = key_of(clip_id)
    with ShardWriter(tmp_path, "train") as writer:
        writer.write(key, {"txt": b""})
    assert [sample.key for sample in read_shard(tmp_path / "train-000000.tar")] == [key]
    assert len(key.encode()) < 150 and key_of(clip_id + "!") != key


@pytest.mark.parametrize("output", OUTSIDE)
def test_an_output_in_a_table_stays_in_its_folder(tmp_path, output):
    table = tmp_path / "all.jsonl"
    table.write_text(json.dumps({"text": "rain", "output": output}))
    for place in ({"folder": tmp_path / "out"}, {"folder": tmp_path / "out", "poses": tmp_path / "poses"}):
        with pytest.raises(DataError, match=r"The name '.*give one of a file in"):
            many(table, tmp_path / "ref.png", **place)
    assert [path.name for path in tmp_path.iterdir()] == ["all.jsonl"]


def test_a_link_in_the_folder_does_not_lead_out(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "link").symlink_to(tmp_path)
    table = tmp_path / "all.csv"
    table.write_text("text,output\nrain,link/x.mp4\n")
    with pytest.raises(DataError, match=r"leads out of .* by a link"):
        many(table, tmp_path / "ref.png", tmp_path / "out")


def test_outputs_in_folders_below_are_fine(tmp_path):
    table = tmp_path / "all.tsv"
    table.write_text("text\toutput\nrain\ta/b/größer.x.mp4\n")
    (request,) = many(table, tmp_path / "ref.png", tmp_path / "out")
    assert request.output == tmp_path / "out" / "a" / "b" / "größer.x.mp4"


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "a/b", "a\\b", "x" * 300, "a\nb"])
def test_a_study_writes_nowhere_else(tmp_path, name):
    from signvip_lab.ablation.study import read_study

    for text in (
        f"name = {json.dumps(name)}\ntitle = 't'\n",
        f"name = 's'\ntitle = 't'\n[[figure]]\nname = {json.dumps(name)}\nx = 'a'\ny = ['b']\n",
    ):
        (tmp_path / "study.toml").write_text(text)
        with pytest.raises(ConfigError, match="a file is named after it"):
            read_study(str(tmp_path / "study.toml"))
