"""Models on this machine: the catalogue, the hub, their files and checksums."""
