"""What the compiled kernels must compute, in plain Python."""
