"""Signs what travels through the browser and needs no row, each purpose with a salt of its own."""

from __future__ import annotations

import hashlib

from itsdangerous import URLSafeTimedSerializer

from models import keys


def signer(purpose: str) -> URLSafeTimedSerializer:
    # itsdangerous alone would take SHA-1 (ASVS 11.4.1).
    how = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    return URLSafeTimedSerializer(keys.signing(), salt=purpose, signer_kwargs=how)
