"""The course: grading.yml and what follows from it."""
