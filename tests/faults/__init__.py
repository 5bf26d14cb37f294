"""What the fault tests share: a stand-in for the pass, injected faults, workers, the look afterwards."""
