"""Tokens: vocabulary, encoding, decoding, attributes and grammar of MIDI-GPT checkpoints.

Everything is pure except EncoderConfig.load, which reads a config file. Each part is imported on first use: the grammar needs numpy, and
screens need only the names of the attributes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
_MODULES = {
    "Cell": "encode",
    "Decoder": "decode",
    "Encoded": "encode",
    "Encoder": "encode",
    "EncoderConfig": "encoder_config",
    "Grammar": "grammar",
    "GrammarState": "grammar",
    "NoteDecoder": "decode",
    "Style": "encode",
    "TokenType": "token_types",
    "Tokenizer": "tokenizer",
    "Vocabulary": "vocabulary",
    "WrittenBar": "grammar",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
