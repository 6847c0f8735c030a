import io

from alframe.registry.streams import KeptOpen


def test_the_other_stream_stays_open():
    other = io.StringIO()
    stream = KeptOpen(other)
    print("one", file=stream)
    stream.close()
    print("two", file=stream)
    assert other.getvalue() == "one\ntwo\n"
    assert not other.closed
    assert stream.writable()
    assert not stream.isatty()
    assert stream.encoding == "utf-8"


def test_where_there_is_none_nothing_is_written():
    print("one", file=KeptOpen(None))
