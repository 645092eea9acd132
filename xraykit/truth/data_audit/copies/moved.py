"""Films that lie on one another once one is cropped, moved, framed or turned by a few degrees.

They are copies, or films of one person. Compares pictures of 64 x 64 pixels; opens no film. A place in a picture is
(x, y), -1 to 1 from the first pixel to the last; a pose (2, 3) float32 leads from (x, y, 1) in one picture to (x, y)
in another.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from xraykit.datasets.reading.index import Progress

if TYPE_CHECKING:
    from scipy import sparse

SIDE = 64  # pixels of a picture's sides
FLAT = 8.0  # levels between the darkest and the brightest pixel of a row or column that is a frame
BLANK = 4.0  # levels of spread below which nothing of a picture can be found again
BLOCK = 256  # films, or pairs, at once
CELLS, EDGE = 16, 2  # cells of a sketch's sides; those at each edge that are left out: a moved film has nothing there
CLOSEST, ALIKE = 6, 0.75  # how many films a film is compared with closely, and the least correlation of their sketches
DOUBT = 1.0  # spreads of the difference at which a pixel counts a quarter: markers and frames belong to one film alone
PARTS, FEWEST = 4, 8  # parts of a picture's sides that are judged each by itself; how many must lie inside both films
STILL = np.eye(6, dtype=np.float32) / 6000  # of the Hessian's trace: what no edge holds stays where it is
UNMOVED = np.eye(3, dtype=np.float32)
SHRUNK, FAR = 0.3, 0.6  # area that one step may leave, and how far from no move a pose may be
OUTER = 3  # pixels at each edge that are not judged
# How likely pairs are looked at: by how much the pictures are reduced, how many steps a registration takes, and the
# least agreement after it of the middle part and of the lower quarter. One in two of alike films passes the first look,
# one in 20 the second; the 22 pairs of 3,000 chest films that passed all were looked at: one picture, or one person.
LOOKS = ((2, 2, 0.52, -1.0), (2, 10, 0.68, -1.0), (1, 6, 0.76, 0.60))


def pairs(small: np.ndarray, progress: Progress = lambda done, total: None) -> list[tuple[int, int]]:
    """Pairs of films by their places, the first below the second.

    Finds copies cropped by up to 15 % of a side, framed by up to 20 %, moved by up to 6 % or turned by up to 8 degrees
    (`python -m benchmarks copies`), and some films of one person who stood alike. What `progress` raises
    ends the comparison.

    Parameters
    ----------
    small : (N, 64, 64) uint8
        Whole films squeezed into squares.
    """
    bare = [_without_frame(picture) for picture in small.astype(np.float32)]
    lively = np.flatnonzero([picture.std() > BLANK for picture in bare])
    if len(lively) < 2:
        return []
    pictures = _details(np.stack([bare[place] for place in lively]))
    halves = _halved(pictures)
    sketches = _sketches(halves)
    likely, poses = _likely(sketches, progress)
    confirmed = []
    for start in range(0, len(likely), BLOCK):
        progress(len(lively) + start, len(lively) + len(likely))
        block = slice(start, start + BLOCK)
        confirmed += _confirmed(pictures, halves, likely[block], poses[block]).tolist()
    return sorted({(int(lively[min(pair)]), int(lively[max(pair)])) for pair in confirmed})


def _without_frame(picture: np.ndarray) -> np.ndarray:
    """What a frame of one grey surrounds, drawn as large as the picture (64, 64) float32 was; at least half of it."""
    from PIL import Image

    spans = []
    for axis in (0, 1):
        inside = np.flatnonzero(np.ptp(picture, axis=axis) > FLAT)
        span = (int(inside[0]), int(inside[-1]) + 1) if len(inside) else (0, 0)
        spans.append(span if span[1] - span[0] >= SIDE // 2 else (0, SIDE))
    (left, right), (top, bottom) = spans
    inside = Image.fromarray(picture[top:bottom, left:right])
    return np.asarray(inside.resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def _details(pictures: np.ndarray) -> np.ndarray:
    """Pictures without their broad shades, of spread 1: a copy may be brighter, or have another contrast."""
    from scipy import ndimage

    fine = pictures - ndimage.gaussian_filter(pictures, (0, 4, 4), mode="nearest")
    limit = 3 * fine.std(axis=(1, 2), keepdims=True)  # or a marker would be most of the spread
    fine = np.clip(fine, -limit, limit)
    return fine / np.maximum(fine.std(axis=(1, 2), keepdims=True), 1e-3)


def _halved(pictures: np.ndarray) -> np.ndarray:
    half = pictures.shape[1] // 2
    return pictures.reshape(len(pictures), half, 2, half, 2).mean(axis=(2, 4))


def _pose(scale: float, degrees: float = 0, right: float = 0, down: float = 0) -> np.ndarray:
    turn = np.deg2rad(degrees)
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    return np.array([[cos, -sin, right], [sin, cos, down]], np.float32)


# A registration finds its way from the nearest of these; the first is no move at all
POSES = np.stack(
    [
        _pose(1),
        *(_pose(1, degrees) for degrees in (-5, 5)),
        *(_pose(1, 0, x, y) for x in (-0.08, 0, 0.08) for y in (-0.08, 0, 0.08) if x or y),
        *(_pose(0.93, 0, x, y) for x in (-0.07, 0, 0.07) for y in (-0.07, 0, 0.07)),
        *(_pose(0.86, 0, x, y) for x in (-0.14, -0.07, 0, 0.07, 0.14) for y in (-0.14, -0.07, 0, 0.07, 0.14)),
    ]
)


@functools.cache
def _places(side: int) -> np.ndarray:
    """(x, y, 1) of every pixel of a square picture: (3, side * side) float32."""
    along = np.linspace(-1, 1, side, dtype=np.float32)
    y, x = np.meshgrid(along, along, indexing="ij")
    return np.stack([x.ravel(), y.ravel(), np.ones(side * side, np.float32)])


def _corners(places: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """The pixel left above each place (..., 2, n), by its number, and how far right and below of it the place lies."""
    pixels = np.clip((places + 1) * (side - 1) / 2, 0, side - 1 - 1e-3)
    first = pixels.astype(np.int32)
    return first[..., 1, :] * side + first[..., 0, :], pixels - first


def _sampled(pictures: np.ndarray, poses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each picture (B, n, n) as its pose (B, 2, 3) shows it, (B, n * n), and which pixels lie inside."""
    side = pictures.shape[1]
    places = poses @ _places(side)
    corner, beyond = _corners(places, side)
    right, below = beyond[:, 0], beyond[:, 1]
    flat = pictures.reshape(len(pictures), -1)
    upper, upper_right, lower, lower_right = (
        np.take_along_axis(flat, corner + step, axis=1) for step in (0, 1, side, side + 1)
    )
    above = upper + (upper_right - upper) * right
    return above + (lower + (lower_right - lower) * right - above) * below, np.abs(places).max(axis=1) <= 1


@functools.cache
def _sketcher(number: int) -> sparse.csr_array:
    """What turns a picture of 32 x 32 into its sketch in the pose of that number: (cells, 1024)."""
    from scipy import sparse

    side, step = SIDE // 2, SIDE // 2 // CELLS
    corner, (right, below) = _corners(POSES[number] @ _places(side), side)
    inner = slice(EDGE, -EDGE)
    cells = np.arange(side * side).reshape(CELLS, step, CELLS, step).transpose(0, 2, 1, 3)[inner, inner]
    cells = cells.reshape(-1, step * step)
    rows = np.repeat(np.arange(len(cells)), step * step)
    weights = ((1 - right) * (1 - below), right * (1 - below), (1 - right) * below, right * below)
    values = np.concatenate([weight[cells].ravel() / step**2 for weight in weights])
    columns = np.concatenate([(corner + move)[cells].ravel() for move in (0, 1, side, side + 1)])
    return sparse.csr_array((values, (np.tile(rows, 4), columns)), shape=(len(cells), side * side))


def _sketches(halves: np.ndarray) -> np.ndarray:
    """Every film's inner cells in every pose, of mean 0 and length 1: (poses, N, cells) float32."""
    flat = np.ascontiguousarray(halves.reshape(len(halves), -1).T)
    drawn = np.stack([(_sketcher(number) @ flat).T for number in range(len(POSES))])
    drawn -= drawn.mean(axis=2, keepdims=True)
    return drawn / np.maximum(np.linalg.norm(drawn, axis=2, keepdims=True), 1e-6)


def _likely(sketches: np.ndarray, progress: Progress) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (whole, part) (M, 2) whose sketches are most alike in some pose, and that pose's number (M,)."""
    plain, n = sketches[0], sketches.shape[1]
    rows = []
    for start in range(0, n, BLOCK):
        progress(start, 2 * n)
        wholes = np.arange(start, min(start + BLOCK, n))
        best = functools.reduce(np.maximum, (sketch[wholes] @ plain.T for sketch in sketches))
        best[wholes - start, wholes] = -1
        parts = np.argpartition(-best, min(CLOSEST, n - 1) - 1, axis=1)[:, :CLOSEST]
        place, rank = np.nonzero(np.take_along_axis(best, parts, axis=1) >= ALIKE)
        rows.append(np.stack([wholes[place], parts[place, rank]], axis=1))
    likely = np.concatenate(rows)
    alike = np.stack([(sketch[likely[:, 0]] * plain[likely[:, 1]]).sum(axis=1) for sketch in sketches])
    return likely, alike.argmax(axis=0)


def _confirmed(pictures: np.ndarray, halves: np.ndarray, likely: np.ndarray, poses: np.ndarray) -> np.ndarray:
    """Those of the pairs (M, 2) that lie on one another when looked at closely: (m, 2)."""
    pose = POSES[poses]
    for reduced, steps, least_middle, least_lower in LOOKS:
        if not len(likely):
            break
        shown = pictures if reduced == 1 else halves
        wholes, parts = shown[likely[:, 0]], shown[likely[:, 1]]
        pose = _registered(parts, wholes, pose, steps)
        middle, lower = _middle(_agreement(parts, wholes, pose))
        close = (middle >= least_middle) & (lower >= least_lower)
        likely, pose = likely[close], pose[close]
    return likely


def _registered(parts: np.ndarray, wholes: np.ndarray, poses: np.ndarray, steps: int) -> np.ndarray:
    """Poses (B, 2, 3) that lead from parts (B, n, n) into wholes after so many steps.

    Inverse compositional Lucas-Kanade with an affine warp, a gain and an offset (S. Baker, I. Matthews 2004,
    doi:10.1023/B:VISI.0000011205.11775.fd), pixels weighed by Geman and McClure's function of their difference.
    """
    count, side, _ = parts.shape
    down, right = np.gradient(parts, axis=(1, 2))
    slopes = np.stack([right, down], axis=1).reshape(count, 2, 1, -1) * (side - 1) / 2
    steepest = (slopes * _places(side)).reshape(count, 6, -1)
    flat = parts.reshape(count, -1)
    for _ in range(steps):
        shown, inside = _sampled(wholes, poses)
        difference = _difference(shown, flat, inside.astype(np.float32))
        spread = np.sqrt((inside * difference**2).sum(axis=1) / np.maximum(inside.sum(axis=1), 1))[:, None]
        weights = inside / (1 + (difference / np.maximum(DOUBT * spread, 1e-3)) ** 2) ** 2
        weighed = steepest * weights[:, None]
        hessian = weighed @ steepest.transpose(0, 2, 1)
        hessian += (1e-6 + np.trace(hessian, axis1=1, axis2=2))[:, None, None] * STILL
        moves = np.linalg.solve(hessian, weighed @ _difference(shown, flat, weights)[:, :, None])
        poses = _undone(poses, moves.reshape(count, 2, 3))
    return poses


def _difference(shown: np.ndarray, parts: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """What is shown less the parts (B, n * n), once brightness and contrast are made the same where weights are."""
    total = np.maximum(weights.sum(axis=1, keepdims=True), 1)
    shown, parts = (each - (weights * each).sum(axis=1, keepdims=True) / total for each in (shown, parts))
    gain = (weights * shown * parts).sum(axis=1, keepdims=True)
    return shown * gain / np.maximum((weights * shown**2).sum(axis=1, keepdims=True), 1e-6) - parts


def _undone(poses: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Poses after the opposite of their moves (B, 2, 3); no move at all for those that went astray."""
    last = np.tile(UNMOVED[2], (len(poses), 1, 1))
    poses, moves = np.concatenate([poses, last], axis=1), np.concatenate([UNMOVED[:2] + moves, last], axis=1)
    after = (poses @ np.linalg.inv(np.where((np.linalg.det(moves) > SHRUNK)[:, None, None], moves, UNMOVED)))[:, :2]
    astray = np.abs(after - UNMOVED[:2]).max(axis=(1, 2)) > FAR
    return np.where(astray[:, None, None], UNMOVED[:2], after)


def _agreement(parts: np.ndarray, wholes: np.ndarray, poses: np.ndarray) -> np.ndarray:
    """How well edges of the two agree in each of 16 places: correlations (B, 16), NaN where a place is outside."""
    count, side, _ = parts.shape
    shown, inside = (each.reshape(parts.shape) for each in _sampled(wholes, poses))
    inner = np.zeros((side, side), bool)
    inner[OUTER:-OUTER, OUTER:-OUTER] = True
    inside = inside & inner
    sums = np.zeros((4, count, PARTS, PARTS), np.float32)
    for axis in (1, 2):
        both = inside & np.roll(inside, -1, axis)
        ours, theirs = (np.where(both, np.roll(each, -1, axis) - each, 0) for each in (shown, parts))
        for place, value in enumerate((ours * theirs, ours**2, theirs**2, both)):
            sums[place] += value.reshape(count, PARTS, side // PARTS, PARTS, -1).sum(axis=(2, 4))
    product, ours, theirs, pixels = sums.reshape(4, count, -1)
    agreement = product / np.maximum(np.sqrt(ours * theirs), 1e-6)
    return np.where(pixels > (side // PARTS) ** 2, agreement, np.nan)


def _middle(agreement: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The median and the lower quartile over places, (B,) each; -1 where too few lie inside both films."""
    enough = np.isfinite(agreement).sum(axis=1) >= FEWEST
    agreement = np.where(enough[:, None], agreement, -1)
    return np.nanmedian(agreement, axis=1), np.nanpercentile(agreement, 25, axis=1)
