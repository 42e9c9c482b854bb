"""`python -m pipeline`: the command line of this very interpreter, for a process that starts another one."""

import sys

from pipeline.cli import main

if __name__ == "__main__":
    # The name that a run's records keep.
    sys.argv[0] = "lockgate"
    main(prog_name="lockgate")
