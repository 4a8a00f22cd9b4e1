"""`python -m auditor` is `auditor`."""

import os
import sys

# `-m` puts the working folder, which may be the audited one, before the standard library: what lies in it is data, not modules.
if not sys.flags.safe_path and sys.path and sys.path[0] in {"", os.getcwd()}:  # noqa: PTH109  # as the interpreter writes it
    del sys.path[0]

from auditor.cli import main  # only now is the path clean

if __name__ == "__main__":
    main()
