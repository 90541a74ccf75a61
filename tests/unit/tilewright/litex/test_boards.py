"""The boards that SoCs are built for."""

import pytest
from litex_boards.platforms import gsd_orangecrab
from support.litex_soc import NANO, board_soc, stand_in

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import ConfigError
from tilewright.litex import SOC_BOARDS, firmware_headers, firmware_sources, gateware_files, quiet_litex
from tilewright_sim.cli.soc import SOC_BOARD_NAMES
from tilewright_sim.soc.simulation import write_firmware

PINS = {
    "ulx3s-85f": {"sdram_clock": "F19"},
    "orangecrab-85f": {"ddram_clk_p": "J18", "serial_tx": "M18", "serial_rx": "N17"},
}
"""Of the SDRAM's clock, and of what is not as litex-boards has it."""


@pytest.fixture(scope="module", params=SOC_BOARDS.values(), ids=list(SOC_BOARDS))
def board(request):
    return request.param


@pytest.fixture(scope="module")
def soc(board, tmp_path_factory):
    return board_soc(board, tmp_path_factory.mktemp("soc"))


def test_the_command_knows_the_boards_without_litex():
    assert list(SOC_BOARDS) == SOC_BOARD_NAMES


def test_the_chip_is_that_of_litex_boards(board, soc):
    device = board.device
    ball_grid = device.package.replace("CABGA", "BG").replace("CSFBGA", "MG")
    assert soc.platform.device == f"{device.part}-{device.speed_grade}{ball_grid}C"
    assert soc.sys_clk_freq == board.clock_hz


def test_the_gateware_of_a_board_is_complete(board, soc):
    with quiet_litex():
        soc.init_rom("rom", [0x13, 0x6F])
        files = gateware_files(soc, "soc")
    assert set(files) == {
        "soc.v", "accelerator.v", "VexRiscv.v", "soc.lpf", "soc_rom.init", "soc_sram.init", "soc_mem.init"
    }  # fmt: skip
    assert files["soc_rom.init"].split() == ["00000013", "0000006f"]
    for port, pin in PINS[board.name].items():
        assert f'LOCATE COMP "{port}" SITE "{pin}";' in files["soc.lpf"]


def test_the_accelerator_of_a_board_is_as_wide_as_its_memory(board, soc):
    assert soc.sdram.crossbar.controller.data_width == board.accelerator["data_bits"]


def test_an_accelerator_that_is_narrower_is_refused(tmp_path):
    with quiet_litex(), pytest.raises(ConfigError, match="LiteDRAM's ports have 128 bits; nearest that works: 128"):
        SOC_BOARDS["orangecrab-85f"].soc(NANO, tmp_path)


def test_the_firmware_levels_ddr3_and_fits_the_rom(board, soc, tmp_path):
    config = AcceleratorConfig(**board.accelerator)
    stand_in(None, config, tmp_path)
    firmware = write_firmware(soc, config, tmp_path, (256, 256, 256), 20)
    assert len(firmware.image) <= soc.mem_regions["rom"].size
    assert (b"Read leveling" in firmware.image) == ("DDR3" in firmware_headers(soc)["generated/sdram_phy.h"])
    assert b"Memtest OK" in firmware.image
    assert [path.name for path in firmware_sources(soc)] == ["sdram.c", "accessors.c", "memtest.c"]


def test_a_usb_bootloader_gets_a_file_with_its_suffix(board):
    files = board.files(b"bits")
    assert files.pop(f"{board.name}.bit") == b"bits"
    programmer = gsd_orangecrab.Platform().create_programmer()
    if board.name.startswith("orangecrab"):
        ((name, dfu),) = files.items()
        assert (name, dfu[:4]) == (f"{board.name}.dfu", b"bits")
        wanted = [int(word, 16) for word in (programmer.pid, programmer.vid)]
        assert [int.from_bytes(dfu[place : place + 2], "little") for place in (6, 8)] == wanted
        assert board.loader == f"dfu-util -a {programmer.alt} -D"
    else:
        assert files == {}
