"""What checks an answer: trials, comparison, known mistakes."""
