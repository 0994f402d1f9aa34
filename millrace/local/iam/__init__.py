"""Who may do what in the embedded AWS: the evaluator decides, the gate asks it for every request."""
