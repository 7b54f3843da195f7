"""Tokens: vocabulary, encoding, decoding, attributes and grammar of MIDI-GPT checkpoints.

Everything is pure except EncoderConfig.load, which reads a config file.
"""

from companion.tokenizer.decode import Decoder, NoteDecoder
from companion.tokenizer.encode import Cell, Encoded, Encoder, Style
from companion.tokenizer.encoder_config import EncoderConfig
from companion.tokenizer.grammar import Grammar, GrammarState, WrittenBar
from companion.tokenizer.token_types import TokenType
from companion.tokenizer.tokenizer import Tokenizer
from companion.tokenizer.vocabulary import Vocabulary

__all__ = [
    "Cell",
    "Decoder",
    "Encoded",
    "Encoder",
    "EncoderConfig",
    "Grammar",
    "GrammarState",
    "NoteDecoder",
    "Style",
    "TokenType",
    "Tokenizer",
    "Vocabulary",
    "WrittenBar",
]
