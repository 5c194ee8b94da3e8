//! Open and closed loop load for ISO 8583 listeners, measured from the intended send time.
