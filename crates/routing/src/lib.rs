//! BIN table and route decision: pure, and able to say why.
