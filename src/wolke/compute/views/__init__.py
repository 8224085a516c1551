"""Records as the wire's newest version shows them. Pure; older versions are ``versions``' affair."""
