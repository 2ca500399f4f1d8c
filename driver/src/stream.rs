use futures_io::{AsyncRead, AsyncWrite};

/// A byte stream of any kind.
pub trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> ByteStream for S {}

/// A byte stream whose kind nobody needs to know: TCP, TLS, a tunnel through a proxy.
pub type BoxStream = Box<dyn ByteStream>;
