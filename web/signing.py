"""Signs what travels through the browser and needs no row, each purpose with a salt of its own."""

from __future__ import annotations

import hashlib

from itsdangerous import TimestampSigner, URLSafeTimedSerializer

from models import clock, keys


class _Signer(TimestampSigner):
    """By the portal's clock, as everything else."""

    def get_timestamp(self) -> int:
        return clock.seconds()


def signer(purpose: str) -> URLSafeTimedSerializer:
    # itsdangerous alone would take SHA-1 (ASVS 11.4.1).
    how = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    return URLSafeTimedSerializer(keys.signing(), salt=purpose, signer=_Signer, signer_kwargs=how)
