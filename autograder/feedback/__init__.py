"""What a student reads: text for the terminal, a self-contained page, small plots."""
