"""A container's check of its health: every address that is given answers with success within three seconds.

    answers.py http://127.0.0.1:8000/health ...

Exit: 0 all do, 1 one does not, and which. A file, not a line of code: some engines (podman) take its words apart.
"""

import sys
import urllib.request

for address in sys.argv[1:]:
    try:
        urllib.request.urlopen(address, timeout=3).close()  # noqa: S310 - the addresses are the image's own
    except OSError as no:
        sys.exit(f"{address}: {no}")
