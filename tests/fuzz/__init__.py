"""Random programs over the public surface, held against PyTorch in double precision.

    python -m tests.fuzz [--seconds S] [--graphs N] [--seed K] [--mode all|array|scalar|float32]

`rows_*` say how each op and function is called, on what, and by which name `reference` knows it;
`grow` makes a program from a seed; `truth` and `compare` run it on both engines; `minimise` drops
what a mismatch does not need; `run` counts.
"""
