"""One page about a project as a program: what its start costs, what it weighs, what is in it, what it was and costs."""
