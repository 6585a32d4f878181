//! The workloads of timers. Tokio registers a timer when it is polled for the first time, so each is polled once.

use std::future::{poll_fn, Future};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering::*};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::{sleep, sleep_until, Instant, Sleep};

use crate::peer::{cpu_time, expect, median, switches, tick, Latency, Peer, Random};
use crate::{join_all, on_worker};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const TIMEOUT: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));
const PENDING: (Duration, Duration) = (Duration::from_secs(3600), Duration::from_secs(7200));
const TIMER_TASKS: i64 = 64;
const OPERATIONS_PER_TURN: i64 = 128;
const OTHER_TIMERS: i64 = 100_000;
const SLEEPERS: i64 = 100;
const PIECE: Duration = Duration::from_micros(100);
const REMOTE_THREADS: i64 = 8;
const FIRING_A_WORKER: i64 = 32;
const FIRINGS_MAX: usize = 1_000_000;
const SCALE_OPERATIONS: i64 = 500_000;

/// Polls once; it must not be ready yet.
async fn register(mut timer: Pin<&mut Sleep>) {
    poll_fn(|context| {
        assert!(timer.as_mut().poll(context).is_pending(), "a timer fired that was seconds away");
        Poll::Ready(())
    })
    .await
}

/// Also keeps to the number of polls that Tokio grants a task between two yields.
async fn yield_sometimes(i: i64) {
    if i % OPERATIONS_PER_TURN == OPERATIONS_PER_TURN - 1 {
        yield_now().await;
    }
}

// ---- timer_churn, timer_reset, timer_scale ----

async fn churn(mut random: Random, count: i64, ahead: (Duration, Duration)) {
    for i in 0..count {
        let timer = sleep(random.between(ahead.0, ahead.1));
        tokio::pin!(timer);
        register(timer).await;
        tick();
        yield_sometimes(i).await;
    }
}

async fn timer_churn(n: i64) {
    let start = |i| tokio::spawn(churn(Random::seeded(i), n / TIMER_TASKS, TIMEOUT));
    join_all((0..TIMER_TASKS).map(start).collect()).await;
}

type Timers = Vec<Pin<Box<Sleep>>>;

async fn arm_pending(count: i64) -> Timers {
    let mut random = Random::seeded(77);
    let mut timers = vec![];
    for i in 0..count {
        timers.push(Box::pin(sleep(random.between(PENDING.0, PENDING.1))));
        register(timers.last_mut().unwrap().as_mut()).await;
        yield_sometimes(i).await;
    }
    timers
}

async fn replace(mut timers: Timers) -> Timers {
    let mut random = Random::seeded(0);
    for i in 0..SCALE_OPERATIONS {
        let index = random.next() as usize % timers.len();
        timers[index].set(sleep(random.between(PENDING.0, PENDING.1)));
        register(timers[index].as_mut()).await;
        tick();
        yield_sometimes(i).await;
    }
    timers
}

async fn push_away(mut random: Random, count: i64) {
    let timer = sleep(Duration::from_secs(30));
    tokio::pin!(timer);
    for i in 0..count {
        timer.as_mut().reset(Instant::now() + random.between(TIMEOUT.0, TIMEOUT.1));
        register(timer.as_mut()).await; // as whoever selects over it does
        tick();
        yield_sometimes(i).await;
    }
}

async fn timer_reset(n: i64) {
    let start = |i| tokio::spawn(push_away(Random::seeded(i), n / TIMER_TASKS));
    join_all((0..TIMER_TASKS).map(start).collect()).await;
}

/// What an operation costs, an entry a repetition.
fn costs(peer: &Peer, mut operate: impl FnMut()) -> Vec<f64> {
    let mut ns = vec![];
    for r in 0..=peer.reps {
        let start = Instant::now();
        operate();
        let took = start.elapsed();
        expect(SCALE_OPERATIONS);
        if r > 0 {
            ns.push(took.as_nanos() as f64 / SCALE_OPERATIONS as f64);
        }
    }
    ns
}

fn timer_scale(peer: &Peer, runtime: &Runtime) {
    let sizes = if peer.n != 0 { vec![peer.n] } else { vec![100, 1_000, 10_000, 100_000, 1_000_000] };
    let (mut last, mut medians, mut figures) = (vec![], vec![], String::new());
    for &size in &sizes {
        let mut timers = on_worker(runtime, arm_pending(size));
        last = costs(peer, || on_worker(runtime, churn(Random::seeded(0), SCALE_OPERATIONS, PENDING)));
        let random = costs(peer, || timers = on_worker(runtime, replace(std::mem::take(&mut timers))));
        let (ns, random_ns) = (median(&last), median(&random));
        figures += &format!(",\"ns_at_{size}\":{ns:.3},\"random_ns_at_{size}\":{random_ns:.3}");
        medians.push(ns);
    }
    if sizes.len() > 1 {
        let low = medians.iter().copied().fold(f64::INFINITY, f64::min);
        figures += &format!(",\"spread\":{:.3}", medians.iter().copied().fold(0.0, f64::max) / low);
    }
    peer.report("ns_per_op", *sizes.last().unwrap(), &last, &figures);
}

// ---- timer_remote ----

struct Nobody;

impl Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

fn churn_remotely(mut random: Random, count: i64) {
    let waker = Waker::from(Arc::new(Nobody));
    let mut context = Context::from_waker(&waker);
    for _ in 0..count {
        let timer = sleep(random.between(TIMEOUT.0, TIMEOUT.1));
        tokio::pin!(timer);
        assert!(timer.poll(&mut context).is_pending(), "a timer fired that was seconds away");
        tick();
    }
}

/// Timers that fire every 1 to 2 ms, until they are told to stop.
struct Firing {
    stop: AtomicBool,
    fired: AtomicUsize,
    late: Vec<AtomicI64>,
}

async fn fire_again(firing: Arc<Firing>, mut random: Random) {
    while !firing.stop.load(SeqCst) {
        let due = Instant::now() + random.between(MS, 2 * MS);
        sleep_until(due).await;
        let index = firing.fired.fetch_add(1, SeqCst);
        if index < FIRINGS_MAX {
            firing.late[index].store(late(due), Relaxed);
        }
    }
}

fn remote_rep(peer: &Peer, runtime: &Runtime, firing: &Arc<Firing>, n: i64) -> Duration {
    firing.stop.store(false, SeqCst);
    firing.fired.store(0, SeqCst);
    let start = |i| runtime.spawn(fire_again(firing.clone(), Random::seeded(i)));
    let tasks: Vec<_> = (0..FIRING_A_WORKER * peer.workers as i64).map(start).collect();
    while firing.fired.load(SeqCst) < tasks.len() {
        thread::sleep(MS);
    }
    let start = Instant::now();
    thread::scope(|scope| {
        for i in 0..REMOTE_THREADS {
            scope.spawn(move || {
                let _inside = runtime.enter();
                churn_remotely(Random::seeded(i), n / REMOTE_THREADS);
            });
        }
    });
    let took = start.elapsed();
    firing.stop.store(true, SeqCst);
    runtime.block_on(join_all(tasks));
    took
}

fn timer_remote(peer: &Peer, runtime: &Runtime) {
    let n = peer.n(2_000_000, REMOTE_THREADS);
    let late = (0..FIRINGS_MAX).map(|_| AtomicI64::new(0)).collect();
    let firing = Arc::new(Firing { stop: AtomicBool::new(false), fired: AtomicUsize::new(0), late });
    let (mut latency, mut ns) = (Latency::default(), vec![]);
    for r in 0..=peer.reps {
        let cpu = cpu_time();
        let took = remote_rep(peer, runtime, &firing, n);
        expect(n);
        if r > 0 {
            let fired = firing.fired.load(SeqCst).min(FIRINGS_MAX);
            latency.add(firing.late[..fired].iter().map(|late| late.load(Relaxed)).collect(), cpu_time() - cpu);
            ns.push(took.as_nanos() as f64 / n as f64);
        }
    }
    let lateness = format!(",\"p50\":{:.3},\"p99\":{:.3}", median(&latency.p50), median(&latency.p99));
    peer.report("ns_per_op", n, &ns, &(lateness + &peer.histogram(&latency)));
}

// ---- timer_fire, sleep_idle, sleep_busy, blocked_worker, parallel_latency ----

fn late(due: Instant) -> i64 {
    Instant::now().saturating_duration_since(due).as_nanos() as i64
}

struct Fire {
    late: Vec<AtomicI64>,
    left: AtomicI64,
    done: Notify,
}

async fn fire_at(fire: Arc<Fire>, index: usize, due: Instant) {
    sleep_until(due).await;
    tick();
    fire.late[index].store(late(due), Relaxed);
    if fire.left.fetch_sub(1, SeqCst) == 1 {
        fire.done.notify_one();
    }
}

/// A task a timer.
async fn timer_fire(n: i64) -> Vec<i64> {
    let late = (0..n).map(|_| AtomicI64::new(0)).collect();
    let fire = Arc::new(Fire { late, left: AtomicI64::new(n), done: Notify::new() });
    let start = Instant::now();
    for task in 0..TIMER_TASKS {
        let fire = fire.clone();
        tokio::spawn(async move {
            let mut random = Random::seeded(task);
            for i in task * (n / TIMER_TASKS)..(task + 1) * (n / TIMER_TASKS) {
                let due = start + random.between(Duration::ZERO, SECOND);
                tokio::spawn(fire_at(fire.clone(), i as usize, due));
            }
        });
    }
    fire.done.notified().await;
    fire.late.iter().map(|late| late.load(Relaxed)).collect()
}

async fn sleep_often(mut random: Random, high: Duration, count: i64) -> Vec<i64> {
    let mut samples = vec![];
    for _ in 0..count {
        let due = Instant::now() + random.between(MS, high);
        sleep_until(due).await;
        samples.push(late(due));
        tick();
    }
    samples
}

async fn sleep_together(tasks: i64, high: Duration, n: i64) -> Vec<i64> {
    let start = |i| tokio::spawn(sleep_often(Random::seeded(i), high, n / tasks));
    join_all((0..tasks).map(start).collect()).await.concat()
}

fn sleeps(peer: &Peer, runtime: &Runtime) {
    let n = peer.n(10_000, SLEEPERS);
    peer.lateness(n, || on_worker(runtime, sleep_together(SLEEPERS, 20 * MS, n)));
}

fn timer_a_worker(peer: &Peer, runtime: &Runtime) {
    let workers = peer.workers as i64;
    let n = peer.n(2_000, workers);
    peer.lateness(n, || on_worker(runtime, sleep_together(workers, 2 * MS, n)));
}

async fn burn(stop: Arc<AtomicBool>, piece: Duration) {
    while !stop.load(Relaxed) {
        let start = Instant::now();
        while start.elapsed() < piece {}
        yield_now().await;
    }
}

fn beside(burners: usize, piece: Duration, peer: &Peer, runtime: &Runtime, measured: fn(&Peer, &Runtime)) {
    let stop = Arc::new(AtomicBool::new(false));
    let tasks = (0..burners).map(|_| runtime.spawn(burn(stop.clone(), piece))).collect();
    measured(peer, runtime);
    stop.store(true, Relaxed);
    runtime.block_on(join_all(tasks));
}

// ---- idle ----

fn idle(peer: &Peer, runtime: &Runtime) {
    let n = peer.n(100_000, 1);
    let timers = on_worker(runtime, arm_pending(n));
    let (mut cpu_ms, mut all, mut others) = (vec![], vec![], vec![]);
    for r in 0..=peer.reps {
        let (cpu, before) = (cpu_time(), switches());
        thread::sleep(Duration::from_secs(peer.seconds));
        let (cpu, after) = (cpu_time() - cpu, switches());
        if r > 0 {
            cpu_ms.push(cpu.as_nanos() as f64 / 1e6);
            all.push((after.0 - before.0) as f64);
            others.push((after.0 - before.0 - (after.1 - before.1)) as f64);
        }
    }
    let switches = format!(",\"ctx_switches\":{:.1},\"ctx_switches_of_others\":{:.1}", median(&all), median(&others));
    peer.report("cpu_ms", n, &cpu_ms, &format!("{switches},\"seconds\":{}", peer.seconds));
    drop(timers);
}

pub fn measure(peer: &Peer, runtime: &Runtime) {
    match peer.workload.as_str() {
        "timer_churn" => {
            let _others = on_worker(runtime, arm_pending(OTHER_TIMERS));
            let n = peer.n(5_000_000, TIMER_TASKS);
            peer.throughput(n, || on_worker(runtime, timer_churn(n)));
        }
        "timer_reset" => {
            let n = peer.n(5_000_000, TIMER_TASKS);
            peer.throughput(n, || on_worker(runtime, timer_reset(n)));
        }
        "timer_scale" => timer_scale(peer, runtime),
        "timer_remote" => timer_remote(peer, runtime),
        "timer_fire" => {
            let n = peer.n(1_000_000, TIMER_TASKS);
            peer.lateness(n, || on_worker(runtime, timer_fire(n)));
        }
        "sleep_idle" => sleeps(peer, runtime),
        "sleep_busy" => beside(2 * peer.workers, PIECE, peer, runtime, sleeps),
        "blocked_worker" => beside(1, Duration::from_millis(100), peer, runtime, sleeps),
        "parallel_latency" => beside(peer.workers, PIECE, peer, runtime, timer_a_worker),
        "idle" => idle(peer, runtime),
        _ => peer.skip(),
    }
}
