"""``cluster-ai``: the entry point. Imports nothing heavy; each verb brings its own needs."""

import sys
from collections.abc import Sequence

from cluster_ai.cli.language import UnknownLanguage, settle


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one verb; answers the exit code."""
    try:
        words = settle(list(sys.argv[1:] if argv is None else argv))
    except UnknownLanguage as exc:
        sys.stderr.write(f"--lang {exc}: en, pt-BR\n")
        return 2
    from cluster_ai.cli.root import run

    return run(words)


if __name__ == "__main__":
    sys.exit(main())
