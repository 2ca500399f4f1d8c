//! The two halves of a client and of a server's session, as a stream and a sink: both have the same verbs beneath.

/// For `$whole`, which holds a `Sender` and a `Receiver`, each with the handle of what they are halves of.
macro_rules! halves {
    ($whole:ident) => {
        impl std::fmt::Debug for Sender {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("Sender")
            }
        }

        impl std::fmt::Debug for Receiver {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("Receiver")
            }
        }

        impl Drop for Receiver {
            fn drop(&mut self) {
                self.0.forget();
            }
        }

        impl Stream for Receiver {
            type Item = Event;

            fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
                self.0.poll_event(cx)
            }
        }

        /// `poll_flush` has nothing to wait for: an element that was taken is on its way.
        impl Sink<Element> for Sender {
            type Error = SendError<Element>;

            fn poll_ready(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<Result<(), SendError<Element>>> {
                self.0.poll_ready(cx).map(Ok)
            }

            fn start_send(
                self: Pin<&mut Self>,
                element: Element,
            ) -> Result<(), SendError<Element>> {
                self.0.send(element)
            }

            fn poll_flush(
                self: Pin<&mut Self>,
                _: &mut Context<'_>,
            ) -> Poll<Result<(), SendError<Element>>> {
                Poll::Ready(Ok(()))
            }

            fn poll_close(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<Result<(), SendError<Element>>> {
                self.0.close();
                self.0.poll_over(cx).map(Ok)
            }
        }

        impl Stream for $whole {
            type Item = Event;

            fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
                Pin::new(&mut self.receiver).poll_next(cx)
            }
        }

        impl Sink<Element> for $whole {
            type Error = SendError<Element>;

            fn poll_ready(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<Result<(), SendError<Element>>> {
                Pin::new(&mut self.sender).poll_ready(cx)
            }

            fn start_send(
                mut self: Pin<&mut Self>,
                element: Element,
            ) -> Result<(), SendError<Element>> {
                Pin::new(&mut self.sender).start_send(element)
            }

            fn poll_flush(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<Result<(), SendError<Element>>> {
                Pin::new(&mut self.sender).poll_flush(cx)
            }

            fn poll_close(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<Result<(), SendError<Element>>> {
                Pin::new(&mut self.sender).poll_close(cx)
            }
        }
    };
}

pub(crate) use halves;
