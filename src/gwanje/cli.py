"""The commands. Each imports the process it starts inside itself, so that `--help` answers at once.

The only place that ends the process: mistakes of people are one sentence on stderr and exit code 2.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Literal

import click

from gwanje import __version__
from gwanje.errors import GwanjeError

DEFAULT_FOLDER = "gwanje-data"

_folder = click.argument("folder", type=click.Path(path_type=Path), default=DEFAULT_FOLDER, required=False)


@click.group(name="gwanje", context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, message="%(version)s")
def app() -> None:
    """관제, watch and control: collect, carry, keep, judge, tell, act and show, in one program.

    FOLDER is the folder of configuration and data; gwanje-data unless it is given.
    """


@app.command()
@_folder
@click.option("--listen", default="", help="Where to answer, as host:port, instead of what the configuration says.")
def up(folder: Path, listen: str) -> int:
    """Run everything in one process, on the embedded engines unless the configuration names others.

    Creates the folder with the settings of pack web-collector when it is not there, prints where the page is, and runs until
    Ctrl-C.
    """
    from gwanje.app import memory

    memory.give_back()
    from gwanje.app import up as process

    return process.run(folder, listen=listen)


@app.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--pack", default="web-collector", show_default=True, help="Which pack.")
def init(folder: Path, pack: str) -> int:
    """Lay a pack's files into a folder, to edit. Leaves files that are already there as they are."""
    from gwanje.app import packs

    for file in packs.lay(pack, folder):
        print(f"made {file}")
    print(f"next: gwanje up {folder}")
    return 0


@app.command()
@_folder
@click.option("--deps", is_flag=True, help="Also say which kinds can be used here, and what installs the missing ones.")
def check(folder: Path, *, deps: bool) -> int:
    """Read a folder's configuration and report every mistake at once, with file and line."""
    from gwanje.app import check as tool
    from gwanje.app import log

    log.quiet()
    return tool.run(folder, deps=deps)


@app.command()
@_folder
@click.option("--pipeline", default="", help="Which pipeline, where the folder has more than one.")
@click.option("--anyway", is_flag=True, help="Also while it is paused.")
def collect(folder: Path, pipeline: str, *, anyway: bool) -> int:
    """Run a pipeline now and say how it went; exit code 1 when it did not succeed."""
    from gwanje.app import log, tools

    log.quiet()
    return tools.collect(folder, pipeline, anyway=anyway)


@app.command()
@click.argument("name")
@_folder
@click.option("--until", default="", help="18:00, 2h or RFC 3339; without it until `gwanje resume`.")
@click.option("--because", required=True, help="Why: it is shown wherever the pipeline is.")
def pause(name: str, folder: Path, until: str, because: str) -> int:
    """Pause the pipeline NAME: none of its ticks becomes a run. What is under way ends."""
    from gwanje.app import log, steering

    log.quiet()
    return steering.pause(folder, name, until, because)


@app.command()
@click.argument("name")
@_folder
def resume(name: str, folder: Path) -> int:
    """Have the pipeline NAME go on."""
    from gwanje.app import log, steering

    log.quiet()
    return steering.resume(folder, name)


@app.command()
@click.argument("name")
@_folder
@click.option(
    "--scope", type=click.Choice(["host", "group", "container"]), default="host", help="What NAME is; a host unless set."
)
@click.option("--for", "until", default="", help="Until when it is away: 2h, 18:00 or RFC 3339.")
@click.option("--removed", is_flag=True, help="It does not come back: its alerts end with `host removed`.")
@click.option("--because", default="", help="Why: it is shown wherever the host is.")
@click.option("--back", is_flag=True, help="It is back, or never went.")
def depart(name: str, folder: Path, *, scope: str, until: str, removed: bool, because: str, back: bool) -> int:
    """Say that the host NAME goes away on purpose: nothing is raised about it meanwhile."""
    from gwanje.app import log, steering

    log.quiet()
    if back:
        return steering.back(folder, name, scope=scope)
    return steering.depart(folder, name, scope=scope, until=until, removed=removed, because=because)


@app.command()
@click.argument("name")
@_folder
@click.option("--to", "size", type=click.IntRange(min=0), help="The size to stay at.")
@click.option("--stop", type=click.Choice(["in", "out"]), help="Instead of a size: scale no further in (down), or out (up).")
@click.option("--from", "start", default="", help="When a planned event begins: 18:00, 2h or RFC 3339; now unless set.")
@click.option("--until", default="", help="When it ends; a hold always does.")
@click.option("--because", default="", help="Why: it is shown wherever the size is.")
@click.option("--release", is_flag=True, help="End the hold that counts now.")
def scale(
    name: str, folder: Path, *, size: int | None, stop: str | None, start: str, until: str, because: str, release: bool
) -> int:
    """Hold the size of what the scaler NAME scales until a time; without options, say what is held."""
    from gwanje.app import log, steering

    log.quiet()
    if release:
        return steering.release(folder, name)
    if size is None and stop is None:
        return steering.holds(folder, name)
    return steering.hold(folder, name, size=size, stop=stop or "", start=start, until=until, because=because)


@app.command()
@click.argument("expression")
@_folder
@click.option("--time", default="", help="The instant, as Unix seconds or RFC 3339; now unless set.")
def query(expression: str, folder: Path, time: str) -> int:
    """Ask the samples in PromQL and print one line a series."""
    from gwanje.app import log, tools

    log.quiet()
    return tools.query(folder, expression, time)


@app.command()
@click.argument("to", type=click.Path(path_type=Path))
@_folder
def backup(to: Path, folder: Path) -> int:
    """Copy the folder and what its embedded stores hold into the new folder TO, also while gwanje runs."""
    from gwanje.app import log, tools

    log.quiet()
    return tools.backup(folder, to)


@app.command()
@click.argument("source", metavar="FROM", type=click.Path(path_type=Path, exists=True, file_okay=False))
@_folder
def restore(source: Path, folder: Path) -> int:
    """Bring the backup FROM back into a folder that is new or empty; never into one in use."""
    from gwanje.app import backup as tool

    return tool.restore(folder, source)


@app.group()
def export() -> None:
    """What this folder holds, in the form of other programs."""


@export.command(name="grafana")
@_folder
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default="grafana", show_default=True, help="Where to.")
@click.option("--language", type=click.Choice(["en", "ko"]), default="en", show_default=True, help="Of the dashboards' texts.")
@click.option(
    "--mounted", default="/var/lib/grafana/dashboards/gwanje", show_default=True, help="Where Grafana sees the dashboards."
)
def export_grafana(folder: Path, *, out: Path, language: Literal["en", "ko"], mounted: str) -> int:
    """Write every dashboard as Grafana's JSON, and the provisioning of the data source and of the dashboards."""
    from gwanje.app import export as tool

    return tool.run(folder, out, language=language, mounted=mounted)


@app.group()
def rules() -> None:
    """What rules would say: of stories in files, and of the samples that are stored."""


@rules.command(name="test")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
def rules_test(files: tuple[Path, ...]) -> int:
    """Tell the rules the stories in FILES, in promtool's format or in ours; exit code 1 when one comes out otherwise."""
    from gwanje.app import log, rehearsal

    log.quiet()
    return rehearsal.run(files)


@rules.command(name="backtest")
@_folder
@click.option("--last", default="7d", show_default=True, help="How far back.")
@click.option("--rule", "name", default="", help="Only this rule.")
@click.option("--step", default="15s", show_default=True, help="How often each rule is looked at, instead of its interval.")
def rules_backtest(folder: Path, last: str, name: str, step: str) -> int:
    """Say how often each rule would have fired on the samples that are stored, when, and who would have been told."""
    from gwanje.app import backtest, log

    log.quiet()
    return backtest.run(folder, last, name, step)


@app.group()
def key() -> None:
    """Keys with which programs reach the API."""


@key.command(name="create")
@_folder
@click.option("--name", required=True, help="What the key is for; it stands in the audit trail.")
@click.option("--scope", required=True, help="What it may do, with commas between: ingest, read, operate, admin.")
@click.option("--host", default="", help="For an agent's key: the only host whose series it may write.")
def key_create(folder: Path, name: str, scope: str, host: str) -> int:
    """Make a key and print it, alone on the last line, this once. Works before and while gwanje runs."""
    from gwanje.app import people

    return people.create_key(folder, name, scope.split(","), host)


@app.group()
def secrets() -> None:
    """Secrets that people wrote on the page, such as the addresses of receivers."""


@secrets.command(name="rotate")
@_folder
def secrets_rotate(folder: Path) -> int:
    """Seal every secret by a new key and forget the older ones. Works before and while gwanje runs."""
    from gwanje.app import sealed

    return sealed.rotate(folder)


@app.group()
def user() -> None:
    """People who sign in."""


@user.command(name="create")
@_folder
@click.option("--name", required=True, help="The name to sign in with.")
@click.option("--role", default="viewer", show_default=True, help="What they may do: viewer, operator, admin.")
def user_create(folder: Path, name: str, role: str) -> int:
    """Make somebody who can sign in; asks for the password, or reads it from stdin where that is not a terminal."""
    from gwanje.app import people

    return people.create_user(folder, name, role)


@app.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default="gwanje-agent")
@click.option("--to", default="", help="Address of the gwanje to send to; its key comes from the variable GWANJE_KEY.")
@click.option("--dry-run", is_flag=True, help="Look once, print what was seen in Prometheus's text format, and send nothing.")
def agent(folder: Path, *, to: str, dry_run: bool) -> int:
    """Look at this host and its containers, and send what is seen to a gwanje elsewhere; FOLDER holds what waits."""
    from gwanje.app import agent as process

    return process.dry_run() if dry_run else process.run(folder, to=to)


@app.command()
def version() -> int:
    """Print the version."""
    print(__version__)
    return 0


def main() -> None:
    """The console script: 0 it went well, 1 it was tried and failed, 2 a mistake in what was asked for."""
    sys.exit(_run())


def _run() -> Any:
    try:
        return app(standalone_mode=False, prog_name="gwanje")
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except GwanjeError as error:
        print(f"gwanje: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if (error.name or "gwanje").partition(".")[0] == "gwanje":
            raise
        print(f"gwanje: this command needs the Python package {error.name!r}: run pip install 'gwanje[server]'", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, click.Abort):
        return 130


if __name__ == "__main__":
    main()
