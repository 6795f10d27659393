"""The texts of the command line. Read once: ``language.settle`` has run before any verb is imported."""

from typing import Final

from cluster_ai.core.i18n import Translate, pick, translator

t: Final[Translate] = translator(pick(), "cli")
