//! A scripted POS terminal with expectations, for any ISO 8583 listener.
