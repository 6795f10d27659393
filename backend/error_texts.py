"""Writes what errors say and settings mean for the dashboard: ``python -m backend.error_texts``.

English is left out: there the API's own words are shown, which are finer.
"""

import json
from pathlib import Path
from typing import Final

from cluster_ai.core.i18n import LANGS, texts
from cluster_ai.core.sentences import DOMAIN

FOLDER: Final = Path(__file__).parent.parent / "web-dashboard/src/i18n"


def files() -> dict[Path, str]:
    """Each file and what must stand in it."""
    return {
        FOLDER / f"{domain}.{lang}.json": json.dumps(dict(texts(lang, domain)), ensure_ascii=False, indent=2) + "\n"
        for domain in (DOMAIN, "settings")
        for lang in LANGS
        if lang != "en"
    }


def main() -> None:
    for file, text in files().items():
        file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
