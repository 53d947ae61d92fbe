//! A party that keeps asking and reads nothing.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use super::{Connects, request::PING, within};

/// How little the system keeps for a connection, each way; it rounds this up.
const BUFFER: u32 = 4096;

/// A stream that has taken nothing for so long is full.
const FULL: Duration = Duration::from_millis(300);

/// A TCP connection that soon has more answers than it can hold.
pub(crate) async fn narrow(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(BUFFER).unwrap();
    socket.set_send_buffer_size(BUFFER).unwrap();
    socket.connect(address).await.unwrap()
}

/// Asks, and reads nothing, until the server takes no more questions. The stream stays open.
pub(crate) async fn fill<P: Connects>(party: P) -> TcpStream {
    let mut stream = party.into_stream();
    let questions = text_frame(&P::carry(PING)).repeat(100);
    let filled = async {
        let mut rest: &[u8] = &questions;
        while let Ok(written) = timeout(FULL, stream.write(rest)).await {
            rest = &rest[written.expect("the server closed the connection")..];
            if rest.is_empty() {
                rest = &questions;
            }
        }
    };
    within("the server to stop reading", filled).await;
    stream
}

/// Waits until the server has dropped a connection on which nobody reads.
pub(crate) async fn dropped(mut stream: TcpStream) {
    // Whatever a broken connection is told ends in an error.
    let broken = async { while stream.write(&[0]).await.is_ok() {} };
    within("the server to drop the connection", broken).await;
}

/// A whole text frame of a client, with a length of 16 bits and a mask of zero.
fn text_frame(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap();
    let mut frame = vec![0x81, 0xfe];
    frame.extend(length.to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}
