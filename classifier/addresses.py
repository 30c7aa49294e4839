"""The addresses of clients, as limits count them."""

import ipaddress


def network(address: str) -> str:
    """The address, or of IPv6 the /64 that one subscriber has; as given if it is neither."""
    try:
        found = ipaddress.ip_address(address.strip("[]"))
    except ValueError:
        return address[:64]
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else address
