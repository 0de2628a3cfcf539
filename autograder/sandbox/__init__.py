"""The wall: an untrusted worker runs the student's code; only plain data crosses."""
