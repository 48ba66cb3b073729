from __future__ import annotations

import io
import os
import tarfile
import wave
from pathlib import Path

import numpy as np
import pytest

from brevitas_models.config import DataConfig, Dataset
from brevitas_models.data import load, speech
from brevitas_models.errors import ModelError

DATA = Path(os.environ.get("HOLDFAST_DATA", Path(__file__).parents[4] / "shared" / "data"))
needs_files = pytest.mark.skipif(
    not any((DATA / "speech" / name).is_file() for name in (speech.FULL, speech.PART)),
    reason=f"Speech Commands is not in {DATA}; set HOLDFAST_DATA",
)


def clip(samples: np.ndarray, rate: int = speech.RATE, channels: int = 1) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(np.asarray(samples, "<i2").tobytes())
    return file.getvalue()


def tone(hertz: float) -> np.ndarray:
    return (8000 * np.sin(2 * np.pi * hertz * np.arange(speech.RATE) / speech.RATE)).astype(np.int16)


def archive(folder: Path, clips: dict[str, bytes]) -> Path:
    path = folder / speech.PART
    with tarfile.open(path, "w:xz") as tar:
        for name, content in clips.items():
            member = tarfile.TarInfo(f"speech/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


@needs_files
@pytest.mark.slow
def test_the_original_clips() -> None:
    split = load(DataConfig(Dataset.SPEECH, str(DATA)))
    assert split.input_shape == (1, 49, 20) and split.classes == 12
    assert np.bincount(split.train_y).min() > 0 and np.bincount(split.test_y).min() > 0
    silence = split.train_y == speech.CLASSES.index("_silence_")  # background noise: steady, not quiet
    changes = split.train_x.std(axis=2).mean(axis=(1, 2))
    assert changes[silence].mean() < changes[~silence].mean() / 2


def test_a_tone_is_bright_in_its_own_band() -> None:
    low, high = (speech.features(speech.decode(clip(tone(hertz)), "clip"))[0].mean(axis=0) for hertz in (300, 3000))
    assert low.argmax() < high.argmax()
    assert speech.features(np.zeros(speech.RATE, np.float32)).max() <= 1  # silence is the lowest code


def test_a_short_clip_is_padded_and_a_long_one_cut() -> None:
    assert speech.decode(clip(tone(300)[:8000]), "clip")[8000:].any() == np.False_
    assert np.array_equal(speech.decode(clip(np.tile(tone(300), 2)), "clip"), tone(300) / np.float32(32768))


def test_clips_of_one_speaker_stay_together(tmp_path: Path) -> None:
    assert speech.speaker("bb05582b_nohash_3.wav") == speech.speaker("tree_bb05582b_nohash_1.wav.wav") == "bb05582b"
    names = [f"yes/{speaker:08x}_nohash_{take}.wav" for speaker in range(12) for take in range(2)]
    archive(tmp_path, {name: clip(tone(300 + 50 * index)) for index, name in enumerate(names)})
    split = speech.load(str(tmp_path))
    assert split.name == "speech[part]" and len(split.train_x) + len(split.test_x) == 24
    assert len(split.test_x) % 2 == 0 and set(split.train_y) == {speech.CLASSES.index("yes")}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (clip(tone(300), rate=8000), "16-bit mono at 16000 Hz"),
        (clip(np.repeat(tone(300), 2), channels=2), "16-bit mono"),
        (b"RIFF", "expected a WAV clip"),
    ],
)
def test_other_clips_are_refused(tmp_path: Path, content: bytes, expected: str) -> None:
    archive(tmp_path, {"no/00000000_nohash_0.wav": content})
    with pytest.raises(ModelError, match=expected):
        speech.load(str(tmp_path))


def test_damaged_archives_are_refused(tmp_path: Path) -> None:
    path = archive(tmp_path, {"readme": b"nothing"})
    with pytest.raises(ModelError, match="expected clips in folders"):
        speech.load(str(tmp_path))
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(ModelError, match="expected a readable archive"):
        speech.load(str(tmp_path))
    path.unlink()
    with pytest.raises(ModelError, match="holdfast data fetch speech"):
        speech.load(str(tmp_path))
