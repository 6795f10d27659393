"""What the rooms of work are told when they open, together."""

from backend.catalog_config import CatalogConfig
from backend.notify_room import NotifyConfig

__all__ = ["CatalogConfig", "NotifyConfig"]
