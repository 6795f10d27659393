"""What the rooms of work are told when they open, together."""

from backend.catalog_config import CatalogConfig
from backend.election_room import ElectionConfig
from backend.slo_room import SloConfig

__all__ = ["CatalogConfig", "ElectionConfig", "SloConfig"]
