"""How connections of aiohttp end."""

import sys
from typing import Final

ENDS_WITH_ITS_SESSION: Final = sys.version_info < (3, 12, 8)
"""For ``TCPConnector(enable_cleanup_closed=...)``: a TLS connection that was let go of waits for the other side's last
word, and belongs to nobody meanwhile; a loop that ends then leaves it open. Where aiohttp has to, it ends these after
two seconds, and with the session. Newer Pythons do it themselves (CPython 118960), and aiohttp warns who asks for it.
"""
