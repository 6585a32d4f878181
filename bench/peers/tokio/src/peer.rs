//! The command line, the repetitions and the JSON lines, as in peer.h.

use std::process::exit;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::*};
use std::time::Instant;

const IMPL: &str = "tokio";

static CHECK: AtomicBool = AtomicBool::new(false);
static COUNTED: AtomicI64 = AtomicI64::new(0);

pub struct Peer {
    pub workload: String,
    pub workers: usize,
    pub reps: usize,
    n: i64, // 0: the workload's default
}

fn usage() -> ! {
    eprintln!("usage: PROGRAM WORKLOAD [--workers W] [--n N] [--reps R] [--check]");
    exit(2)
}

fn number(text: Option<String>) -> i64 {
    match text.and_then(|t| t.parse().ok()) {
        Some(number) if number >= 1 => number,
        _ => usage(),
    }
}

pub fn tick() {
    if CHECK.load(Relaxed) {
        COUNTED.fetch_add(1, Relaxed);
    }
}

pub fn expect(count: i64) {
    if CHECK.load(Relaxed) {
        assert_eq!(COUNTED.swap(0, SeqCst), count, "operations");
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
}

impl Peer {
    pub fn parse() -> Peer {
        let mut words = std::env::args().skip(1);
        let workload = words.next().unwrap_or_else(|| usage());
        let mut peer = Peer { workload, workers: 2, reps: 5, n: 0 };
        while let Some(word) = words.next() {
            match word.as_str() {
                "--check" => CHECK.store(true, Relaxed),
                "--workers" => peer.workers = number(words.next()) as usize,
                "--n" => peer.n = number(words.next()),
                "--reps" => peer.reps = number(words.next()) as usize,
                _ => usage(),
            }
        }
        peer
    }

    /// n of this run, rounded down to a multiple of parts.
    pub fn n(&self, usual: i64, parts: i64) -> i64 {
        let n = if self.n != 0 { self.n } else { usual };
        assert!(n >= parts, "--n is too small");
        n / parts * parts
    }

    fn report(&self, unit: &str, n: i64, values: &[f64], more: &str) {
        let list: Vec<String> = values.iter().map(|v| format!("{v:.3}")).collect();
        let head = format!("\"impl\":\"{IMPL}\",\"workload\":\"{}\",\"workers\":{}", self.workload, self.workers);
        let figures = format!("\"values\":[{}],\"median\":{:.3}{more}", list.join(","), median(values));
        println!("{{{head},\"n\":{n},\"unit\":\"{unit}\",{figures}}}");
    }

    /// Measures the repetitions of rep, which does n operations; one goes before them to warm up.
    pub fn throughput(&self, n: i64, mut rep: impl FnMut()) {
        let mut values = vec![];
        for r in 0..=self.reps {
            let start = Instant::now();
            rep();
            let took = start.elapsed();
            expect(n);
            if r > 0 {
                values.push(took.as_nanos() as f64 / n as f64);
            }
        }
        self.report("ns_per_op", n, &values, "");
    }

    pub fn fairness(&self, n: i64, mut rep: impl FnMut() -> Waits) {
        let (mut ratio, mut turns, mut mean, mut longest) = (vec![], vec![], vec![], 0.0f64);
        for r in 0..=self.reps {
            let waits = rep();
            expect(n);
            if r > 0 {
                let mean_ns = waits.sum_ns as f64 / n as f64;
                ratio.push(waits.max_ns as f64 / mean_ns);
                turns.push(waits.max_turns as f64 * n as f64 / waits.sum_turns as f64);
                mean.push(mean_ns / 1000.0);
                longest = longest.max(waits.max_ns as f64 / 1000.0);
            }
        }
        let (turns, mean) = (median(&turns), median(&mean));
        let more = format!(",\"turns\":{turns:.3},\"mean_us\":{mean:.3},\"max_us\":{longest:.3}");
        self.report("longest_per_mean", n, &ratio, &more);
    }

    pub fn skip(&self) {
        println!("{{\"impl\":\"{IMPL}\",\"workload\":\"{}\",\"skip\":\"no such workload here\"}}", self.workload);
    }
}

/// How long acquisitions waited: by the clock, and in how many others got it meanwhile.
#[derive(Default)]
pub struct Waits {
    sum_ns: u64,
    max_ns: u64,
    sum_turns: u64,
    max_turns: u64,
}

impl Waits {
    pub fn add(&mut self, ns: u64, turns: u64) {
        self.merge(Waits { sum_ns: ns, max_ns: ns, sum_turns: turns, max_turns: turns });
    }

    pub fn merge(&mut self, other: Waits) {
        self.sum_ns += other.sum_ns;
        self.max_ns = self.max_ns.max(other.max_ns);
        self.sum_turns += other.sum_turns;
        self.max_turns = self.max_turns.max(other.max_turns);
    }
}
