use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::sleep,
};

use super::*;
use crate::{
    requests::Ping,
    tally::Counts,
    wire::{Dialect, Target, Transport},
};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

/// How a fake server answers a request: after a while, and what; `None` closes the connection.
type Answers = fn(u64) -> Option<(Duration, &'static str)>;

async fn serve(mut stream: DuplexStream, answers: Answers) {
    let (mut bytes, mut number) = (Vec::new(), 0);
    loop {
        while let Some(end) = bytes
            .windows(17)
            .position(|part| part == br#"{"action":"ping"}"#)
        {
            bytes.drain(..end + 17);
            let Some((after, answer)) = answers(number) else {
                return;
            };
            number += 1;
            sleep(after).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        if stream.read_buf(&mut bytes).await.unwrap() == 0 {
            return;
        }
    }
}

/// Runs so many pings over so many connections to such servers.
async fn ping(
    (connections, pipeline): (usize, usize),
    (count, rate): (u64, Option<f64>),
    answers: Answers,
) -> Counts {
    let target = Target {
        address: "127.0.0.1:1".parse().unwrap(),
        transport: Transport::Http,
        dialect: Dialect::Nile,
    };
    let mut clients = Vec::new();
    for _ in 0..connections {
        let (near, far) = duplex(1 << 16);
        tokio::spawn(serve(far, answers));
        clients.push(Client::open(near, target).await.unwrap());
    }
    let tally = Arc::new(Tally::default());
    let load = Load {
        schedule: Schedule::new(0..count, rate).without_busy_waits(),
        pipeline,
        tally: Arc::clone(&tally),
        requests: Arc::new(Ping),
    };
    run(clients, "test", load).await;
    tally.close(count);
    tally.counts()
}

/// A millisecond each, and once, in the middle, two seconds.
const STALLS_ONCE: Answers = |number| {
    let millis = if number == 500 { 2000 } else { 1 };
    Some((Duration::from_millis(millis), OK))
};

#[tokio::test(start_paused = true)]
async fn in_an_open_loop_a_stall_is_everybodys_who_was_to_be_served_meanwhile() {
    let counts = ping((1, 1), (2000, Some(100.0)), STALLS_ONCE).await;
    assert_eq!(counts.completed, 2000);
    // 200 of 2,000 were due while nothing was answered.
    assert!(counts.latency.quantile_ms(0.5) < 5.0);
    assert!(
        counts.latency.quantile_ms(0.99) > 1500.0,
        "{}",
        counts.latency.quantile_ms(0.99)
    );
}

#[tokio::test(start_paused = true)]
async fn in_a_closed_loop_a_stall_is_one_request() {
    let counts = ping((1, 1), (2000, None), STALLS_ONCE).await;
    assert_eq!(counts.completed, 2000);
    assert!(counts.latency.quantile_ms(0.999) < 5.0);
    assert!(counts.latency.max_ms() > 1900.0);
}

#[tokio::test(start_paused = true)]
async fn an_open_loop_keeps_its_rate() {
    let begun = Instant::now();
    let counts = ping((10, 1), (1000, Some(500.0)), |_| Some((Duration::ZERO, OK))).await;
    assert_eq!(counts.completed, 1000);
    let millis = begun.elapsed().as_millis();
    assert!((1990..2100).contains(&millis), "{millis}");
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_does_not_wait_for_answers() {
    let slow: Answers = |number| {
        // As if all that had come were looked at at once.
        let first = if number == 0 { 100 } else { 0 };
        Some((Duration::from_millis(first), OK))
    };
    let counts = ping((1, 8), (8, None), slow).await;
    assert!(
        counts.latency.quantile_ms(0.01) > 90.0,
        "all were sent before the first answer"
    );
}

#[tokio::test(start_paused = true)]
async fn refusals_and_lost_connections_are_counted_and_others_do_the_rest() {
    let answers: Answers = |number| match number {
        3 => Some((
            Duration::ZERO,
            "HTTP/1.1 429 Too Many\r\nContent-Length: 2\r\n\r\n{}",
        )),
        9 => None,
        _ => Some((Duration::from_millis(1), OK)),
    };
    // Every connection ends at its tenth request; twelve of the requests are never sent.
    let counts = ping((3, 1), (42, None), answers).await;
    assert_eq!(
        (counts.completed, counts.refused, counts.failed),
        (24, 3, 15)
    );
    assert_eq!(counts.reasons["no answer in time"], 12);
    assert_eq!(counts.reasons["refused: 429 {}"], 3);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_falls_silent_ends_the_load() {
    let silent: Answers = |number| {
        let seconds = if number < 5 { 0 } else { 1_000_000 };
        Some((Duration::from_secs(seconds), OK))
    };
    let counts = ping((2, 1), (100, None), silent).await;
    assert_eq!((counts.completed, counts.failed), (10, 90));
}

#[tokio::test(start_paused = true)]
async fn answers_with_numbers_may_change_places() {
    let load = Load {
        schedule: Schedule::new(0..3, None),
        pipeline: 3,
        tally: Arc::default(),
        requests: Arc::new(Ping),
    };
    let begun = Instant::now();
    let mut under_way: VecDeque<_> = (0..2)
        .map(|number| Sent {
            number,
            turn: number,
            since: begun + Duration::from_secs(3 * number),
        })
        .collect();
    let mut answer = |number, seconds| {
        let body = Body::Whole(r#"{"action":"pinged"}"#);
        let number = Some(number);
        let now = begun + Duration::from_secs(seconds);
        settle(&mut under_way, &load, Answer { number, body }, now)
    };
    answer(1, 4).unwrap();
    assert!(answer(1, 4).is_err(), "it was answered before");
    answer(0, 10).unwrap();
    let latency = load.tally.counts().latency;
    let rounded = [latency.quantile_ms(0.5), latency.max_ms()].map(|ms| (ms / 1000.0).round());
    assert_eq!(rounded.map(f64::to_bits), [1.0_f64, 10.0].map(f64::to_bits));
}
