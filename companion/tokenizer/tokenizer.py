"""The tokenizer: one encoder config's vocabulary, encoder, decoder and grammar together."""

from __future__ import annotations

from companion.music.quantize import GridRounding
from companion.tokenizer.decode import Decoder, NoteDecoder
from companion.tokenizer.encode import Encoder
from companion.tokenizer.encoder_config import EncoderConfig
from companion.tokenizer.grammar import Grammar
from companion.tokenizer.vocabulary import Vocabulary


class Tokenizer:
    """Turns scores into ids and back for one encoder config.

    `encode` and `encode_autoregressive` come from the Encoder and `decode` from the Decoder. `grammar` states what may be
    generated. legacy=True reproduces midigpt bit for bit, for comparisons: onsets rounded down, no negative deltas, its attributes
    and its looser grammar.
    """

    def __init__(self, config: EncoderConfig, *, legacy: bool = False) -> None:
        self.config = config
        self.vocabulary = Vocabulary(config)
        rounding = GridRounding.FLOOR if legacy else GridRounding.NEAREST
        encoder = Encoder(self.vocabulary, rounding, legacy=legacy)
        self.encode = encoder.encode
        self.encode_autoregressive = encoder.encode_autoregressive
        self.fill_tokens = encoder.fill_tokens
        self.decode = Decoder(self.vocabulary, rounding).decode
        self.grammar = Grammar(self.vocabulary, legacy=legacy)

    @classmethod
    def load(cls, name_or_path: str) -> Tokenizer:
        """Load a built-in config (yellow, ghost, expressive, prism, expressive_v2) or a JSON file. Raises EncoderConfigError."""
        return cls(EncoderConfig.load(name_or_path))

    def note_decoder(self, is_drum: bool = False) -> NoteDecoder:
        """A note decoder for one track's tokens as they arrive."""
        return NoteDecoder(self.vocabulary, is_drum)
