//! Whole-product tests: the binary, the simulators and third-party peers.
