"""What may go wrong, in Neutron's names and words: clients tell errors apart by the class's name."""

from __future__ import annotations

from typing import ClassVar

from wolke.core.errors import BadRequest, CloudError, Conflict, NotFound, Refused


class _Said(CloudError):
    """An error whose message is a sentence with places for values."""

    words: ClassVar[str]

    def __init__(self, **values: object) -> None:
        super().__init__(self.words.format(**values))


class HTTPBadRequest(BadRequest):
    """A body or a query that cannot be read as what the API describes."""


class InvalidInput(_Said, BadRequest):
    words = "Invalid input for operation: {reason}."


class BadResourceRequest(_Said, BadRequest):
    words = "Bad {resource} request: {reason}."

    @property
    def type(self) -> str:
        return "BadRequest"


class RevisionNumberConstraintFailed(Refused):
    def __init__(self, expected: str, current: int) -> None:
        super().__init__(412, "Precondition Failed", f"Constrained to {expected}, but current revision is {current}")


class OverQuota(_Said, Conflict):
    words = "Quota exceeded for resources: {names}."


class TenantQuotaNotFound(_Said, NotFound):
    words = "Quota for project {project_id} could not be found."


class TagNotFound(_Said, NotFound):
    words = "Tag {tag} could not be found."


class ExtensionNotFound(_Said, NotFound):
    words = "Extension with alias {alias} does not exist"


class AgentNotFound(_Said, NotFound):
    words = "Agent {id} could not be found."


# ------------------------------------------------------------------------------------------------ networks and subnets


class NetworkNotFound(_Said, NotFound):
    words = "Network {id} could not be found."


class NetworkInUse(_Said, Conflict):
    words = (
        "Unable to complete operation on network {id}. There are one or more ports still in use on the network, "
        "id for these ports is: {ports}."
    )


class ExternalNetworkInUse(_Said, Conflict):
    words = "External network {id} cannot be updated to be made non-external, since it has existing gateway ports."


class InvalidSharedSetting(_Said, Conflict):
    words = "Unable to reconfigure sharing settings for network {id}. Multiple projects are using it."


class SegmentationInUse(_Said, Conflict):
    words = "Unable to create the network. The segment {segment} of type {network_type} is in use."

    @property
    def type(self) -> str:
        return "TunnelIdInUse"


class SubnetNotFound(_Said, NotFound):
    words = "Subnet {id} could not be found."


class SubnetInUse(_Said, Conflict):
    words = "Unable to complete operation on subnet {id}: {reason}"


class GatewayConflictWithAllocationPools(_Said, Conflict):
    words = "Gateway ip {ip} conflicts with allocation pool {pool}."


class GatewayIpInUse(_Said, Conflict):
    words = "Current gateway ip {ip} already in use by port {port_id}. Unable to update."


class InvalidAllocationPool(_Said, BadRequest):
    words = "The allocation pool {pool} is not valid."


class OutOfBoundsAllocationPool(_Said, BadRequest):
    words = "The allocation pool {pool} spans beyond the subnet cidr {cidr}."


class OverlappingAllocationPools(_Said, Conflict):
    words = "Found overlapping allocation pools: {one} {other} for subnet {cidr}."


# --------------------------------------------------------------------------------------------------------------- ports


class PortNotFound(_Said, NotFound):
    words = "Port {id} could not be found."


class PortInUse(_Said, Conflict):
    words = (
        "Unable to complete operation on port {id} for network {network_id}. Port already has an attached device "
        "{device_id}."
    )


class ServicePortInUse(_Said, Conflict):
    words = "Port {id} cannot be deleted directly via the port API: {reason}."


class MacAddressInUse(_Said, Conflict):
    words = "Unable to complete operation for network {network_id}. The mac address {mac} is in use."


class IpAddressAlreadyAllocated(_Said, Conflict):
    words = "IP address {ip} already allocated in subnet {subnet_id}"


class IpAddressGenerationFailure(_Said, Conflict):
    words = "No more IP addresses available on network {network_id}."


class IpAddressGenerationFailureForSubnet(_Said, Conflict):
    words = "No more IP addresses available on subnet {subnet_id}."

    @property
    def type(self) -> str:
        return "IpAddressGenerationFailure"


class InvalidIpForSubnet(_Said, BadRequest):
    words = "IP address {ip} is not a valid IP for the specified subnet."


class InvalidIpForNetwork(_Said, BadRequest):
    words = "IP address {ip} is not a valid IP for any of the subnets on the specified network."


class PortSecurityPortHasSecurityGroup(_Said, Conflict):
    words = "Port has security group associated. Cannot disable port security or IP address until security group is removed."


class AddressPairAndPortSecurityRequired(_Said, Conflict):
    words = "Port Security must be enabled in order to have allowed address pairs on a port."


class AddressPairsExhausted(_Said, BadRequest):
    words = "The number of allowed address pair exceeds the maximum {most}."

    @property
    def type(self) -> str:
        return "AllowedAddressPairExhausted"


class DuplicateAddressPairInRequest(_Said, BadRequest):
    words = "Request contains duplicate address pair: mac_address {mac} ip_address {ip}."


# ------------------------------------------------------------------------------------------- routers and floating IPs


class RouterNotFound(_Said, NotFound):
    words = "Router {id} could not be found"


class RouterInUse(_Said, Conflict):
    words = "Router {id} {reason}"


class RouterInterfaceNotFound(_Said, NotFound):
    words = "Router {id} does not have an interface with id {port_id}"


class RouterInterfaceNotFoundForSubnet(_Said, NotFound):
    words = "Router {id} has no interface on subnet {subnet_id}"


class RouterInterfaceInUseByFloatingIP(_Said, Conflict):
    words = (
        "Router interface for subnet {subnet_id} on router {id} cannot be deleted, as it is required by one or more "
        "floating IPs."
    )


class RouterInterfaceInUseByRoute(_Said, Conflict):
    words = (
        "Router interface for subnet {subnet_id} on router {id} cannot be deleted, as it is required by one or more "
        "routes."
    )


class RouterExternalGatewayInUseByFloatingIp(_Said, Conflict):
    words = (
        "Gateway cannot be updated for router {id}, since a gateway to external network {network_id} is required by "
        "one or more floating IPs."
    )


class InvalidRoutes(_Said, BadRequest):
    words = "Invalid format for routes: {routes}, {reason}"


class RoutesExhausted(_Said, BadRequest):
    words = "Unable to complete operation for {id}. The number of routes exceeds the maximum {most}."


class FloatingIPNotFound(_Said, NotFound):
    words = "Floating IP {id} could not be found"


class FloatingIPPortAlreadyAssociated(_Said, Conflict):
    words = (
        "Cannot associate floating IP {address} ({id}) with port {port_id} using fixed IP {fixed_ip}, as that fixed IP "
        "already has a floating IP on external network {network_id}."
    )


class ExternalGatewayForFloatingIPNotFound(_Said, NotFound):
    words = (
        "External network {network_id} is not reachable from subnet {subnet_id}. Therefore, cannot associate Port "
        "{port_id} with a Floating IP."
    )


# ---------------------------------------------------------------------------------------------------- security groups


class SecurityGroupNotFound(_Said, NotFound):
    words = "Security group {id} does not exist"


class SecurityGroupRuleNotFound(_Said, NotFound):
    words = "Security group rule {id} does not exist"


class SecurityGroupInUse(_Said, Conflict):
    words = "Security Group {id} in use."


class SecurityGroupCannotRemoveDefault(_Said, Conflict):
    words = "Insufficient rights for removing default security group."


class SecurityGroupCannotUpdateDefault(_Said, Conflict):
    words = "Updating default security group not allowed."


class SecurityGroupDefaultAlreadyExists(_Said, Conflict):
    words = "Default security group already exists."


class SecurityGroupRuleExists(_Said, Conflict):
    words = "Security group rule already exists. Rule id is {id}."


class SecurityGroupRemoteGroupAndRemoteIpPrefix(_Said, BadRequest):
    words = "Only remote_ip_prefix or remote_group_id may be provided."


class SecurityGroupInvalidPortRange(_Said, BadRequest):
    words = "For TCP/UDP protocols, port_range_min must be <= port_range_max"


class SecurityGroupInvalidPortValue(_Said, BadRequest):
    words = "Invalid value for port {port}"


class SecurityGroupInvalidIcmpValue(_Said, BadRequest):
    words = "Invalid value for ICMP {field} ({attribute}) {value}. It must be 0 to 255."


class SecurityGroupMissingIcmpType(_Said, BadRequest):
    words = "ICMP code (port-range-max) {value} is provided but ICMP type (port-range-min) is missing."


class SecurityGroupInvalidProtocolForPort(_Said, BadRequest):
    words = "Invalid protocol {protocol} for port range, only supported for TCP, UDP, UDPLITE, SCTP and DCCP."


class SecurityGroupInvalidProtocolType(_Said, BadRequest):
    words = "Invalid protocol type {protocol}, numeric or a known name is expected."


class SecurityGroupProtocolRequiredWithPorts(_Said, BadRequest):
    words = "Must also specify protocol if port range is given."


class SecurityGroupEthertypeConflictWithProtocol(_Said, BadRequest):
    words = "Invalid ethertype {ethertype} for protocol {protocol}."


class SecurityGroupRuleParameterConflict(_Said, BadRequest):
    words = "Conflicting value ethertype {ethertype} for CIDR {cidr}"
