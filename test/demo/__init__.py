"""The demo: a bank with a data service layer, whose core is killed in mid-load and comes back. See `make demo`."""
