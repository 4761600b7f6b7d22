"""Which GPUs the library holds code for, by its own word: a Hopper GPU without Hopper's kernels fails here, before anything is measured on others.

    python3 test/gpu/code.py LIBRARY
"""

import sys

from backend import Backend
from report import say


def main():
    b = Backend(sys.argv[1])
    words, complete = b.code()
    say("code in the library", "PASS" if complete else "FAIL", words)
    b.close()
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
