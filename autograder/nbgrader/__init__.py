"""nbgrader's plug points: grading, late work, collecting, feedback, export; its commands and pages stay unchanged."""
