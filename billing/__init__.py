"""What an account pays for and how much of it is used."""
