"""Kernel profile of the book, found through IPYTHONDIR.

TensorFlow writes native log lines to file descriptor 2 whatever its log level. With descriptor capture
off they stay in the terminal; what Python itself writes to stderr is still stored and compared.
"""

import os

c = get_config()  # noqa: F821 - IPython defines it when it reads this file
c.IPKernelApp.capture_fd_output = False

# Progress bars are for people; stored outputs hold none.
os.environ.setdefault("TQDM_DISABLE", "1")
