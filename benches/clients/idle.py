"""Opens connections, asks once on each, says "ready", and holds them until its standard input ends.

idle.py HOST PORT COUNT plain|tls
"""

import asyncio
import ssl
import sys

REQUEST = b"GET /1k HTTP/1.1\r\nHost: localhost\r\nUser-Agent: idle\r\nAccept: */*\r\n\r\n"


async def open_one(host, port, context, gate):
    async with gate:
        reader, writer = await asyncio.open_connection(host, port, ssl=context)
        writer.write(REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"not 200: {head!r}")
        length = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
        )
        await reader.readexactly(length)
        return writer


async def main():
    host, port, count, kind = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    context = None
    if kind == "tls":
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    gate = asyncio.Semaphore(32)
    held = await asyncio.gather(*(open_one(host, port, context, gate) for _ in range(count)))
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for writer in held:
        writer.transport.abort()


asyncio.run(main())
