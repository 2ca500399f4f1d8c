//! TLS at our own listeners, and servers that send their clients on for ever.

use futures_util::future::join;
use rcgen::date_time_ymd;
use xmpp_web_driver::{
    bosh::Channel,
    client::{ConnectError, Error, Failed},
    server::Transport,
    tls::Fault,
};

use super::{ANYWHERE, Place, builder, in_time, pki::Pki, sign_in, signed_in};

const NODE: &str = "t1.lantern.example";

fn secure_url(transport: Transport, port: u16) -> String {
    match transport {
        Transport::Bosh => format!("https://{NODE}:{port}/http-bind"),
        Transport::WebSocket => format!("wss://{NODE}:{port}/xmpp-websocket"),
    }
}

/// The right certificate carries a session; one for another name, an expired one and one of an unknown CA are told apart.
pub(crate) async fn certificates_are_judged(place: &impl Place, transport: Transport) {
    // Each writes its files to a directory of its own.
    let [right, other] = [Pki::new(), Pki::new()];
    let network = place.network();
    let attempt = async |files: [std::path::PathBuf; 2]| {
        let (mut server, address) = place.serve_tls(&files).await;
        let url = secure_url(transport, address.port());
        let builder = builder(&network, &[url])
            .roots(right.roots())
            .resolver(|_| Some(vec![ANYWHERE.ip()]));
        let client = async {
            let mut client = builder.connect().await?;
            sign_in(&mut client).await;
            client.close().await;
            Ok(())
        };
        let control = server.control();
        let client = async {
            let connected = client.await;
            control.shut_down();
            connected
        };
        let serving = async {
            while let Some(opening) = server.next().await {
                assert_eq!(opening.asked().peer.channel, Channel::Tls);
                let mut session = signed_in(opening).await;
                while session.next().await.is_some() {}
            }
        };
        let (connected, ()) = in_time(&network, join(client, serving)).await;
        connected
    };
    attempt(right.certificate(NODE, |_| {}))
        .await
        .expect("the right certificate");

    let wrong = attempt(right.certificate("t2.lantern.example", |_| {})).await;
    let named = Fault::WrongName {
        expected: NODE.to_owned(),
        found: vec!["t2.lantern.example".to_owned()],
    };
    assert_eq!(fault(wrong), format!("{named:?}"));
    let expired = attempt(right.certificate(NODE, |params| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    }));
    assert_eq!(fault(expired.await), format!("{:?}", Fault::Expired));
    let unknown = attempt(other.certificate(NODE, |_| {})).await;
    assert_eq!(fault(unknown), format!("{:?}", Fault::UnknownIssuer));
}

fn failed(connected: Result<(), ConnectError>) -> Failed {
    match connected {
        Err(ConnectError::Failed(failed)) => failed,
        other => panic!("{other:?}"),
    }
}

/// That of the first endpoint that was tried.
fn fault(connected: Result<(), ConnectError>) -> String {
    match failed(connected).errors().next() {
        Some((_, Error::Tls(fault))) => format!("{fault:?}"),
        other => panic!("{other:?}"),
    }
}

/// Two servers that send every client to the other: the client follows a few times, and says so.
pub(crate) async fn redirects_without_end(place: &impl Place, transport: Transport) {
    let network = place.network();
    // BOSH's clients follow nobody to where there is no TLS.
    let pki = Pki::new();
    let files = pki.certificate(NODE, |_| {});
    let (mut one, address) = place.serve_tls(&files).await;
    let (mut other, elsewhere) = place.serve_tls(&files).await;
    let [here, there] = [address, elsewhere].map(|to| secure_url(transport, to.port()));
    let (one_control, other_control) = (one.control(), other.control());
    let followed = std::cell::Cell::new(0);
    let client = async {
        let builder = builder(&network, std::slice::from_ref(&here))
            .roots(pki.roots())
            .resolver(|_| Some(vec![ANYWHERE.ip()]));
        let failed = failed(builder.connect().await.map(drop));
        one_control.shut_down();
        other_control.shut_down();
        failed
    };
    let sending_on = async {
        while let Some(opening) = one.next().await {
            followed.set(followed.get() + 1);
            opening.redirect(&there);
        }
    };
    let sending_back = async {
        while let Some(opening) = other.next().await {
            followed.set(followed.get() + 1);
            opening.redirect(&here);
        }
    };
    let (failed, _) = in_time(&network, join(client, join(sending_on, sending_back))).await;
    let times = followed.get();
    assert!((2..=10).contains(&times), "{times}: {failed}");
    assert!(failed.to_string().contains("redirect"), "{failed}");
}
