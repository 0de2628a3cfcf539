"""How far a function is from being equivariant: hidden properties and known answers."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.linalg import vector_norm

from autograder.sandbox.callables import Reference
from autograder.sandbox.inside.functions import Affine, Composition, Polynomial, Scaled
from autograder.testing.answers import alternative_of, misconception_of
from autograder.testing.assertions import assert_close, assert_equal
from autograder.testing.properties import given, properties_of
from autograder.testing.strategies import conditioned, generators, normal, rotation, tensor, uniform
from autograder.testing.student import Student
from tests.properties.public.equivariance.measuring import ACTIONS, Action, error, unit

Map = Callable[[Tensor], Tensor]


@properties_of("equivariance_error")
@given(case=ACTIONS)
def test_has_the_units_of_f(student: Student, case: Action) -> None:
    """The error of -4 f is 4 times the error of f"""
    expected = 4 * error(student, case.f, case.rho_in, case.rho_out, case.X)
    got = student.equivariance_error(Scaled(case.f, -4.0), case.rho_in, case.rho_out, case.X)
    assert_close(got, expected, scale=4 * case.size, because="-4 f")


@properties_of("equivariance_error")
@given(case=ACTIONS, generator=generators())
def test_does_not_depend_on_the_axes_of_the_output(student: Student, case: Action, generator: torch.Generator) -> None:
    """Turning the axes of the output, f → Q f and rho_out → Q rho_out Qᵀ, leaves the error alone"""
    k = case.rho_out.shape[1]
    Q = rotation(generator, k)
    turned = Composition(Affine(Q, torch.zeros(k).double()), case.f)
    expected = error(student, case.f, case.rho_in, case.rho_out, case.X)
    got = student.equivariance_error(turned, case.rho_in, Q @ case.rho_out @ Q.T, case.X)
    assert_close(got, expected, scale=k * case.size, because="Q f")


@properties_of("equivariance_error")
@given(case=ACTIONS, generator=generators())
def test_does_not_depend_on_the_basis_of_the_input(student: Student, case: Action, generator: torch.Generator) -> None:
    """In another basis of the input space, x → A x and rho_in → A rho_in A⁻¹, the error is the same"""
    d = case.X.shape[1]
    A = conditioned(generator, d, condition=8)
    A_inv = torch.linalg.inv(A)
    expected = error(student, case.f, case.rho_in, case.rho_out, case.X)
    same = Composition(case.f, Affine(A_inv, torch.zeros(d).double()))
    got = student.equivariance_error(same, A @ case.rho_in @ A_inv, case.rho_out, case.X @ A.T)
    acted = float(case.rho_in.abs().max() * case.X.abs().max()) * d
    condition = 64 * d**2 * (1 + acted) ** 2
    assert_close(got, expected, condition=condition, scale=case.size + 1, because="in another basis")


@properties_of("equivariance_error")
@given(generator=generators())
def test_vanishes_for_one_equivariant_map_after_another(student: Student, generator: torch.Generator) -> None:
    """Two equivariant maps one after the other are equivariant, also under matrices that are not orthogonal"""
    d, G = 3, 2
    stretch = 0.5 + uniform(generator, G, d)
    rho_in = torch.diag_embed(stretch)[:, torch.randperm(d, generator=generator)]  # stretches and exchanges axes
    rho_between = rho_in.sign() * rho_in**3
    W = conditioned(generator, d, condition=4)
    rho_out = W @ rho_between @ torch.linalg.inv(W)
    cube, linear = Polynomial(tensor([0, 0, 0, 1])), Affine(W, torch.zeros(d).double())
    case = Action(Composition(linear, cube), rho_in, rho_out, normal(generator, 4, d))
    for f, acts_in, acts_out, X in (
        (cube, rho_in, rho_between, case.X),
        (linear, rho_between, rho_out, case.X),
        (case.f, rho_in, rho_out, case.X),
    ):
        got = student.equivariance_error(f, acts_in, acts_out, X)
        size = Action(f, acts_in, acts_out, X).size
        assert_close(got, tensor(0), condition=64, scale=size, because="an equivariant map")


@properties_of("equivariance_error")
@given(case=ACTIONS, generator=generators())
def test_sees_invariance(student: Student, case: Action, generator: torch.Generator) -> None:
    """With rho_out = 1 it measures invariance: 0 for |x|² under rotations, the largest change of w.x in general"""
    d, G = case.X.shape[1], len(case.rho_in)
    trivial = torch.ones(G, 1, 1, dtype=torch.float64)
    ones, w = torch.ones(1, d, dtype=torch.float64), normal(generator, 1, d)
    square = Composition(Affine(ones, tensor([0])), Polynomial(tensor([0, 0, 1])))
    R = torch.stack([rotation(generator, d) for _ in range(G)])
    got = student.equivariance_error(square, R, trivial, case.X)
    assert_close(got, tensor(0), scale=float(case.X.square().sum()), because="|x|² under rotations")
    change = torch.einsum("ij,gjk,nk->gn", w, case.rho_in - unit(d), case.X).abs().max()
    got = student.equivariance_error(Affine(w, tensor([0])), case.rho_in, trivial, case.X)
    size = float(w.abs().sum() * case.X.abs().max() * (1 + case.rho_in.abs().max())) * d
    assert_close(got, change, scale=size, because="w.x")


@properties_of("equivariance_error")
@given(case=ACTIONS)
def test_does_not_count_how_often(student: Student, case: Action) -> None:
    """A maximum does not change where samples and group elements come in another order, or twice"""
    expected = error(student, case.f, case.rho_in, case.rho_out, case.X)
    rho_in, rho_out = (torch.cat([rho.flip(0), rho[:1]]) for rho in (case.rho_in, case.rho_out))
    got = student.equivariance_error(case.f, rho_in, rho_out, torch.cat([case.X.flip(0), case.X]))
    assert_close(got, expected, scale=case.size, because="in another order, and twice")


@properties_of("equivariance_error")
@given(case=ACTIONS)
def test_gives_f_one_vector_at_a_time(student: Student, case: Action) -> None:
    """f maps one vector [d] to one vector [k]; it is not asked about several at once"""
    d = case.X.shape[1]
    f = Reference(lambda x: case.f(x) if x.shape == (d,) else torch.zeros(0))
    expected = error(student, case.f, case.rho_in, case.rho_out, case.X)
    got = student.equivariance_error(f, case.rho_in, case.rho_out, case.X)
    shapes = {tuple(x.shape) for (x,) in f.points}
    assert_equal(sorted(shapes), [(d,)], because="what f is given")
    assert_close(got, expected, scale=case.size, because="with an f that takes single vectors only")


@misconception_of(
    "equivariance_error",
    hint="rho_out belongs on f(x), not on f(rho_in x): the deviation compares acting on the output with acting on the "
    "input. Your version asks for rho_out's inverse, which is rho_out itself only for reflections and the like.",
)
def inverse_on_output(f: Map, rho_in: Tensor, rho_out: Tensor, X: Tensor) -> Tensor:
    return _over_pairs(rho_in, rho_out, X, lambda a, b, x: vector_norm(f(x) - b @ f(a @ x))).max()


@misconception_of(
    "equivariance_error",
    hint="You average. A symmetry that is broken badly by one group element is broken: ask for the worst case.",
)
def mean_not_max(f: Map, rho_in: Tensor, rho_out: Tensor, X: Tensor) -> Tensor:
    return _over_pairs(rho_in, rho_out, X, lambda a, b, x: vector_norm(b @ f(x) - f(a @ x))).mean()


@misconception_of(
    "equivariance_error",
    hint="Samples are the rows of X, but rho acts on column vectors: rho x for one sample, X rhoᵀ for all. x @ rho "
    "acts with the transposed matrix, for a rotation the opposite one.",
)
def rows_as_columns(f: Map, rho_in: Tensor, rho_out: Tensor, X: Tensor) -> Tensor:
    return _over_pairs(rho_in, rho_out, X, lambda a, b, x: vector_norm(f(x) @ b - f(x @ a))).max()


@misconception_of(
    "equivariance_error",
    hint="Only the input side is transposed: it is rho_in x, and x @ rho_in is rho_inᵀ x. With rotations not even "
    "the error of an equivariant map would vanish.",
)
def rows_as_columns_of_the_input(f: Map, rho_in: Tensor, rho_out: Tensor, X: Tensor) -> Tensor:
    return _over_pairs(rho_in, rho_out, X, lambda a, b, x: vector_norm(b @ f(x) - f(x @ a))).max()


@misconception_of(
    "equivariance_error",
    hint="The largest component of the deviation depends on how the axes are chosen. Take its Euclidean length first, "
    "then the maximum over group elements and samples.",
)
def largest_component(f: Map, rho_in: Tensor, rho_out: Tensor, X: Tensor) -> Tensor:
    return _over_pairs(rho_in, rho_out, X, lambda a, b, x: (b @ f(x) - f(a @ x)).abs().max()).max()


@misconception_of(
    "equivariance_error",
    hint="Each deviation is a vector with a length of its own; you took one norm over all of them together, which "
    "grows with the number of samples.",
)
def norm_over_everything(f: Map, rho_in: Tensor, rho_out: Tensor, X: Tensor) -> Tensor:
    return vector_norm(_over_pairs(rho_in, rho_out, X, lambda a, b, x: vector_norm(b @ f(x) - f(a @ x))))


@misconception_of(
    "equivariance_error",
    hint="You measure invariance, f(x) against f(rho_in x). An equivariant output moves along: act on it with rho_out.",
)
def invariance_only(f: Map, rho_in: Tensor, rho_out: Tensor, X: Tensor) -> Tensor:
    return _over_pairs(rho_in, rho_out, X, lambda a, b, x: vector_norm(f(x) - f(a @ x))).max()


@misconception_of(
    "equivariance_error",
    hint="rho_in(g) and rho_out(g) represent the same g: walk through both lists together, not through all pairs.",
)
def every_element_with_every_other(f: Map, rho_in: Tensor, rho_out: Tensor, X: Tensor) -> Tensor:
    return torch.stack([vector_norm(b @ f(x) - f(a @ x)) for a in rho_in for b in rho_out for x in X]).max()


@misconception_of(
    "equivariance_error",
    hint="The squared length has the wrong units: doubling f must double its error, not quadruple it.",
)
def squared_length(f: Map, rho_in: Tensor, rho_out: Tensor, X: Tensor) -> Tensor:
    return _over_pairs(rho_in, rho_out, X, lambda a, b, x: (b @ f(x) - f(a @ x)).square().sum()).max()


def _over_pairs(rho_in: Tensor, rho_out: Tensor, X: Tensor, deviation: Callable[..., Tensor]) -> Tensor:
    return torch.stack([deviation(a, b, x) for a, b in zip(rho_in, rho_out, strict=True) for x in X])


EQUIVALENT_MUTANTS = {
    "equivariance_error": {
        "for g_in, g_out in zip(rho_in, rho_out, strict=True): => "
        "for g_in, g_out in zip(rho_in, rho_out, strict=False):": "both lists hold one matrix per group element"
    }
}


# Alternatives: written without looking at the reference.


@alternative_of("equivariance_error")
def with_all_points_in_one_tensor(f: Map, rho_in: Tensor, rho_out: Tensor, X: Tensor) -> Tensor:
    FX = torch.stack([f(x) for x in X])
    GX = torch.einsum("gij,nj->gni", rho_in, X)
    FGX = torch.stack([torch.stack([f(x) for x in block]) for block in GX])
    GFX = torch.einsum("gij,nj->gni", rho_out, FX)
    return (GFX - FGX).pow(2).sum(-1).sqrt().amax()


@alternative_of("equivariance_error")
def root_of_the_largest_square(f: Map, rho_in: Tensor, rho_out: Tensor, X: Tensor) -> Tensor:
    best = -1.0
    for x in X:
        fx = f(x)
        for g in range(len(rho_in)):
            r = torch.mv(rho_out[g], fx) - f(torch.mv(rho_in[g], x))
            sq = torch.dot(r, r)
            if sq > best:
                best = sq
    return best.sqrt()


# What students get wrong, and what notices
# f(x) against rho_out f(rho_in x) -> sees_how_far_an_offset_is_moved, finds_the_longest_column_for_a_linear_map
# rho_outᵀ f(x), good for orthogonal matrices only -> finds_the_longest_column_for_a_linear_map
# x @ rho for rho x, on either side or both -> sees_how_far_an_offset_is_moved
# the whole group transposed: the same set if it is closed -> sees_how_far_an_offset_is_moved (matrices at random)
# mean or sum over samples or elements -> is_the_worst_case, does_not_count_how_often
# one norm over all deviations -> does_not_count_how_often
# largest component -> does_not_depend_on_the_axes_of_the_output
# largest component, signed (no abs) -> has_the_units_of_f
# Σ|.| in place of the Euclidean length -> does_not_depend_on_the_axes_of_the_output
# squared length -> has_the_units_of_f
# divided by |f(x)|, a relative error -> has_the_units_of_f
# rho_out left out -> sees_how_far_an_offset_is_moved
# rho_in left out -> vanishes_for_a_central_force
# all pairs of rho_in and rho_out -> finds_the_longest_column_for_a_linear_map
# rho_in and rho_out exchanged: an error unless d = k -> finds_the_longest_column_for_a_linear_map
# only the first element, or the first sample -> is_the_worst_case
# the maximum kept from one element to the next by `=` instead of max -> is_the_worst_case
# f(X) in one go, for an f of single vectors -> gives_f_one_vector_at_a_time
# f(X.T) -> every property
# f(x) changed in place, which changes x where f hands back its argument -> agrees_on_edge_cases, keeps_its_arguments
# a float instead of a tensor (.item()) -> returns_what_is_promised
# torch.tensor(0.0) as the start of the maximum: float32 -> returns_what_is_promised
# torch.tensor(0.0) as the start of the maximum, in float64: right
# a minimum -> is_the_worst_case
# identity taken out of the group, so that nothing is left -> is_zero_for_the_identity_alone
