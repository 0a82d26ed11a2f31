"""Several processes on one batch: each embeds its part, all compare the whole.

Every rank computes the loss over the whole batch, so the gradient of its own rows is right as it is; the gradients of
the weights, each from other rows, are then summed. One process with the same batch gives the same numbers.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from accelerate import PartialState
from torch import Tensor, distributed, nn
from torch.autograd import Function

from soundsearch.errors import TrainingError


class Ranks:
    """The processes of a run: one, unless it was started by torchrun or `accelerate launch`."""

    def __init__(self, device: str = "auto") -> None:
        """Join the other processes, if there are any.

        Args:
            device: "auto", "cpu", "cuda" or "mps".

        Raises:
            TrainingError: If this machine has no such device.
        """
        if (device == "cuda" and not torch.cuda.is_available()) or (
            device == "mps" and not torch.backends.mps.is_available()
        ):
            raise TrainingError(f"This machine has no {device} device that PyTorch can use.", "Leave out --device.")
        self._state = PartialState(cpu=device == "cpu")
        self.device: torch.device = torch.device("cpu") if device == "cpu" else self._state.device
        self.count = int(self._state.num_processes)
        self.rank = int(self._state.process_index)

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0

    def part(self, length: int) -> slice:
        """This rank's part of a list, nearly as long as the others' and in order of ranks."""
        return slice(length * self.rank // self.count, length * (self.rank + 1) // self.count)

    def gather(self, rows: Tensor, length: int) -> Tensor:
        """Join the ranks' parts (n_own, d) of `length` rows to (length, d), with a gradient for the own part."""
        if self.count == 1:
            return rows
        sizes = [length * (k + 1) // self.count - length * k // self.count for k in range(self.count)]
        joined: Tensor = _Gather.apply(rows, sizes, self.rank)  # type: ignore[no-untyped-call]
        return joined

    def gather_objects(self, own: Sequence[Any]) -> list[Any]:
        """Join lists of picklable things in order of ranks."""
        if self.count == 1:
            return list(own)
        parts: list[Any] = [None] * self.count
        distributed.all_gather_object(parts, list(own))
        return [thing for part in parts for thing in part]

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Add up the gradients of all ranks, in one message."""
        if self.count == 1:
            return
        learned = [p for p in parameters if p.requires_grad]
        for p in learned:
            if p.grad is None:  # not used by this rank's clips
                p.grad = torch.zeros_like(p)
        flat = torch.cat([p.grad.reshape(-1) for p in learned if p.grad is not None])
        distributed.all_reduce(flat)
        at = 0
        for p in learned:
            p.grad = flat[at : at + p.numel()].view_as(p).clone()
            at += p.numel()

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in some rank."""
        return any(self.gather_objects([flag]))

    def wait(self) -> None:
        """Wait until all ranks are here."""
        self._state.wait_for_everyone()


class _Gather(Function):
    """All ranks' rows; backward gives the own part of the gradient, because every rank computes the whole loss."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, sizes: list[int], rank: int) -> Tensor:
        ctx.part = slice(sum(sizes[:rank]), sum(sizes[: rank + 1]))
        padded = rows.new_zeros((max(sizes), *rows.shape[1:]))
        padded[: len(rows)] = rows
        parts = [torch.empty_like(padded) for _ in sizes]
        distributed.all_gather(parts, padded)
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return gradients[0][ctx.part], None, None
