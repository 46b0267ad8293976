"""Workers that run in the lifespan of the server."""
