"""The error tree. Every failure a person or program can meet has one class here or in its room.

``ClusterError``
 ├─ ``InvalidInput``       the caller sent something wrong; ``path`` says where
 ├─ ``NotFound``           the thing named does not exist
 ├─ ``Conflict``           it exists, but not in a state that allows this
 ├─ ``Unauthenticated``    nobody is signed in
 ├─ ``Forbidden``          somebody is, but may not
 ├─ ``Unsupported``        this build or this node cannot do it, and says so
 ├─ ``Unavailable``        a dependency is down; trying again may help
 └─ ``Misconfigured``      the settings must be mended before anything can start
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Final, Self

NONE: Final[Mapping[str, str]] = MappingProxyType({})


class ClusterError(Exception):
    """Base of every error of ours.

    ``code`` is stable and documented in ``docs/reference/errors.md``; ``message`` says what is wrong and
    ``hint`` what to do about it. ``values`` are what the code's sentence in other languages names
    (``locales/*/errors.toml``); ``about`` among them picks a finer sentence: ``not_found`` about a ``node``.
    """

    code: ClassVar[str] = "internal"

    def __init__(self, message: str, *, hint: str = "", values: Mapping[str, str] = NONE) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.values = values

    def coded(self, code: str) -> Self:
        """Itself under the code that another process gave it: there are finer codes than classes here.

        Without one (``""``) the code stays that of the class.
        """
        if code:
            vars(self)["code"] = code
        return self


class InvalidInput(ClusterError):
    """The caller sent something wrong. ``path`` is the field, dotted, or empty for the whole body."""

    code = "invalid_input"

    def __init__(self, message: str, *, path: str = "", hint: str = "", values: Mapping[str, str] = NONE) -> None:
        super().__init__(message, hint=hint, values=values)
        self.path = path


class NotFound(ClusterError):
    code = "not_found"


class Conflict(ClusterError):
    code = "conflict"


class Changed(Conflict):
    """It is not any more as the caller saw it (``If-Match``)."""

    code = "changed_meanwhile"


class Unauthenticated(ClusterError):
    code = "unauthenticated"


class Forbidden(ClusterError):
    code = "forbidden"


class Unsupported(ClusterError):
    code = "unsupported"


class Unavailable(ClusterError):
    """A dependency is down. ``retry_after`` is in seconds."""

    code = "unavailable"

    def __init__(
        self, message: str, *, hint: str = "", retry_after: float = 1.0, values: Mapping[str, str] = NONE
    ) -> None:
        super().__init__(message, hint=hint, values=values)
        self.retry_after = retry_after


class Misconfigured(ClusterError):
    code = "misconfigured"
