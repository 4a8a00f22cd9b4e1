"""Benchmarks: ours and a peer in turn, in one run; `python -m benchmarks [NAME…]` writes RESULTS.md."""
