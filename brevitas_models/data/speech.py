"""Speech Commands v0.02 (Warden 2018, arXiv 1804.03209), twelve classes: log-mel pictures of one-second clips.

The front end (framing, FFT, mel filters, logarithm) runs on the host in floating point. What the circuit sees, and
what an attack on it may change, is its 8-bit result: an attacker in this threat model sits behind the front end. A
perturbation of features need not be one that a sound can make, so attacks through the air may do less.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
import wave
from pathlib import Path

import kaldi_native_fbank
import numpy as np

from brevitas_models.data import folder
from brevitas_models.data.split import Split
from brevitas_models.errors import ModelError

CLASSES = ("_silence_", "_unknown_", "yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
RATE = 16_000
FRAMES, BINS = 49, 20  # 40 ms windows every 20 ms; mel bands
LOW, HIGH = -16.0, 4.0  # natural logarithms of mel energies that become codes 0 and 255
PART, FULL = "speech_commands_test_v0.02_subset.tar.xz", "speech_commands_test_set_v0.02.tar.gz"
MAX_CLIP = 1 << 20
TEST_SHARE = 4  # every fourth speaker is for testing


def decode(content: bytes, where: str) -> np.ndarray:
    """WAV bytes, 16-bit mono at 16 kHz -> float32 (16000,) in [-1, 1), padded with zeros or cut to one second."""
    try:
        with wave.open(io.BytesIO(content)) as clip:
            form = clip.getnchannels(), clip.getsampwidth(), clip.getframerate()
            frames = clip.readframes(RATE)
    except (wave.Error, EOFError) as error:
        raise ModelError(f"{where}: expected a WAV clip, got {error or 'a cut file'}; fetch it again") from error
    if form != (1, 2, RATE):
        raise ModelError(f"{where}: expected 16-bit mono at {RATE} Hz, got (channels, bytes, rate) = {form}")
    samples = np.frombuffer(frames[: len(frames) // 2 * 2], "<i2").astype(np.float32) / 32768
    return np.pad(samples, (0, RATE - len(samples)))


def features(samples: np.ndarray) -> np.ndarray:
    """float32 (16000,) -> uint8 (1, 49, 20): log-mel energies, LOW..HIGH as 0..255, clipped and rounded."""
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.samp_freq = RATE
    options.frame_opts.frame_length_ms, options.frame_opts.frame_shift_ms = 40, 20
    options.frame_opts.dither = 0  # the same clip gives the same codes
    options.mel_opts.num_bins = BINS
    bank = kaldi_native_fbank.OnlineFbank(options)
    bank.accept_waveform(RATE, samples.tolist())
    bank.input_finished()
    energies = np.stack([bank.get_frame(index) for index in range(FRAMES)])
    return np.rint((energies.clip(LOW, HIGH) - LOW) * (255 / (HIGH - LOW))).astype(np.uint8)[None]


def speaker(name: str) -> str:
    """Who speaks: what stands before `_nohash_` (behind the word, in `_unknown_`); a clip of silence is its own."""
    return name.split("_nohash_")[0].rsplit("_", 1)[-1]


def _held_out(name: str) -> bool:
    return hashlib.sha256(speaker(name).encode()).digest()[0] % TEST_SHARE == 0


def _clips(archive: Path) -> list[tuple[str, str, bytes]]:
    """(class, file name, content) of every clip, sorted; nothing is written to disk."""
    found = []
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                path = Path(member.name)
                if not member.isfile() or path.suffix != ".wav" or path.parent.name not in CLASSES:
                    continue
                if member.size > MAX_CLIP:
                    raise ModelError(f"{archive}: {member.name}: expected at most {MAX_CLIP} bytes, got {member.size}")
                found.append((path.parent.name, path.name, tar.extractfile(member).read()))
    except (OSError, EOFError, tarfile.TarError) as error:
        raise ModelError(f"{archive}: expected a readable archive, got {error}; fetch it again") from error
    except Exception as error:  # lzma and zlib have errors of their own, with no common class
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"{archive}: expected a readable archive, got {error!r}; fetch it again") from error
    return sorted(found)


def load(directory: str) -> Split:
    """Clips of the *test* archive of Speech Commands, split by speaker: pictures (N, 1, 49, 20), 12 classes.

    `name` is `speech[test]` for the whole archive, `speech[part]` for the part of it: a split of our own either way,
    never the official accuracy. Raises ModelError for a missing or damaged archive or clip.
    """
    place = folder.search("speech", directory, ("speech",), folder.one_of((FULL, PART)), FULL)
    name = FULL if (place / FULL).is_file() else PART
    clips = _clips(place / name)
    if not clips:
        raise ModelError(f"{place / name}: expected clips in folders {', '.join(CLASSES)}, got none; fetch it again")
    x = np.stack([features(decode(content, f"{place / name}: {file}")) for _, file, content in clips])
    y = np.array([CLASSES.index(label) for label, _, _ in clips])
    test = np.array([_held_out(file) for _, file, _ in clips])
    return Split(x[~test], y[~test], x[test], y[test], len(CLASSES), "speech[test]" if name == FULL else "speech[part]")
