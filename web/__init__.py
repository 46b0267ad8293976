"""The portal over HTTP, its mail and its command line."""
