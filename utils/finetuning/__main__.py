"""Run the command line: `python -m utils.finetuning train | evaluate | predict`."""

import atexit
import contextlib
import os
import sys

from utils.finetuning.command import main

if __name__ == "__main__":
    status = main()
    # Everything is written. TensorFlow's threads and graphs would take seconds to be taken apart, after Ctrl-C too, so
    # only what is registered for the end is done (temporary folders go), and the process ends.
    atexit._run_exitfuncs()
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)
