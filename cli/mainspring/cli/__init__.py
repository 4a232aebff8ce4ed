"""The reference command line of mainspring."""
