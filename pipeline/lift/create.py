"""The choice of a lifter: by window, quality, and whether the run is live and shows previews."""

from __future__ import annotations

from pipeline.errors import ConfigError, ModelError
from pipeline.lift.base import Lifter, PreviewLifter
from pipeline.lift.network import Mirrored, Network, OnnxNetwork
from pipeline.lift.overlap import OverlapLifter
from pipeline.lift.paired import PairedLifter
from pipeline.lift.quality import BEST, STANDARD, find_quality
from pipeline.lift.refine import Refiner
from pipeline.lift.windows import WindowLifter
from pipeline.runtime import Device, parse_device
from pipeline.runtime.cards import LifterCard, RefinerCard, find_card, list_cards

DEFAULT_MODEL = "lift-27"

LIVE_MODEL = "lift-27-live"
"""The model of the previews beside the default model. It was trained to look less far ahead, see docs/live.md."""

DEFAULT_REFINER = "refine-27"

_SHORT_WINDOW = 81
_CHEAP_WINDOW = 27  # two passes over such a window cost less than decoding a frame


def create_lifter(
    model: str | None = None,
    *,
    window: int | None = None,
    quality: str | None = None,
    refiner: Refiner | None = None,
    live: bool = False,
    previews: bool = False,
    device: Device | str = "auto",
    threads: int = 0,
) -> Lifter:
    """A lifter from ``weights/``.

    Args:
        model: name of the model; chosen by ``window`` if None.
        window: frames that the lifter looks at; ``DEFAULT_MODEL`` if None.
        quality: one of ``pipeline.lift.quality.QUALITIES``; chosen by ``default_quality`` if None.
        refiner: module that refines the poses; the windows must then be made with the true focal length.
        live: whether the source is a camera or stream.
        previews: whether previews are wanted; unless ``model`` is given, they come from a model of their own.
        device: where to run it, as a device or its name.
        threads: CPU threads; 0 = what suits the model.

    Raises:
        ConfigError: a name or a combination is not valid.
        ModelError: a file is missing or damaged.
        DeviceError: the device can't be used.
    """
    if threads < 0:
        raise ConfigError("threads", threads, "is not valid; use 0 (what suits the model) or more")
    where = parse_device(device) if isinstance(device, str) else device
    if quality is not None:
        find_quality(quality, live)
    card = find_lifter(model, window)
    chosen = quality or default_quality(card, live)
    settled = lifter_of(card, where, threads, chosen, refiner)
    if live and previews and model is None and card.name == DEFAULT_MODEL:
        preview = lifter_of(_live_card(), where, threads, chosen, refiner)
        if isinstance(settled, PreviewLifter) and isinstance(preview, PreviewLifter):
            return PairedLifter(settled, preview)
    return settled


def lifter_of(
    card: LifterCard, device: Device, threads: int = 0, quality: str = STANDARD, refiner: Refiner | None = None
) -> Lifter:
    """The lifter of one model.

    Args:
        card: the model's card.
        device, threads, quality, refiner: as for ``create_lifter``.

    Raises:
        ConfigError: there is no such quality.
        ModelError, DeviceError: as for ``OnnxNetwork``.
    """
    # The matrix products of a short window are too small to share: two threads are slower (benchmarks/bench_lifter.py).
    return lifter_on(OnnxNetwork(card, device, threads or (1 if card.window <= _SHORT_WINDOW else 0)), quality, refiner)


def lifter_on(network: Network, quality: str = STANDARD, refiner: Refiner | None = None) -> Lifter:
    """A lifter of this quality on a network that is loaded already.

    Raises:
        ConfigError: there is no such quality.
    """
    way = find_quality(quality)
    lifter = WindowLifter(Mirrored(network) if way.mirror else network, refiner)
    return OverlapLifter(lifter) if way.overlap else lifter


def default_quality(card: LifterCard, live: bool) -> str:
    """The quality where none is asked for: the best one where it costs little."""
    return BEST if not live and card.window <= _CHEAP_WINDOW else STANDARD


def create_refiner(name: str = DEFAULT_REFINER) -> Refiner:
    """A refine module by name.

    Raises:
        ModelError: there is no module of this name, or its file is damaged.
    """
    return Refiner(find_card(name, RefinerCard))


def find_lifter(model: str | None = None, window: int | None = None) -> LifterCard:
    """The card of a lifter by name or by the length of its window; of the default lifter without either.

    Raises:
        ConfigError: the name and the window contradict each other, or there is no lifter of this length.
        ModelError: there is no lifter of this name.
    """
    if model is not None:
        card = find_card(model, LifterCard)
        if window is not None and card.window != window:
            raise ConfigError(
                "lifter", model, f"has a window of {card.window} frames, `window` {window} was asked for; leave one out"
            )
        return card
    if window is None:
        return find_card(DEFAULT_MODEL, LifterCard)
    cards = list_cards(LifterCard)
    fitting = [card for card in cards if card.window == window]
    if not fitting:
        known = ", ".join(map(str, sorted({card.window for card in cards}))) or "none"
        raise ConfigError("window", window, f"has no lifter of this length; there are: {known}")
    # The model with the target in the centre is the most accurate one of its length.
    return max(fitting, key=lambda card: card.lookahead)


def _live_card() -> LifterCard:
    try:
        return find_card(LIVE_MODEL, LifterCard)
    except ModelError as error:
        raise ModelError(
            f"{error}; it gives the previews of live runs: restore it, or ask for the lifter {DEFAULT_MODEL} by name"
        ) from error
