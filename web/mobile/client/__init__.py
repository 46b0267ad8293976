"""The reference client: what the app MittPreZero does, to be read and to be tried.

`protocol.py` is the protocol, `python -m web.mobile.client --help` tries it against a portal, and
`docs/app.md` tells all of it. This is code of the other side: nothing of the portal imports it.
"""
