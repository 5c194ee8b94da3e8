//! Where a message starts and ends on a stream: length prefixes and transport headers as tokio-util codecs.
