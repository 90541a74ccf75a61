"""Files for USB bootloaders."""

from tilewright.flows.fpga import dfu_file


def test_the_suffix_is_that_of_dfu_util():
    """`dfu-suffix -v 1209 -p 5af0 -a` of dfu-util 0.11 makes this of the same bytes."""
    payload = b"hello bitstream" * 100
    suffix = bytes.fromhex("ffff f05a 0912 0001 554644 10 32b2a7d1")
    assert dfu_file(payload, 0x1209, 0x5AF0) == payload + suffix
