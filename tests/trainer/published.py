"""Small folders in the layouts that the data sets are published in: their tables, and noise for audio."""

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

SAMPLES = 800


def sound(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(zlib.crc32(path.name.encode()))
    soundfile.write(path, 0.1 * rng.standard_normal(SAMPLES).astype(np.float32), 8000)


def table(path: Path, *rows: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def audiocaps(root: Path) -> None:
    rows = [f'{n},vfY_TJq7n_U,130,"Ducks quack, number {n}"' for n in range(5)]
    table(root / "dataset" / "test.csv", "audiocap_id,youtube_id,start_time,caption", *rows, "9,-Missing,0,Nothing")
    table(root / "dataset" / "train.csv", "audiocap_id,youtube_id,start_time,caption", "77,abc,30,Wind blows")
    sound(root / "audio" / "test" / "YvfY_TJq7n_U.wav")
    sound(root / "audio" / "train" / "77.wav")


def clotho(root: Path) -> None:
    header = "file_name,caption_1,caption_2,caption_3,caption_4,caption_5"
    for split in ("development", "validation", "evaluation"):
        captions = ",".join(f'"{split}, caption {n}"' for n in range(5))
        table(root / f"clotho_captions_{split}.csv", header, f"Santa Motor.wav,{captions}")
        sound(root / split / "Santa Motor.wav")
    metadata = root / "clotho_metadata_evaluation.csv"
    metadata.write_bytes(
        "file_name,keywords,sound_id,sound_link,start_end_samples,manufacturer,license\n"
        'Santa Motor.wav,moteur électrique,66579,https://freesound.org/s/66579,"[0, 80]",Noël,CC0\n'.encode("latin-1")
    )


def esc50(root: Path) -> None:
    rows = [f"{fold}-1234{fold}-A-0.wav,{fold},0,crying_baby,False,1234{fold},A" for fold in range(1, 6)]
    table(root / "meta" / "esc50.csv", "filename,fold,target,category,esc10,src_file,take", *rows)
    for fold in range(1, 6):
        sound(root / "audio" / f"{fold}-1234{fold}-A-0.wav")


def urbansound(root: Path) -> None:
    header = "slice_file_name,fsID,start,end,salience,fold,classID,class"
    rows = ["100032-3-0-0.wav,100032,0.0,0.3,1,5,3,dog_bark", "100263-2-0-117.wav,100263,58,62,1,10,2,children_playing"]
    table(root / "metadata" / "UrbanSound8K.csv", header, *rows)
    sound(root / "audio" / "fold5" / "100032-3-0-0.wav")
    sound(root / "audio" / "fold10" / "100263-2-0-117.wav")


def vggsound(root: Path) -> None:
    table(root / "vggsound.csv", '---g-f_I2yQ,1,"people marching, outside",test', "--0PQM4-hqg,30,waterfall,train")
    sound(root / "audio" / "---g-f_I2yQ_000001.flac")
    sound(root / "audio" / "--0PQM4-hqg_000030.flac")


def fsd50k(root: Path) -> None:
    truth = root / "FSD50K.ground_truth"
    table(truth / "dev.csv", "fname,labels,mids,split", '64760,"Bark,Dog",/m/a,train', "16399,Electric_guitar,/m/c,val")
    table(truth / "eval.csv", "fname,labels,mids", '37199,"Dog,Animal","/m/a,/m/b"')
    sound(root / "FSD50K.dev_audio" / "64760.wav")
    sound(root / "FSD50K.dev_audio" / "16399.wav")
    sound(root / "FSD50K.eval_audio" / "37199.wav")


def gtzan(root: Path) -> None:
    for genre in ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock"):
        for number in (0, 17):
            sound(root / "Data" / "genres_original" / genre / f"{genre}.{number:05}.wav")


MAKERS: dict[str, Callable[[Path], None]] = {
    "AudioCaps": audiocaps, "Clotho": clotho, "ESC-50": esc50, "UrbanSound8K": urbansound, "VGGSound": vggsound,
    "FSD50K": fsd50k, "GTZAN": gtzan,
}  # fmt: skip
