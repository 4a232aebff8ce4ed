"""The demonstration: a real store, a real receiver and real workers in processes of their own, one of them killed.

The receiver's own log is the ground truth: what is counted at the end is what arrived there, not what mainspring says
of itself.
"""
