"""Privacy: which data are sensitive."""
