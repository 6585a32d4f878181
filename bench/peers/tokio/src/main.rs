//! Tokio: a multi-thread runtime with W workers; the main thread only waits in block_on.

mod peer;
mod timers;

use std::sync::atomic::{AtomicU64, Ordering::*};
use std::sync::Arc;
use std::time::{Duration, Instant};

use peer::{tick, Peer, Waits};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{broadcast, mpsc, Mutex, Semaphore};
use tokio::task::{yield_now, JoinHandle};

const PAIRS: i64 = 64;
const CAPACITY: usize = 128;
const MPMC_SIDE: i64 = 4;
const SELECT_CHANNELS: i64 = 8;
const FAN_RECEIVERS: i64 = 16;
const CONTENDERS: i64 = 64;
const HOLD: Duration = Duration::from_micros(10);

pub async fn join_all<T>(tasks: Vec<JoinHandle<T>>) -> Vec<T> {
    let mut results = vec![];
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

async fn send_items(channel: mpsc::Sender<i64>, first: i64, count: i64) {
    for item in first..first + count {
        channel.send(item).await.unwrap();
    }
}

// ---- channels ----

async fn ping(out: mpsc::Sender<i64>, mut back: mpsc::Receiver<i64>, round_trips: i64) {
    for i in 0..round_trips {
        out.send(i).await.unwrap();
        assert_eq!(back.recv().await, Some(i));
        tick();
    }
}

async fn pong(mut there: mpsc::Receiver<i64>, out: mpsc::Sender<i64>) {
    while let Some(item) = there.recv().await {
        out.send(item).await.unwrap();
    }
}

async fn pingpong(n: i64) {
    let mut tasks = vec![];
    for _ in 0..PAIRS {
        let (to_pong, there) = mpsc::channel(1);
        let (to_ping, back) = mpsc::channel(1);
        tasks.push(tokio::spawn(ping(to_pong, back, n / PAIRS)));
        tasks.push(tokio::spawn(pong(there, to_ping)));
    }
    join_all(tasks).await;
}

async fn spsc(n: i64) {
    let (sender, mut receiver) = mpsc::channel(CAPACITY);
    let send = tokio::spawn(send_items(sender, 0, n));
    let receive = tokio::spawn(async move {
        let mut next = 0;
        while let Some(item) = receiver.recv().await {
            assert_eq!(item, next);
            next += 1;
            tick();
        }
        assert_eq!(next, n);
    });
    join_all(vec![send, receive]).await;
}

/// Tokio's channel has one receiver: the tasks share it under Tokio's mutex.
async fn mpmc(n: i64) {
    let (sender, receiver) = mpsc::channel(CAPACITY);
    let receiver = Arc::new(Mutex::new(receiver));
    let (mut senders, mut receivers, share) = (vec![], vec![], n / MPMC_SIDE);
    for i in 0..MPMC_SIDE {
        senders.push(tokio::spawn(send_items(sender.clone(), i * share, share)));
        let receiver = receiver.clone();
        receivers.push(tokio::spawn(async move {
            let mut sum = 0;
            loop {
                let item = receiver.lock().await.recv().await;
                let Some(item) = item else { return sum };
                sum += item;
                tick();
            }
        }));
    }
    drop(sender);
    join_all(senders).await;
    assert_eq!(join_all(receivers).await.iter().sum::<i64>(), n * (n - 1) / 2);
}

async fn select_items(mut channels: Vec<mpsc::Receiver<i64>>, n: i64) {
    let mut next = [0; SELECT_CHANNELS as usize];
    let [c0, c1, c2, c3, c4, c5, c6, c7] = &mut channels[..] else { unreachable!() };
    for _ in 0..n {
        let (which, item) = tokio::select! {
            item = c0.recv() => (0, item),
            item = c1.recv() => (1, item),
            item = c2.recv() => (2, item),
            item = c3.recv() => (3, item),
            item = c4.recv() => (4, item),
            item = c5.recv() => (5, item),
            item = c6.recv() => (6, item),
            item = c7.recv() => (7, item),
        };
        assert_eq!(item, Some(next[which]));
        next[which] += 1;
        tick();
    }
}

/// The senders keep their end until the last item was received: a closed channel would be ready for ever.
async fn select_many(n: i64) {
    let (mut senders, mut receivers, mut tasks) = (vec![], vec![], vec![]);
    for _ in 0..SELECT_CHANNELS {
        let (sender, receiver) = mpsc::channel(CAPACITY);
        senders.push(sender.clone());
        receivers.push(receiver);
        tasks.push(tokio::spawn(send_items(sender, 0, n / SELECT_CHANNELS)));
    }
    tasks.push(tokio::spawn(select_items(receivers, n)));
    join_all(tasks).await;
}

/// The sender waits after every CAPACITY items until all have them, so that nobody lags.
async fn broadcast_fan(n: i64) {
    let count = n / FAN_RECEIVERS;
    let (sender, _) = broadcast::channel(CAPACITY);
    let caught_up = Arc::new(Semaphore::new(0));
    let mut tasks = vec![];
    for _ in 0..FAN_RECEIVERS {
        let (mut receiver, caught_up) = (sender.subscribe(), caught_up.clone());
        tasks.push(tokio::spawn(async move {
            for i in 0..count {
                assert_eq!(receiver.recv().await, Ok(i));
                tick();
                if i % CAPACITY as i64 == CAPACITY as i64 - 1 {
                    caught_up.add_permits(1);
                }
            }
        }));
    }
    tasks.push(tokio::spawn(async move {
        for i in 0..count {
            sender.send(i).unwrap();
            if i % CAPACITY as i64 == CAPACITY as i64 - 1 {
                caught_up.acquire_many(FAN_RECEIVERS as u32).await.unwrap().forget();
            }
        }
    }));
    join_all(tasks).await;
}

// ---- mutex ----

async fn lock_and_count(mutex: Arc<Mutex<i64>>, rounds: i64) {
    for _ in 0..rounds {
        *mutex.lock().await += 1;
        tick();
    }
}

async fn uncontended(n: i64) {
    let mutex = Arc::new(Mutex::new(0));
    lock_and_count(mutex.clone(), n).await;
    assert_eq!(*mutex.lock().await, n);
}

async fn contended(n: i64) {
    let mutex = Arc::new(Mutex::new(0));
    let tasks = (0..CONTENDERS).map(|_| tokio::spawn(lock_and_count(mutex.clone(), n / CONTENDERS))).collect();
    join_all(tasks).await;
    assert_eq!(*mutex.lock().await, n);
}

async fn hold_long(mutex: Arc<Mutex<i64>>, granted: Arc<AtomicU64>, rounds: i64) -> Waits {
    let mut waits = Waits::default();
    for _ in 0..rounds {
        let (before, asked) = (granted.load(Relaxed), Instant::now());
        let mut counter = mutex.lock().await;
        let waited = asked.elapsed().as_nanos() as u64;
        waits.add(waited, granted.fetch_add(1, Relaxed) - before);
        *counter += 1;
        let start = Instant::now();
        while start.elapsed() < HOLD {}
        yield_now().await;
        drop(counter);
        tick();
    }
    waits
}

async fn fairness(n: i64) -> Waits {
    let (mutex, granted) = (Arc::new(Mutex::new(0)), Arc::new(AtomicU64::new(0)));
    let start = |_| tokio::spawn(hold_long(mutex.clone(), granted.clone(), n / CONTENDERS));
    let mut all = Waits::default();
    for waits in join_all((0..CONTENDERS).map(start).collect()).await {
        all.merge(waits);
    }
    assert_eq!(*mutex.lock().await, n);
    all
}

// ---- main ----

/// Runs f on a worker and waits for it from outside.
pub fn on_worker<T: Send + 'static>(runtime: &Runtime, f: impl std::future::Future<Output = T> + Send + 'static) -> T {
    runtime.block_on(runtime.spawn(f)).unwrap()
}

fn main() {
    let peer = Peer::parse();
    let runtime = Builder::new_multi_thread().worker_threads(peer.workers).enable_all().build().unwrap();
    macro_rules! throughput {
        ($f:ident, $usual:expr, $parts:expr) => {{
            let n = peer.n($usual, $parts);
            peer.throughput(n, || on_worker(&runtime, $f(n)));
        }};
    }
    match peer.workload.as_str() {
        "pingpong" => throughput!(pingpong, 640_000, PAIRS),
        "channel_spsc" => throughput!(spsc, 2_000_000, 1),
        "channel_mpmc" => throughput!(mpmc, 2_000_000, MPMC_SIDE),
        "select_many" => throughput!(select_many, 1_000_000, SELECT_CHANNELS),
        "broadcast_fan" => throughput!(broadcast_fan, 1_600_000, FAN_RECEIVERS),
        "mutex_uncontended" => throughput!(uncontended, 10_000_000, 1),
        "mutex_contended" => throughput!(contended, 1_000_000, CONTENDERS),
        "mutex_fair" => {
            let n = peer.n(12_800, CONTENDERS);
            peer.fairness(n, || on_worker(&runtime, fairness(n)));
        }
        _ => timers::measure(&peer, &runtime),
    }
}
