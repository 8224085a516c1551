"""The ``wolke`` command: what there is and what it takes. Each command's work is in a file of its own, imported when it runs,
so that ``--help`` answers at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="wolke",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="A whole cloud in one package. `wolke demo` shows it; `wolke up` starts it; `wolke doctor` checks this machine.",
)
image = typer.Typer(no_args_is_help=True, help="Guest images.")
app.add_typer(image, name="image")

State = Annotated[
    Path | None,
    typer.Option(
        "--state", metavar="DIR", help="Where the cloud keeps everything. [default: $WOLKE_STATE or the system's place]"
    ),
]
Listen = Annotated[str, typer.Option("--listen", metavar="ADDR:PORT", help="Where the APIs are served.")]
Json = Annotated[bool, typer.Option("--json", help="For machines.")]
Tls = Annotated[
    bool, typer.Option("--tls", help="Serve HTTPS, with a certificate made for this cloud unless one is given.")
]
Certificate = Annotated[Path | None, typer.Option(metavar="FILE", help="A certificate chain (PEM) for --tls.")]
Key = Annotated[Path | None, typer.Option(metavar="FILE", help="The certificate's private key (PEM).")]
Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="wolke.toml. [default: STATE/wolke.toml]")
]

DEFAULT_LISTEN = "127.0.0.1:8765"


def _version(wanted: bool) -> None:
    if wanted:
        from wolke import __version__

        typer.echo(f"wolke {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command()
def up(
    state: State = None,
    listen: Listen = DEFAULT_LISTEN,
    config: Config = None,
    database: Annotated[
        str | None, typer.Option(metavar="URL", help="postgresql://… for a database server. [default: STATE/wolke.db]")
    ] = None,
    tls: Tls = False,
    certificate: Certificate = None,
    key: Key = None,
    hypervisor: Annotated[str | None, typer.Option(help="qemu or simulated. [default: qemu]")] = None,
    dataplane: Annotated[
        str | None, typer.Option(help="linux, user or simulated. [default: linux for root, else user]")
    ] = None,
    log_json: Annotated[bool, typer.Option("--log-json", help="Logs as JSON lines.")] = False,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Start the cloud: every service, in this process, until Ctrl-C or `wolke down`."""
    from wolke.cli.up import UpOptions, run

    options = UpOptions(
        state=state,
        listen=listen,
        config=config,
        database=database,
        tls=tls or certificate is not None,
        certificate=certificate,
        key=key,
        hypervisor=hypervisor,
        dataplane=dataplane,
        log_json=log_json,
        log_level=log_level,
    )
    raise typer.Exit(run(options))


@app.command()
def down(
    state: State = None,
    keep_guests: Annotated[
        bool, typer.Option("--keep-guests", help="Leave servers running for the next `up`.")
    ] = False,
) -> None:
    """Stop the cloud that runs in a state directory, with its guests; `up` brings both back."""
    from wolke.cli.down import run

    raise typer.Exit(run(state, keep_guests=keep_guests))


@app.command()
def demo(
    state: State = None,
    listen: Listen = DEFAULT_LISTEN,
    once: Annotated[
        bool, typer.Option("--once", help="Take everything down at the end; exit 0 only if the guest answered.")
    ] = False,
    json_: Json = False,
) -> None:
    """From nothing to a real server that answers by ssh through a floating IP, and a cloud to go on with."""
    from wolke.cli.demo import run

    raise typer.Exit(run(state, listen, once=once, as_json=json_))


@app.command()
def openrc(
    state: State = None,
    cloud: Annotated[str, typer.Argument(help="wolke (the member) or wolke-admin.")] = "wolke",
) -> None:
    """Print the environment for the `openstack` command: `eval "$(wolke openrc)"`."""
    from wolke.cli.openrc import run

    raise typer.Exit(run(state, cloud))


@app.command()
def doctor(state: State = None, json_: Json = False) -> None:
    """Check this machine and say for each finding what it means and how to mend it."""
    from wolke.cli.doctor import examine, render
    from wolke.state import default_directory

    findings = examine(state or default_directory())
    typer.echo(render(findings, as_json=json_))
    raise typer.Exit(1 if any(finding.level == "problem" for finding in findings) else 0)


@app.command()
def setup(
    check: Annotated[bool, typer.Option("--check", help="Only say what would be done.")] = False,
) -> None:
    """Prepare this host: kernel modules and settings that guests and their networks need."""
    from wolke.cli.setup import run

    raise typer.Exit(run(check=check))


@app.command()
def agent(
    controller: Annotated[
        str, typer.Option(metavar="URL", help="Where the cloud's APIs are, as `wolke up` printed it.")
    ],
    credential: Annotated[
        Path, typer.Option(metavar="FILE", help="The agent's credential, from STATE/agent.json of the controller.")
    ],
    state: State = None,
    host: Annotated[str | None, typer.Option(help="What this host is called. [default: its hostname]")] = None,
    hypervisor: Annotated[str | None, typer.Option(help="qemu or simulated.")] = None,
    dataplane: Annotated[str | None, typer.Option(help="linux, user or simulated.")] = None,
    certificate: Annotated[Path | None, typer.Option(metavar="FILE", help="What to trust, for a controller with a certificate of its own.")] = None,
) -> None:
    """Offer this machine to a cloud whose controllers run elsewhere."""
    from wolke.cli.agent import run

    raise typer.Exit(run(controller, credential, state=state, host=host, hypervisor=hypervisor, dataplane=dataplane, certificate=certificate))


@image.command("build")
def image_build(
    out: Annotated[Path, typer.Argument(help="The folder for the image.")] = Path("guest-image"),
    json_: Json = False,
) -> None:
    """Build a tiny guest image from this distribution's own packages."""
    from wolke.cli.image_build import run

    raise typer.Exit(run(out, as_json=json_))
