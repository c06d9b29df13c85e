"""A shell in which a test runs the commands of a document."""

import asyncio
import re
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Desk:
    """Where a reader sits: a shell with settings, a token, and some files."""

    directory: Path
    environment: dict[str, str]
    stands_for: dict[str, str] = field(default_factory=dict)
    """What examples name, and what there is instead of it."""

    async def run(self, script: str, **more: str) -> str:
        """Run a script in bash and return what it prints. Raises AssertionError where it fails."""
        for example, real in self.stands_for.items():
            script = re.sub(rf"(?<!\w){re.escape(example)}(?!\w)", real, script)
        bash = ("bash", "-euo", "pipefail", "-c")
        code, output, errors = await self.execute(*bash, script, **more)
        assert code == 0, (script, output, errors)
        return output

    async def execute(self, *command: str, **more: str) -> tuple[int, str, str]:
        """Run a program; return its exit code and what it says by both ways."""
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=self.directory,
            env={**self.environment, **more},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await asyncio.wait_for(process.communicate(), 60)
        return process.returncode or 0, output.decode(), errors.decode()
