"""What runs inside the sandbox: torch, msgspec, and these files. Nothing here may import the rest of the project."""
