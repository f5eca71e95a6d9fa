"""WebSocket peers by the package websockets, an implementation of its own.

websocket.py server PORT
websocket.py client URL [CA]      prints "ok CASE" or "failed CASE: why" for each case
"""

import asyncio
import os
import ssl
import sys

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed


async def answer(socket):
    async for message in socket:
        if message == "close 4321":
            await socket.close(4321, "as asked")
            return
        if message == "say twice":
            await socket.send("one")
            await socket.send("two")
            continue
        await socket.send(message)


def choose(_, offered):
    return "echo.v1" if "echo.v1" in offered else None


async def server(port):
    async with serve(answer, "127.0.0.1", port, select_subprotocol=choose, max_size=None):
        await asyncio.get_running_loop().create_future()


async def text(url, context):
    async with connect(url, ssl=context) as socket:
        for message in ("hello", "", "ü" * 5000):
            await socket.send(message)
            assert await socket.recv() == message


async def binary(url, context):
    message = os.urandom(1024 * 1024)
    async with connect(url, ssl=context, max_size=None, compression=None) as socket:
        await socket.send(message)
        assert await socket.recv() == message


async def fragments(url, context):
    async with connect(url, ssl=context) as socket:
        await socket.send(["a", "b", "c"])
        assert await socket.recv() == "abc"


async def unasked(url, context):
    async with connect(url, ssl=context) as socket:
        await socket.send("say twice")
        assert await socket.recv() == "one"
        assert await socket.recv() == "two"


async def ping(url, context):
    async with connect(url, ssl=context) as socket:
        await (await socket.ping(b"are you there"))


async def subprotocol(url, context):
    async with connect(url, ssl=context, subprotocols=["other", "echo.v1"]) as socket:
        assert socket.subprotocol == "echo.v1", socket.subprotocol


async def close_code(url, context):
    async with connect(url, ssl=context) as socket:
        await socket.send("close 4321")
        try:
            await socket.recv()
        except ConnectionClosed as closed:
            assert (closed.rcvd.code, closed.rcvd.reason) == (4321, "as asked"), closed
        else:
            raise AssertionError("still open")


async def many(url, context):
    async def one(number):
        async with connect(url, ssl=context) as socket:
            for turn in range(20):
                await socket.send(f"{number} {turn}")
                assert await socket.recv() == f"{number} {turn}"

    await asyncio.gather(*(one(number) for number in range(50)))


async def client(url, ca):
    context = None
    if ca:
        context = ssl.create_default_context(cafile=ca)
        context.check_hostname = False
    for case in (text, binary, fragments, unasked, ping, subprotocol, close_code, many):
        try:
            await asyncio.wait_for(case(url, context), 20)
            print(f"ok {case.__name__}", flush=True)
        except Exception as error:
            print(f"failed {case.__name__}: {type(error).__name__} {error}".replace("\n", " "), flush=True)


if sys.argv[1] == "server":
    asyncio.run(server(int(sys.argv[2])))
else:
    asyncio.run(client(sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None))
