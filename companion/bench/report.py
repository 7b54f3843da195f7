"""Rows as a table, as JSON, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from companion.bench.engines.measure import Row
from companion.errors import UsageError

_HEAD = (
    "engine",
    "checkpoint",
    "bars×tracks",
    "prompt",
    "prefill ms",
    "ms/token",
    "floor",
    "bar p50",
    "bar p99",
    "tok/s",
    "MB",
)


def table(rows: Sequence[Row]) -> str:
    """Aligned columns, then the ratios and the quality where there are some."""
    cells = [_HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEAD))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    for row in rows:
        where = f"{row.engine} {row.checkpoint} {row.window_bars}×{row.tracks}" + (
            ", a core busy" if row.contended else ""
        )
        lines += [f"{where}: {peer} takes {_ratio_text(ratios)}" for peer, ratios in row.against.items()]
        if row.device:
            device = row.device
            lines.append(
                f"{where}: {device['name']}; {device['read_ms']:.3f} ms to read what a token needs, "
                f"{device['launch_ms']:.3f} ms to start its {device['kernels']} kernels ({device['kernels_used']})"
            )
            ratios = (row.ms_per_token / max(device[floor], 1e-9) for floor in ("read_ms", "launch_ms"))
            lines.append("{}: a token takes {:.1f} × and {:.1f} × these floors".format(where, *ratios))
        if row.host_ms:
            lines.append(
                f"{where}: of a token {row.host_ms['plain']:.3f} ms are not the model's "
                f"({row.host_ms['steered']:.3f} ms with dials and chords)"
            )
        for what, found in (("parts of a bar", row.pass_ratios), ("takes of a part", row.take_ratios)):
            ratios = ", ".join(f"{size} in {ratio:.2f}×" for size, ratio in (found or {}).items() if size > 1)
            if ratios:
                lines.append(f"{where}: {what} in one batch, against one alone: {ratios}")
        if row.quality:
            quality = row.quality
            lines.append(
                f"{where}: KL {quality['kl']:.5f} nats (p99 {quality['kl_p99']:.5f}), favourite equal in "
                f"{quality['top1']:.1%} of {quality['positions']:.0f} positions"
            )
    return "\n".join(lines)


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.engine + (" (busy)" if row.contended else ""),
        row.checkpoint,
        f"{row.window_bars}×{row.tracks}",
        str(row.prompt_tokens),
        f"{row.prefill_ms:.0f}",
        f"{row.ms_per_token:.2f}",
        f"{row.floor_ms:.2f}" if row.floor_ms else "",
        f"{row.bar_ms['p50']:.0f}",
        f"{row.bar_ms['p99']:.0f}",
        f"{row.tokens_per_second:.0f}",
        f"{row.rss_mb:.0f}" if row.rss_mb else "",
    )


def _ratio_text(ratios: dict[str, float]) -> str:
    return ", ".join(f"{what} {ratio:.1f}×" for what, ratio in ratios.items())


def plot(rows: Sequence[Row], path: Path) -> None:
    """Milliseconds a token and a bar for every row, as horizontal bars. Raises UsageError without matplotlib."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError:
        raise UsageError("--plot needs matplotlib: pip install 'companion[train]'") from None
    labels = [f"{row.engine}\n{row.checkpoint} {row.window_bars}×{row.tracks}" for row in rows]
    figure, axes = pyplot.subplots(1, 2, figsize=(11, 1.5 + 0.6 * len(rows)), sharey=True)
    for axis, title, values in (
        (axes[0], "ms per token", [row.ms_per_token for row in rows]),
        (axes[1], "ms per bar, median", [row.bar_ms["p50"] for row in rows]),
    ):
        axis.barh(labels, values)
        axis.set_title(title)
        axis.set_xscale("log")
        for place, value in enumerate(values):
            axis.text(value, place, f" {value:.3g}", va="center")
    axes[0].invert_yaxis()
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)
