"""The gateway as a process of few file descriptors: ``python -m tests.gateway.faults.limited NUMBER``."""

import resource
import sys

from backend.serve import main

if __name__ == "__main__":
    number = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, number))
    sys.exit(main(["gateway"]))
