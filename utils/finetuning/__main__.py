"""Run the command line: `python -m utils.finetuning train | predict`."""

import sys

from utils.finetuning.command import main

if __name__ == "__main__":
    sys.exit(main())
