"""What every request passes, outermost first as `web/app.py` lists it."""
