"""News for open pages."""

import asyncio
import json

import pytest

from alframe.labelling import live
from alframe.labelling.live import News


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(live, "PAUSE", 0.0)


def facts_of(line):
    assert line.startswith("data: ")
    assert line.endswith("\n\n")
    return json.loads(line[6:])


@pytest.mark.anyio
async def test_a_stream_begins_with_the_facts_and_goes_on_when_they_change():
    facts = {"labelled": 0}
    news = News(lambda: facts)
    stream = news.stream()
    assert facts_of(await anext(stream)) == {"labelled": 0}
    waiting = asyncio.create_task(anext(stream))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    facts["labelled"] = 1
    news.tell()
    assert facts_of(await waiting) == {"labelled": 1}
    await stream.aclose()


@pytest.mark.anyio
async def test_a_slow_stream_misses_what_came_between_and_never_the_newest():
    facts = {"labelled": 0}
    news = News(lambda: facts)
    stream = news.stream()
    await anext(stream)
    for number in range(1, 6):
        facts["labelled"] = number
        news.tell()
    assert facts_of(await anext(stream)) == {"labelled": 5}
    waiting = asyncio.create_task(anext(stream))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    news.close()
    with pytest.raises(StopAsyncIteration):
        await waiting


@pytest.mark.anyio
async def test_every_page_hears():
    news = News(lambda: {"labelled": 3})
    streams = [news.stream() for _ in range(3)]
    for stream in streams:
        assert facts_of(await anext(stream)) == {"labelled": 3}
    waiting = [asyncio.create_task(anext(stream)) for stream in streams]
    await asyncio.sleep(0.01)
    news.tell()
    assert [facts_of(line) for line in await asyncio.gather(*waiting)] == [{"labelled": 3}] * 3
    for stream in streams:
        await stream.aclose()


@pytest.mark.anyio
async def test_a_quiet_stream_gives_signs_of_life(monkeypatch):
    monkeypatch.setattr(live, "QUIET", 0.01)
    stream = News(dict).stream()
    await anext(stream)
    assert (await anext(stream)).startswith(":")
    await stream.aclose()


@pytest.mark.anyio
async def test_a_closed_source_ends_its_streams():
    news = News(dict)
    stream = news.stream()
    await anext(stream)
    news.close()
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    assert [line async for line in news.stream()] == []
