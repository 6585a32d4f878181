//! The command line, the repetitions and the JSON lines, as in peer.h.

use std::collections::BTreeMap;
use std::mem::zeroed;
use std::process::exit;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::*};
use std::time::{Duration, Instant};

const IMPL: &str = "tokio";

static CHECK: AtomicBool = AtomicBool::new(false);
static COUNTED: AtomicI64 = AtomicI64::new(0);

pub struct Peer {
    pub workload: String,
    pub workers: usize,
    pub reps: usize,
    pub seconds: u64, // of a repetition of idle
    pub n: i64,       // 0: the workload's default
    histogram: bool,
}

fn usage() -> ! {
    eprintln!("usage: PROGRAM WORKLOAD [--workers W] [--n N] [--reps R] [--seconds S] [--histogram] [--check]");
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

pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
}

fn list(values: &[f64]) -> String {
    let texts: Vec<String> = values.iter().map(|v| format!("{v:.3}")).collect();
    format!("[{}]", texts.join(","))
}

/// Of the process, or with RUSAGE_THREAD of the calling thread.
fn usage_of(whom: libc::c_int) -> libc::rusage {
    unsafe {
        let mut usage = zeroed();
        libc::getrusage(whom, &mut usage);
        usage
    }
}

pub fn cpu_time() -> Duration {
    let usage = usage_of(libc::RUSAGE_SELF);
    let time = |t: libc::timeval| Duration::new(t.tv_sec as u64, t.tv_usec as u32 * 1000);
    time(usage.ru_utime) + time(usage.ru_stime)
}

/// Context switches of the process, and of the calling thread.
pub fn switches() -> (i64, i64) {
    let of = |whom| usage_of(whom).ru_nvcsw + usage_of(whom).ru_nivcsw;
    (of(libc::RUSAGE_SELF), of(libc::RUSAGE_THREAD))
}

/// xorshift64*, with pawl-bench's seeds.
pub struct Random(u64);

impl Random {
    pub fn seeded(index: i64) -> Random {
        Random((index as u64 + 1).wrapping_mul(0x9E3779B97F4A7C15))
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545F4914F6CDD1D)
    }

    pub fn between(&mut self, low: Duration, high: Duration) -> Duration {
        low + Duration::from_nanos(self.next() % (high - low).as_nanos() as u64)
    }
}

/// Percentiles in us, an entry a repetition, and all samples by their value rounded down to five significant bits.
#[derive(Default)]
pub struct Latency {
    pub p50: Vec<f64>,
    pub p99: Vec<f64>,
    p999: Vec<f64>,
    cpu_ms: Vec<f64>,
    max: f64,
    histogram: BTreeMap<u64, u64>,
}

impl Latency {
    /// Takes in a repetition's samples, in ns.
    pub fn add(&mut self, mut samples: Vec<i64>, cpu: Duration) {
        samples.sort_unstable();
        let last = samples.len() - 1;
        let percentile = |share: f64| samples[((share * samples.len() as f64) as usize).min(last)] as f64 / 1000.0;
        self.p50.push(percentile(0.5));
        self.p99.push(percentile(0.99));
        self.p999.push(percentile(0.999));
        self.cpu_ms.push(cpu.as_nanos() as f64 / 1e6);
        self.max = self.max.max(percentile(1.0));
        for sample in samples {
            let value = sample.max(0) as u64;
            let low = (64 - value.leading_zeros()).saturating_sub(5);
            *self.histogram.entry(value >> low << low).or_default() += 1;
        }
    }
}

impl Peer {
    pub fn parse() -> Peer {
        let mut words = std::env::args().skip(1);
        let workload = words.next().unwrap_or_else(|| usage());
        let mut peer = Peer { workload, workers: 2, reps: 5, seconds: 3, n: 0, histogram: false };
        while let Some(word) = words.next() {
            match word.as_str() {
                "--check" => CHECK.store(true, Relaxed),
                "--histogram" => peer.histogram = true,
                "--seconds" => peer.seconds = number(words.next()) as u64,
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

    /// figures: keys and figures, each with a comma before it.
    fn line(&self, unit: &str, n: i64, figures: &str) {
        let head = format!("\"impl\":\"{IMPL}\",\"workload\":\"{}\",\"workers\":{}", self.workload, self.workers);
        println!("{{{head},\"n\":{n},\"unit\":\"{unit}\"{figures}}}");
    }

    /// more: further keys and figures, each with a comma before it.
    pub fn report(&self, unit: &str, n: i64, values: &[f64], more: &str) {
        self.line(unit, n, &format!(",\"values\":{},\"median\":{:.3}{more}", list(values), median(values)));
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

    /// Measures the repetitions of rep, which returns n samples.
    pub fn lateness(&self, n: i64, mut rep: impl FnMut() -> Vec<i64>) {
        let mut latency = Latency::default();
        for r in 0..=self.reps {
            let cpu = cpu_time();
            let samples = rep();
            let cpu = cpu_time() - cpu;
            expect(n);
            if r > 0 {
                latency.add(samples, cpu);
            }
        }
        let l = &latency;
        let cpu_ms = median(&l.cpu_ms);
        let mut figures = String::new();
        let percentiles = [("p50", median(&l.p50)), ("p99", median(&l.p99)), ("p999", median(&l.p999)), ("max", l.max)];
        for (key, value) in percentiles.into_iter().chain([("cpu_ms", cpu_ms)]) {
            figures += &format!(",\"{key}\":{value:.3}");
        }
        if self.workload == "timer_fire" {
            figures += &format!(",\"cpu_ns_per_timer\":{:.1}", cpu_ms * 1e6 / n as f64);
        }
        figures += &format!(",\"p50s\":{},\"p99s\":{},\"cpu_mss\":{}", list(&l.p50), list(&l.p99), list(&l.cpu_ms));
        self.line("us", n, &(figures + &self.histogram(l)));
    }

    /// With --histogram: its key and buckets.
    pub fn histogram(&self, l: &Latency) -> String {
        let buckets: Vec<String> = l.histogram.iter().map(|(floor, count)| format!("[{floor},{count}]")).collect();
        if self.histogram { format!(",\"histogram\":[{}]", buckets.join(",")) } else { String::new() }
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
