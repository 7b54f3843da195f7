# Triton's constants are written in capitals, and its types are not Python's.
# ruff: noqa: N803, N806
# pyright: basic, reportMissingImports=false, reportGeneralTypeIssues=false, reportOperatorIssue=false, reportArgumentType=false, reportAttributeAccessIssue=false
"""Grammar, rests, steering, filters and draw of one token in one Triton kernel, one program for each take.

It does what `cuda.writing.sampling` and `cuda.writing.steering` do, in the same order, on the same tensors; these modules say what each
term is for. It also writes the next step's inputs. Names in capitals are sizes and columns, fixed when the kernel is compiled.
"""

from __future__ import annotations

import triton
import triton.language as tl

_NEVER = tl.constexpr(float("-inf"))


@triton.jit
def _dial(dials, bar, column, DIALS: tl.constexpr):
    return tl.load(dials + bar * DIALS + column)


@triton.jit
def dialled(
    pushed, v, dials, behind, ahead, beyond, short_of, reached, in_key, rings, heard, played, bar, take, last, notes, here, position,
    C: tl.constexpr,
):  # fmt: skip
    """The nats [V] of pace, voices, lengths and register."""
    D: tl.constexpr = C.DIALS
    none: tl.constexpr = C.NONE
    melodic = _dial(dials, bar, C.MELODIC, D) > 0
    ticks = _dial(dials, bar, C.TICKS, D)
    bar_end = ticks.to(tl.int64)
    onset = last == C.ONSET_TYPE
    names_a_length = melodic & onset
    completed = (last == C.OPENED_TYPE) | (melodic & (last == C.DURATION_TYPE)) | ((melodic == 0) & onset)

    # What sounds, by tick.
    t = tl.arange(0, C.BLOCK_T)
    sounds = tl.load(heard + take * C.HEARD + t, mask=t < C.HEARD, other=0.0)
    past = tl.where(t < position, sounds, 0.0)
    fewest, most_asked = _dial(dials, bar, C.FEWEST, D), _dial(dials, bar, C.MOST, D)
    sounding = tl.maximum(tl.sum((past > 0).to(tl.int32), 0), 1).to(tl.float64)
    at_most = tl.sum((past >= most_asked).to(tl.int32), 0).to(tl.float64)
    at_least = tl.sum(((past > 0) & (past <= fewest)).to(tl.int32), 0).to(tl.float64)
    thick = tl.where(most_asked < none, at_most / sounding, 1.0)
    thin = tl.where(fewest > 0, at_least / sounding, 1.0)
    lowest_wanted = tl.maximum(fewest, 1.0)
    enough = tl.minimum(thick, thin) >= C.REACHED
    thicker = thick <= thin
    least = tl.where((enough == 0) & thicker & (most_asked < none), most_asked, lowest_wanted)
    most = tl.where(enough | thicker, most_asked, lowest_wanted)
    voices = tl.load(heard + take * C.HEARD + position)
    voiced = _dial(dials, bar, C.VOICED, D)

    note_push, end_push = 0.0, 0.0
    place = v - C.POSITION
    is_place = (place >= 0) & (place < C.SPAN)
    places = tl.zeros_like(pushed)
    if completed & (_dial(dials, bar, C.PACED, D) > 0):
        pull = _dial(dials, bar, C.PULL, D)
        count = notes.to(tl.float32)
        on_bar = t <= bar_end
        low = tl.load(behind + bar * (C.SPAN + 1) + t, mask=on_bar, other=0.0)
        high = tl.load(ahead + bar * (C.SPAN + 1) + t, mask=on_bar, other=0.0)
        off = tl.maximum(low - count, 0.0) + tl.maximum(count - high, 0.0)
        pushes = -pull * off * (1 + off / 3)
        best = tl.max(tl.where(on_bar & (t >= position), pushes, _NEVER), 0)
        at_end = tl.sum(tl.where(t == bar_end, pushes, 0.0), 0)
        lag = tl.load(behind + bar * (C.SPAN + 1) + tl.minimum(position + 1, bar_end)) - count
        reach = tl.minimum(position + _dial(dials, bar, C.REACH, D).to(tl.int64), bar_end)
        early = count + 1 - tl.load(ahead + bar * (C.SPAN + 1) + reach)
        note_push = tl.minimum(tl.maximum(pull * lag, 0.0), C.STACK_PULL)
        note_push -= tl.where(here > 0, pull * tl.maximum(early, 0.0), 0.0)
        note_push -= 2.0 * tl.maximum(here - C.MOST_TOGETHER + 1, 0).to(tl.float32)
        end_push = tl.where(count < _dial(dials, bar, C.PACE_FEWEST, D), C.FORBIDDEN, at_end - best)
        low = tl.load(behind + bar * (C.SPAN + 1) + place, mask=is_place, other=0.0)
        high = tl.load(ahead + bar * (C.SPAN + 1) + place, mask=is_place, other=0.0)
        off = tl.maximum(low - count, 0.0) + tl.maximum(count - high, 0.0)
        places = -pull * off * (1 + off / 3) - best
        if count >= _dial(dials, bar, C.PACE_MOST, D):
            note_push = C.FORBIDDEN
            end_push = 0.0
            places = tl.full(places.shape, C.FORBIDDEN, tl.float32)
    if completed & (voiced > 0):
        lacking = tl.where(here > 0, C.THICKEN * tl.maximum(least - voices, 0.0), 0.0)
        crowded = C.THIN * tl.maximum(voices + 1 - most, 0.0)
        note_push -= tl.where(most < none, crowded, C.ENOUGH * tl.maximum(voices - least, 0.0))
        crowd = sounds >= most
        until = tl.max(tl.where(crowd, t + 1, 0), 0)
        until = tl.where(tl.max((crowd & (t < ticks)).to(tl.int32), 0) > 0, until, 0)
        apart = tl.minimum(tl.maximum(C.OVERLAP * (until - place).to(tl.float32), 0.0), C.MOST_OVERLAP)
        covered = tl.sum(((sounds > 0) & (t < ticks)).to(tl.int32), 0).to(tl.float32)
        end_push -= 2 * lacking + C.UNFILLED * (1 - covered / tl.maximum(ticks, 1.0))
        places -= lacking + apart
    end_push = tl.where(last == C.POSITION_TYPE, C.FORBIDDEN, end_push)

    pitch = v - C.PITCH
    is_pitch = (pitch >= 0) & (pitch < C.PITCHES)
    duration = v - C.DURATION
    is_duration = (duration >= 0) & (duration < C.DURATIONS)
    written = tl.load(played + take * C.PLAYED + pitch, mask=is_pitch, other=0.0)
    pitches, lengths = tl.zeros_like(pushed), tl.zeros_like(pushed)
    if names_a_length:
        left = tl.max(tl.where(sounds > 0, t + 1, 0), 0) - position
        together = voiced * ((left > 0) & (least > 1)).to(tl.float32)
        logs = tl.log(tl.maximum(duration + 1, 1).to(tl.float32)) - tl.log(tl.maximum(left, 1).to(tl.float32))
        lengths = -C.TOGETHER_NATS * together * tl.abs(logs)
        lengths += tl.load(beyond + bar * C.DURATIONS + duration, mask=is_duration, other=0.0)
        times = tl.load(played + take * C.PLAYED + C.PITCHES + duration, mask=is_duration, other=0.0)
        side = bar * 2 * C.DURATIONS + duration
        all_notes = tl.maximum(notes - 1, 1).to(tl.float64)
        at_short = tl.sum(times * tl.load(reached + side, mask=is_duration, other=0.0), 0).to(tl.float64)
        at_long = tl.sum(times * tl.load(reached + side + C.DURATIONS, mask=is_duration, other=0.0), 0).to(tl.float64)
        shortest = tl.where(_dial(dials, bar, C.SHORTEST, D) > 0, at_short / all_notes, 2.0)
        longest = tl.where(_dial(dials, bar, C.LONGEST, D) > 0, at_long / all_notes, 2.0)
        if tl.minimum(shortest, longest) < C.REACHED:
            chosen = side + tl.where(shortest <= longest, 0, C.DURATIONS)
            lengths += tl.load(short_of + chosen, mask=is_duration, other=0.0)
    else:
        at = (take * C.PITCHES + pitch) * C.HEARD + position
        same = tl.load(rings + at, mask=is_pitch, other=0.0)
        below = tl.load(rings + at - C.HEARD, mask=is_pitch & (pitch > 0), other=0.0)
        above = tl.load(rings + at + C.HEARD, mask=is_pitch & (pitch < C.PITCHES - 1), other=0.0)
        pitches = -voiced * (C.SAME_PITCH * same + C.SEMITONE * (same + below + above))
        pitches += tl.load(in_key + bar * C.PITCHES + pitch, mask=is_pitch, other=0.0)
        width = _dial(dials, bar, C.WIDTH, D)
        tone = pitch.to(tl.float32)
        lowest = tl.min(tl.where(is_pitch & (written > 0), tone, none), 0)
        highest = tl.max(tl.where(is_pitch & (written > 0), tone, -none), 0)
        lowest = tl.minimum(lowest, _dial(dials, bar, C.LOWEST, D))
        highest = tl.maximum(highest, _dial(dials, bar, C.HIGHEST, D))
        pitches += tl.where((tone < highest - width) | (tone > lowest + width), C.FORBIDDEN, 0.0)
        classes = 0
        count = 0
        for number in range(12):
            has = tl.max((is_pitch & (written > 0) & (pitch % 12 == number)).to(tl.int32), 0)
            classes += has << number
            count += has
        if count.to(tl.float32) >= _dial(dials, bar, C.CLASSES, D):
            pitches += tl.where(((classes >> (pitch % 12)) & 1) != 0, 0.0, C.FORBIDDEN)
    pushed += tl.where(is_place, places, 0.0) + tl.where(is_pitch, pitches, 0.0) + tl.where(is_duration, lengths, 0.0)
    return pushed, note_push, end_push, names_a_length


@triton.jit
def leaning(logits, v, ends, dials, lean, next_chord, bar, notes, here, position, C: tl.constexpr):
    """The logits [V] with pitches leaning towards the chord, as `ChordLean.lean`."""
    pitch = v - C.PITCH
    is_pitch = (pitch >= 0) & (pitch < C.PITCHES)
    row = (bar * 2 + (here > 0).to(tl.int64)) * C.SPAN + position
    table = tl.load(lean + row * 12 + pitch % 12, mask=is_pitch, other=0.0)
    before = tl.where(is_pitch, logits, _NEVER)
    after = tl.where(is_pitch, logits + table, _NEVER)
    top, new_top = tl.max(before, 0), tl.max(after, 0)
    kept = top + tl.log(tl.sum(tl.exp(before - top), 0)) - new_top - tl.log(tl.sum(tl.exp(after - new_top), 0))
    logits = tl.where(is_pitch, logits + table + kept, logits)
    following = tl.load(next_chord + bar * (C.SPAN + 1) + tl.where(notes > 0, position + 1, 0))
    past = _dial(dials, bar, C.PAST, C.DIALS)
    place = v - C.POSITION
    is_past = (place >= 0) & (place < C.SPAN) & (place.to(tl.float32) > following)
    logits -= tl.where(is_past, past, 0.0)
    end_past = tl.where((notes > 0) & (following < C.NONE), past, 0.0)
    return logits - tl.where(ends, end_past, 0.0)


@triton.jit
def drawn(scores, v, uniform, filters, take, content, C: tl.constexpr):
    """The id drawn from scores [V] in float64, −inf for tokens that may not come."""
    temperature = tl.load(filters + take * 5)
    scaled = scores / temperature
    chances = tl.exp(scaled - tl.max(scaled, 0))
    chances = chances / tl.sum(chances, 0)
    top_k, top_p = tl.load(filters + take * 5 + 1), tl.load(filters + take * 5 + 2)
    mask_k, mask_p = tl.load(filters + take * 5 + 3), tl.load(filters + take * 5 + 4)
    kept = chances >= 0.0
    if (top_k < C.VOCAB) | (top_p < 1.5) | (mask_k > 0) | (mask_p > 0):
        # A chance and its id in one number, so that one sort orders both. The id takes the chance's last bits.
        key = (chances.to(tl.int64, bitcast=True) & ~(C.BLOCK_V - 1)) | (C.BLOCK_V - 1 - v)
        key = tl.where(v < C.VOCAB, key, -1)
        order = tl.sort(key, descending=True)
        ranked = tl.where(order >= 0, order & ~(C.BLOCK_V - 1), 0).to(tl.float64, bitcast=True)
        mass = tl.cumsum(ranked, 0)
        stays = (v.to(tl.float64) < top_k) & (mass - ranked < top_p) & (order >= 0)
        some = stays & (ranked > 0)
        count = tl.sum(some.to(tl.int32), 0).to(tl.float64)
        total = tl.max(tl.where(some, mass, 0.0), 0)
        by_count = tl.where(mask_k < count, mask_k, 0.0)
        by_mass = tl.sum(((mass < mask_p * total - 1e-12) & (v < C.VOCAB)).to(tl.int32), 0).to(tl.float64) + 1
        by_mass = tl.where(mask_p > 0, tl.minimum(by_mass, count - 1), 0.0)
        dropped = tl.maximum(by_count, by_mass)
        smallest = tl.min(tl.where(stays, order, C.LARGEST), 0)
        favourite = tl.max(tl.where(v.to(tl.float64) >= dropped, order, -1), 0)
        kept = (key >= smallest) & ((key <= favourite) | (content == 0))
    running = tl.cumsum(tl.where(kept & (v < C.VOCAB), chances, 0.0), 0)
    whole = tl.max(running, 0)
    reached = tl.sum(((running <= uniform * whole) & (v < C.VOCAB)).to(tl.int32), 0)
    return tl.minimum(reached, C.VOCAB - 1).to(tl.int64)


@triton.jit
def choose(
    logits, fed, takes, limit, last_row, last_position,
    state, draws, step, done, tokens, weights, rings, heard, played,
    uniforms, bias, filters, limits, weighed, allowed, facts, opened, from_tick,
    dials, behind, ahead, beyond, short_of, reached, in_key, lean, next_chord,
    type_of, after, before, content, C: tl.constexpr,
):  # fmt: skip
    """Choose the next token of one take from logits [B, vocab] and change its state.

    Nothing that is stored here is loaded again: the threads of a program do not see each other's stores without a barrier.
    """
    take = tl.program_id(0).to(tl.int64)
    v = tl.arange(0, C.BLOCK_V)
    inside = v < C.VOCAB
    mine = state + take * C.COLUMNS
    last, where = tl.load(mine + C.LAST), tl.load(mine + C.BAR)
    notes, here, placed = tl.load(mine + C.NOTES), tl.load(mine + C.TOGETHER), tl.load(mine + C.PLACE)
    written, left, room = tl.load(mine + C.WRITTEN), tl.load(mine + C.LEFT), tl.load(mine + C.ROOM)
    position = tl.maximum(placed, 0)
    is_done = tl.load(done + take)
    most = limits + take * 3
    holds = (notes >= tl.load(most)).to(tl.int64) + 2 * (notes >= tl.load(most + 1)).to(tl.int64)
    row = holds + 4 * (here >= tl.load(most + 2)).to(tl.int64) + last + where
    bar = where // C.ROWS_A_BAR
    ticks, resting = tl.load(facts + row * 2), tl.load(facts + row * 2 + 1)

    kind = tl.load(type_of + v, mask=inside, other=0)
    low, high = tl.load(after + v, mask=inside, other=0), tl.load(before + v, mask=inside, other=0)
    notated = tl.load(content + v, mask=inside, other=0) != 0
    may = (
        (tl.load(allowed + row * C.TYPES + kind, mask=inside, other=0) != 0) & inside & (low > placed) & (high < ticks)
    )
    begins = tl.load(from_tick + bar)
    legal = may & ((begins <= position) | (notated == 0) | (high >= begins))

    found = tl.load(logits + take * C.VOCAB + v, mask=inside, other=0.0)
    exact = found.to(tl.float64)
    raw = tl.where(legal, exact, _NEVER)
    top = tl.max(raw, 0)
    rest = tl.sum(tl.where(v == C.END, tl.exp(raw - top), 0.0), 0) / tl.sum(tl.exp(raw - top), 0)
    odds = tl.load(dials + bar * C.DIALS + C.REST_ODDS).to(tl.float64)
    rest = rest * odds / (1.0 - rest + rest * odds)
    count = tl.load(draws + take)
    asks = resting == C.MAY_REST
    first = tl.load(uniforms + take * 2 * limit + count)
    second = tl.load(uniforms + take * 2 * limit + count + 1)
    rests = asks & (first < rest)

    pushed = tl.load(bias + take * C.VOCAB + v, mask=inside, other=0.0) + found
    names_a_length = (tl.load(dials + bar * C.DIALS + C.MELODIC) > 0) & (last == C.ONSET_TYPE)
    ends = (kind == C.END_KIND) | (kind == C.BAR_END_KIND)
    if tl.load(dials + bar * C.DIALS + C.DIALLED) > 0:
        pushes, note_push, end_push, names_a_length = dialled(
            tl.zeros_like(pushed), v, dials, behind, ahead, beyond, short_of, reached, in_key, rings, heard, played, bar, take,
            last, notes, here, position, C,
        )  # fmt: skip
        starts = (kind == C.ONSET_KIND) | (kind == C.VELOCITY_KIND) | (kind == C.SHIFT_KIND) | (kind == C.SIDE_KIND)
        pushed += pushes + tl.where(starts, note_push, 0.0) + tl.where(ends, end_push, 0.0)
    if (tl.load(dials + bar * C.DIALS + C.LEANS) > 0) & (names_a_length == 0):
        pushed = leaning(pushed, v, ends, dials, lean, next_chord, bar, notes, here, position, C)

    scores = tl.where(legal & ((v != C.END) | (resting == C.ANYTHING)), pushed.to(tl.float64), _NEVER)
    choices = tl.sum((scores > _NEVER).to(tl.int32), 0)
    token = drawn(scores, v, tl.where(asks, second, first), filters, take, notated, C)
    token = tl.where(rests, C.END, token)
    used = asks.to(tl.int64) + ((choices > 1) & (rests == 0)).to(tl.int64)
    opening = tl.load(opened + bar * (C.MOST_OPENED + 1) + tl.minimum(written, C.MOST_OPENED))
    opens = opening >= 0
    is_done = is_done | ((opens == 0) & (tl.max(legal.to(tl.int32), 0) == 0))
    if (tl.load(weighed + take) != 0) & (opens == 0) & (is_done == 0) & (tl.sum(may.to(tl.int32), 0) > 1):
        model = tl.where(may, exact, _NEVER)
        best = tl.max(model, 0)
        chance = tl.sum(tl.where(v == token, tl.exp(model - best), 0.0), 0) / tl.sum(tl.exp(model - best), 0)
        chance = tl.where(chance >= C.SMALLEST, chance, C.SMALLEST)
        tl.store(weights + take * 2, tl.load(weights + take * 2) + tl.log(chance))
        tl.store(weights + take * 2 + 1, tl.load(weights + take * 2 + 1) + 1)
    token = tl.where(opens, opening, token)
    used = tl.where(opens, 0, used)
    at = tl.load(step + take)
    tl.store(tokens + take * limit + at, tl.where(is_done, -1, token))
    tl.store(step + take, at + 1)
    tl.store(draws + take, count + used)
    token = tl.where(is_done, 0, token)

    if is_done == 0:
        kind_now = tl.load(type_of + token)
        tl.store(mine + C.LAST, kind_now * C.HOLDS)
        room -= 1
        tl.store(mine + C.ROOM, room)
        tl.store(mine + C.WRITTEN, written + 1)
        if kind_now == C.ONSET_KIND:
            tl.store(mine + C.NOTES, notes + 1)
            tl.store(mine + C.TOGETHER, here + 1)
            tl.store(mine + C.PITCH_COLUMN, token - C.PITCH)
            there = played + take * C.PLAYED + token - C.PITCH
            tl.store(there, tl.load(there) + 1)
        elif kind_now == C.DURATION_KIND:
            t = tl.arange(0, C.BLOCK_T).to(tl.int64)
            rung = (t >= position) & (t < position + token - C.DURATION + 1) & (t < C.HEARD)
            ring = rings + (take * C.PITCHES + tl.load(mine + C.PITCH_COLUMN)) * C.HEARD + t
            tl.store(ring, tl.load(ring, mask=rung, other=0.0) + 1, mask=rung)
            tl.store(
                heard + take * C.HEARD + t, tl.load(heard + take * C.HEARD + t, mask=rung, other=0.0) + 1, mask=rung
            )
            there = played + take * C.PLAYED + C.PITCHES + token - C.DURATION
            tl.store(there, tl.load(there) + 1)
        elif kind_now == C.POSITION_KIND:
            tl.store(mine + C.PLACE, token - C.POSITION)
            tl.store(mine + C.TOGETHER, 0)
        elif kind_now == C.OPENED_KIND:
            tl.store(mine + C.NOTES, 0)
            tl.store(mine + C.TOGETHER, 0)
            tl.store(mine + C.PLACE, -1)
            tl.store(mine + C.WRITTEN, 0)
            tl.store(mine + C.BAR, where + C.ROWS_A_BAR)
            t = tl.arange(0, C.BLOCK_T).to(tl.int64)
            tl.store(heard + take * C.HEARD + t, 0.0, mask=t < C.HEARD)
            tl.store(played + take * C.PLAYED + t, 0.0, mask=t < C.PLAYED)
            for pitch in range(C.PITCHES):
                tl.store(rings + (take * C.PITCHES + pitch) * C.HEARD + t, 0.0, mask=t < C.HEARD)
        elif kind_now == C.END_KIND:
            left -= 1
            tl.store(mine + C.LEFT, left)
    tl.store(done + take, is_done | (left <= 0) | (room <= 0))

    tl.store(fed + take, token)
    following = tl.load(fed + 3 * takes + take)
    tl.store(fed + takes + take, following)
    tl.store(fed + 2 * takes + take, tl.minimum(tl.load(fed + 2 * takes + take) + 1, last_row))
    tl.store(fed + 3 * takes + take, tl.minimum(following + 1, last_position))
