use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::*;

/// The far ends of a tunnel's two sides, and the tunnel.
fn between(
    client: &'static str,
    server: &'static str,
    idle: Option<Duration>,
) -> (DuplexStream, DuplexStream, impl Future<Output = io::Result<()>>) {
    let (far_client, near_client) = tokio::io::duplex(64);
    let (far_server, near_server) = tokio::io::duplex(64);
    let mut tunnel = Tunnel {
        client: near_client,
        server: near_server,
        up: Direction::new(Bytes::from_static(client.as_bytes())),
        down: Direction::new(Bytes::from_static(server.as_bytes())),
        down_first: false,
        idle,
        idle_until: None,
        deadline: None,
        timer: Timer::default(),
    };
    let run = async move { std::future::poll_fn(|cx| tunnel.poll(cx)).await };
    (far_client, far_server, run)
}

#[tokio::test]
async fn bytes_read_before_come_first_and_each_direction_ends_by_itself() {
    let (mut client, mut server, tunnel) = between("early up, ", "early down, ", None);
    let long = "x".repeat(100_000);
    let ends = async {
        client.write_all(b"up").await.unwrap();
        client.shutdown().await.unwrap();
        let mut up = String::new();
        server.read_to_string(&mut up).await.unwrap();
        assert_eq!(up, "early up, up");
        // The client's half is closed; the other half still carries.
        let send = async {
            server.write_all(long.as_bytes()).await.unwrap();
            server.shutdown().await.unwrap();
        };
        let mut down = String::new();
        let ((), read) = tokio::join!(send, client.read_to_string(&mut down));
        read.unwrap();
        assert_eq!(down, format!("early down, {long}"));
    };
    let (ended, ()) = tokio::join!(tunnel, ends);
    ended.unwrap();
}

#[tokio::test]
async fn a_side_that_is_gone_ends_the_other() {
    let (client, mut server, tunnel) = between("", "", None);
    drop(client);
    let ends = async {
        // Writes find the client gone.
        server.write_all(b"anybody?").await.unwrap();
        let mut rest = Vec::new();
        server.read_to_end(&mut rest).await.unwrap();
        server
    };
    let (ended, server) = tokio::join!(tunnel, ends);
    assert!(ended.is_err());
    drop(server);
}

#[tokio::test(start_paused = true)]
async fn silence_of_both_sides_ends_it_and_bytes_of_one_put_that_off() {
    let idle = Duration::from_secs(10);
    let (mut client, mut server, tunnel) = between("", "", Some(idle));
    let start = Instant::now();
    let talk = async {
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_secs(9)).await;
            client.write_all(b"x").await.unwrap();
            server.read_u8().await.unwrap();
        }
    };
    let (ended, ()) = tokio::join!(tunnel, talk);
    assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
    assert_eq!(start.elapsed().as_secs(), 37);
}

#[tokio::test]
async fn a_silent_tunnel_holds_no_bytes() {
    let (mut client, mut server, tunnel) = between("", "", None);
    let mut tunnel = Box::pin(tunnel);
    client.write_all(b"ping").await.unwrap();
    let mut ping = [0; 4];
    tokio::select! {
        biased;
        _ = &mut tunnel => panic!("it goes on"),
        read = server.read_exact(&mut ping) => assert_eq!(read.unwrap(), 4),
    }
    assert!(size_of_val(&*tunnel) < 512, "{}", size_of_val(&*tunnel));
}

/// A tunnel whose client never stops sending to a server that takes everything, and the far ends of the way back.
fn flooded(
    deadline: Option<Instant>,
) -> (DuplexStream, DuplexStream, impl Future<Output = io::Result<()>> + Send) {
    let (far_client, near_client) = tokio::io::duplex(64);
    let (far_server, near_server) = tokio::io::duplex(64);
    let mut tunnel = Tunnel {
        client: tokio::io::join(tokio::io::repeat(b'x'), near_client),
        server: tokio::io::join(near_server, tokio::io::sink()),
        up: Direction::new(Bytes::new()),
        down: Direction::new(Bytes::new()),
        down_first: false,
        idle: None,
        idle_until: None,
        deadline,
        timer: Timer::default(),
    };
    let run = async move { std::future::poll_fn(|cx| tunnel.poll(cx)).await };
    (far_client, far_server, run)
}

#[tokio::test]
async fn a_direction_that_never_waits_leaves_turns_to_the_other() {
    let (mut client, mut server, tunnel) = flooded(None);
    let tunnel = tokio::spawn(tunnel);
    server.write_all(b"pong").await.unwrap();
    let mut pong = [0; 4];
    let read = tokio::time::timeout(Duration::from_secs(60), client.read_exact(&mut pong)).await;
    assert_eq!((read.unwrap().unwrap(), &pong), (4, b"pong"));
    tunnel.abort();
}

#[tokio::test(start_paused = true)]
async fn a_direction_that_never_waits_does_not_hold_off_the_deadline() {
    let (_client, _server, tunnel) = flooded(Some(Instant::now() + Duration::from_secs(1)));
    let tunnel = tokio::spawn(tunnel);
    tokio::time::advance(Duration::from_secs(2)).await;
    // So many turns of the task at most, not so much time: the clock stands.
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert!(tunnel.is_finished());
    assert_eq!(tunnel.await.unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
}
