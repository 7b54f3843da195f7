"""Tokens: vocabulary, encoding, decoding, attributes and grammar of MIDI-GPT checkpoints. Pure: no input or output."""

from companion.tokenizer.encode import Encoded, Encoder
from companion.tokenizer.encoder_config import EncoderConfig
from companion.tokenizer.token_types import TokenType
from companion.tokenizer.tokenizer import Tokenizer
from companion.tokenizer.vocabulary import Vocabulary

__all__ = ["Encoded", "Encoder", "EncoderConfig", "TokenType", "Tokenizer", "Vocabulary"]
