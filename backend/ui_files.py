"""The dashboard's files: hashed assets for ever, the page uncached and with a fresh nonce, deep links to the page."""

import secrets
from mimetypes import guess_type
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

from backend.errors import NoSuchRoute
from backend.headers import page_csp

NONCE: Final = "__CSP_NONCE__"
FOLDER: Final = Path(__file__).with_name("ui")
_FOREVER: Final = "public, max-age=31536000, immutable"
_ENCODINGS: Final = (("br", ".br"), ("gzip", ".gz"))
_MISSING: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Cluster AI</title></head>
<body><h1>The dashboard is not built</h1>
<p>The API works. To build the dashboard, run <code>./manager.sh start</code>, or
<code>npm ci &amp;&amp; npm run build</code> in <code>web-dashboard</code>, then load this page again.</p></body></html>
"""


class UiFiles:
    """Serves a folder that Vite built. Looks at the disk each time: a build shows without a restart."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder.resolve()

    def answer(self, request: Request, path: str) -> Response:
        """The file at ``path``, or the page for what looks like a link into it.

        Raises:
            NoSuchRoute: below ``/api``, or a file that is not there.
        """
        first = path.partition("/")[0]
        if first in {"api", "-"}:
            raise NoSuchRoute("there is no such path", hint="see docs/reference/api.md")
        if path and (file := self._inside(path)) is not None:
            return self._file(request, file, forever=first == "assets")
        if first == "assets" or "." in path.rpartition("/")[2]:
            raise NoSuchRoute("there is no such file")
        return self._page()

    def _inside(self, path: str) -> Path | None:
        if "\x00" in path or len(path) > 1000:  # noqa: PLR2004 - longer than any file of a build
            return None
        file = (self._folder / path).resolve()
        # Resolved first: neither dots nor a link lead out of the folder. The page itself goes through its own door.
        within = file.is_relative_to(self._folder) and file.name != "index.html"
        return file if within and file.is_file() else None

    def _page(self) -> Response:
        try:
            text = (self._folder / "index.html").read_text(encoding="utf-8")
        except FileNotFoundError:
            return HTMLResponse(_MISSING, 503, headers={"Cache-Control": "no-store"})
        nonce = secrets.token_urlsafe(16)
        headers = {"Cache-Control": "no-cache", "Content-Security-Policy": page_csp(nonce)}
        return HTMLResponse(text.replace(NONCE, nonce), headers=headers)

    @staticmethod
    def _file(request: Request, file: Path, *, forever: bool) -> Response:
        headers = {"Cache-Control": _FOREVER if forever else "no-cache", "Vary": "Accept-Encoding"}
        accepted = {part.partition(";")[0].strip() for part in request.headers.get("accept-encoding", "").split(",")}
        kind = guess_type(file.name)[0] or "application/octet-stream"
        for encoding, suffix in _ENCODINGS:
            packed = file.with_name(file.name + suffix)
            if encoding in accepted and packed.is_file():
                return FileResponse(packed, media_type=kind, headers=headers | {"Content-Encoding": encoding})
        return FileResponse(file, media_type=kind, headers=headers)
