"""Matrices in a backend's own memory, with rows that are longer than needed, outputs full of NaN and everything after them guarded."""

import ctypes

import torch

from backend import Failed, Mat

DTYPES = {torch.float32: 0, torch.bfloat16: 1, torch.float16: 2}


def unwritten(rows, cols, dtype):
    return torch.full((rows, cols), float("nan"), dtype=dtype or torch.float32)


class Array:
    """Numbers on the device: a vector or a matrix, each row followed by `pad` numbers that must survive, all of it by a guard."""

    GUARD = 64
    FENCE = 0x5B  # every byte of what must survive: as a float neither NaN nor small

    def __init__(self, backend, values, pad=0, fill=None):
        self.backend, self.pad = backend, pad
        self.values = values.contiguous() if fill is None else torch.full_like(values, fill)
        self.shape = values.shape
        rows, cols = self.shape if values.dim() == 2 else (1, values.numel())
        self.rows, self.cols, self.ld = rows, cols, cols + pad
        raw = torch.full((rows * self.ld + self.GUARD,), 0, dtype=values.dtype)
        raw.view(torch.uint8).fill_(self.FENCE)
        raw[: rows * self.ld].view(rows, self.ld)[:, :cols] = self.values.view(rows, cols)
        self.raw = raw
        self.bytes = raw.numel() * raw.element_size()
        backend.arrays.append(self)  # an argument of a call must outlive it
        self.pointer = ctypes.c_void_p()
        backend.alloc(self.bytes, ctypes.byref(self.pointer))
        backend.upload(self.pointer, raw.data_ptr(), self.bytes)

    def mat(self, first=0, count=None):
        """The matrix, or `count` rows from `first` on."""
        count = self.rows - first if count is None else count
        return Mat(self.pointer.value + first * self.ld * self.raw.element_size(), count, self.cols, self.ld, DTYPES[self.raw.dtype])

    def get(self):
        """What is there now; fails where something was written outside."""
        now = torch.empty_like(self.raw)
        self.backend.download(now.data_ptr(), self.pointer, self.bytes)
        grid, before = now[: self.rows * self.ld].view(self.rows, self.ld), self.raw[: self.rows * self.ld].view(self.rows, self.ld)
        for new, old in ((grid[:, self.cols :], before[:, self.cols :]), (now[self.rows * self.ld :], self.raw[self.rows * self.ld :])):
            if not torch.equal(new.contiguous().view(torch.uint8), old.contiguous().view(torch.uint8)):
                raise Failed("wrote outside of a matrix")
        return grid[:, : self.cols].reshape(self.shape).clone()

    def free(self):
        self.backend.release(self.pointer, self.bytes)


def error(got, want):
    """|got - want| / |want| over all numbers, in float64; NaN and unwritten numbers count as infinite, equal infinities as right."""
    got, want = got.double(), want.double()
    same = (got == want) | (got.isnan() & want.isnan())
    difference = torch.where(same, 0.0, got - want)
    size = torch.where(want.isfinite(), want, 0.0).norm().item()
    off = difference.norm().item() / (size or 1.0)
    return off if off == off else float("inf")
