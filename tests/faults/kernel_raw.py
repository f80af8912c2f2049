"""One end of a bare TCP connection, as a process: to see what a kernel does to packets without a client.

Knows sockets. `test_kernel` starts two.
"""

import asyncio

from tests.faults.kernel_lines import serve

HEAL_SECONDS = 15.0  # until TCP sends again what was dropped for a while: it waits ever longer
FILLER = 200  # bytes to a word: longer than the packets that pass where only small ones do


class Raw:
    """It says words, and remembers what it hears."""

    def __init__(self) -> None:
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        self._heard: list[str] = []
        self._reading: asyncio.Task[None]

    def ready(self) -> None:
        """Say that the process is there."""

    async def listen(self, host: str, port: int) -> None:
        """Wait for the other in the background."""
        await asyncio.start_server(self._joined, host, port)

    async def dial(self, host: str, port: int) -> None:
        """Connect to the other."""
        self._joined(*await asyncio.open_connection(host, port))

    def say(self, text: str) -> None:
        """Say a word."""
        self._writer.write(text.ljust(FILLER).encode())

    def heard(self) -> list[str]:
        """Give the words heard, and what ended the connection if anything did."""
        return self._heard

    async def heard_in_time(self, text: str) -> list[str]:
        """Wait for a word; give all."""
        async with asyncio.timeout(HEAL_SECONDS):
            while text not in self._heard:  # noqa: ASYNC110  what is heard has no event of its own
                await asyncio.sleep(0.02)
        return self._heard

    def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            while True:
                self._heard.append((await self._reader.readexactly(FILLER)).decode().strip())
        except (OSError, EOFError) as error:
            self._heard.append(repr(error))


if __name__ == "__main__":
    asyncio.run(serve(Raw()))
