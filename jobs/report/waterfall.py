"""A bridge as bars from one mean to another: the largest parts by themselves, the others together."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.report.compared import Bridge, Step
from jobs.report.language import Voice

SHOWN = 6
"""At most so many parts have a bar of their own."""
MARGIN = 0.05
"""Room on both sides, as a part of what the bars span."""
WIDE = 200.0


@dataclass(frozen=True)
class Bar:
    """A part of a change: what it moved the mean from and to. The others together have no feed."""

    kind: str
    feed: str | None
    language: str | None
    start: float
    end: float

    def label(self, voice: Voice) -> str:
        """What the part is."""
        if self.feed is None or self.language is None:
            return voice("step_rest")
        return f"{voice(self.kind)}: {self.feed}, {voice.tongue(self.language)}"


@dataclass(frozen=True)
class Waterfall:
    """Bars from `before` to `after`; each begins where the last one ended."""

    brand: str
    before: float
    after: float
    steps: tuple[Step, ...]
    bars: tuple[Bar, ...]

    @property
    def change(self) -> float:
        """What the bars add up to."""
        return self.after - self.before

    @classmethod
    def of(cls, bridge: Bridge) -> Waterfall:
        """The bars of `bridge`."""
        parts = [(kind, step, size) for step in bridge.steps for kind, size in _sizes(step) if size]
        parts.sort(key=lambda part: -abs(part[2]))
        bars, at = [], bridge.before
        for kind, step, size in parts[:SHOWN]:
            bars.append(Bar(kind, step.feed, step.language, at, at + size))
            at += size
        if parts[SHOWN:]:
            bars.append(Bar("step_rest", None, None, at, bridge.after))
        return cls(bridge.brand, bridge.before, bridge.after, bridge.steps, tuple(bars))

    def place(self, value: float) -> float:
        """Where a mean lies across the drawing, 0 to WIDE."""
        ends = [self.before, self.after, *(bar.end for bar in self.bars)]
        span = max(ends) - min(ends) or 1.0
        return WIDE * (MARGIN + (1 - 2 * MARGIN) * (value - min(ends)) / span)


def _sizes(step: Step) -> tuple[tuple[str, float], tuple[str, float]]:
    return ("step_mix", step.mix), ("step_within", step.within)
