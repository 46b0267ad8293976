"""Tools for people who build and test the portal; never loaded in production."""
