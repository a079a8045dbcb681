"""A short text to learn from."""

TEXT = """
the sum of the parts is the whole and the whole is more than the sum of the parts
the slope of the line tells how the line will move when the point moves a little
a small step down the slope and the loss is a little smaller than it was before
step after step the weights move and the line bends until it fits the points
""".strip()
