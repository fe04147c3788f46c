"""Pre-train mini-bert: text, the teacher's targets, the student, its training, what is written in the end."""
