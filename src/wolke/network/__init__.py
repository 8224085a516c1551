"""Network: networks, subnets, ports, routers, floating IPs, security groups (the Neutron API, v2.0)."""
