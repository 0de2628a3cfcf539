"""Whatever a worker writes: a call ends in one of its ways, and no frame unfolds into more memory than it may."""

from __future__ import annotations

import contextlib
import tracemalloc

import msgspec
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_worker import WANTS, talk, written

from autograder.sandbox.inside import wire

pack = msgspec.msgpack.encode
LOADED = wire.Encoder(wire.TO_WORKER).encode([1, "ok", {"names": ["f"], "failures": []}, ""])
REPLY = wire.Bounds(32 << 20)
UNFOLDED = 48 << 20  # an empty list or dict takes one byte of a frame of 256 KiB and some hundred bytes here

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5)
)
nodes = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.builds(lambda tag, items: [tag, *items], st.integers(0, 8), st.lists(inner, max_size=4))
        | st.dictionaries(st.text(max_size=3) | st.integers(0, 3), inner, max_size=3)
        | st.builds(
            lambda *header: [2, *header], *[st.integers(-1, 12)] * 2, *[st.lists(st.integers(-1, 9), max_size=3)] * 2
        )
    ),
    max_leaves=12,
)
messages = nodes | st.builds(
    lambda *parts: [0, *parts],
    st.integers(0, 4) | nodes,
    st.sampled_from(["ok", "error", "unsendable", "callback", "answer", "load"]) | nodes,
    nodes
    | st.builds(
        lambda function, arguments: [0, function, [0, *arguments]], st.integers(0, 2), st.lists(nodes, max_size=2)
    ),
    st.just("") | nodes,
)


@settings(max_examples=150, deadline=None, database=None)
@given(
    messages=st.lists(st.tuples(messages, st.binary(max_size=64)), max_size=4),
    want=st.sampled_from(WANTS),
)
def test_a_talk_ends_in_an_outcome(messages, want):
    talk(written([LOADED, *((pack(message), tail) for message, tail in messages)]), want)


@settings(max_examples=80, deadline=None, database=None)
@given(message=messages)
def test_so_does_loading(message):
    talk(written([(pack(message), b"")]), "value")


def test_a_well_formed_talk_is_answered():
    values = {
        "value": torch.ones(2),
        "arguments": (torch.ones(2), (1.0, {"a": [None]}), torch.ones(1)),
        "operators": ([("aten.mm.default", [[2, 2]])], torch.zeros(3, dtype=torch.int64)),
        "traces": [("gradient mode", -1)],
    }
    for want, value in values.items():
        answer = wire.Encoder(wire.TO_WORKER).encode([2, "ok", value, ""])
        question = pack([0, 2, "callback", [0, 1, [0, 1.0]], ""]), b""
        assert talk(written([LOADED, question, answer]), want) == 1


def unfolded(skeleton: bytes) -> int:
    """Bytes at the peak of decoding."""
    tracemalloc.start()
    try:
        with contextlib.suppress(wire.WireError):
            wire.Decoder(REPLY).decode(skeleton, bytearray())
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@settings(max_examples=40, deadline=None, database=None)
@given(opening=st.binary(min_size=1, max_size=6), unit=st.binary(min_size=1, max_size=4))
def test_no_frame_unfolds_without_bound(opening, unit):
    assert unfolded((opening + unit * REPLY.skeleton)[: REPLY.skeleton]) < UNFOLDED


@pytest.mark.parametrize(
    "unit", [b"\x90", b"\x80", b"\x91\x90", b"\x81\xa0\x80", b"\xa0", b"\xc4\x00", b"\xcb" + bytes(8), b"\x00"]
)
def test_the_smallest_parts_are_the_worst_and_still_bounded(unit):
    count = (REPLY.skeleton - 5) // len(unit)
    array = b"\xdd" + count.to_bytes(4, "big") + unit * count
    assert unfolded(array) < UNFOLDED


def test_an_announcement_alone_takes_nothing():
    for opening in (b"\xdd", b"\xdf", b"\xdb", b"\xc6", b"\xc9"):
        assert unfolded(opening + b"\xff" * 4 + bytes(10)) < 1 << 20
