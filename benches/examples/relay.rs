//! A bare relay of bytes, the floor of what a gateway can cost: `relay <address to listen on> <address of the server>`.

use std::{io, rc::Rc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::LocalSet,
};

async fn relay(mut client: TcpStream, server: &str) -> io::Result<()> {
    let mut server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let up = copy(&mut from_client, &mut to_server);
    let down = copy(&mut from_server, &mut to_client);
    // Whichever ends first ends both.
    tokio::select! { result = up => result, result = down => result }
}

async fn copy(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..count]).await?;
    }
}

async fn serve(address: &str, server: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    let server: Rc<str> = server.into();
    loop {
        let (client, _) = listener.accept().await?;
        let server = Rc::clone(&server);
        tokio::task::spawn_local(async move {
            if let Err(error) = relay(client, &server).await {
                eprintln!("relay: {error}");
            }
        });
    }
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, server] = arguments.as_slice() else {
        return Err(io::Error::other(
            "relay <address to listen on> <address of the server>",
        ));
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, serve(address, server))
}
