"""Tracing: the operations of a network as torch runs them by itself, without Python and its lock between them."""

import logging
import threading
import warnings
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

log = logging.getLogger(__name__)


class Traced:
    """Layers for inference on the CPU that are traced when they are first called, by whichever thread comes first.

    Tracing takes a fifth of a second at most, which no text query waits for.

    Attributes:
        traced: What runs; None before the first call, the layers themselves where they cannot be traced.
    """

    def __init__(self, layers: nn.Module) -> None:
        """Take layers whose operations do not depend on the numbers in their input, nor on any size that will change.

        They are held, but not as a part of whatever holds this: they stay where they are registered.
        """
        self._layers, self._tracing = layers, threading.Lock()
        self.traced: Callable[[Tensor], Tensor] | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """The same bytes as the layers themselves give."""
        with self._tracing:
            self.traced = self.traced or _trace(self._layers, x)
        return self.traced(x)


def _trace(layers: nn.Module, example: Tensor) -> Callable[[Tensor], Tensor]:
    """The layers traced, or as they are if that fails.

    torch 2.13 calls tracing deprecated, and names in its place what needs a compiler on the user's computer.
    """
    try:
        with warnings.catch_warnings(), torch.inference_mode(False), torch.no_grad():
            warnings.simplefilter("ignore")  # that tracing is deprecated, and that sizes are taken for fixed
            example = example.clone()
            traced = torch.jit.freeze(torch.jit.trace(layers, example, check_trace=False))  # type: ignore[no-untyped-call]
            if torch.equal(traced(example), layers(example)):
                return cast(Callable[[Tensor], Tensor], traced)
    except (RuntimeError, AttributeError, TypeError, OSError) as err:  # another version of torch
        log.info("the tower is not traced: %s", err)
    return layers
