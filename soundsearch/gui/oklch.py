"""Colours by perceived lightness, chroma and hue, so that equal steps look equal."""

import numpy as np
import numpy.typing as npt


def to_rgb(lightness: npt.ArrayLike, chroma: npt.ArrayLike, hue_degrees: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """OKLCH to sRGB; the arguments are broadcast to a shape, what comes back has that shape and 3 more.

    Source: Björn Ottosson, "A perceptual color space for image processing" (OKLab), 2020.
    """
    hue = np.radians(np.asarray(hue_degrees, np.float64))
    lightness, a, b = np.broadcast_arrays(lightness, chroma * np.cos(hue), chroma * np.sin(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = np.stack(
        [
            4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
            -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
            -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
        ],
        axis=-1,
    ).clip(0, 1)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    colors: npt.NDArray[np.uint8] = np.rint(srgb * 255).astype(np.uint8)
    return colors
