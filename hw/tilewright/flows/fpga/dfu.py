"""Bitstreams as files for USB bootloaders: Device Firmware Upgrade, DFU."""

import struct
import zlib

__all__ = ["dfu_file"]


def dfu_file(payload: bytes, vendor: int, product: int) -> bytes:
    """Return a payload with the suffix of a DFU file, by which a loader knows the device it is for.

    Parameters
    ----------
    payload : bytes
    vendor, product : int
        Of the USB device.

    Notes
    -----
    USB DFU 1.1, appendix B: version of the device (here any), product, vendor, version of the format, signature, length
    of the suffix, and a CRC-32 over all before it, which unlike that of zlib is not inverted at its end.
    """
    body = payload + struct.pack("<HHHH3sB", 0xFFFF, product, vendor, 0x0100, b"UFD", 16)
    return body + struct.pack("<I", zlib.crc32(body) ^ 0xFFFF_FFFF)
