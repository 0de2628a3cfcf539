"""One exercise under the microscope: what its properties say to answers whose verdict is known."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence

from autograder.course.config import ExercisePolicy, Limits
from autograder.grading.batch import Batch, KeyOf, Task
from autograder.grading.child import Settings
from autograder.grading.store import VerdictStore
from autograder.grading.verdict import ExerciseResult, Verdict
from autograder.sandbox.zygote import Zygote
from autograder.testing.bank import Bank, Entry
from autograder.verify.known import Known, known_answers, mutants, reference_text
from autograder.verify.mutants import breaks_contract
from autograder.verify.observe import Draws, draws_of, ratio_of

SEEDS = (1, 2, 3, 4, 5)
"""Of the reference; the other known answers are graded under the first of them."""
OWN_SHARE = 0.8
"""What the hand-written properties alone must kill of the mutants that are not equivalent."""

Finding = tuple[Known, ExerciseResult]
Progress = Callable[[int], None]


@dataclasses.dataclass
class Audit:
    """What was found about one exercise. problems: sentences; none means that the exercise is verified."""

    entry: Entry
    references: list[ExerciseResult] = dataclasses.field(default_factory=list)
    alternatives: list[Finding] = dataclasses.field(default_factory=list)
    misconceptions: list[Finding] = dataclasses.field(default_factory=list)
    mutants: list[Finding] = dataclasses.field(default_factory=list)
    draws: Draws = dataclasses.field(default_factory=Draws)
    right_ratio: float = 0.0
    wrong_ratio: float = float("inf")

    @property
    def counted(self) -> list[Finding]:
        """The mutants that are not declared equivalent."""
        return [found for found in self.mutants if found[0].name not in self.entry.equivalent]

    @property
    def survivors(self) -> list[Known]:
        """Mutants that no property kills and nobody declared equivalent."""
        return [known for known, result in self.counted if result.verdict is Verdict.RIGHT]

    def killed_by(self, names: Iterable[str], among: Sequence[Finding] | None = None) -> int:
        """How many mutants (of all that count, or ``among`` some) at least one of these properties kills."""
        chosen = set(names)
        return sum(
            any(not p.passed and p.tried and p.name in chosen for p in result.properties)
            or (not result.properties and result.verdict is not Verdict.RIGHT)  # the mutant cannot even be loaded
            for _, result in (self.counted if among is None else among)
        )

    @property
    def own(self) -> list[str]:
        """The names of the hand-written properties."""
        return [declared.name for declared in self.entry.own]

    @property
    def own_share(self) -> float:
        """The share of mutants that the hand-written properties alone kill.

        Arguments changed in place and dtypes lost are left to the contract, which needs no reference and nobody writes.
        """
        of_formula = [found for found in self.counted if not breaks_contract(found[0].mutant)]
        return self.killed_by(self.own, of_formula) / len(of_formula) if of_formula else 1.0

    @property
    def problems(self) -> list[str]:
        """Why the exercise is not verified."""
        found = [f"the reference is {r.verdict}: {r.reason}" for r in self.references if r.verdict is not Verdict.RIGHT]
        found += [
            f"the right answer {known.name} is {result.verdict}: {result.reason}"
            for known, result in self.alternatives
            if result.verdict is not Verdict.RIGHT
        ]
        for known, result in self.misconceptions:
            diagnosed = result.misconception.name if result.misconception else "nothing"
            if result.verdict is Verdict.RIGHT:
                found.append(f"the misconception {known.name} is accepted")
            elif result.verdict is Verdict.FAULT:
                found.append(f"the misconception {known.name} is a fault: {result.reason}")
            elif diagnosed != known.name:
                found.append(f"the misconception {known.name} is diagnosed as {diagnosed}")
        found += [f"a mutant survives: {known.name}" for known in self.survivors]
        found += [f"a mutant is a fault: {k.name}: {r.reason}" for k, r in self.mutants if r.verdict is Verdict.FAULT]
        names = {known.name for known, _ in self.mutants}
        found += [
            f"no mutant is named {name!r}: remove its declaration"
            for name in self.entry.equivalent
            if name not in names
        ]
        found += [
            f"the erratum of {erratum.place} has no answer that computes what is printed; say in no_code why"
            for erratum in self.entry.errata
            if erratum.kind == "error" and not erratum.answers and not erratum.no_code
        ]
        if not self.alternatives:
            found.append("it has no right alternative")
        if len(self.entry.own) < 4:
            found.append(f"it has {len(self.entry.own)} hand-written properties; four are the least")
        if self.own_share < OWN_SHARE and not self.entry.record.mutants_note:
            found.append(
                f"its hand-written properties alone kill {self.own_share:.0%} of the mutants, not {OWN_SHARE:.0%}"
            )
        return found


class Auditor:
    """Grades known answers with the real engine. ``key_for`` makes the keys of a run with given settings."""

    def __init__(
        self,
        bank: Bank,
        zygote: Zygote,
        store: VerdictStore | None,
        limits: Limits,
        key_for: Callable[[Settings], KeyOf],
        jobs: int,
    ) -> None:
        self.bank, self.zygote, self.store, self.limits, self.jobs = bank, zygote, store, limits, jobs
        self.key_for = key_for

    def audit(self, names: Sequence[str], progress: Progress = lambda done: None) -> list[Audit]:
        """Every exercise of ``names``. ``progress`` is told how many known answers were graded."""
        audits = {name: Audit(self.bank[name]) for name in names}
        texts = {name: reference_text(self.bank[name]) for name in names}
        known = {name: list(known_answers(self.bank[name], texts[name])) for name in names}
        for seed in SEEDS:
            chosen = [k for answers in known.values() for k in answers if k.kind == "reference" or seed == SEEDS[0]]
            for answer, result in self._grade(chosen, Settings(self.limits, seed), progress):
                self._file(audits[answer.exercise], answer, result)
        changed = [mutant for name in names for mutant in mutants(self.bank[name], texts[name])]
        for answer, result in self._grade(changed, Settings(self.limits, SEEDS[0], shrink=False), progress):
            audits[answer.exercise].mutants.append((answer, result))
        for audit in audits.values():
            self._measure(audit)
        return list(audits.values())

    def count(self, names: Sequence[str]) -> int:
        """How many known answers there are to grade."""
        total = 0
        for name in names:
            text = reference_text(self.bank[name])
            total += len(SEEDS) - 1 + len(list(known_answers(self.bank[name], text)))
            total += len(list(mutants(self.bank[name], text)))
        return total

    def _grade(self, answers: Sequence[Known], settings: Settings, progress: Progress) -> list[Finding]:
        batch = Batch(self.bank, self.zygote, self.store, settings, self.key_for(settings), self.jobs)
        tasks = [Task(answer.submission, {answer.exercise: ExercisePolicy(1.0)}) for answer in answers]
        results = batch.grade(tasks, lambda submission, done: progress(done))
        return [(answer, result.exercises[0]) for answer, result in zip(answers, results, strict=True)]

    @staticmethod
    def _file(audit: Audit, answer: Known, result: ExerciseResult) -> None:
        if answer.kind == "reference":
            audit.references.append(result)
        else:
            (audit.alternatives if answer.kind == "alternative" else audit.misconceptions).append((answer, result))

    def _measure(self, audit: Audit) -> None:
        entry, examples = audit.entry, self.limits.examples
        audit.draws = draws_of(entry, SEEDS[0], examples)
        of_value = {
            known.name
            for known, result in audit.misconceptions
            if any(p.gate and not p.passed for p in result.properties)
        }
        for known in entry.known:
            ratio = ratio_of(entry, {known.function: known.answer}, SEEDS[0], examples)
            if known.right:
                audit.right_ratio = max(audit.right_ratio, ratio)
            elif known.name in of_value:
                audit.wrong_ratio = min(audit.wrong_ratio, ratio)
