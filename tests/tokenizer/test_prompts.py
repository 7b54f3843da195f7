"""Prompts equal midigpt's, ids and hidden spans, for all its requests."""

from __future__ import annotations

import pytest

from companion.tokenizer import Tokenizer, attributes
from tests import golden

RECORDS = [record for record in golden.load("prompts") if record["prompt"]]
LEGACY = {name: Tokenizer(golden.config(name), legacy=True) for name in (*golden.SHIPPED, "expressive_new")}


def bar_levels(score, track, bar, specs):
    """Computed levels of one bar of the piece."""
    row = attributes.grid_rows(score.tracks[track])[bar]
    length = score.tracks[track].bars[bar].length_ticks(score.resolution)
    return attributes.compute_bar(row, length, score.tracks[track].is_drum, specs)


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: f"{r['name']}-{r['config']}-{r['request']['mask_mode']}")
def test_prompt_equals_midigpts(record):
    request, step, tokenizer = record["request"], record["plan"][0], LEGACY[record["config"]]
    score = golden.read(request["file"])
    start, end = step["window"]
    specs = tokenizer.config.attributes
    # midigpt: over the whole piece as given; a bar's looked up by its number in the window, though kept by its number in the piece
    levels = attributes.compute(score, specs=specs, legacy=True)
    kept = [track for track in request["tracks"] if not track["ignore"]]
    for track in kept:
        levels[track["id"]] |= track["attributes"]
    place = {track["id"]: position for position, track in enumerate(kept)}
    options = {
        "hidden": {(place[t["id"]], bar - start) for t in kept for bar in t["mask_bars"] if start <= bar < end},
        "mask_token": request["mask_mode"] == "token" or (request["mask_mode"], record["config"]) == ("auto", "ghost"),
        "attributes": [levels[track["id"]] for track in kept],
    }
    options["bar_attributes"] = {
        (place[t["id"]], bar): bar_levels(score, t["id"], bar, specs) for t in kept for bar in range(end - start)
    }
    if request["mask_mode"] == "remove":  # there midigpt writes hidden bars without their attributes
        silent = dict.fromkeys(spec.name for spec in specs)
        options["bar_attributes"] |= dict.fromkeys(options["hidden"], silent)
    window = score.window(start, end).select_tracks(place)
    targets = [(place[int(track)], bar - start) for track, bars in step["generate"].items() for bar in bars]
    if step["autoregressive"]:
        encoded = tokenizer.encode_autoregressive(window, targets[0][0], min(bar for _, bar in targets), **options)
    else:
        encoded = tokenizer.encode(window, targets=targets, **options)
    assert encoded.ids == record["prompt"]
    if request["mask_mode"] != "remove":  # there midigpt shows the shells, and so names no spans
        assert [list(span) for span in encoded.hidden_spans] == record["hidden_spans"]
