"""Chat: what a session says, how a turn of it goes, and where its history is kept."""
