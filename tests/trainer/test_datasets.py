"""Each data set is read in the layout it is published in; the real tables are tried where they are."""

import csv
from collections import Counter
from pathlib import Path

import pytest
import soundfile

from soundsearch.errors import TrainingError
from tests.trainer.published import MAKERS, SAMPLES, clotho, esc50, gtzan, sound, table
from trainer import datasets
from trainer.layouts import LAYOUTS


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all data sets side by side."""
    root = tmp_path_factory.mktemp("sets")
    for name, make in MAKERS.items():
        make(root / f"my {name}")
    (root / "notes").mkdir()
    return root


def test_all_that_are_named_in_the_paper_are_known() -> None:
    assert set(MAKERS) == set(LAYOUTS)


@pytest.mark.parametrize("name", MAKERS)
def test_a_folder_is_recognised_and_all_its_clips_can_be_opened(everything: Path, name: str) -> None:
    folder = everything / f"my {name}"
    assert datasets.recognise(folder) == [(name, folder)]
    data = datasets.load(folder)
    assert data.name == name
    assert all(soundfile.info(item.path).frames == SAMPLES for item in data.items)
    assert data == datasets.load(folder, name.lower())


def test_folders_side_by_side_are_recognised_each(everything: Path, tmp_path: Path) -> None:
    assert sorted(name for name, _ in datasets.recognise(everything)) == sorted(MAKERS)
    esc50(tmp_path / "ESC-50" / "ESC-50-master")
    assert datasets.recognise(tmp_path) == [("ESC-50", tmp_path / "ESC-50" / "ESC-50-master")]
    assert datasets.recognise(tmp_path / "nowhere") == []


def test_folders_of_genres_are_not_yet_gtzan(tmp_path: Path) -> None:
    for genre in ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock"):
        sound(tmp_path / genre / f"my {genre} riff.wav")
    assert datasets.recognise(tmp_path) == []


def test_audiocaps_gathers_the_five_captions_of_a_clip(everything: Path) -> None:
    data = datasets.load(everything / "my AudioCaps")
    (clip,) = data.split()
    assert clip.captions == tuple(f"Ducks quack, number {n}" for n in range(5))
    assert (clip.group, Path(clip.path).name) == ("youtube vfY_TJq7n_U", "YvfY_TJq7n_U.wav")
    assert data.missing == ("-Missing",)
    assert [item.captions for item in data.split("train")] == [("Wind blows",)]


def test_clips_of_one_name_are_taken_from_their_own_split(everything: Path) -> None:
    data = datasets.load(everything / "my Clotho")
    (clip,) = data.split()
    assert Path(clip.path).parent.name == "evaluation"
    assert clip.captions[4] == "evaluation, caption 4"
    assert clip.group == "freesound 66579"
    assert data.split("dev")[0].captions[0] == "development, caption 0"


def test_classes_folds_and_prompts(everything: Path) -> None:
    esc = datasets.load(everything / "my ESC-50")
    assert [item.split for item in esc.split()] == [f"fold {n}" for n in range(1, 6)]
    assert [item.title for item in esc.split("2")] == ["2-12342-A-0.wav"]
    assert (esc.labels, esc.kind) == (("crying_baby",), "classes")
    urban = datasets.load(everything / "my UrbanSound8K")
    assert [item.split for item in urban.items] == ["fold 5", "fold 10"]
    vgg = datasets.load(everything / "my VGGSound")
    assert [item.class_name for item in vgg.split()] == ["people marching, outside"]
    genres = datasets.load(everything / "my GTZAN")
    assert Counter(item.split for item in genres.items) == {"fold 1": 10, "fold 8": 10}
    assert genres.prompt == "This is a {label} song."
    assert len(genres.labels) == 10


def test_several_labels(everything: Path) -> None:
    data = datasets.load(everything / "my FSD50K")
    assert (data.kind, data.split()[0].tags) == ("tags", ("Dog", "Animal"))
    assert [item.split for item in data.items] == ["train", "validation", "test"]
    assert data.labels == ("Animal", "Bark", "Dog", "Electric_guitar")


def test_the_filtered_split_of_gtzan_is_used_where_it_lies(tmp_path: Path) -> None:
    gtzan(tmp_path)
    table(tmp_path / "train_filtered.txt", "blues/blues.00000.wav")
    table(tmp_path / "test_filtered.txt", "rock/rock.00017.wav")
    splits = {item.title: item.split for item in datasets.load(tmp_path).items}
    assert (splits["blues.00000.wav"], splits["rock.00017.wav"], splits["pop.00000.wav"]) == ("train", "test", "")


def test_clips_are_left_out_by_any_name_and_by_their_recording(everything: Path, tmp_path: Path) -> None:
    esc = datasets.load(everything / "my ESC-50").items
    lines = tmp_path / "lists" / "overlap.txt"
    table(lines, "1-12341-A-0.wav", "2-12342-A-0", "", "12343", " freesound 12344 ")
    left = datasets.without(esc, datasets.exclusions(lines))
    assert [item.title for item in left] == ["5-12345-A-0.wav"]
    clotho(tmp_path / "Clotho")
    table(tmp_path / "clotho_metadata_x.csv", "")
    ids = datasets.exclusions(tmp_path / "Clotho")
    assert ids == {"freesound 66579"}


def test_an_overlapping_data_set_is_a_list_too(everything: Path, tmp_path: Path) -> None:
    """ESC-50 without what FSD50K holds: by the Freesound ids of both, audio or not."""
    truth = tmp_path / "FSD50K.ground_truth"
    table(truth / "dev.csv", "fname,labels,mids,split", "12341,Bark,/m/a,train", "12345,Bark,/m/a,val")
    left = datasets.without(datasets.load(everything / "my ESC-50").items, datasets.exclusions(tmp_path))
    assert [item.title for item in left] == [f"{n}-1234{n}-A-0.wav" for n in (2, 3, 4)]


def test_what_cannot_be_used_is_said(everything: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"does not have the layout of ESC-50"):
        datasets.load(everything / "my Clotho", "ESC-50")
    with pytest.raises(TrainingError, match=r"no data set EXC-50"):
        datasets.load(everything, "EXC-50")
    with pytest.raises(TrainingError, match=r"layout of a data set that is known"):
        datasets.load(everything / "notes")
    with pytest.raises(TrainingError, match=r"Cannot read the list"):
        datasets.exclusions(tmp_path / "none.txt")
    with pytest.raises(TrainingError, match=r"holds no data set"):
        datasets.exclusions(everything / "notes")
    table(tmp_path / "meta" / "esc50.csv", "filename,fold,category,src_file", "a.wav,1,dog,7")
    with pytest.raises(TrainingError, match=r"None of the 1 clips of ESC-50 are in"):
        datasets.load(tmp_path)
    table(tmp_path / "meta" / "esc50.csv", "filename,fold", "a.wav,1")
    with pytest.raises(TrainingError, match=r"The tables of ESC-50 in .* lack 'category'"):
        datasets.load(tmp_path)


def test_the_real_tables_of_audiocaps_and_clotho(shared_data: Path) -> None:
    """The published tables themselves, without audio: as many clips as they are known to hold, five captions each."""
    caps = datasets.listed(shared_data / "text" / "nc" / "audiocaps")
    assert caps.name == "AudioCaps"
    test = caps.split()
    assert (len(test), {len(item.captions) for item in test}) == (975, {5})
    assert len(caps.split("val")) == 495
    assert len(caps.missing) == len(caps.items)
    words = datasets.listed(shared_data / "text" / "nc" / "clotho")
    assert (words.name, len(words.split()), len(words.split("development"))) == ("Clotho", 1045, 2893)
    assert {len(item.captions) for item in words.items} == {5}


def test_real_clips_of_esc50_under_their_published_names(shared_data: Path, tmp_path: Path) -> None:
    """ESC-10 as it is here, laid out as ESC-50 is published."""
    with (shared_data / "captioned" / "captioned.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if "/esc10/" in row["path"]]
    (tmp_path / "all").symlink_to(tmp_path)  # a link to what is being walked
    (tmp_path / "audio").symlink_to(shared_data / "captioned" / "audio" / "esc10")
    lines = []
    for row in rows:
        name = Path(row["path"]).stem
        take = name.rpartition("-")[2]
        category = row["esc_class"].replace(" ", "_")
        lines.append(f"{name}.wav,{name[0]},0,{category},True,{row['freesound_id']},{take}")
    table(tmp_path / "meta" / "esc50.csv", "filename,fold,target,category,esc10,src_file,take", *lines)
    data = datasets.load(tmp_path)
    assert (len(data.items), data.missing, len(data.labels)) == (240, (), 10)
    assert {item.split for item in data.items} == {"fold 1", "fold 2", "fold 3"}
