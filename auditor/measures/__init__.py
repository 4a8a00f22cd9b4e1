"""One file is one measure; see `auditor.measure` for what a measure is."""
