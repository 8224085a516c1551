"""How Block Storage's records look on the wire, in the newest microversion."""
