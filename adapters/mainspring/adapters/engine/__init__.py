"""The shell that turns due schedules and tasks into runs; it knows ports only."""
