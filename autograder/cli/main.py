"""The command ``autograder`` (being written)."""


def main() -> None:
    """Run the command line."""
