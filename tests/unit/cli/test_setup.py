"""Setup loads modules that are missing, says what it did, and changes nothing else."""

import pytest

from wolke.cli.setup import MODULES, Host, run


def _host(there: set[str], loadable: set[str], loaded: list[str], *, root: bool = True) -> Host:
    evidence = {module.name: module.evidence for module in MODULES}

    def load(name: str) -> bool:
        loaded.append(name)
        if name in loadable:
            there.add(evidence[name])
        return name in loadable

    return Host(root, there.__contains__, lambda path: "262144", load)


ALL = {module.evidence for module in MODULES}


def test_what_is_there_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    loaded: list[str] = []
    assert run(host=_host(set(ALL), set(), loaded)) == 0
    assert loaded == []
    assert capsys.readouterr().out.count("is there") == len(MODULES)


def test_a_missing_module_is_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    loaded: list[str] = []
    assert run(host=_host(ALL - {"/proc/sys/net/bridge"}, {"br_netfilter"}, loaded)) == 0
    assert loaded == ["br_netfilter"]
    assert "br_netfilter   loaded" in capsys.readouterr().out


def test_a_kernel_without_the_module_is_told_and_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(host=_host(ALL - {"/dev/vhost-net"}, set(), [])) == 0
    assert "no such module, or built in" in capsys.readouterr().out


def test_check_only_loads_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    loaded: list[str] = []
    assert run(check=True, host=_host(set(), set(), loaded, root=False)) == 0
    assert loaded == []
    assert "would be loaded" in capsys.readouterr().out


def test_without_root_nothing_is_tried(capsys: pytest.CaptureFixture[str]) -> None:
    loaded: list[str] = []
    assert run(host=_host(set(), set(), loaded, root=False)) == 1
    assert loaded == []
    assert "sudo wolke setup" in capsys.readouterr().err


def test_a_small_connection_table_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    small = Host(True, lambda path: True, lambda path: "4096", lambda name: False)
    assert run(host=small) == 0
    assert "nf_conntrack_max is 4096" in capsys.readouterr().out
