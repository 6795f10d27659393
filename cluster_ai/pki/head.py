"""The head's own certificate: made at the first start, renewed in time, made anew when the head gets other names."""

import time
from collections.abc import Iterable

from cryptography import x509

from cluster_ai.core.ids import new_id
from cluster_ai.pki.authority import Authority, open_authority
from cluster_ai.pki.requests import key_pem, new_key, request_for
from cluster_ai.pki.store import Store
from cluster_ai.pki.types import HEAD_HOST, HeadFiles, Identity, NoCertificate, PeerRole


def ensure_head(files: HeadFiles, *, now: float | None = None, renew: bool = False) -> Authority:
    """The authority; the head has a certificate of it afterwards that is good for a while. Blocks.

    ``renew``: a new one, however good the old one is.

    Raises:
        NoCertificate: what lies in the folders is damaged.
    """
    now = time.time() if now is None else now
    authority = open_authority(files.authority, now=now, cluster_id=new_id(), name=files.cluster)
    store = Store(files.store)
    if renew or not _is_good(store, authority, files.names, now):
        key = new_key()
        identity = Identity(PeerRole.HEAD, authority.cluster_id)
        request = request_for(key, HEAD_HOST)
        signed = authority.sign(request, identity, now=now, days=files.days, names=files.names)
        store.put_authority(authority.pem)
        store.put(key=key_pem(key), certificate=signed.pem)
    if not store.revoked.is_file():
        store.put_revoked(authority.revocation_list((), now=now, number=0))
    return authority


def _is_good(store: Store, authority: Authority, names: Iterable[str], now: float) -> bool:
    try:
        found = store.found()
    except NoCertificate:
        return False
    if store.life().wants_renewal(now) or store.authority.read_text(encoding="ascii").strip() != authority.pem.strip():
        return False
    said = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    known = {str(one.value) for one in said}
    return set(names) <= known
