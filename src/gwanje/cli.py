"""The commands. Each imports the process it starts inside itself, so that `--help` answers at once.

The only place that ends the process: mistakes of people are one sentence on stderr and exit code 2.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.exceptions import CycloptsError

from gwanje import __version__
from gwanje.errors import GwanjeError

DEFAULT_FOLDER = Path("gwanje-data")

app = App(
    name="gwanje",
    help="gwanje (관제) watches and controls: it collects, carries, keeps, judges, tells, acts and shows.",
    version=__version__,
    help_format="plaintext",  # rich's Markdown would cost a tenth of a second on every call
    result_action="return_value",
)
key = App(name="key", help="Keys with which programs reach the API.")
user = App(name="user", help="People who sign in.")
app.command(key)
app.command(user)


@app.command
def up(folder: Path = DEFAULT_FOLDER, /, *, listen: str = "") -> int:
    """Run everything in one process, on the embedded engines unless the configuration names others.

    Creates the folder with the settings of pack `web-collector` when it is not there, prints where the page is, and runs
    until Ctrl-C.

    Parameters
    ----------
    folder
        The folder of configuration and data.
    listen
        Where to answer, as host:port, instead of what the configuration says.
    """
    from gwanje.app import up as process

    return process.run(folder, listen=listen)


@app.command
def init(folder: Path, /, *, pack: str = "web-collector") -> int:
    """Lay a pack's files into a folder, to edit. Leaves files that are already there as they are.

    Parameters
    ----------
    folder
        Where the files go.
    pack
        Which pack: web-collector.
    """
    from gwanje.app import packs

    for file in packs.lay(pack, folder):
        print(f"made {file}")
    print(f"next: gwanje up {folder}")
    return 0


@app.command
def check(folder: Path = DEFAULT_FOLDER, /, *, deps: bool = False) -> int:
    """Read a folder's configuration and report every mistake at once, with file and line.

    Parameters
    ----------
    folder
        The folder of configuration.
    deps
        Also say which kinds can be used here, and what installs the missing ones.
    """
    from gwanje.app import check as tool

    return tool.run(folder, deps=deps)


@app.command
def collect(folder: Path = DEFAULT_FOLDER, /, *, pipeline: str = "") -> int:
    """Run a pipeline now and say how it went.

    Parameters
    ----------
    folder
        The folder of configuration and data.
    pipeline
        Which pipeline, where the folder has more than one.
    """
    from gwanje.app import log, tools

    log.quiet()
    return tools.collect(folder, pipeline)


@app.command
def query(expression: str, folder: Path = DEFAULT_FOLDER, /, *, time: str = "") -> int:
    """Ask the samples in PromQL and print one line a series.

    Parameters
    ----------
    expression
        PromQL: `sum by (host) (rate(node_network_receive_bytes_total[1m]))`.
    folder
        The folder of configuration and data.
    time
        The instant, as Unix seconds or RFC 3339; now unless set.
    """
    from gwanje.app import log, tools

    log.quiet()
    return tools.query(folder, expression, time)


@key.command(name="create")
def key_create(folder: Path = DEFAULT_FOLDER, /, *, name: str, scope: str, host: str = "") -> int:
    """Make a key and print it, alone on the last line, this once. Works before and while gwanje runs.

    Parameters
    ----------
    folder
        The folder of configuration and data.
    name
        What the key is for; it stands in the audit trail.
    scope
        What it may do, with commas between: ingest, read, operate, admin.
    host
        For an agent's key: the only host whose series it may write.
    """
    from gwanje.app import people

    return people.create_key(folder, name, scope.split(","), host)


@user.command(name="create")
def user_create(folder: Path = DEFAULT_FOLDER, /, *, name: str, role: str = "viewer") -> int:
    """Make somebody who can sign in; asks for the password, or reads it from stdin where that is not a terminal.

    Parameters
    ----------
    folder
        The folder of configuration and data.
    name
        The name to sign in with.
    role
        What they may do: viewer, operator, admin.
    """
    from gwanje.app import people

    return people.create_user(folder, name, role)


@app.command
def agent(*, dry_run: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Look at this host and its containers.

    Parameters
    ----------
    dry_run
        Look once, print what was seen in Prometheus's text format, and send nothing.
    """
    from gwanje.app import agent as process

    return process.run(dry_run=dry_run)


@app.command
def version() -> int:
    """Print the version."""
    print(__version__)
    return 0


def main() -> None:
    """The console script: 0 it went well, 1 it was tried and failed, 2 a mistake in what was asked for."""
    try:
        code = app(exit_on_error=False, print_error=True)
    except CycloptsError:
        sys.exit(2)
    except GwanjeError as error:
        print(f"gwanje: {error}", file=sys.stderr)
        sys.exit(2)
    except ModuleNotFoundError as error:
        if (error.name or "gwanje").partition(".")[0] == "gwanje":
            raise
        print(f"gwanje: this command needs the Python package {error.name!r}: run pip install 'gwanje[server]'", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(code or 0)


if __name__ == "__main__":
    main()
