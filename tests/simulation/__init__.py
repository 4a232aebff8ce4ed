"""The simulator itself, its checkers, and the bugs that are planted to prove them."""
