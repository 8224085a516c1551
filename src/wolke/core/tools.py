"""Running programs of the host that do one thing and end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence


class ToolError(Exception):
    """A tool ended with an error; ``str`` is what it said."""


async def run(*argv: str, inherited: Sequence[int] = ()) -> bytes:
    """Standard output of a tool, which gets the open files ``inherited`` under the numbers that they have here. Raises
    ``ToolError``; kills it if we are cancelled."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        pass_fds=inherited,
    )
    try:
        output, errors = await process.communicate()
    except BaseException:
        if process.returncode is None:
            process.kill()
            await process.wait()
        raise
    if process.returncode:
        raise ToolError(errors.decode(errors="replace").strip() or f"{argv[0]} ended with {process.returncode}")
    return output
