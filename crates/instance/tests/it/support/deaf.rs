//! A party that keeps asking and reads nothing.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use super::{Connects, request::PING, within};

/// How little the system keeps for a connection, each way; it rounds this up.
const BUFFER: u32 = 4096;

/// A stream that has taken nothing for so long is full.
const FULL: Duration = Duration::from_secs(1);

/// A TCP connection that soon has more answers than it can hold.
pub(crate) async fn narrow(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(BUFFER).unwrap();
    socket.set_send_buffer_size(BUFFER).unwrap();
    socket.connect(address).await.unwrap()
}

/// Asks, and reads nothing, until the server takes no more questions. The stream stays open.
pub(crate) async fn fill<P: Connects>(party: P) -> TcpStream {
    let mut questions = Questions::of(party);
    let filled = async {
        while let Ok(asked) = timeout(FULL, questions.ask()).await {
            asked.expect("the server closed the connection");
        }
    };
    within("the server to stop reading", filled).await;
    questions.stream
}

/// Asks, and reads nothing, until the server has dropped the connection.
pub(crate) async fn ask_until_dropped<P: Connects>(party: P) {
    let mut questions = Questions::of(party);
    let dropped = async { while questions.ask().await.is_ok() {} };
    within("the server to drop the connection", dropped).await;
}

/// Questions without end, as whole frames.
struct Questions {
    stream: TcpStream,
    frames: Vec<u8>,
    asked: usize,
}

impl Questions {
    fn of<P: Connects>(party: P) -> Self {
        Self {
            stream: party.into_stream(),
            frames: text_frame(&P::carry(PING)).repeat(100),
            asked: 0,
        }
    }

    /// Sends as much as the connection takes.
    async fn ask(&mut self) -> io::Result<()> {
        let sent = self.stream.write(&self.frames[self.asked..]).await?;
        self.asked = (self.asked + sent) % self.frames.len();
        Ok(())
    }
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
