//! What stands for the codecs where the feature is off: types without values.

use bytes::Bytes;

use crate::Reason;

/// No message is compressed.
#[derive(Debug)]
pub(crate) enum Inflater {}

/// The compressor where the feature `deflate` is off: there is none.
#[derive(Debug)]
pub(crate) enum Deflater {}

/// The error of inflating where the feature `deflate` is off: there is none.
#[derive(Debug)]
pub(crate) enum InflateError {}

impl From<InflateError> for Reason {
    fn from(error: InflateError) -> Self {
        match error {}
    }
}

impl Inflater {
    pub(crate) fn inflate_piece(
        &mut self,
        _: &[u8],
        _: &mut Vec<u8>,
        _: usize,
    ) -> Result<(), InflateError> {
        match *self {}
    }

    pub(crate) fn finish_message(&mut self, _: &mut Vec<u8>, _: usize) -> Result<(), InflateError> {
        match *self {}
    }
}

impl Deflater {
    pub(crate) fn compress(&mut self, _: &[u8]) -> Option<Bytes> {
        match *self {}
    }
}
