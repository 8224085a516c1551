"""The ``wolke`` command: what there is and what it takes. Each command's work is in a file of its own, imported when it runs,
so that ``--help`` answers at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

DEFAULT_LISTEN = "127.0.0.1:8765"
_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)

state_option = click.option(
    "--state", type=_FOLDER, metavar="DIR",
    help="Where the cloud keeps everything.  [default: $WOLKE_STATE, else /var/lib/wolke for root, ~/.local/share/wolke for others]",
)  # fmt: skip
listen_option = click.option(
    "--listen", default=DEFAULT_LISTEN, metavar="ADDR:PORT", show_default=True, help="Where the APIs are served."
)
config_option = click.option("--config", type=_FILE, metavar="FILE", help="Options.  [default: STATE/wolke.toml]")
json_option = click.option("--json", "as_json", is_flag=True, help="For machines.")
hypervisor_option = click.option("--hypervisor", metavar="NAME", help="qemu or simulated.  [default: qemu]")
dataplane_option = click.option(
    "--dataplane", metavar="NAME", help="linux, user or simulated.  [default: linux for root, else user]"
)


class Commands(click.Group):
    """Commands in the order in which a newcomer wants them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="wolke", message="wolke %(version)s")
def app() -> None:
    """A whole cloud in one package.

    `wolke demo` shows it, `wolke up` starts it, `wolke doctor` checks this machine.
    """


@app.command()
@state_option
@listen_option
@click.option("--once", is_flag=True, help="Take everything down at the end; exit 0 only if the guest answered.")
@click.option(
    "--business",
    is_flag=True,
    help="Instead a provider that has sold for a year, with its portal, before a simulated cloud.",
)
@json_option
def demo(state: Path | None, listen: str, once: bool, business: bool, as_json: bool) -> None:
    """From nothing to a server that answers by ssh through a floating IP, and a cloud to go on with."""
    if business:
        from wolke.cli.demo.business import run
    else:
        from wolke.cli.demo import run

    sys.exit(run(state, listen, once=once, as_json=as_json))


@app.command()
@state_option
@listen_option
@config_option
@click.option("--database", metavar="URL", help="postgresql://… for a database server.  [default: STATE/wolke.db]")
@click.option("--tls", is_flag=True, help="Serve HTTPS, with a certificate made for this cloud unless one is given.")
@click.option("--certificate", type=_FILE, metavar="FILE", help="A certificate chain (PEM) for --tls.")
@click.option("--key", type=_FILE, metavar="FILE", help="The certificate's private key (PEM).")
@click.option(
    "--object-store",
    metavar="ADDR:PORT",
    help="Where the object store is served.  [default: the port after --listen's]",
)
@hypervisor_option
@dataplane_option
@click.option("--log-json", is_flag=True, help="Logs as JSON lines.")
@click.option("--log-level", default="info", show_default=True, help="debug, info, warning or error.")
def up(**options: Any) -> None:
    """Start the cloud: every service, in this process, until Ctrl-C or `wolke down`."""
    from wolke.cli.up import UpOptions, run

    options["tls"] = options["tls"] or options["certificate"] is not None
    sys.exit(run(UpOptions(**options)))


@app.command()
@click.option("--cloud", required=True, metavar="NAME", help="An administrator's entry in clouds.yaml.")
@click.option(
    "--state", type=_FOLDER, metavar="DIR",
    help="Where the portal keeps everything.  [default: /var/lib/wolke-portal for root, ~/.local/share/wolke-portal for others]",
)  # fmt: skip
@click.option("--listen", default="127.0.0.1:8770", metavar="ADDR:PORT", show_default=True, help="Where it is served.")
@click.option("--config", type=_FILE, metavar="FILE", help="Options: [business].  [default: DIR/wolke.toml]")
@click.option("--log-json", is_flag=True, help="Logs as JSON lines.")
@click.option("--log-level", default="info", show_default=True, help="debug, info, warning or error.")
def portal(**options: Any) -> None:
    """The point of purchase alone, for any OpenStack cloud in clouds.yaml; `wolke up` has it at its own address."""
    from wolke.cli.portal import PortalOptions, run

    sys.exit(run(PortalOptions(**options)))


@app.command()
@state_option
@click.option("--keep-guests", is_flag=True, help="Leave servers running for the next `up`.")
def down(state: Path | None, keep_guests: bool) -> None:
    """Stop the cloud that runs in a state directory, with its guests; `up` brings both back."""
    from wolke.cli.down import run

    sys.exit(run(state, keep_guests=keep_guests))


@app.command()
@state_option
@json_option
def doctor(state: Path | None, as_json: bool) -> None:
    """Check this machine and say for each finding what it means and how to mend it."""
    from wolke.cli.doctor import examine, exit_code, render
    from wolke.state import default_directory

    findings = examine(state or default_directory())
    click.echo(render(findings, as_json=as_json))
    sys.exit(exit_code(findings))


@app.command()
@state_option
@config_option
@click.option("--repair", is_flag=True, help="Mend what does not agree, as far as that is safe.")
@json_option
def check(state: Path | None, config: Path | None, repair: bool, as_json: bool) -> None:
    """Prove that the cloud agrees with itself, and say what does not.

    Rows, quotas, allocations, ports, attachments, the files of volumes and images, guests, taps, bridges and nftables rules are
    compared with one another. A cloud that runs looks itself, twice before it accuses anything; a cloud that is stopped is
    looked at from here. Each finding is a sentence, with what --repair would do about it: the same that the cloud does by itself when it
    notices, and never anything riskier. What nobody knows the owner of is moved to a folder called quarantine, not deleted.

    Exit code: 0 if all agrees (or does so now), 1 if something does not, 2 if nobody could look, or not everywhere.
    """
    from wolke.cli.check import run

    sys.exit(run(state, config, repair=repair, as_json=as_json))


@app.command()
@click.option("--check", is_flag=True, help="Only say what would be done.")
def setup(check: bool) -> None:
    """Prepare this host: kernel modules and settings that guests and their networks need."""
    from wolke.cli.setup import run

    sys.exit(run(check=check))


@app.command()
@state_option
@click.argument("cloud", default="wolke")
def openrc(state: Path | None, cloud: str) -> None:
    """Print the environment for the `openstack` command: eval "$(wolke openrc)".

    CLOUD is wolke (the member) or wolke-admin.
    """
    from wolke.cli.openrc import run

    sys.exit(run(state, cloud))


@app.command()
@click.option(
    "--controller", required=True, metavar="URL", help="Where the cloud's APIs are, as `wolke up` printed it."
)
@click.option(
    "--credential",
    required=True,
    type=_FILE,
    metavar="FILE",
    help="The agent's credential: STATE/agent.json of the controller.",
)
@state_option
@click.option("--host", metavar="NAME", help="What this host is called.  [default: its hostname]")
@hypervisor_option
@dataplane_option
@click.option(
    "--certificate", type=_FILE, metavar="FILE", help="What to trust, for a controller with a certificate of its own."
)
def agent(controller: str, credential: Path, **options: Any) -> None:
    """Offer this machine to a cloud whose controllers run elsewhere."""
    from wolke.cli.agent import run

    sys.exit(run(controller, credential, **options))


@app.command()
@click.argument("line", nargs=-1)
@click.option(
    "--url", default=f"http://{DEFAULT_LISTEN}", show_default=True, metavar="URL", help="Where the portal is."
)
@click.option(
    "--key", envvar="WOLKE_KEY", metavar="KEY", help="An API key made on the portal's page.  [default: $WOLKE_KEY]"
)
@click.option(
    "--certificate", type=_FILE, metavar="FILE", help="What to trust, for a portal with a certificate of its own."
)
@json_option
def shell(line: tuple[str, ...], url: str, key: str | None, certificate: Path | None, as_json: bool) -> None:
    """Everything the portal can do, at a prompt with completion; or one LINE of it.

    `wolke shell` and Tab shows what there is, `wolke shell help servers.order` explains one.
    """
    from wolke.business.shell import run

    sys.exit(run(url, key or "", line, certificate=certificate, as_json=as_json))


@app.group()
def image() -> None:
    """Guest images."""


@image.command("build")
@click.argument("out", type=_FOLDER, default=Path("guest-image"))
@json_option
def image_build(out: Path, as_json: bool) -> None:
    """Build a tiny guest image from this distribution's own packages, into the folder OUT."""
    from wolke.cli.image_build import run

    sys.exit(run(out, as_json=as_json))


@app.group()
def store() -> None:
    """The object store, while the cloud is down."""


@store.command("check")
@state_option
@config_option
@click.option("--repair", is_flag=True, help="Mend what can be mended, and put aside what cannot.")
@json_option
def store_check(state: Path | None, config: Path | None, repair: bool, as_json: bool) -> None:
    """Read everything and say what does not agree; exit 0 if all is well, or is so now."""
    from wolke.cli.store import check

    sys.exit(check(state, config, repair=repair, as_json=as_json))


@store.command("room")
@state_option
@config_option
@json_option
def store_room(state: Path | None, config: Path | None, as_json: bool) -> None:
    """How much of the disk each storage policy uses."""
    from wolke.cli.store import room

    sys.exit(room(state, config, as_json=as_json))
