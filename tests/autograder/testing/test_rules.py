"""Rules: every spelling of what is forbidden is found, honest code is not accused, and counting tells sizes apart."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from autograder.grading.submission import Sources
from autograder.testing import resolve
from autograder.testing.rules import (
    LOOPS,
    NO_AUTOGRAD,
    NO_CONV,
    NO_DISTRIBUTIONS,
    NO_INVERSE,
    NO_INVERSE_OR_SOLVE,
    NO_OPTIM,
    Forbid,
    Rule,
    spellings,
)


def cases(name: str) -> dict[str, str]:
    """The submissions in a file of this folder's sources, by title."""
    text = (Path(__file__).parent / "sources" / f"{name}.txt").read_text()
    titled = [case.partition("\n") for case in text.split("\n=== ")[1:]]
    assert len(dict.fromkeys(title for title, _, _ in titled)) == len(titled)
    return {title: source for title, _, source in titled}


def read(rule: Rule, source: str, *functions: str) -> str | None:
    """What the rule says of a submission; lines "--- name" start its further files."""
    main, *others = re.split(r"^--- ", source, flags=re.MULTILINE)
    files = {name: text for name, _, text in (other.partition("\n") for other in others)}
    return rule.read(Sources({"submission.py": main, **files}, "submission.py"), functions or ("f",))


INVERSES, HONEST, HELPERS = cases("inverses"), cases("honest"), cases("helpers")


@pytest.mark.parametrize("source", INVERSES.values(), ids=INVERSES)
def test_an_inverse_is_found_in_every_spelling(source: str) -> None:
    assert read(NO_INVERSE, source) is not None
    assert read(NO_INVERSE_OR_SOLVE, source) is not None


SOLVES = [
    "torch.linalg.solve(A, I)",
    "torch.linalg.solve_ex(A, I)[0]",
    "torch.linalg.lu_solve(*torch.linalg.lu_factor(A), I)",
    "torch.lu_solve(I, *torch.linalg.lu_factor(A))",
    "I.lu_solve(*torch.linalg.lu_factor(A))",
    "torch.linalg.lstsq(A, I).solution",
    "torch.cholesky_solve(I, torch.linalg.cholesky(A))",
    "I.cholesky_solve(A)",
    "torch.linalg.solve_triangular(A, I, upper=True)",
    "torch.triangular_solve(I, A)[0]",
    "I.triangular_solve(A)[0]",
    "torch.linalg.tensorsolve(A, I)",
    "torch.ops.aten._linalg_solve_ex(A, I)[0]",
    "torch._C._linalg.linalg_solve(A, I)",
    "numpy.linalg.solve(A, I)",
    "numpy.linalg.lstsq(A, I)[0]",
]


@pytest.mark.parametrize("expression", SOLVES)
def test_solves_are_forbidden_only_where_the_rule_says_so(expression: str) -> None:
    source = f"import numpy, torch\ndef f(A, I): return {expression}"
    assert read(NO_INVERSE_OR_SOLVE, source) is not None
    assert read(NO_INVERSE, source) is None


@pytest.mark.parametrize("source", HONEST.values(), ids=HONEST)
def test_honest_code_is_not_accused(source: str) -> None:
    assert read(NO_INVERSE_OR_SOLVE, source) is None


@pytest.mark.parametrize("source", HELPERS.values(), ids=HELPERS)
def test_helper_modules_are_followed(source: str) -> None:
    assert read(NO_INVERSE, source) is not None


def test_what_a_helper_module_has_besides_is_not_used() -> None:
    helpers = "--- helpers.py\nimport torch\ndef g(A): return torch.inverse(A)\ndef h(A): return A\n"
    assert read(NO_INVERSE, f"from helpers import *\ndef f(A): return h(A)\n{helpers}") is None
    assert read(NO_INVERSE, f"import helpers\ndef f(A): return helpers.h(A)\n{helpers}") is None


def test_only_the_named_functions_are_read() -> None:
    source = "import torch\ndef f(A): return A\ndef g(A): return torch.inverse(A)"
    assert read(NO_INVERSE, source, "f") is None
    assert read(NO_INVERSE, source, "g") is not None
    assert read(NO_INVERSE, source, "f", "g") is not None
    assert read(NO_INVERSE, source, "not_there") is None


def test_the_sentence_names_the_call_and_its_place() -> None:
    source = "import torch as t\n\ndef f(A):\n    g = 1\n    return (A\n        .inverse()) + t.linalg.inv(A)\n"
    assert read(NO_INVERSE, source) == "calls .inverse() (submission.py, line 6)"
    notebook = Sources(
        {"submission.py": "import torch as t\n\ndef f(A):\n    return t.linalg.inv(A)\n"},
        "submission.py",
        ((1, 1), (3, 4)),
    )
    assert NO_INVERSE.read(notebook, ["f"]) == "calls torch.linalg.inv (cell 4, line 2)"
    assert read(NO_INVERSE, "import torch\nf = torch.inverse") == "uses torch.inverse (submission.py, line 2)"


AUTOGRAD = [
    "torch.autograd.grad(loss(x), x)[0]",
    "loss(x).backward()",
    "torch.autograd.backward(loss(x))",
    "torch.func.grad(loss)(x)",
    "torch.func.vjp(loss, x)[1](x)",
    "torch.func.jvp(loss, (x,), (x,))[1]",
    "torch.vmap(torch.func.jacrev(loss))(x)",
    "torch.func.jacfwd(loss)(x)",
    "torch.func.hessian(loss)(x)",
    "functorch.grad(loss)(x)",
    "torch.autograd.functional.jacobian(loss, x)",
    "torch.autograd.forward_ad.make_dual(x, x)",
    "x.clone().requires_grad_()",
    "torch.enable_grad()(loss)(x)",
    "torch.set_grad_enabled(True)",
    "torch.Tensor.backward(loss(x))",
]


@pytest.mark.parametrize("expression", AUTOGRAD)
def test_autograd_is_found(expression: str) -> None:
    assert read(NO_AUTOGRAD, f"import torch, functorch\ndef f(x, loss): return {expression}") is not None


NO_AUTOGRAD_INNOCENTS = {
    "no_grad": "import torch\ndef f(x):\n    with torch.no_grad():\n        return x.detach()",
    "switched off": "import torch\ndef f(x):\n    torch.set_grad_enabled(False)\n    return x.requires_grad_(False)",
    "vmap": "import torch\ndef f(x): return torch.vmap(torch.sin)(x)",
    "own backward": "class Layer:\n    def backward(self, g): return g\ndef f(x): return Layer().backward(x)",
    "own function": "def backward(x): return x\ndef grad(x): return x\ndef f(x): return backward(grad(x))",
    "numpy's gradient": "import numpy as np\ndef f(x): return np.gradient(x)",
    "names": "def f(x, grad):\n    backward = grad * x\n    return backward",
}


@pytest.mark.parametrize("source", NO_AUTOGRAD_INNOCENTS.values(), ids=NO_AUTOGRAD_INNOCENTS)
def test_honest_gradients_are_not_accused(source: str) -> None:
    assert read(NO_AUTOGRAD, source) is None


OTHERS = [
    (NO_OPTIM, "torch.optim.SGD([x], lr=0.1)", "torch.linalg.norm(x)"),
    (NO_OPTIM, "torch.optim.SGD([x], lr=0.1, nesterov=False)", "torch.sum(x, 0, False)"),
    (NO_OPTIM, "torch._fused_adam_([x], [x], [x], [x], [], [x])", "torch._foreach_mul([x], 2)"),
    (NO_AUTOGRAD, "torch.autograd.grad(x, x, create_graph=False)", "x.requires_grad_(False)"),
    (NO_CONV, "torch.nn.functional.conv2d(x, x)", "torch.fft.ifft2(torch.fft.fft2(x))"),
    (NO_CONV, "torch.conv1d(x, x)", "torch.nn.functional.pad(x, (1, 1))"),
    (NO_CONV, "torch.nn.Conv2d(1, 1, 3)(x)", "torch.nn.Linear(1, 1)(x)"),
    (NO_CONV, "torch.ops.aten.convolution(x, x)", "torch.ops.aten.mm(x, x)"),
    (NO_CONV, "torch.nn.functional.conv_transpose2d(x, x)", "x.unfold(0, 2, 1)"),
    (NO_CONV, "torch.nn.grad.conv2d_input(x, x, x)", "x.conj()"),
    (NO_DISTRIBUTIONS, "torch.distributions.Normal(0, 1).log_prob(x)", "torch.special.erf(x)"),
]


@pytest.mark.parametrize(("rule", "forbidden", "allowed"), OTHERS)
def test_ready_made_rules(rule: Rule, forbidden: str, allowed: str) -> None:
    assert read(rule, f"import torch\ndef f(x): return {forbidden}") is not None
    assert read(rule, f"import torch\ndef f(x): return {allowed}") is None


def test_imported_modules_count_where_they_are_used() -> None:
    imports = "import torch.optim as o\nfrom torch.nn import functional as F\n"
    source = f"{imports}def f(x): return F.relu(x)\ndef g(x): return o.Adam([x])"
    assert read(NO_OPTIM, source, "f") is None
    assert read(NO_OPTIM, source, "g") is not None
    assert read(NO_CONV, source, "f") is None


def test_rules_as_data() -> None:
    relu = Forbid(
        "no_relu",
        "uses no relu, clamp, max or where",
        targets=spellings("relu", "clamp", "maximum", "where") | {"builtins.max"},
        methods=frozenset({"relu", "clamp", "max"}),
        only=frozenset({"relu_from_abs"}),
    )
    source = (
        "import torch\ndef relu_from_abs(z): return {}\ndef abs_from_relu(z): return torch.relu(z) + torch.relu(-z)"
    )
    both = ("relu_from_abs", "abs_from_relu")
    assert read(relu, source.format("(z + abs(z)) / 2"), *both) is None
    for cheat in ("z.clamp(min=0)", "torch.where(z > 0, z, 0)", "torch.nn.functional.relu(z)", "max(z, 0)"):
        assert read(relu, source.format(cheat), *both) is not None


def test_syntax_can_be_forbidden() -> None:
    rule = Forbid("no_loop", "has no Python loop", syntax=LOOPS | {"Div"})
    assert read(rule, "def f(x):\n    for i in x: pass") == "uses a for loop (submission.py, line 2)"
    assert read(rule, "def f(x): return sum(i for i in x)") == "uses a comprehension (submission.py, line 1)"
    assert read(rule, "def f(x):\n    x /= 2\n    return x") == "uses the operator / (submission.py, line 2)"
    assert read(rule, "def g(x):\n    while x: pass\ndef f(x): return x * 2") is None


DEEP = {
    "brackets": "def f(A): return " + "(" * 5000 + "A" + ")" * 5000,
    "sum": "def f(A): return " + " + ".join(["A"] * 50_000),
    "calls": "def f(A): return " + "g(" * 80 + "A" + ")" * 80 + ".inverse()",
    "attributes": "def f(A): return A" + ".a" * 3000,
    "aliases": "\n".join(
        ["import torch", "a0 = 1", *(f"a{i + 1} = a{i}" for i in range(5000)), "def f(A): return a5000(A)"]
    ),
    "doubling": "\n".join(["a0 = 1", *(f"a{i + 1} = a{i} or a{i}" for i in range(200)), "def f(A): return a200(A)"]),
    "functions": "\n".join([*(f"def g{i}(A): return g{i + 1}(A)" for i in range(3000)), "def f(A): return g0(A)"]),
    "classes": "\n".join(
        ["class C0: pass", *(f"class C{i + 1}(C{i}): pass" for i in range(500)), "def f(A): return C500().g(A)"]
    ),
    "nested": "\n".join(" " * i + f"def f{i if i else ''}(A):" for i in range(90)) + "\n" + " " * 90 + "return A",
    "many values": "if 1:\n" + " x = lambda: 0\n" * 2000 + "def f(A):\n" + " x()\n" * 2000,
    "cycle of names": "a = b\nb = a\ndef f(A): return a(A)",
    "cycle of classes": "class A(B): pass\nclass B(A): pass\ndef f(x): return A().g(x)",
    "cycle of itself": "f = f",
    "null byte": "def f(A): return A\0",
    "large": "\n".join(f"def g{i}(A): return A + {i}" for i in range(20_000)) + "\ndef f(A): return A",
}


@pytest.mark.parametrize("source", DEEP.values(), ids=DEEP)
def test_no_source_is_too_much(source: str) -> None:
    sentence = read(NO_INVERSE_OR_SOLVE, source)
    assert sentence is None or ".inverse()" in sentence


def test_reading_stops_where_a_source_is_beyond_all_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    source = "def f(A):\n    A.inverse()\n" + "    A\n" * 500
    monkeypatch.setattr(resolve, "MOST_WORK", 100)
    assert read(NO_INVERSE, source) == "calls .inverse() (submission.py, line 2)"
    assert read(NO_INVERSE, f"{source}    A.pinverse()".replace("A.inverse()", "A")) is None


def test_a_long_chain_of_functions_is_followed_to_its_end() -> None:
    chain = "\n".join(f"def g{i}(A): return g{i + 1}(A)" for i in range(2000))
    assert read(NO_INVERSE, f"{chain}\ndef g2000(A): return A.inverse()\ndef f(A): return g0(A)") is not None
