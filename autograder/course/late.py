"""What late work costs."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class LateRule:
    """The rule of grading.yml. grace_minutes: so late is not late.  late_days: free days over the whole course.

    percent_per_day: of the score, for every further day begun.  max_percent: of the score, at most.
    """

    grace_minutes: float = 0.0
    late_days: float = 0.0
    percent_per_day: float = 0.0
    max_percent: float = 100.0
