"""Every file of the shared collection of bad and odd files does what its list expects."""

import csv
from pathlib import Path

import numpy as np

from soundsearch.audio import decode
from soundsearch.audio.features import features
from soundsearch.errors import DecodeError
from tests.audio.reference import CLAP_FUSED

IGNORED = {"._Kick 01.wav", ".DS_Store", "Thumbs.db", "Loop 120.wav.asd", "Loop 120.wav.reapeaks", "no_extension"}
REASONS = {
    "truncated_in_header.wav": "cut off inside its header",
    "zero_byte.wav": "it is empty",
    "zero_byte.mp3": "it is empty",
    "zero_byte.flac": "it is empty",
    "header_only.wav": "it holds no samples",
    "text_renamed.wav": "text file, not audio",
    "html_error_page.mp3": "web page, not audio",
    "png_renamed.wav": "picture, not audio",
    "truncated.ogg": "cut off before any sound",  # nothing but its three header packets is left
    "id3_only.mp3": "tag, but no sound",
    "channels_65535.wav": "65,535 channels",
    "channels_0.wav": "no channels",
    "samplerate_0.wav": "sample rate of 0 Hz",
    "samplerate_4294967295.wav": "sample rate of 4,294,967,295 Hz",
    "samplerate_1.wav": "sample rate of 1 Hz",
    "bits_0.wav": "0 bits a sample",
    "unknown_codec_0x1234.wav": "0x1234",
    "list_chunk_huge.wav": "longer than the file",
    "nan_all.wav": "not one of its samples is a number",
    "garbage.m4a": "damaged",
}


def test_every_file_of_the_list(shared_data: Path) -> None:
    with (shared_data / "bad" / "bad.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 60
    refused, ignored = {}, set()
    for row in rows:
        path = shared_data / row["path"]
        if not decode.is_audio_name(path.name):
            ignored.add(path.name)
            continue
        try:
            waveform = decode.decode(str(path))
        except DecodeError as err:
            refused[path.name] = err.message
            assert any(word in row["expected"] for word in ("skip", "report")), row
            continue
        assert "skip" not in row["expected"] or "or" in row["expected"].split() or "decode" in row["expected"], row
        samples = decode.resample(decode.mono(waveform), waveform.sample_rate, 48_000)
        assert np.isfinite(features(samples, CLAP_FUSED).mel).all(), row
    assert ignored == IGNORED
    assert refused.keys() == REASONS.keys()
    for name, reason in REASONS.items():
        assert reason in refused[name]
