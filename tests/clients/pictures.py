"""Small pictures of digits, drawn from seven strokes as on a pocket calculator, moved about and with noise."""

import torch

SEGMENTS = {
    "top": (slice(4, 6), slice(9, 19)), "middle": (slice(13, 15), slice(9, 19)),
    "bottom": (slice(22, 24), slice(9, 19)), "upper left": (slice(4, 14), slice(8, 10)),
    "upper right": (slice(4, 14), slice(18, 20)), "lower left": (slice(14, 24), slice(8, 10)),
    "lower right": (slice(14, 24), slice(18, 20)),
}  # fmt: skip
ORDER = list(SEGMENTS)
LIT = [
    (0, 2, 3, 4, 5, 6), (4, 6), (0, 1, 2, 4, 5), (0, 1, 2, 4, 6), (1, 3, 4, 6),
    (0, 1, 2, 3, 6), (0, 1, 2, 3, 5, 6), (0, 4, 6), (0, 1, 2, 3, 4, 5, 6), (0, 1, 2, 3, 4, 6),
]  # fmt: skip


def digits(count, generator):
    """``count`` pictures (count, 1, 28, 28) with values in about [0, 1], and what they show."""
    labels = torch.randint(0, 10, (count,), generator=generator)
    shifts = torch.randint(-3, 4, (count, 2), generator=generator)
    images = torch.zeros(count, 1, 28, 28)
    for i, label in enumerate(labels.tolist()):
        for stroke in LIT[label]:
            rows, columns = SEGMENTS[ORDER[stroke]]
            images[i, 0, rows, columns] = 1.0
        images[i] = images[i].roll(tuple(shifts[i].tolist()), (1, 2))
    noise = torch.rand(images.shape, generator=generator)
    return (images * 0.8 + noise * 0.2), labels
