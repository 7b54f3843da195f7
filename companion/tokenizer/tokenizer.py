"""The tokenizer: one encoder config's vocabulary, encoder and decoder together."""

from __future__ import annotations

from companion.music.quantize import GridRounding
from companion.tokenizer.encode import Encoder
from companion.tokenizer.encoder_config import EncoderConfig
from companion.tokenizer.vocabulary import Vocabulary


class Tokenizer:
    """Scores to ids and back for one encoder config.

    legacy=True repeats midigpt's grid conversion bit for bit (floor, no negative deltas), for comparisons only.
    `encode` and `encode_autoregressive` are the Encoder's.
    """

    def __init__(self, config: EncoderConfig, *, legacy: bool = False) -> None:
        self.config = config
        self.vocabulary = Vocabulary(config)
        encoder = Encoder(self.vocabulary, GridRounding.FLOOR if legacy else GridRounding.NEAREST)
        self.encode = encoder.encode
        self.encode_autoregressive = encoder.encode_autoregressive
