"""A tiny course that can be built: one exercise, one written question, one experiment."""

from __future__ import annotations

from pathlib import Path

from course_factory import GRADING, make_course

WARM_UP = """\
## Twice

Twice a vector is the vector added to itself.

::::{exercise} double
Return $2x$ for a vector $x$.

:::{hidden}
two times x, entry by entry, is the whole result
:::
::::

```{code-cell} ipython3
:tags: [experiment]

print("doubled:", double(torch.tensor([1.0, 2.0])).tolist())
```
"""

QUESTION = """\
::::{written} why_odd
Why is doubling odd?

:::{rubric}
- 1 point: says that it is linear, and that every linear map is odd.
:::
::::
"""

POLICY = GRADING.replace("exercises: {double: 10}", "exercises: {double: 10}, written: {why_odd: 2}")


def make_assignment(folder: Path, warm_up: str = WARM_UP, question: str = QUESTION, policy: str = POLICY) -> Path:
    """The course of course_factory with a text for its set ``ps``; the path of its grading.yml."""
    path = make_course(folder)
    path.write_text(policy)
    text = folder / "assignments" / "ps"
    text.mkdir(parents=True, exist_ok=True)
    (text / "00_warm_up.md").write_text(warm_up)
    (text / "10_question.md").write_text(question)
    return path
