//! A BOSH client with two connections (XEP-0124): while one request is held, the other carries what is sent.

use std::io;

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

pub(crate) struct Bosh {
    connections: [Connection; 2],
    domain: String,
    sid: String,
    rid: u64,
    text: String,
    /// How many were sent.
    pub(crate) requests: u64,
}

struct Connection {
    socket: TcpStream,
    host: String,
    input: BytesMut,
    waiting: bool,
}

impl Connection {
    async fn open(address: &str) -> io::Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Ok(Self {
            socket,
            host: address.to_owned(),
            input: BytesMut::with_capacity(4096),
            waiting: false,
        })
    }

    /// A head of a browser's usual length.
    async fn post(&mut self, body: &str) -> io::Result<()> {
        let request = format!(
            "POST /http-bind HTTP/1.1\r\nHost: {}\r\nConnection: keep-alive\r\nContent-Length: {}\r\n\
             User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n\
             Content-Type: text/xml; charset=utf-8\r\nAccept: */*\r\nAccept-Encoding: identity\r\nAccept-Language: en-US,en;q=0.9\r\n\r\n{body}",
            self.host,
            body.len(),
        );
        self.waiting = true;
        self.socket.write_all(request.as_bytes()).await
    }

    /// The body of the answer. It may be dropped and asked again: what came is kept.
    async fn answer(&mut self) -> io::Result<String> {
        loop {
            if let Some(body) = self.received()? {
                self.waiting = false;
                return Ok(body);
            }
            if self.socket.read_buf(&mut self.input).await? == 0 {
                return Err(io::Error::other("the server closed a connection"));
            }
        }
    }

    fn received(&mut self) -> io::Result<Option<String>> {
        let end = self
            .input
            .windows(4)
            .position(|window| window == b"\r\n\r\n");
        let Some(end) = end else {
            return Ok(None);
        };
        let head = String::from_utf8_lossy(&self.input[..end]);
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let length = name.eq_ignore_ascii_case("content-length");
            length.then(|| value.trim().parse::<usize>().ok())?
        });
        let (Some(length), true) = (length, head.starts_with("HTTP/1.1 200")) else {
            return Err(io::Error::other(head.into_owned()));
        };
        if self.input.len() < end + 4 + length {
            return Ok(None);
        }
        let answer = self.input.split_to(end + 4 + length);
        Ok(Some(
            String::from_utf8_lossy(&answer[end + 4..]).into_owned(),
        ))
    }
}

impl Bosh {
    pub(crate) async fn open(address: &str, domain: &str) -> io::Result<Self> {
        let connections = [
            Connection::open(address).await?,
            Connection::open(address).await?,
        ];
        let mut session = Self {
            connections,
            domain: domain.to_owned(),
            sid: String::new(),
            rid: 1,
            text: String::new(),
            requests: 0,
        };
        let create = format!(
            "<body xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh' rid='1' to='{domain}' ver='1.6' wait='60' hold='1' \
             content='text/xml; charset=utf-8' xmpp:version='1.0' xml:lang='en'/>"
        );
        let [first, _] = &mut session.connections;
        first.post(&create).await?;
        let answer = first.answer().await?;
        let sid = answer
            .replace('"', "'")
            .split_once(" sid='")
            .and_then(|(_, rest)| Some(rest.split_once('\'')?.0.to_owned()));
        session.sid = sid.ok_or_else(|| io::Error::other(answer.clone()))?;
        session.text = answer;
        session.requests = 1;
        Ok(session)
    }

    async fn post(&mut self, attributes: &str, payload: &str) -> io::Result<()> {
        // Two at most are open: an answer makes room (XEP-0124 §11).
        while self.connections.iter().all(|each| each.waiting) {
            self.answer().await?;
        }
        self.rid += 1;
        self.requests += 1;
        let body = format!(
            "<body xmlns='http://jabber.org/protocol/httpbind' rid='{}' sid='{}'{attributes}>{payload}</body>",
            self.rid, self.sid
        );
        match &mut self.connections {
            [first, _] if !first.waiting => first.post(&body).await,
            [_, second] => second.post(&body).await,
        }
    }

    /// Adds the next answer's body to the text.
    async fn answer(&mut self) -> io::Result<()> {
        let [first, second] = &mut self.connections;
        let body = tokio::select! {
            body = first.answer(), if first.waiting => body,
            body = second.answer(), if second.waiting => body,
        }?;
        if body.contains("terminate") {
            return Err(io::Error::other(body));
        }
        self.text.push_str(&body);
        Ok(())
    }

    pub(crate) async fn restart(&mut self) -> io::Result<()> {
        let attributes = format!(
            " xmlns:xmpp='urn:xmpp:xbosh' xmpp:restart='true' to='{}'",
            self.domain
        );
        self.post(&attributes, "").await
    }

    pub(crate) async fn send(&mut self, start: &str, rest: &str) -> io::Result<()> {
        let namespace = if start.contains(" xmlns=") {
            ""
        } else {
            " xmlns='jabber:client'"
        };
        self.post("", &format!("{start}{namespace}{rest}")).await
    }

    pub(crate) async fn until(&mut self, needle: &str) -> io::Result<String> {
        loop {
            if self.text.contains(needle) {
                return Ok(std::mem::take(&mut self.text));
            }
            if !self.connections.iter().any(|each| each.waiting) {
                self.post("", "").await?;
            }
            self.answer().await?;
        }
    }
}
