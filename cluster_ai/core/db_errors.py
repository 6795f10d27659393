"""What can be wrong with the database. Apart from it: who only has to understand an error need not carry SQL."""

from cluster_ai.core.errors import Conflict, Unavailable


class DatabaseUnavailable(Unavailable):
    """The database cannot be used at the moment; nothing was stored."""

    code = "database_unavailable"


class DatabaseFull(DatabaseUnavailable):
    """No space is left where the database lies; nothing was stored."""

    code = "database_full"


class DatabaseReadOnly(DatabaseUnavailable):
    """The database can be read and not written."""

    code = "database_read_only"


class DatabaseBroken(DatabaseUnavailable):
    """The disk failed while data was made durable: nobody knows what it holds, so this process must end."""

    code = "database_broken"


class Duplicate(Conflict):
    """What was to be stored is there already."""

    code = "duplicate"
