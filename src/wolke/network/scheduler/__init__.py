"""Pure algorithms: what each host should carry."""
