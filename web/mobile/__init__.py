"""What the app MittPreZero talks to: its login, its API, and the way back to it."""
