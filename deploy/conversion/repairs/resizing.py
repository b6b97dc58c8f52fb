"""Resizing that Paddle-Lite has no kernel for, or computes with another ratio."""

from typing import TYPE_CHECKING

from ppghost.deploy.conversion.repairs.graph import Graph
from ppghost.deploy.conversion.repairs.replacement import Replacement, rewrite

if TYPE_CHECKING:
    import numpy as np


def resize_to_matmul(graph: Graph) -> list[str]:
    """Make bicubic, and linear resizing by a fraction that leaves a rest, a product for each axis.

    Resizing is linear in rows and in columns: the result is R @ x @ C for two constant matrices.
    Paddle-Lite has no bicubic kernel, and computes the ratio of the others from the sizes, where
    Paddle takes the factor that was asked for.
    """
    replaced = []
    for kind in ("linear_interp_v2", "bilinear_interp_v2", "bicubic_interp_v2"):
        replaced += rewrite(graph, kind, _resize)
    return replaced


def linear_to_bilinear(graph: Graph) -> list[str]:
    """Make every `linear_interp_v2` a `bilinear_interp_v2` of images of one row."""

    def build(r: Replacement) -> str | None:
        batch, channels, length = r.shape(r.x)
        width = r.shape(r.out)[2]
        if r.attribute("data_layout", "NCHW") != "NCHW" or min(channels, length, width) < 1:
            return None
        image = r.reshape(r.x, [batch, channels, 1, length])
        wide = r.add(
            "bilinear_interp_v2", {"X": image}, [batch, channels, 1, width],
            out_h=1, out_w=width, interp_method="bilinear", data_layout="NCHW",
            align_corners=r.attribute("align_corners", True),
            align_mode=r.attribute("align_mode", 1),
        )  # fmt: skip
        return r.reshape(wide, [batch, channels, width])

    return rewrite(graph, "linear_interp_v2", build)


def affine_grid_to_matmul(graph: Graph) -> list[str]:
    """Make every `affine_grid` of known size a product of the plain grid with the matrices."""
    import numpy as np

    def build(r: Replacement) -> str | None:
        sizes = r.attribute("output_shape", [])
        if len(sizes) != 4 or min(sizes[2:]) < 1:
            return None
        height, width = sizes[2:]
        shrink = (lambda n: 1.0) if r.attribute("align_corners", True) else lambda n: (n - 1) / n
        y, x = (np.linspace(-1, 1, size) * shrink(size) for size in (height, width))
        places = [np.tile(x, height), np.repeat(y, width), np.ones(height * width)]
        grid = r.constant(np.stack(places, 1).astype(np.float32))
        batch = r.shape(r.input("Theta"))[0]
        points = r.add(
            "matmul_v2", {"X": grid, "Y": r.input("Theta")}, [batch, height * width, 2],
            trans_x=False, trans_y=True,
        )  # fmt: skip
        return r.reshape(points, [batch, height, width, 2])

    return rewrite(graph, "affine_grid", build, reads=("Theta",))


def _resize(r: Replacement) -> str | None:

    before, after = r.shape(r.x), r.shape(r.out)
    sizes = [*zip(before[2:], after[2:], strict=True)]
    factors = r.attribute("scale", []) or [0.0] * len(sizes)
    if r.attribute("data_layout", "NCHW") != "NCHW" or min(*before[1:], *after[1:]) < 1:
        return None
    if len(factors) != len(sizes):
        return None
    cubic = r.op.type.startswith("bicubic")
    corners = r.attribute("align_corners", True)
    exact = all(
        factor <= 0 or abs(old * factor - new) < 1e-6
        for (old, new), factor in zip(sizes, factors, strict=True)
    )
    if not cubic and (exact or corners):
        return None
    half = cubic or r.attribute("align_mode", 1) == 0
    matrices = [
        resize_matrix(old, new, factor, corners=corners, half_pixel=half, cubic=cubic)
        for (old, new), factor in zip(sizes, factors, strict=True)
    ]
    result = _multiply_last_axis(r, r.x, [*before[:-1], after[-1]], matrices[-1])
    if len(sizes) == 1:
        return result
    turned = r.transpose(result, [0, 1, 3, 2])
    result = _multiply_last_axis(r, turned, [*before[:2], after[3], after[2]], matrices[0])
    return r.transpose(result, [0, 1, 3, 2])


def _multiply_last_axis(r: Replacement, x: str, shape: list[int], matrix: "np.ndarray") -> str:
    import numpy as np

    weights = r.constant(np.ascontiguousarray(matrix.T))
    return r.add("matmul_v2", {"X": x, "Y": weights}, shape, trans_x=False, trans_y=False)


def resize_matrix(
    before: int, after: int, factor: float, *, corners: bool, half_pixel: bool, cubic: bool
) -> "np.ndarray":
    """[after, before]: how much of each old row goes into each new one, as Paddle counts.

    Args:
        before: number of old rows.
        after: number of new rows.
        factor: by which it was asked to grow; 0 if by its size.
        corners: the outer rows fall on each other.
        half_pixel: positions are the rows' middles.
        cubic: Keys's cubic with -0.75 over four rows; else linear over two.
    """
    import numpy as np

    if corners:
        ratio = (before - 1) / (after - 1) if after > 1 else 0.0
    else:
        ratio = 1 / factor if factor > 0 else before / after
    matrix = np.zeros((after, before))
    for row in range(after):
        position = ratio * (row + 0.5) - 0.5 if half_pixel and not corners else ratio * row
        if not cubic:
            position = max(position, 0.0)
        start = int(np.floor(position))
        rest = position - start
        weights = _cubic(rest) if cubic else [(0, 1 - rest), (1, rest)]
        for offset, weight in weights:
            matrix[row, min(max(start + offset, 0), before - 1)] += weight
    return matrix.astype(np.float32)


def _cubic(rest: float) -> list[tuple[int, float]]:
    """Weights of the rows from one before to two behind a position."""
    a = -0.75

    def near(x: float) -> float:
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x: float) -> float:
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return [(-1, far(rest + 1)), (0, near(rest)), (1, near(1 - rest)), (2, far(2 - rest))]
