"""Files of weights that are damaged, foreign or hostile, for the embedder and the masker."""

import pickle
import random

import pytest
import torch
from published_networks import resnet_state
from safetensors.torch import save_file

from skcxr._weight_files import read_weights
from skcxr.features import build_backbone
from skcxr.segmentation._inference import start_network


def for_the_embedder(path):
    build_backbone("resnet18", path)


def for_the_masker(path):
    start_network("unet", path, None)


readers = pytest.mark.parametrize("load", [for_the_embedder, for_the_masker])


@pytest.fixture(scope="module")
def states():
    """The beginnings of state dicts: what is wrong is found before names are matched."""
    whole = {
        for_the_embedder: resnet_state("resnet18"),
        for_the_masker: start_network("unet", None, 0).state_dict(),
    }
    return {load: dict(list(state.items())[:4]) for load, state in whole.items()}


def first_weight(state):
    return next(key for key in state if key.endswith("weight"))


@readers
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda w: w.index_fill(0, torch.tensor([0]), float("nan")), "holds NaN or infinity"),
        (lambda w: w.index_fill(0, torch.tensor([1]), float("inf")), "holds NaN or infinity"),
        (lambda w: w.double() * 1e300, "holds NaN or infinity"),
        (lambda w: w.to(torch.complex64), "is complex"),
        (lambda w: w.to(torch.int32), "is of torch.int32"),
        (lambda w: w > 0, "is of torch.bool"),
    ],
    ids=["nan", "inf", "beyond float32", "complex", "integer", "bool"],
)
def test_h2_unusable_tensors_are_refused_by_name(load, suffix, damage, message, states, tmp_path):
    state = dict(states[load])
    key = first_weight(state)
    state[key] = damage(state[key])
    path = tmp_path / f"bad.{suffix}"
    (torch.save if suffix == "pth" else save_file)(state, path)
    with pytest.raises(ValueError, match=f"{path}: the tensor '{key}' {message}"):
        load(path)


@readers
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda w: torch.empty_like(w, device="meta"), "a meta tensor"),
        (lambda w: w.to_sparse(), "is sparse"),
    ],
    ids=["meta", "sparse"],
)
def test_h2_meta_and_sparse_tensors_are_refused_by_name(load, damage, message, states, tmp_path):
    state = dict(states[load])
    key = first_weight(state)
    state[key] = damage(state[key])
    torch.save(state, tmp_path / "bad.pth")
    with pytest.raises(ValueError, match=f"bad.pth: the tensor '{key}'.*{message}"):
        load(tmp_path / "bad.pth")


@readers
@pytest.mark.parametrize("suffix", ["pth", "pt", "safetensors"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\n<!DOCTYPE html><html>Sign in</html>", "is a web page, not weights"),
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "is a pointer of Git LFS"),
        (b"PK\x03\x04 not really", "not a readable state dict"),
        (b"no weights at all", "not a readable state dict"),
    ],
    ids=["html", "empty", "lfs", "zip", "text"],
)
def test_h9_what_is_no_file_of_weights_is_named(load, suffix, content, message, tmp_path):
    path = tmp_path / f"page.{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"page.{suffix}:? ?.*{message}") as error:
        load(path)
    assert "\n" not in str(error.value)


@readers
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_h9_a_truncated_file_is_named(load, suffix, share, states, tmp_path):
    path = tmp_path / f"cut.{suffix}"
    (torch.save if suffix == "pth" else save_file)(states[load], path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(ValueError, match=rf"cut.{suffix}: not a readable state dict") as error:
        load(path)
    assert "\n" not in str(error.value)


def test_h9_old_format_cut_in_half(tmp_path):
    path = tmp_path / "old.pth"
    torch.save(resnet_state("resnet18"), path, _use_new_zipfile_serialization=False)
    for_the_embedder(path)
    path.write_bytes(path.read_bytes()[:10000])
    with pytest.raises(ValueError, match=r"old.pth: not a readable state dict"):
        for_the_embedder(path)


@readers
@pytest.mark.parametrize("content", [[1, 2], torch.zeros(3), {"conv1.weight": 1.0}, {1: 2}])
def test_a_file_with_something_else_is_named(load, content, tmp_path):
    torch.save(content, tmp_path / "else.pth")
    with pytest.raises(ValueError, match=r"else.pth: not a state dict but"):
        load(tmp_path / "else.pth")


class Payload:
    """Creates a file when it is unpickled."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return open, (str(self.target), "w")


def pickled_by_torch(content, path):
    torch.save(content, path)


def pickled_by_torch_as_of_old(content, path):
    torch.save(content, path, _use_new_zipfile_serialization=False)


def pickled_plainly(content, path):
    path.write_bytes(pickle.dumps(content))


@readers
@pytest.mark.parametrize("write", [pickled_by_torch, pickled_by_torch_as_of_old, pickled_plainly])
def test_a_pickle_with_code_is_refused_and_not_run(load, write, states, tmp_path):
    state = dict(states[load]) | {"extra": Payload(tmp_path / "ran")}
    write(state, tmp_path / "evil.pth")
    with pytest.raises(ValueError, match=r"evil.pth: not a readable state dict"):
        load(tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()


def test_a_whole_pickled_network_says_what_to_do(tmp_path):
    torch.save(torch.nn.Conv2d(1, 2, 3), tmp_path / "whole.pth")
    with pytest.raises(ValueError, match=r"torch.nn.*; skcxr.features.convert_checkpoint"):
        for_the_embedder(tmp_path / "whole.pth")


def test_missing_weights_and_a_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"weights='nowhere.pth' is neither a known name"):
        build_backbone("resnet18", "nowhere.pth")
    with pytest.raises(ValueError, match="is not a regular file"):
        build_backbone("resnet18", tmp_path)


def test_content_counts_and_not_the_ending(tmp_path):
    save_file(resnet_state("resnet18"), tmp_path / "safe.pth")
    for_the_embedder(tmp_path / "safe.pth")


@pytest.mark.parametrize(
    "about",
    [
        "[]",
        "{",
        '{"backbone": 3}',
        '{"input_range": [0, 0]}',
        '{"input_range": ["0", "1"]}',
        '{"input_range": 5}',
        '{"input_range": [-Infinity, 0]}',
        '{"trained_on": "NIH"}',
    ],
)
def test_a_description_of_another_kind_is_refused(about, states, tmp_path):
    save_file(states[for_the_embedder], tmp_path / "w.safetensors", metadata={"skcxr": about})
    with pytest.raises(ValueError, match=r"w.safetensors: not a readable state dict \("):
        for_the_embedder(tmp_path / "w.safetensors")


def test_h9_one_flipped_bit_of_a_weight_is_found(states, tmp_path):
    path = tmp_path / "bit.pth"
    torch.save(states[for_the_embedder], path)
    data = bytearray(path.read_bytes())
    weight = next(iter(states[for_the_embedder].values())).numpy().tobytes()
    data[data.index(weight[:64]) + 5] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"bit.pth: not a readable state dict .*checksum"):
        for_the_embedder(path)


@pytest.mark.parametrize("name", ["new.pth", "old.pth", "w.safetensors"])
def test_h9_mutated_files_are_read_or_refused_in_one_sentence(name, tmp_path):
    state = {"conv.weight": torch.ones(2, 3, 3, 3), "bn.num_batches_tracked": torch.tensor(3)}
    path, rng = tmp_path / name, random.Random(0)
    if name.endswith("pth"):
        torch.save(state, path, _use_new_zipfile_serialization=name == "new.pth")
    else:
        save_file(state, path, metadata={"skcxr": '{"trained_on": ["PadChest"]}'})
    whole, refusals = path.read_bytes(), []
    for i in range(120):
        data = bytearray(whole)
        if i % 3 == 0:
            data = data[: rng.randrange(len(data))]
        for _ in range(i % 3):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        try:
            read_weights(path)
        except ValueError as error:
            refusals.append(str(error))
    assert len(refusals) > 40
    assert all(str(path) in refusal and "\n" not in refusal for refusal in refusals)
