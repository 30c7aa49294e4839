"""The addresses of clients, as limits count them."""

import ipaddress


def network(address: str) -> str:
    """The address, or of IPv6 the /64 that one subscriber has; as given if it is neither."""
    try:
        found = ipaddress.ip_address(address.strip("[]"))
    except ValueError:
        return address[:64]
    if found.version == 4:
        return str(found)
    if found.ipv4_mapped:  # IPv4, as a server that listens to both sees it
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))
