"""Frames of two fields made whole, as players do: else hands that move have combs for edges."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import av
from av.filter import Graph

if TYPE_CHECKING:
    from av import VideoFrame

    Timed = tuple[float, VideoFrame]


def deinterlaced(timed: Iterable[Timed]) -> Iterator[Timed]:
    """Give the same frames at the same seconds; those flagged as two fields are filtered by bwdif, one for one."""
    graph: Graph | None = None
    waiting: deque[float] = deque()
    for seconds, frame in timed:
        if graph is None and not frame.interlaced_frame:
            yield seconds, frame
            continue
        graph = graph or _graph(frame)
        waiting.append(seconds)
        graph.vpush(frame)
        yield from _pulled(graph, waiting)
    if graph is not None:
        graph.vpush(None)
        yield from _pulled(graph, waiting)


def _graph(frame: VideoFrame) -> Graph:
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
    )
    graph.link_nodes(
        source, graph.add("bwdif", "mode=send_frame:deint=interlaced"), graph.add("buffersink")
    ).configure()
    return graph


def _pulled(graph: Graph, waiting: deque[float]) -> Iterator[Timed]:
    with suppress(av.error.BlockingIOError, av.error.EOFError):  # it wants more frames, or has no more
        while True:
            frame = graph.vpull()
            yield waiting.popleft(), frame
