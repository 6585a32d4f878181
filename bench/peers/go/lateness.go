package main

// Random numbers, lateness, and what the process has used, as in timers.h.

import (
	"fmt"
	"math/bits"
	"sort"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// xorshift64*, with pawl-bench's seeds.
type random uint64

func seeded(index int) *random {
	r := random(uint64(index+1) * 0x9E3779B97F4A7C15)
	return &r
}

func (r *random) next() uint64 {
	*r ^= *r >> 12
	*r ^= *r << 25
	*r ^= *r >> 27
	return uint64(*r) * 0x2545F4914F6CDD1D
}

func (r *random) between(low, high time.Duration) time.Duration {
	return low + time.Duration(r.next()%uint64(high-low))
}

const rusageThread = 1

func usageOf(whom int) (usage syscall.Rusage) {
	if err := syscall.Getrusage(whom, &usage); err != nil {
		fail(err)
	}
	return usage
}

func cpuTime() time.Duration {
	usage := usageOf(syscall.RUSAGE_SELF)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func switchesOf(whom int) int64 {
	usage := usageOf(whom)
	return usage.Nvcsw + usage.Nivcsw
}

// Puts the calling thread to sleep, not through Go's timers.
func sleepThread(end time.Time) {
	for left := time.Until(end); left > 0; left = time.Until(end) {
		duration := syscall.NsecToTimespec(int64(left))
		syscall.Syscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&duration)), 0, 0)
	}
}

func spin(length time.Duration) {
	for start := time.Now(); time.Since(start) < length; {
	}
}

type latency struct {
	p50, p99, p999, cpuMs []float64
	max                   float64
	histogram             map[int64]int // by the value rounded down to five significant bits
}

func micros(d time.Duration) float64 {
	return float64(d) / 1000
}

// Takes in a repetition's samples.
func (l *latency) add(samples []time.Duration, cpu time.Duration) {
	sort.Slice(samples, func(i, k int) bool { return samples[i] < samples[k] })
	percentile := func(share float64) float64 {
		index := int(share * float64(len(samples)))
		if index == len(samples) {
			index--
		}
		return micros(samples[index])
	}
	l.p50, l.p99 = append(l.p50, percentile(0.5)), append(l.p99, percentile(0.99))
	l.p999, l.cpuMs = append(l.p999, percentile(0.999)), append(l.cpuMs, micros(cpu)/1000)
	if max := percentile(1); max > l.max {
		l.max = max
	}
	if l.histogram == nil {
		l.histogram = map[int64]int{}
	}
	for _, sample := range samples {
		if sample < 0 {
			sample = 0
		}
		low := 0
		if length := bits.Len64(uint64(sample)); length > 5 {
			low = length - 5
		}
		l.histogram[int64(sample)>>low<<low]++
	}
}

func (l *latency) spectrum() string {
	if !spectrum {
		return ""
	}
	floors := []int64{}
	for floor := range l.histogram {
		floors = append(floors, floor)
	}
	sort.Slice(floors, func(i, k int) bool { return floors[i] < floors[k] })
	texts := []string{}
	for _, floor := range floors {
		texts = append(texts, fmt.Sprintf("[%d,%d]", floor, l.histogram[floor]))
	}
	return ",\"histogram\":[" + strings.Join(texts, ",") + "]"
}

func (l *latency) report(n int) {
	perTimer := ""
	if workload == "timer_fire" {
		perTimer = ",\"cpu_ns_per_timer\":" + figure(median(l.cpuMs)*1e6/float64(n))
	}
	percentiles := fmt.Sprintf(",\"p50\":%s,\"p99\":%s,\"p999\":%s,\"max\":%s",
		figure(median(l.p50)), figure(median(l.p99)), figure(median(l.p999)), figure(l.max))
	each := fmt.Sprintf(",\"p50s\":%s,\"p99s\":%s,\"cpu_mss\":%s", list(l.p50), list(l.p99), list(l.cpuMs))
	line("us", n, percentiles+",\"cpu_ms\":"+figure(median(l.cpuMs))+perTimer+each+l.spectrum())
}

// Measures the repetitions of rep, which stores n samples.
func lateness(n int, rep func(late []time.Duration)) {
	var l latency
	late := make([]time.Duration, n)
	for r := 0; r <= reps; r++ {
		cpu := cpuTime()
		rep(late)
		cpu = cpuTime() - cpu
		expect(n)
		if r > 0 {
			l.add(late, cpu)
		}
	}
	l.report(n)
}
