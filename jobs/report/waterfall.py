"""A bridge as bars from one mean to another: the largest parts by themselves, the others together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jobs.report.compared import Bridge, Step
from jobs.report.language import Voice
from jobs.report.why import TopicStep

SHOWN, TOPICS = 6, 5
"""At most so many parts have a bar of their own, and so many topics."""
SMALLEST = 0.0005
"""A smaller effect would be printed as none."""
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


@dataclass(frozen=True)
class TopicBar:
    """What a topic did, and that as a part of what the largest of them did, -1 to 1."""

    label: str
    effect: float
    part: float


def topic_bars(steps: Sequence[TopicStep], voice: Voice) -> tuple[TopicBar, ...]:
    """The topics that did most, those too small to print left out, and the others together."""
    shown = [step for step in steps[:TOPICS] if abs(step.effect) >= SMALLEST]
    told = [(voice("no_topic") if step.topic is None else step.topic, step.effect) for step in shown]
    rest = sum(step.effect for step in steps[len(shown) :])
    told += [(voice("topic_rest"), rest)] if abs(rest) >= SMALLEST else []
    widest = max((abs(effect) for _, effect in told), default=1.0)
    return tuple(TopicBar(label, effect, effect / widest) for label, effect in told)


def _sizes(step: Step) -> tuple[tuple[str, float], tuple[str, float]]:
    return ("step_mix", step.mix), ("step_within", step.within)
