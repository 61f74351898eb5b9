"""The methods behind `backproof.risk.interval`, a module a kind of guarantee."""
