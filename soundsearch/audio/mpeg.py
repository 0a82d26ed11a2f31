"""The real length of an MPEG audio file, from its frame headers: what its first frame claims is often wrong.

libsndfile believes the claim, or guesses from the first bit rate when there is none, and stops reading there.
"""

import os
import struct
from typing import BinaryIO

LAYER_3, LAYER_2 = 1, 2  # as the two bits of a frame header say it
KILOBITS = {
    (True, LAYER_3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0),
    (True, LAYER_2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 0),
    (False, LAYER_3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),
    (False, LAYER_2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),
}
RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # by version bits
PART_BYTES = 1 << 20  # read at once
PADDING = 5248  # samples that encoder and decoder together may add: MP3's usual 1105 + 1152, and more


def survey(file: BinaryIO) -> int | None:
    """Count the samples of a file that looks like MPEG audio; None for others.

    0 for what would make libsndfile's MP3 decoder write to the standard error: AAC, a file without a single frame, or
    one of another size than its first frame says, as a rule a truncated one.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(10)
    if head[:3] != b"ID3" and not (len(head) > 2 and head[0] == 0xFF and head[1] >= 0xE0):
        return None
    if _is_adts(head):
        return 0
    file.seek(_first_frame(head))
    frame = file.read(192)
    at = max(frame.find(b"Xing"), frame.find(b"Info"))
    if at >= 0 and len(frame) >= at + 16:
        flags, _, claimed = struct.unpack(">III", frame[at + 4 : at + 16])
        if flags & 3 == 3 and abs(size - claimed) > size // 200:
            return 0
    return count_samples(file)


def agrees(counted: int, claimed: int) -> bool:
    """True when a header's claim can be true: players leave out what encoder and decoder add at the ends."""
    return counted - PADDING <= claimed <= counted


def _is_adts(head: bytes) -> bool:
    """True for AAC, whose frames begin like those of MP3 but with a layer of 0."""
    return head[0] == 0xFF and head[1] & 0xF6 == 0xF0


def _first_frame(head: bytes) -> int:
    """Where the sound begins, behind a tag."""
    return 10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]) if head[:3] == b"ID3" and len(head) > 9 else 0


def count_samples(file: BinaryIO) -> int:
    """Walk from frame header to frame header (15 ms for ten minutes) and add up their samples; 0 if there are none.

    Source: ISO/IEC 11172-3, 2.4.2.3; ID3v2.4, 3.1.
    """
    file.seek(0)
    file.seek(_first_frame(file.read(10)))
    samples = at = 0
    data = b""
    while part := file.read(PART_BYTES):  # not mapped: a file that shrinks meanwhile would end the process
        data, at = data[at:] + part, max(0, at - len(data))
        while at < len(data) - 4:
            size, count = _frame(data[at + 1], data[at + 2]) if data[at] == 0xFF else (0, 0)
            if size:
                at, samples = at + size, samples + count
            else:
                found = data.find(b"\xff", at + 1)
                at = found if found >= 0 else len(data)
    return samples


def _frame(second: int, third: int) -> tuple[int, int]:
    """Bytes and samples of the frame whose header has these bytes after the first, (0, 0) if it is none."""
    version, layer = second >> 3 & 3, second >> 1 & 3
    if second < 0xE0 or version == 1 or layer not in (LAYER_2, LAYER_3) or third >> 2 & 3 == 3:
        return 0, 0
    full = version == 3 or layer == LAYER_2
    kilobits = KILOBITS[version == 3, layer][third >> 4]
    rate = RATES[version][third >> 2 & 3]
    size = (144 if full else 72) * 1000 * kilobits // rate + (third >> 1 & 1)
    return (size, 1152 if full else 576) if kilobits else (0, 0)
