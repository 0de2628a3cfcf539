"""Signatures: every form of the catalogue can be read, and a result that breaks its promise is told so in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing.promises import Anything, Promise, parse_promise, split
from autograder.testing.signature import Signature, floating_dtype

# Every type that a signature of the catalogue names, for a parameter or a result.
CATALOGUE = """
float; int; bool; str; Callable;
BoolTensor[B, T]; BoolTensor[n, m]; Callable[[Tensor[d]], Tensor[k]]; ComplexTensor[m]; LongTensor[B, T];
LongTensor[N]; LongTensor[n, n]; LongTensor[n]; Tensor[..., H, W]; Tensor[..., d]; Tensor[..., k]; Tensor[..., n];
Tensor[...]; Tensor[2**N]; Tensor[2, n, n]; Tensor[2]; Tensor[2k + ke]; Tensor[3]; Tensor[4, 3];
Tensor[B, (H//p)*(W//p), C*p*p]; Tensor[B, C, H, W]; Tensor[B, T, 2*m]; Tensor[B, T, V]; Tensor[B, T, d];
Tensor[B, T, dv]; Tensor[B, T, h]; Tensor[B, T, k]; Tensor[B, T, m]; Tensor[B, T, m_L]; Tensor[B, T];
Tensor[B, Tk, dk]; Tensor[B, Tk, dv]; Tensor[B, Tq, dk]; Tensor[B, Tq, dv]; Tensor[B, m]; Tensor[B]; Tensor[D, D];
Tensor[D]; Tensor[G+1, d]; Tensor[G, T, d]; Tensor[G, T]; Tensor[G, d, d]; Tensor[G, k, k]; Tensor[G, n];
Tensor[H, W]; Tensor[K + 1]; Tensor[K+1, d]; Tensor[K+1, n, d]; Tensor[K+1]; Tensor[K, N]; Tensor[K, Z, Z];
Tensor[K, d]; Tensor[K, n, d]; Tensor[K1, K2]; Tensor[K]; Tensor[L + 1, d, d]; Tensor[L, N]; Tensor[L, d, d];
Tensor[L, n, d]; Tensor[L, p]; Tensor[L1, L2]; Tensor[L]; Tensor[M, M, ke]; Tensor[M, M]; Tensor[M, N];
Tensor[M, d]; Tensor[N, 3]; Tensor[N, N]; Tensor[N, Ta, da]; Tensor[N, Ta, dv]; Tensor[N, Tb, db]; Tensor[N, d];
Tensor[N]; Tensor[S, S]; Tensor[S, T, P]; Tensor[S, n, d]; Tensor[S, n, m]; Tensor[T + 1, d]; Tensor[T+1, n];
Tensor[T+1]; Tensor[T+1] (int64); Tensor[T, 4]; Tensor[T, d]; Tensor[T, k]; Tensor[T, m]; Tensor[T, n, d];
Tensor[T-1]; Tensor[T]; Tensor[Tq, Tk]; Tensor[V, V]; Tensor[Z]; Tensor[]; Tensor[a, b]; Tensor[b, d];
Tensor[c, H, W]; Tensor[c, H//P, W//P] | Tensor[c]; Tensor[c]; Tensor[c_in, H, W]; Tensor[c_out, H, W];
Tensor[c_out, c_in, 2K+1, 2K+1]; Tensor[d, d]; Tensor[d, dk]; Tensor[d, dv]; Tensor[d, k]; Tensor[d, m];
Tensor[d]; Tensor[d_0]; Tensor[d_K]; Tensor[d_L]; Tensor[da, dk]; Tensor[db, dk]; Tensor[db, dv]; Tensor[dk, d];
Tensor[dv, d]; Tensor[e, d]; Tensor[e]; Tensor[h, d]; Tensor[h, w]; Tensor[h]; Tensor[k, d, d]; Tensor[k, d];
Tensor[k, k]; Tensor[k, m]; Tensor[k, n]; Tensor[k]; Tensor[k_1, ..., k_n]; Tensor[m, N]; Tensor[m, d];
Tensor[m, k]; Tensor[m, m+d]; Tensor[m, m]; Tensor[m, n]; Tensor[m, r]; Tensor[m]; Tensor[m] | None;
Tensor[min(m, n)]; Tensor[min(n, p)]; Tensor[n+m-1, n]; Tensor[n+m-1]; Tensor[n, 2**J]; Tensor[n, 2];
Tensor[n, D]; Tensor[n, K+1, d]; Tensor[n, K, d]; Tensor[n, K]; Tensor[n, N]; Tensor[n, c, H, W]; Tensor[n, c, d];
Tensor[n, c, h, w]; Tensor[n, c, l]; Tensor[n, d+1]; Tensor[n, d, d]; Tensor[n, d]; Tensor[n, dv]; Tensor[n, k];
Tensor[n, m, m]; Tensor[n, m]; Tensor[n, n - r]; Tensor[n, n, m]; Tensor[n, n]; Tensor[n, o, h, w]; Tensor[n, o];
Tensor[n, p]; Tensor[n, q]; Tensor[n, r]; Tensor[n1, d]; Tensor[n1, n2]; Tensor[n2, d]; Tensor[n];
Tensor[o, c, K, K]; Tensor[o, c, K1, K2]; Tensor[o, d]; Tensor[o, h]; Tensor[o]; Tensor[out, d]; Tensor[p, d];
Tensor[p, m+h]; Tensor[p, p]; Tensor[p]; Tensor[q + 1]; Tensor[q, d]; Tensor[q, p]; Tensor[q, q]; Tensor[q];
Tensor[r]; Tensor[s, s]; Tensor[s]; Tensor[steps + 1, d]; dict with lr, beta1, beta2, eps, wd;
dict[str, Tensor[m]]; dict[str, Tensor]; dict[str, float]; int | None; list[Callable]; list[Tensor[d_out, d_in]];
list[Tensor[d_out, p]]; list[Tensor[d_{k+1}, d_k]]; list[Tensor[in, out]]; list[Tensor[m_l, m_l]];
list[Tensor[m_l, m_{l-1}]]; list[Tensor[out, in]]; list[Tensor[out]]; list[Tensor]; list[float]; list[int];
list[tuple[Callable, Callable]]; tuple[BoolTensor[n, n], int | None]; tuple[Tensor[...], Tensor[...]];
tuple[Tensor[1, d], Tensor[d, d]]; tuple[Tensor[2**N], Tensor[N, N]]; tuple[Tensor[2], Tensor[2], Tensor[2]];
tuple[Tensor[B, T, m], Tensor[B, T, k]]; tuple[Tensor[B, T, m], Tensor[B, m]]; tuple[Tensor[B, T], Tensor[B, h]];
tuple[Tensor[G+1], Tensor[G+1]]; tuple[Tensor[H, W], Tensor[K1, K2]];
tuple[Tensor[H-K1+1, W-K2+1], Tensor[H-K1+1, W-K2+1]]; tuple[Tensor[H/s, W/s], tuple[int, int]];
tuple[Tensor[K+1], Tensor[K+1]]; tuple[Tensor[K], Tensor[K]]; tuple[Tensor[N, N], Tensor[N, 3]];
tuple[Tensor[N, N], Tensor[N]]; tuple[Tensor[N, d], Tensor[N], Tensor[N]]; tuple[Tensor[N], Tensor[s]];
tuple[Tensor[N], float]; tuple[Tensor[T, d], Tensor[T]]; tuple[Tensor[], Tensor[K]];
tuple[Tensor[], Tensor[T, 2]]; tuple[Tensor[], Tensor[], Tensor[k]]; tuple[Tensor[], Tensor[]];
tuple[Tensor[], Tensor[d]]; tuple[Tensor[], Tensor[k], Tensor[k, k]]; tuple[Tensor[], Tensor[m], Tensor[m, m]];
tuple[Tensor[], Tensor[n - 1], Tensor[n - 1]]; tuple[Tensor[], Tensor[n, K]];
tuple[Tensor[b, d], Tensor[d], Tensor[d]]; tuple[Tensor[d, d], Tensor[]];
tuple[Tensor[d, d], Tensor[d], Tensor[d, d]]; tuple[Tensor[d, d], Tensor[d]]; tuple[Tensor[d], Tensor[L, p]];
tuple[Tensor[d], Tensor[], int]; tuple[Tensor[d], Tensor[]]; tuple[Tensor[d], Tensor[d, d]];
tuple[Tensor[d], Tensor[d], Tensor[]]; tuple[Tensor[d], Tensor[d], Tensor[d]];
tuple[Tensor[d], Tensor[d], Tensor[p]]; tuple[Tensor[d], Tensor[d], bool]; tuple[Tensor[d], Tensor[d], int];
tuple[Tensor[d], Tensor[d]]; tuple[Tensor[d], bool]; tuple[Tensor[e], Tensor[e, e]];
tuple[Tensor[h, d], Tensor[h], Tensor[o, h]]; tuple[Tensor[h, w], Tensor[H, W]]; tuple[Tensor[k, d], Tensor[k]];
tuple[Tensor[k, d], int]; tuple[Tensor[k], Tensor[M, 2k], list[int]]; tuple[Tensor[k], Tensor[]];
tuple[Tensor[m, d], Tensor[m]]; tuple[Tensor[m, m], Tensor[m, d], Tensor[k, m]];
tuple[Tensor[m, m], Tensor[m, d]]; tuple[Tensor[m, m], Tensor[min(m, n)], Tensor[n, n]];
tuple[Tensor[m], Tensor[m, m]]; tuple[Tensor[m], Tensor[m]]; tuple[Tensor[n, D], Tensor[n]];
tuple[Tensor[n, c, H, W], Tensor[o, c, K1, K2], Tensor[o]]; tuple[Tensor[n, d-k], Tensor[d-k, d-k]];
tuple[Tensor[n, d], Tensor[]]; tuple[Tensor[n, d], Tensor[d, d]]; tuple[Tensor[n, d], Tensor[m, d]];
tuple[Tensor[n, d], Tensor[n, d]]; tuple[Tensor[n, d], Tensor[n, k]];
tuple[Tensor[n, d], Tensor[n, n], Tensor[n, n]]; tuple[Tensor[n, d], Tensor[n]]; tuple[Tensor[n, d], float];
tuple[Tensor[n, m], Tensor[m, m]]; tuple[Tensor[n, n], ComplexTensor[n]]; tuple[Tensor[n, n], Tensor[n, n]];
tuple[Tensor[n, n], int]; tuple[Tensor[n], Tensor[3]]; tuple[Tensor[n], Tensor[m]];
tuple[Tensor[n], Tensor[n, k]]; tuple[Tensor[n], Tensor[n//stride]]; tuple[Tensor[n], Tensor[n]];
tuple[Tensor[n], bool]; tuple[Tensor[n], float]; tuple[Tensor[o, d], Tensor[o], Tensor[n, d]];
tuple[Tensor[o, d], Tensor[o]]; tuple[Tensor[p, p], Tensor[p, p]]; tuple[Tensor[p], Tensor[M, q]];
tuple[Tensor[p], Tensor[p, p]]; tuple[Tensor[p], Tensor[p]]; tuple[Tensor[p], Tensor[q]];
tuple[Tensor[q], Tensor[q, q]]; tuple[float, Tensor[K, N]]; tuple[float, Tensor[n, n], float];
tuple[float, float]; tuple[int, ...]; tuple[int, int, int]; tuple[int, int];
tuple[list[Tensor[d_{k+1}]], list[Tensor[d_{k+1}, d_k]]]; tuple[list[Tensor], list[Tensor]]
"""
TYPES = split(CATALOGUE.replace("\n", " "), ";")
PROSE = {"Callable", "Callable[[Tensor[d]], Tensor[k]]", "dict with lr, beta1, beta2, eps, wd"}


def zeros(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.zeros(shape, dtype=dtype)


def parts(promise: Promise) -> Iterator[Promise]:
    yield promise
    for field in vars(promise).values():
        for part in field if isinstance(field, tuple) else (field,):
            if isinstance(part, Promise):
                yield from parts(part)


@pytest.mark.parametrize("text", TYPES)
def test_every_type_of_the_catalogue_is_understood(text: str) -> None:
    unchecked = {part.text for part in parts(parse_promise(text)) if isinstance(part, Anything)}
    assert unchecked <= PROSE


def test_the_catalogue_is_all_there() -> None:
    assert len(set(TYPES)) == 306


def test_parts_of_a_signature() -> None:
    signature = Signature.parse("fgsm(loss: Callable, x: Tensor[n, d], s: tuple[int, int] = (1, 2)) -> Tensor[n, d]")
    assert signature.name == "fgsm"
    assert dict(signature.parameters) == {"loss": "Callable", "x": "Tensor[n, d]", "s": "tuple[int, int]"}
    assert dict(signature.defaults) == {"s": "(1, 2)"}
    assert signature.returns.text == "Tensor[n, d]"


def test_callable_types_with_brackets_and_arrows_stay_one_parameter() -> None:
    signature = Signature.parse("error(f: Callable[[Tensor[d]], Tensor[k]], X: Tensor[n, d]) -> Tensor[]")
    assert list(signature.parameters) == ["f", "X"]


def test_prose_between_commas_is_no_parameter() -> None:
    signature = Signature.parse("adam(x: Tensor[d], hyper: dict with lr, beta1, eps, decoupled: bool) -> Tensor[d]")
    assert list(signature.parameters) == ["x", "hyper", "decoupled"]
    assert signature.parameters["hyper"] == "dict with lr, beta1, eps"


@pytest.mark.parametrize("text", ["", "f", "f(x: int", "f(x: int)", "f(x: int) ->", "f(1: int) -> int", "f() x -> int"])
def test_what_is_no_signature_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Signature.parse(text)


def test_signatures_are_values() -> None:
    text = "trace(A: Tensor[n, n]) -> float"
    assert Signature.parse(text) == Signature.parse(text)
    assert hash(Signature.parse(text)) == hash(Signature.parse(text))
    assert Signature.parse(text) != Signature.parse("trace(A: Tensor[n, n]) -> Tensor[]")


SHAPES = [  # signature, arguments, a right result, a wrong result
    ("f(A: Tensor[n, n]) -> Tensor[n, n]", (zeros(3, 3),), zeros(3, 3), zeros(3)),
    ("f(A: Tensor[m, n]) -> Tensor[min(m, n)]", (zeros(4, 2),), zeros(2), zeros(4)),
    ("f(x: Tensor[K]) -> Tensor[K+1]", (zeros(3),), zeros(4), zeros(3)),
    ("f(x: Tensor[K+1]) -> Tensor[K + 1]", (zeros(3),), zeros(3), zeros(4)),
    ("f(x: Tensor[n, d], K: int) -> Tensor[n, 2K]", (zeros(3, 1), 4), zeros(3, 8), zeros(3, 4)),
    (
        "f(x: Tensor[H, W], k: Tensor[A, B]) -> Tensor[H-A+1, W-B+1]",
        (zeros(5, 4), zeros(2, 3)),
        zeros(4, 2),
        zeros(5, 4),
    ),
    ("f(J: Tensor[N, N]) -> Tensor[2**N]", (zeros(3, 3),), zeros(8), zeros(3)),
    ("f(x: Tensor[n, 2**J]) -> Tensor[n, 2**J]", (zeros(1, 8),), zeros(1, 8), zeros(1, 4)),
    ("f(x: Tensor[n], stride: int) -> Tensor[n//stride]", (zeros(7), 2), zeros(3), zeros(4)),
    ("f(x: Tensor[n], s: int) -> Tensor[n/s]", (zeros(6), 2), zeros(3), zeros(6)),
    ("f(x: Tensor[n, H, W], p: int) -> Tensor[(H//p)*(W//p), n*p*p]", (zeros(3, 4, 2), 2), zeros(2, 12), zeros(8, 3)),
    ("f(x: Tensor[...], y: Tensor[...]) -> Tensor[...]", (zeros(3, 1), zeros(2)), zeros(3, 2), zeros(2)),
    ("f(x: Tensor[..., n]) -> Tensor[...]", (zeros(4, 3),), zeros(4), zeros(3)),
    ("f(x: Tensor[..., n], k: Tensor[m]) -> Tensor[..., n]", (zeros(2, 3), zeros(5)), zeros(2, 3), zeros(3)),
    ("f(phi: Tensor[], kind: str) -> Tensor[k, k]", (zeros(), "plane"), zeros(2, 2), zeros(2, 3)),
    ("f(h: Tensor[c, H], P: int) -> Tensor[c, H//P] | Tensor[c]", (zeros(3, 4), 2), zeros(3, 2), zeros(3, 4)),
    ("f(h: Tensor[c, H], P: int) -> Tensor[c, H//P] | Tensor[c]", (zeros(3, 4), 0), zeros(3), zeros(4)),
    ("f(x: Tensor[m] | None) -> Tensor[m]", (zeros(3),), zeros(3), zeros(2)),
    ("f(s: tuple[Tensor[d], int]) -> Tensor[d]", ((zeros(3), 1),), zeros(3), zeros(1)),
    (
        "f(x: Tensor[n]) -> tuple[Tensor[k], Tensor[k, n]]",
        (zeros(3),),
        (zeros(2), zeros(2, 3)),
        (zeros(3), zeros(2, 3)),
    ),
    ("f(x: Tensor[n]) -> tuple[list[Tensor], list[Tensor]]", (zeros(3),), ([], [zeros(1)]), ([], [1.0])),
    ("f(x: list[Tensor[in, out]]) -> list[Tensor[in, out]]", ([zeros(3, 2)],), [zeros(3, 2), zeros(2, 1)], [zeros(3)]),
]


@pytest.mark.parametrize(("text", "arguments", "right", "wrong"), SHAPES)
def test_shapes(text: str, arguments: tuple[Any, ...], right: Any, wrong: Any) -> None:
    signature = Signature.parse(text)
    assert signature.check(right, arguments) is None
    assert signature.check(wrong, arguments) is not None


TYPES_OF_RESULTS = [  # type, right results, wrong results
    ("float", [1.0, 2, float("nan")], [True, zeros(), "1.0", None, 1j, np.float64(1.0)]),
    ("int", [2, -1], [2.0, True, zeros(dtype=torch.int64), np.int64(2)]),
    ("bool", [True, False], [1, 0.0, torch.tensor(True), np.bool_(True)]),
    ("str", ["a"], [b"a", 1]),
    ("int | None", [None, 3], [3.0, "3"]),
    ("Tensor[]", [zeros(), torch.nn.Parameter(zeros())], [0.0, zeros(1), np.zeros(())]),
    ("Tensor[2] (int64)", [zeros(2, dtype=torch.int64)], [zeros(2), zeros(2, dtype=torch.int32)]),
    ("LongTensor[2]", [zeros(2, dtype=torch.int64)], [zeros(2)]),
    ("BoolTensor[2]", [zeros(2, dtype=torch.bool)], [zeros(2), zeros(2, dtype=torch.int64)]),
    ("ComplexTensor[2]", [zeros(2, dtype=torch.complex128)], [zeros(2), zeros(2, dtype=torch.complex64)]),
    ("Tensor[2]", [zeros(2)], [zeros(2, dtype=torch.float32), zeros(2, dtype=torch.complex128), [0.0, 0.0]]),
    ("tuple[float, float]", [(1.0, 2.0)], [[1.0, 2.0], (1.0,), (1.0, 2.0, 3.0), (1.0, zeros())]),
    ("tuple[int, ...]", [(), (1, 2, 3)], [(1, 2.0), [1]]),
    ("list[int]", [[], [1]], [(1,), [1.0], [True]]),
    ("dict[str, float]", [{}, {"a": 1.0}], [{1: 1.0}, {"a": "b"}, [("a", 1.0)]]),
]


@pytest.mark.parametrize(("text", "right", "wrong"), TYPES_OF_RESULTS)
def test_types_are_exact(text: str, right: list[Any], wrong: list[Any]) -> None:
    signature = Signature.parse(f"f(n: int) -> {text}")
    assert [value for value in right if signature.check(value, (1,)) is not None] == []
    assert [value for value in wrong if signature.check(value, (1,)) is None] == []


def test_results_keep_the_dtype_of_the_arguments() -> None:
    signature = Signature.parse("f(x: Tensor[n], t: LongTensor[n], w: Tensor[n]) -> tuple[Tensor[n], ComplexTensor[n]]")
    x, t = zeros(2, dtype=torch.float32), zeros(2, dtype=torch.int64)
    single = (zeros(2, dtype=torch.float32), zeros(2, dtype=torch.complex64))
    double = (zeros(2), zeros(2, dtype=torch.complex128))
    assert signature.check(single, (x, t, x)) is None
    assert signature.check(double, (x, t, x)) == "returns dtype float64 as item [0] where float32 is asked for"
    assert signature.check(double, (x, t, zeros(2))) is None
    assert signature.check(single, (x, t, x), torch.float64) is not None


def test_the_widest_floating_dtype_counts() -> None:
    half, single = zeros(1, dtype=torch.float16), zeros(1, dtype=torch.complex64)
    assert floating_dtype((1.0, [half], {"a": single})) is torch.float32
    assert floating_dtype((zeros(1, dtype=torch.int64), 2.0)) is None


def test_results_of_plain_numbers_are_double() -> None:
    signature = Signature.parse("f(n: int) -> Tensor[n]")
    assert signature.check(zeros(2), (2,), torch.float32) is None
    assert signature.check(zeros(2, dtype=torch.float32), (2,), torch.float32) is not None


SENTENCES = [
    ("Tensor[n, n]", zeros(3), "returns shape (3,) where Tensor[n, n] with n = 3 means (3, 3)"),
    ("Tensor[n]", zeros(2), "returns shape (2,) where Tensor[n] with n = 3 means (3,)"),
    ("Tensor[]", zeros(1), "returns shape (1,) where Tensor[] means ()"),
    ("Tensor[k, n]", zeros(2), "returns shape (2,) where Tensor[k, n] with n = 3 means (k, 3)"),
    ("float", zeros(), "returns a tensor where a float is asked for: use .item()"),
    ("float", zeros(2), "returns a tensor of shape (2,) where a float is asked for"),
    ("int", 2.0, "returns a float where an int is asked for"),
    ("Tensor[n]", None, "returns None where a Tensor[n] is asked for"),
    ("Tensor[n]", zeros(3, dtype=torch.int64), "returns dtype int64 where float64 is asked for"),
    (
        "tuple[float, Tensor[n]]",
        (1.0, zeros(2)),
        "returns shape (2,) as item [1] where Tensor[n] with n = 3 means (3,)",
    ),
    ("tuple[float, float]", (1.0,), "returns a tuple of 1 values where tuple[float, float] has 2"),
    (
        "Tensor[n] | Tensor[n, n]",
        zeros(2),
        "returns shape (2,) where Tensor[n] with n = 3 means (3,) or Tensor[n, n] with n = 3 means (3, 3)",
    ),
    ("int | None", "x", "returns a text where int | None is asked for"),
]


@pytest.mark.parametrize(("text", "value", "sentence"), SENTENCES)
def test_sentences(text: str, value: Any, sentence: str) -> None:
    assert Signature.parse(f"f(A: Tensor[n, n]) -> {text}").check(value, (zeros(3, 3),)) == sentence


def test_sizes_that_disagree_accuse_nobody() -> None:
    signature = Signature.parse(
        "f(x: Tensor[n], y: Tensor[n], z: Tensor[...], t: Tensor[...]) -> tuple[Tensor[n], Tensor[...]]"
    )
    assert signature.check((zeros(7), zeros(7)), (zeros(2), zeros(3), zeros(2), zeros(3))) is None


class Hostile:
    """Objects that misbehave when they are looked at."""

    __name__ = property(lambda self: 1 / 0)  # type: ignore[assignment]

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    def __hash__(self) -> int:
        raise RuntimeError


ODD: list[Callable[[], Any]] = [  # made late: pytest itself stumbles over some of them
    Hostile,
    lambda: Hostile,
    object,
    lambda: torch.empty(2, device="meta"),
    lambda: torch.eye(2).to_sparse(),
    lambda: torch.nested.nested_tensor([torch.zeros(1), torch.zeros(2)], layout=torch.strided),
    lambda: zeros(1).expand(10**9),
    lambda: zeros(2, 2).max(dim=0),
    lambda: (i for i in range(3)),
    lambda: {Hostile: 1},
    lambda: [[[[]]]],
]


@pytest.mark.parametrize(
    "text", ["float", "Tensor[n]", "tuple[Tensor[n], int]", "list[float]", "dict[str, int]", "int | None", "LongTensor"]
)
@pytest.mark.parametrize("make", ODD, ids=map(str, range(len(ODD))))
def test_odd_values_are_refused_without_an_exception(text: str, make: Callable[[], Any]) -> None:
    sentence = Signature.parse(f"f(x: Tensor[n]) -> {text}").check(make(), (zeros(7),))
    assert sentence is not None
    assert "\n" not in sentence


@given(
    st.sampled_from(TYPES),
    st.recursive(st.none() | st.integers() | st.floats(), lambda s: st.lists(s) | st.tuples(s, s)),
)
def test_any_value_against_any_type_gives_a_sentence_or_none(text: str, value: Any) -> None:
    assert isinstance(Signature.parse(f"f(x: {text}) -> {text}").check(value, (value,)), str | None)
