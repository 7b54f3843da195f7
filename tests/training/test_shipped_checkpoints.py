"""The checkpoints in the package: there, small, documented, able to do what their encoder says."""

from __future__ import annotations

from pathlib import Path

import pytest

import companion
from companion.inference import GenerationRequest, InferenceConfig, InferenceEngine, TrackPrompt, load_checkpoint
from companion.tokenizer import EncoderConfig
from tests.training.support import make_score

FOLDER = Path(companion.__file__).parent / "checkpoints"
FAMILIES = ("yellow", "ghost", "expressive")
NAMES = (*FAMILIES, *(f"{family}_mini" for family in FAMILIES))
MAX_BYTES = 48_000_000


def family_of(name: str) -> str:
    """The checkpoint that a file is a size of."""
    return name.removesuffix("_mini")


MODES = {name: ("attention", "attention_skip", "remove", *(("token",) if "ghost" in name else ())) for name in NAMES}
CASES = [
    (name, mode, bars)
    for name in NAMES
    for mode in MODES[name]
    for bars in EncoderConfig.load(family_of(name)).num_bars_map
]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_small_documented_and_speaks_its_encoder(name: str) -> None:
    path = FOLDER / f"{name}.pt"
    assert path.stat().st_size <= (MAX_BYTES // 4 if name.endswith("_mini") else MAX_BYTES)
    assert load_checkpoint(path).encoder_config == EncoderConfig.load(family_of(name))
    card = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    for words in ("CC BY 4.0", "tokens", "bits", "weak"):
        assert words in card, f"{name}.md says nothing of {words!r}"


@pytest.mark.parametrize(("name", "mode", "bars"), CASES)
def test_it_generates_in_every_mode_and_window(name: str, mode: str, bars: int) -> None:
    engine = InferenceEngine.from_checkpoint(FOLDER / f"{name}.pt")
    score = make_score(2, bars)
    last = bars - 1
    prompts = [TrackPrompt(id=0, bars=[last]), TrackPrompt(id=1, mask_bars=[last]), TrackPrompt(id=2, mask_bars=[last])]
    # The score is a loop, and a good model may well go on with it.
    config = InferenceConfig(model_dim=bars, mask_mode=mode, seed=1, novelty_check=False)
    try:
        result = engine.session(score, GenerationRequest(tracks=prompts, config=config)).run()
    finally:
        engine.close()
    assert result.tracks[0].bars[:last] == score.tracks[0].bars[:last]
    assert result.tracks[1:] == score.tracks[1:]
    assert all(0 <= note.onset_ticks < 1920 and 1 <= note.velocity <= 127 for note in result.tracks[0].bars[last].notes)
