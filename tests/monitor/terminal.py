"""A terminal of any size, for the real command to draw on, and what stands on it.

Knows pseudo-terminals, and the few escapes that rich writes. Must not know what is drawn.
"""

import asyncio
import fcntl
import os
import pty
import re
import signal
import struct
import termios
import threading
from contextlib import suppress

from tests.cli.shell import COMMAND, PATIENCE, ROOT, environment, until

ALTERNATE, ORIGINAL = b"\x1b[?1049h", b"\x1b[?1049l"
HIDDEN, SHOWN = b"\x1b[?25l", b"\x1b[?25h"
_HOME = "\x1b[H"
_STYLE = re.compile(r"\x1b\[[0-9;]*m")


class Terminal:
    """A terminal, read by a thread: asyncio has no transport for one."""

    def __init__(self, width: int, height: int) -> None:
        self._ours, self.theirs = pty.openpty()
        self.written = b""
        self._reader = threading.Thread(target=self._read)
        self.resize(width, height)

    def resize(self, width: int, height: int) -> None:
        """Give it another size."""
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    @property
    def screens(self) -> list[list[str]]:
        """Each screen that was drawn in full, as lines of text; the last may be under way still."""
        text = self.written.partition(ORIGINAL)[0].decode(errors="replace")
        parts = text.split(_HOME)[1:-1]
        return [
            _STYLE.sub("", part).split("\r\n") for part in parts if "\r\n" in part
        ]  # rich goes home twice at first

    def open(self) -> None:
        """Begin to read; the other end belongs to the command from here on."""
        os.close(self.theirs)
        self._reader.start()

    def close(self) -> None:
        """Wait for all that was written; the command must have ended."""
        self._reader.join()
        os.close(self._ours)

    def _read(self) -> None:
        with suppress(OSError):  # how a terminal says that the other side is gone
            while data := os.read(self._ours, 65_536):
                self.written += data


class Session:
    """The command on a terminal."""

    def __init__(self, terminal: Terminal, process: asyncio.subprocess.Process) -> None:
        self.terminal = terminal
        self._process = process

    async def sees(self, *texts: str, lines: int | None = None) -> list[str]:
        """Wait for a screen with these texts, of so many lines if told; give it."""
        found: list[str] = []

        def is_there() -> bool:
            for screen in self.terminal.screens[-3:]:
                if all(text in "\n".join(screen) for text in texts) and lines in (None, len(screen)):
                    found[:] = screen
            return bool(found)

        await until(is_there)
        return found

    async def writes(self, text: str) -> None:
        """Wait for a text anywhere in what was written."""
        await until(lambda: text.encode() in self.terminal.written)

    async def end(self, number: signal.Signals | None = None) -> tuple[int, bytes]:
        """Wait for its end, which `number` may ask for; give the status and what came after the view."""
        if number is not None:
            self._process.send_signal(number)
        async with asyncio.timeout(PATIENCE):
            status = await self._process.wait()
        self.terminal.close()
        return status, self.terminal.written.rpartition(ORIGINAL)[2]


async def on_a_terminal(*words: str, size: tuple[int, int] = (80, 24), **environ: str) -> Session:
    """Start the command with all three descriptors on a terminal; the test must end it."""
    terminal = Terminal(*size)
    env = environment(**environ)
    for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"):
        if name not in environ:
            env.pop(name, None)
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *words,
        stdin=terminal.theirs,
        stdout=terminal.theirs,
        stderr=terminal.theirs,
        cwd=ROOT,
        env=env,
        start_new_session=True,
    )
    terminal.open()
    return Session(terminal, process)
