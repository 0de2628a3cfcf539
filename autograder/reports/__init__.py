"""What a teacher reads: the class table."""
