"""Elements of IP-XACT documents."""

from xml.etree import ElementTree

__all__ = ["element"]

_NAMESPACE = "http://www.accellera.org/XMLSchema/IPXACT/1685-2014"
ElementTree.register_namespace("ipxact", _NAMESPACE)


def element(tag: str, *content: ElementTree.Element | str, **attributes: str) -> ElementTree.Element:
    """An element of IEEE 1685-2014, with a text or children."""
    made = ElementTree.Element(f"{{{_NAMESPACE}}}{tag}", attributes)
    for part in content:
        if isinstance(part, str):
            made.text = part
        else:
            made.append(part)
    return made
