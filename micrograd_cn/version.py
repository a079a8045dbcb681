"""``torch.version``: which accelerators the library was built for. None."""

cuda = hip = xpu = None
