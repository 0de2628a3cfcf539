"""A class of synthetic results, one of every kind that a page must cope with. ``SECRET`` marks hidden inputs."""

from __future__ import annotations

import math

import torch

from autograder.feedback.plots import plot_data
from autograder.feedback.values import readable, readable_pair
from autograder.grading.verdict import (
    Counterexample,
    ExerciseResult,
    Misconception,
    PropertyResult,
    Report,
    SubmissionResult,
    Verdict,
)

SECRET = "8675309.25"
SCRIPT = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
IDENTITY = "The matrix you return, times A + u vᵀ, is the identity."
SYMMETRIC = "For symmetric A and u = v the inverse is symmetric."
SINGULAR = "A singular update raises ValueError instead of returning infinities."
TITLES = {
    "sherman_morrison": "Sherman–Morrison rank-one inverse update",
    "tweedie_posterior_mean": "Posterior mean of a noisy observation (Tweedie)",
    "relu_gaussian_moments": "Moments of a rectified Gaussian, and Kaiming initialisation",
}
TENSOR = {"dtype": torch.float64}


def prop(name: str, sentence: str, *, passed: bool = True, public: bool = True, **more: object) -> PropertyResult:
    settings = {"message": "", "counterexample": None, **more}
    return PropertyResult(name=name, sentence=sentence, passed=passed, public=public, **settings)  # type: ignore[arg-type]


def held() -> list[PropertyResult]:
    return [
        prop("identity", IDENTITY),
        prop("symmetric", SYMMETRIC),
        prop("singular", SINGULAR),
        prop("float32", "float32 in gives float32 out.", public=False),
        prop("arguments_kept", "The arguments are as they were before the call.", public=False),
        prop("repeatable", "The same input gives the same answer twice."),
    ]


def exercise(name: str, verdict: Verdict, score: float | None, reason: str, **more: object) -> ExerciseResult:
    settings = {"properties": held(), "misconception": None, "seconds": 0.4, "points": 3.0, **more}
    return ExerciseResult(
        name=name, title=TITLES.get(name, ""), verdict=verdict, score=score, reason=reason, **settings
    )  # type: ignore[arg-type]


def right(name: str) -> ExerciseResult:
    return exercise(name, Verdict.RIGHT, 3.0, "Right: every property holds.")


def wrong_matrix(size: int = 3) -> ExerciseResult:
    generator = torch.Generator().manual_seed(3)
    if size == 3:
        a_inv = torch.tensor([[1, 0.5, 0], [0, -2, 0.25], [1.5, 0, 1]], **TENSOR)
        u, v = torch.tensor([1, -0.5, 2], **TENSOR), torch.tensor([0.25, 1, 0], **TENSOR)
    else:
        a_inv = torch.randn(size, size, generator=generator, **TENSOR)
        u, v = (torch.randn(size, generator=generator, **TENSOR) for _ in range(2))
    au, va = a_inv @ u, v @ a_inv
    expected, got = a_inv - torch.outer(au, va) / (1 + v @ au), a_inv - torch.outer(au, va)
    texts = readable_pair(expected, got)
    arguments = {"A_inv": a_inv, "u": u, "v": v}
    example = Counterexample(
        id="3f9a2c11d0",
        function="sherman_morrison",
        arguments={name: readable(value) for name, value in arguments.items()},
        expected=texts[0],
        got=texts[1],
        where=f"entry [0, 0]: {got[0, 0]:.6g} instead of {expected[0, 0]:.6g}",
        plot=plot_data(expected, got, arguments),
    )
    failed = prop(
        "identity", IDENTITY, passed=False, message="(A + u vᵀ) X differs from the identity.", counterexample=example
    )
    hidden = prop(
        "large", "The update stays accurate for large u.", passed=False, public=False, counterexample=secret_example()
    )
    return exercise(
        "sherman_morrison",
        Verdict.WRONG,
        0.0,
        f"Not right yet: {IDENTITY}",
        properties=[failed, hidden, *held()[1:]],
        misconception=Misconception(
            name="forgets_the_denominator",
            hint="The correction is divided by 1 + vᵀ A⁻¹ u. Where does it come from in (A + u vᵀ) X = I?",
        ),
    )


def wrong_curve() -> ExerciseResult:
    y = torch.linspace(-4, 4, 33, **TENSOR)
    expected, got = torch.tanh(y) * 1.5, torch.tanh(y) * 1.5 + 0.5 * torch.exp(-(y**2))
    texts = readable_pair(expected, got)
    example = Counterexample(
        id="77aa",
        function="tweedie_posterior_mean",
        arguments={
            "y": readable(y),
            "sigma": "0.5",
            "log_density": "GaussianMixtureLogDensity(log_weights=[0, 0], means=[[-1], [1]], …)",
        },
        expected=texts[0],
        got=texts[1],
        where="entry [0]: -1.499 instead of -1.4991",
        plot=plot_data(expected, got, {"y": y}),
    )
    failed = prop(
        "linear",
        "For a Gaussian prior the posterior mean is linear in y.",
        passed=False,
        counterexample=example,
        message="The mean bends near y = 0.",
    )
    untried = [prop("vmap", "The answer for a batch is the batch of answers.", passed=False, tried=False)]
    return exercise(
        "tweedie_posterior_mean",
        Verdict.WRONG,
        1.25,
        "Not right yet: the mean bends near y = 0.",
        properties=[failed, *held(), *untried],
    )


def secret_example() -> Counterexample:
    return Counterexample(
        id="00secret00",
        function="sherman_morrison",
        arguments={"A_inv": f"[[{SECRET}]]", "u": f"[{SECRET}]"},
        expected=f"[[{SECRET}]]",
        got=f"[[{SECRET}, 0]]",
        where=f"entry [0, 0]: {SECRET} instead of 0",
        plot={"kind": "heatmap", "values": [[float(SECRET), 0.0], [0.0, 1.0]]},
    )


def raising(line: str, text: str) -> ExerciseResult:
    example = Counterexample(
        id="e1", function="sherman_morrison", arguments={"A_inv": "empty(0, 0)", "u": "empty(0)", "v": "empty(0)"}
    )
    failed = prop(
        "zero_size",
        "A 0×0 matrix gives a 0×0 matrix.",
        passed=False,
        message=f"raises RuntimeError: {text}",
        counterexample=example,
    )
    return exercise(
        "sherman_morrison",
        Verdict.ERROR,
        1.5,
        f"Stops with an error: raises RuntimeError: {text}.",
        properties=[failed, *held()],
        student_line=f"cell 3, line 2: {line}",
    )


def stopped(verdict: Verdict, reason: str) -> ExerciseResult:
    example = Counterexample(id="t1", function="relu_gaussian_moments", arguments={"mean": "[0, 1e4]", "std": "1.0"})
    failed = prop(
        "value", "Mean and variance agree with the closed form.", passed=False, message=reason, counterexample=example
    )
    untried = [
        prop(f"p{i}", sentence, passed=False, tried=False)
        for i, sentence in enumerate(("The tails are accurate.", "The variance is positive."))
    ]
    return exercise("relu_gaussian_moments", verdict, 0.0, f"{reason}.", properties=[failed, *untried])


def submission(student: str, *exercises: ExerciseResult, notes: tuple[str, ...] = ()) -> SubmissionResult:
    names = list(TITLES)
    rest = [right(name) for name in names if name not in {e.name for e in exercises}]
    everything = sorted([*exercises, *rest], key=lambda e: names.index(e.name))
    scores = [e.score for e in everything]
    total = None if None in scores else math.fsum(s for s in scores if s is not None)
    return SubmissionResult(
        path=f"submitted/{student}/submission.ipynb",
        student=student,
        score=total,
        points=9.0,
        exercises=everything,
        notes=list(notes),
    )


def hidden_failure() -> ExerciseResult:
    failed = prop(
        "secret",
        "The answer is accurate when 1 + vᵀ A⁻¹ u is small.",
        passed=False,
        public=False,
        message=f"wrong for [[{SECRET}]]",
        counterexample=secret_example(),
    )
    return exercise(
        "sherman_morrison", Verdict.WRONG, 2.0, f"Not right yet: wrong for [[{SECRET}]].", properties=[*held(), failed]
    )


def huge() -> ExerciseResult:
    text = "ä<&" * 20_000
    example = Counterexample(
        id=text,
        function=text,
        arguments={f"{text}{i}": text for i in range(50)},
        expected=text,
        got=text,
        where=text,
        plot={"kind": "heatmap", "values": [[1.0] * 24] * 24},
    )
    failed = [prop(f"p{i}", text, passed=False, message=text, counterexample=example) for i in range(40)]
    return exercise(
        "relu_gaussian_moments",
        Verdict.WRONG,
        0.0,
        text,
        properties=failed,
        student_line=text,
        misconception=Misconception(name=text, hint=text),
    )


def sample_report() -> Report:
    faulty = exercise(
        "tweedie_posterior_mean",
        Verdict.FAULT,
        None,
        "the reference needs the package scipy, which is not installed",
        properties=[],
    )
    missing = exercise(
        "relu_gaussian_moments",
        Verdict.MISSING,
        0.0,
        "The submission has no function relu_gaussian_moments.",
        properties=[],
    )
    rule = exercise("sherman_morrison", Verdict.RULE, 0.0, "Breaks a rule of this exercise: uses torch.linalg.inv.")
    return Report(
        schema=1,
        seed=20250131,
        sandbox="full",
        device="cpu",
        versions={"autograder": "0.1", "torch": "2.13", "python": "3.11"},
        submissions=[
            submission("zoe_brandt"),
            submission(
                "Ada Lovelace",
                wrong_matrix(),
                wrong_curve(),
                notes=("Skipped __MACOSX: not a submission.", "cell 7 was neutralised: %matplotlib inline."),
            ),
            submission("bob", raising(f"return {SCRIPT}", SCRIPT)),
            submission("carla", stopped(Verdict.TIMEOUT, "One call took longer than 5 s, twice")),
            submission("dmitri", stopped(Verdict.MEMORY, "One call needed more than 1 GB")),
            submission("eve", missing),
            submission("farid", rule),
            submission("grace", faulty),
            submission("heidi", hidden_failure()),
            submission("ivan", huge()),
            submission("Ñandú 你好 👩‍🔬\u202e\x1b[31m", wrong_matrix(40)),
            submission("../../etc/<b>passwd</b>", wrong_matrix(6)),
        ],
    )
