"""What several tests build on: builders of values, strategies, and plain reference models."""
