"""The codec of the wall: exact types, bounds, and nothing but WireError for whatever bytes arrive."""

from __future__ import annotations

import collections
import contextlib
import enum
import math
import socket
import struct
import time

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.sandbox.inside import wire
from autograder.sandbox.inside.channel import Channel
from autograder.sandbox.inside.wire import Bounds, Decoder, Encoder, UnsendableError, WireError

SMALL = Bounds(data=1 << 16)
TOWARDS_WORKER = wire.TO_WORKER


def sent(value, bounds=SMALL):
    skeleton, data = Encoder(bounds).encode(value)
    return Decoder(bounds).decode(skeleton, bytearray(data))


def skeleton(node):
    return msgspec.msgpack.encode(node)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -(2**63),
        2**63 - 1,
        1.5,
        math.inf,
        "π \x00 \n",
        b"\xc1\x00",
        3 - 4j,
        torch.float64,
        [],
        (),
        {},
        [1, (2, [3.0, {"a": (None,)}])],
        {"": {"b": [True]}},
    ],
    ids=repr,
)
def test_plain_values_arrive_with_their_exact_types(value):
    arrived = sent(value)
    assert arrived == value
    assert type(arrived) is type(value)


def test_nan_and_negative_zero_arrive():
    nan, zero = sent([math.nan, -0.0])
    assert math.isnan(nan)
    assert math.copysign(1, zero) == -1


@pytest.mark.parametrize("dtype", wire.DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (1,), (0, 3), (2, 3, 5)], ids=str)
def test_tensors_arrive_bit_by_bit(dtype, shape):
    tensor = (torch.arange(math.prod(shape)).reshape(shape) * 7 - 3).to(dtype)
    arrived = sent([tensor, "between", tensor])
    for copy in (arrived[0], arrived[2]):
        assert copy.dtype == dtype
        assert copy.shape == tensor.shape
        assert torch.equal(copy, tensor)


def test_size_and_torchs_named_tuples_become_plain_ones():
    assert sent(torch.Size([2, 3])) == [2, 3]
    values = sent(torch.max(torch.tensor([[1.0, 4.0]]), dim=1))
    assert type(values) is tuple
    assert values[0].item() == 4.0


def test_conjugate_and_negative_views_arrive_as_numbers():
    tensor = torch.tensor([1 + 2j])
    assert torch.equal(sent(tensor.conj()), torch.tensor([1 - 2j]))
    assert torch.equal(sent(tensor.conj().imag), torch.tensor([-2.0]))


class SubFloat(float):
    pass


class Colour(enum.IntEnum):
    RED = 1


class SubTensor(torch.Tensor):
    pass


Point = collections.namedtuple("Point", "x y")


@pytest.mark.parametrize(
    "value",
    [
        2**63,
        -(2**63) - 1,
        SubFloat(1.0),
        Colour.RED,
        np.float64(1.0),
        np.ones(2),
        torch.ones(2).as_subclass(SubTensor),
        Point(1, 2),
        collections.OrderedDict(a=1),
        {1: 2},
        {1},
        range(3),
        object(),
        int,
        len,
        (item for item in [1]),
        torch.ones(2, device="meta"),
        torch.ones(2, 2).to_sparse(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_types_and_subclasses_are_refused(value):
    with pytest.raises(UnsendableError):
        Encoder(SMALL).encode([value])


def test_what_is_too_large_deep_or_long_is_refused():
    deep = []
    for _ in range(wire.MAX_DEPTH + 1):
        deep = [deep]
    expanded = torch.zeros(1).expand(10**12)  # refused by its size alone: copying it would fail
    for value in (deep, [None] * SMALL.nodes, "a" * (SMALL.text + 1), torch.zeros(1 << 20), expanded):
        with pytest.raises(UnsendableError):
            Encoder(SMALL).encode(value)
    selfish = []
    selfish.append(selfish)
    with pytest.raises(UnsendableError):
        Encoder(SMALL).encode(selfish)


def test_a_source_file_of_one_mebibyte_reaches_the_worker():
    source = "#" * (1 << 20)
    assert sent({"submission.py": source}, TOWARDS_WORKER) == {"submission.py": source}


@pytest.mark.parametrize(
    "make",
    [
        lambda base: base.T,
        lambda base: base[:, ::2],
        lambda base: base[1:, 1],
        lambda base: base[0].expand(3, 6),
        lambda base: base.unfold(1, 3, 1),
    ],
    ids=["transposed", "every second", "a column", "expanded", "overlapping"],
)
def test_towards_the_worker_the_layout_is_kept_and_gaps_carry_nothing(make):
    tensor = make(torch.arange(1.0, 25.0).reshape(4, 6))
    frame = Encoder(TOWARDS_WORKER).encode(tensor)
    arrived = Decoder(TOWARDS_WORKER).decode(*frame)
    assert torch.equal(arrived, tensor)
    assert arrived.stride() == tensor.stride()
    travelled = set(torch.frombuffer(frame[1], dtype=torch.float32).tolist())
    assert travelled <= {0.0, *tensor.flatten().tolist()}


def test_a_layout_with_huge_gaps_is_sent_contiguous():
    column = torch.zeros(100, 1000)[:, 0]
    assert sent(column, TOWARDS_WORKER).is_contiguous()


def test_towards_the_worker_every_tensor_has_its_own_memory_and_may_require_gradients():
    first, second = sent([torch.ones(3), torch.ones(3, requires_grad=True)], TOWARDS_WORKER)
    assert first.untyped_storage().nbytes() == 12
    assert (first.requires_grad, second.requires_grad) == (False, True)


def test_towards_the_grader_tensors_arrive_contiguous_and_without_gradient():
    arrived = sent(torch.ones(2, 3, requires_grad=True).T)
    assert arrived.is_contiguous()
    assert not arrived.requires_grad


@pytest.mark.parametrize("flags", [wire.STRIDED, wire.REQUIRES_GRAD, 4])
def test_the_grader_refuses_layouts(flags):
    node = [wire.TENSOR, 0, flags, [2], [0]]
    with pytest.raises(WireError):
        Decoder(SMALL).decode(skeleton(node), bytearray(8))


def test_bytes_other_than_zero_and_one_become_true():
    arrived = Decoder(SMALL).decode(skeleton([wire.TENSOR, 9, 0, [3], []]), bytearray([0, 1, 255]))
    assert arrived.dtype == torch.bool
    assert arrived.view(torch.uint8).tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    "node",
    [
        [],
        [8],
        [True, 1],
        [wire.TENSOR],
        [wire.TENSOR, 0, 0, [2, 2], []],
        [wire.TENSOR, 0, 0, [-1, -4], []],
        [wire.TENSOR, 0, 0, [2**62, 2**62], []],
        [wire.TENSOR, 0, 0, [0, 2**63], []],
        [wire.TENSOR, 0, 0, [1.0], []],
        [wire.TENSOR, 0, 0, [True], []],
        [wire.TENSOR, 0, 0, "a", []],
        [wire.TENSOR, 0, 0, [1] * 17, []],
        [wire.TENSOR, 12, 0, [1], []],
        [wire.TENSOR, -1, 0, [1], []],
        [wire.COMPLEX, "1", 2.0],
        [wire.DTYPE, "Tensor"],
        [wire.DTYPE, ["float32"]],
        [wire.DESCRIBED, "Affine", {}],
        [wire.REFERENCE, 1],
        [wire.HANDLE, 1, "x"],
        {1: 2},
        {b"a": 2},
        msgspec.msgpack.Ext(1, b"abc"),
        msgspec.msgpack.Ext(-1, b"\x00" * 4),
    ],
    ids=lambda node: repr(node).partition(" object at")[0],
)
def test_malformed_nodes_are_refused(node):
    with pytest.raises(WireError):
        Decoder(SMALL).decode(skeleton(node), bytearray(8))


@pytest.mark.parametrize(
    "node", [[wire.LIST, *[[wire.LIST]] * 100_000], [wire.LIST, *[{}] * 100_000], "a" * (SMALL.text + 1)], ids=len
)
def test_a_reply_cannot_unfold_into_much(node):
    with pytest.raises(WireError):
        Decoder(SMALL).decode(skeleton(node), bytearray())


@pytest.mark.parametrize("opening", [b"\x92\x00", b"\x92\x01", b"\x81\xa1a"])
def test_deep_nesting_is_refused(opening):
    with pytest.raises(WireError):
        Decoder(SMALL).decode(opening * 20_000 + b"\xc0", bytearray())


@settings(max_examples=300, deadline=None, database=None)
@given(st.binary(max_size=200), st.binary(max_size=64))
def test_random_bytes_give_values_or_wire_errors(head, data):
    with contextlib.suppress(WireError):
        Decoder(SMALL).decode(head, bytearray(data))


@settings(max_examples=300, deadline=None, database=None)
@given(st.data())
def test_a_damaged_frame_gives_values_or_wire_errors(data):
    head, body = Encoder(SMALL).encode([7, "ok", (torch.ones(2, 3), {"a": 1j}, torch.zeros(2, dtype=torch.bool)), ""])
    damaged = bytearray(head)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(WireError):
        Decoder(SMALL).decode(damaged, bytearray(body))


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield Channel(ours.fileno(), SMALL), theirs


def soon():
    return time.monotonic() + 0.05


def test_frames_cross_a_channel(pair):
    channel, peer = pair
    frame = Encoder(SMALL).encode([1, torch.ones(3)])
    Channel(peer.fileno(), SMALL).send(frame)
    assert not channel.idle()
    assert torch.equal(Decoder(SMALL).decode(*channel.receive(time.monotonic() + 60))[1], torch.ones(3))
    assert channel.idle()


def test_a_frame_that_never_ends_meets_the_deadline(pair):
    channel, peer = pair
    peer.send(struct.pack("<II", 4, 0) + b"ab")
    with pytest.raises(TimeoutError):
        channel.receive(soon())


def test_a_flood_meets_the_deadline_although_it_never_has_to_be_waited_for(pair):
    channel, peer = pair
    peer.send(struct.pack("<II", 1, 0) + b"\xc0")
    with pytest.raises(TimeoutError):
        channel.receive(time.monotonic() - 1)


def test_a_peer_that_does_not_read_meets_the_deadline(pair):
    channel, _ = pair
    with pytest.raises(TimeoutError):
        channel.send((b"", bytearray(1 << 24)), deadline=soon())


def test_a_frame_larger_than_accepted_is_refused_by_its_header(pair):
    channel, peer = pair
    peer.send(struct.pack("<II", 1, SMALL.data + 1))
    with pytest.raises(WireError):
        channel.receive(time.monotonic() + 60)


def test_a_closed_peer_is_an_end_of_file(pair):
    channel, peer = pair
    peer.close()
    with pytest.raises(EOFError):
        channel.receive(time.monotonic() + 60)
    with pytest.raises(EOFError):
        channel.send((b"a", bytearray()), deadline=time.monotonic() + 60)
