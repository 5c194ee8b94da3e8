//! Lines of an input that may be endless, without a line being.

use std::io::{self, BufRead, BufReader, Read};

const READ_BYTES: usize = 64 * 1024;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// Without the line end, and the blanks around it if they are not kept.
    Text(&'a [u8]),
    /// Longer than the limit; it was skipped without being kept.
    TooLong,
}

/// What becomes of the blanks around a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blanks {
    Dropped,
    /// Also the carriage return of a line end of Windows.
    Kept,
}

#[derive(Debug)]
pub(crate) struct Lines<R> {
    input: BufReader<R>,
    line: Vec<u8>,
    bytes_max: usize,
    blanks: Blanks,
    /// Lines given so far.
    count: usize,
}

/// What editors on Windows put before the first line of UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

impl<R: Read> Lines<R> {
    pub(crate) fn new(input: R, bytes_max: usize) -> Self {
        Lines {
            input: BufReader::with_capacity(READ_BYTES, input),
            line: Vec::new(),
            bytes_max,
            blanks: Blanks::Dropped,
            count: 0,
        }
    }

    /// The same with the blanks around them.
    pub(crate) fn with_blanks(self) -> Self {
        Lines {
            blanks: Blanks::Kept,
            ..self
        }
    }

    /// Whether the next line has to be waited for. Then it is time to show what there is.
    pub(crate) fn is_next_awaited(&self) -> bool {
        !self.input.buffer().contains(&b'\n')
    }

    /// The number of the line that was given last, from 1.
    pub(crate) fn number(&self) -> usize {
        self.count
    }

    /// `None` at the end of the input.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        let mut is_too_long = false;
        let mut has_begun = false;
        loop {
            let available = match self.input.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if available.is_empty() {
                if !has_begun {
                    return Ok(None);
                }
                break;
            }
            has_begun = true;
            let end = available.iter().position(|byte| *byte == b'\n');
            let part = available
                .get(..end.unwrap_or(available.len()))
                .unwrap_or_default();
            if self.line.len() + part.len() > self.bytes_max {
                is_too_long = true;
            } else {
                self.line.extend_from_slice(part);
            }
            let consumed = part.len() + usize::from(end.is_some());
            self.input.consume(consumed);
            if end.is_some() {
                break;
            }
        }
        self.count += 1;
        let line = match self.count {
            1 => self.line.strip_prefix(BYTE_ORDER_MARK),
            _ => None,
        };
        let line = line.unwrap_or(&self.line);
        Ok(Some(match self.blanks {
            _ if is_too_long => Line::TooLong,
            Blanks::Dropped => Line::Text(line.trim_ascii()),
            Blanks::Kept => Line::Text(line),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its input in pieces of a few bytes.
    struct Dribble<'a>(&'a [u8]);

    impl Read for Dribble<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = buffer.len().min(3).min(self.0.len());
            buffer[..length].copy_from_slice(&self.0[..length]);
            self.0 = &self.0[length..];
            Ok(length)
        }
    }

    #[track_caller]
    fn check(input: &[u8], expected: &[Option<&str>]) {
        for dribble in [false, true] {
            let input: Box<dyn Read> = if dribble {
                Box::new(Dribble(input))
            } else {
                Box::new(input)
            };
            let mut lines = Lines::new(input, 8);
            for line in expected {
                let expected = line.map_or(Line::TooLong, |line| Line::Text(line.as_bytes()));
                assert_eq!(lines.next().unwrap(), Some(expected));
            }
            assert_eq!(lines.next().unwrap(), None);
            assert!(lines.line.capacity() <= 64, "a long line was kept");
        }
    }

    #[test]
    fn lines_with_and_without_ends() {
        check(b"", &[]);
        check(b"ab\ncd", &[Some("ab"), Some("cd")]);
        check(b"ab\r\n\n  cd \n", &[Some("ab"), Some(""), Some("cd")]);
        check(b"\xEF\xBB\xBFab\ncd", &[Some("ab"), Some("cd")]);
    }

    #[test]
    fn a_long_line_is_skipped_and_the_next_one_read() {
        check(
            b"12345678\n123456789\nab\n",
            &[Some("12345678"), None, Some("ab")],
        );
        check(
            &[&[b'x'; 10_000][..], b"\nab"].concat(),
            &[None, Some("ab")],
        );
        check(&[b'x'; 10_000], &[None]);
    }
}
