"""How tests of the command line run a command."""

import pytest

from tilewright_sim.cli import main


@pytest.fixture
def here(monkeypatch, capsys):
    """Run a command in this process, which spares an interpreter and its imports: status, output and messages."""

    def run(*words, folder=None):
        if folder is not None:
            monkeypatch.chdir(folder)
        with pytest.raises(SystemExit) as ended:
            main.run(main.cli, list(words))
        return ended.value.code, *capsys.readouterr()

    return run
