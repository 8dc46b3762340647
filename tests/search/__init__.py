"""Every way in which a few people can change each other's rights, tried out."""
