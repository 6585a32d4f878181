package main

// The workloads of timers.

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	timerTasks        = 64
	operationsPerTurn = 128
	otherTimers       = 100000
	timeoutMin        = 5 * time.Second
	timeoutMax        = 60 * time.Second
	pendingMin        = time.Hour
	pendingMax        = 2 * time.Hour
	sleepers          = 100
	piece             = 100 * time.Microsecond
	remoteThreads     = 8
	firingAWorker     = 32
	firingsMax        = 1000000
	scaleOperations   = 500000
)

func mustNotFire() {
	fail("a timer fired that was seconds away")
}

func mustStop(timer *time.Timer) {
	if !timer.Stop() {
		mustNotFire()
	}
}

func yieldSometimes(i int) {
	if i%operationsPerTurn == operationsPerTurn-1 {
		runtime.Gosched()
	}
}

// ---- timer_churn, timer_reset, timer_scale, timer_remote ----

func churn(r *random, count int, low, high time.Duration) {
	for i := 0; i < count; i++ {
		mustStop(time.NewTimer(r.between(low, high)))
		tick()
		yieldSometimes(i)
	}
}

func armPending(count int) []*time.Timer {
	r := seeded(77)
	timers := make([]*time.Timer, count)
	for i := range timers {
		timers[i] = time.AfterFunc(r.between(pendingMin, pendingMax), mustNotFire)
	}
	return timers
}

func timerChurn(n int) {
	runAll(timerTasks, func(i int) { churn(seeded(i), n/timerTasks, timeoutMin, timeoutMax) })
}

func timerReset(n int) {
	runAll(timerTasks, func(i int) {
		r := seeded(i)
		timer := time.AfterFunc(30*time.Second, mustNotFire)
		for k := 0; k < n/timerTasks; k++ {
			timer.Reset(r.between(timeoutMin, timeoutMax))
			tick()
			yieldSometimes(k)
		}
		mustStop(timer)
	})
}

func replace(r *random, timers []*time.Timer) {
	for i := 0; i < scaleOperations; i++ {
		timer := timers[r.next()%uint64(len(timers))]
		mustStop(timer)
		timer.Reset(r.between(pendingMin, pendingMax))
		tick()
		yieldSometimes(i)
	}
}

func costs(operate func()) []float64 {
	ns := []float64{}
	for r := 0; r <= reps; r++ {
		start := time.Now()
		runAll(1, func(int) { operate() })
		took := time.Since(start)
		expect(scaleOperations)
		if r > 0 {
			ns = append(ns, float64(took)/scaleOperations)
		}
	}
	return ns
}

func timerScale() {
	sizes := []int{100, 1000, 10000, 100000, 1000000}
	if given != 0 {
		sizes = []int{given}
	}
	var last []float64
	low, high, figures := 0.0, 0.0, ""
	for i, size := range sizes {
		timers := armPending(size)
		last = costs(func() { churn(seeded(0), scaleOperations, pendingMin, pendingMax) })
		random := costs(func() { replace(seeded(0), timers) })
		for _, timer := range timers {
			mustStop(timer)
		}
		ns := median(last)
		figures += fmt.Sprintf(",\"ns_at_%d\":%s,\"random_ns_at_%d\":%s", size, figure(ns), size, figure(median(random)))
		if i == 0 || ns < low {
			low = ns
		}
		if ns > high {
			high = ns
		}
	}
	if len(sizes) > 1 {
		figures += ",\"spread\":" + figure(high/low)
	}
	report("ns_per_op", sizes[len(sizes)-1], last, figures)
}

// Timers that fire every 1 to 2 ms, until they are told to stop.
type firing struct {
	stop, fired int64
	late        []time.Duration
	left        sync.WaitGroup
}

func (f *firing) start(i int) {
	r := seeded(i)
	var timer *time.Timer
	var due time.Time
	var ahead time.Duration
	next := func() {
		ahead = r.between(time.Millisecond, 2*time.Millisecond)
		due = time.Now().Add(ahead)
	}
	armed := make(chan bool)
	next()
	timer = time.AfterFunc(ahead, func() {
		<-armed
		if k := atomic.AddInt64(&f.fired, 1) - 1; k < firingsMax {
			f.late[k] = time.Since(due)
		}
		if atomic.LoadInt64(&f.stop) != 0 {
			f.left.Done()
			return
		}
		next()
		timer.Reset(ahead)
	})
	close(armed) // timer is stored
}

func remoteRep(f *firing, n int) time.Duration {
	atomic.StoreInt64(&f.stop, 0)
	atomic.StoreInt64(&f.fired, 0)
	f.left.Add(firingAWorker * workers)
	for i := 0; i < firingAWorker*workers; i++ {
		f.start(i)
	}
	for atomic.LoadInt64(&f.fired) < int64(firingAWorker*workers) {
		time.Sleep(time.Millisecond)
	}
	start := time.Now()
	runAll(remoteThreads, func(i int) {
		runtime.LockOSThread()
		churn(seeded(i), n/remoteThreads, timeoutMin, timeoutMax)
	})
	took := time.Since(start)
	atomic.StoreInt64(&f.stop, 1)
	f.left.Wait()
	return took
}

func timerRemote(n int) {
	f := firing{late: make([]time.Duration, firingsMax)}
	var l latency
	ns := []float64{}
	for r := 0; r <= reps; r++ {
		cpu := cpuTime()
		took := remoteRep(&f, n)
		expect(n)
		if r > 0 {
			fired := f.fired
			if fired > firingsMax {
				fired = firingsMax
			}
			l.add(f.late[:fired], cpuTime()-cpu)
			ns = append(ns, float64(took)/float64(n))
		}
	}
	lateness := fmt.Sprintf(",\"p50\":%s,\"p99\":%s", figure(median(l.p50)), figure(median(l.p99)))
	report("ns_per_op", n, ns, lateness+l.spectrum())
}

// ---- timer_fire, sleep_idle, sleep_busy, blocked_worker, parallel_latency ----

// A function of AfterFunc runs as a goroutine of its own.
func timerFire(late []time.Duration) {
	var fired sync.WaitGroup
	fired.Add(len(late))
	start := time.Now()
	for task := 0; task < timerTasks; task++ {
		go func(task int) {
			r := seeded(task)
			share := len(late) / timerTasks
			for i := task * share; i < (task+1)*share; i++ {
				slot, due := &late[i], start.Add(r.between(0, time.Second))
				time.AfterFunc(time.Until(due), func() {
					*slot = time.Since(due)
					tick()
					fired.Done()
				})
			}
		}(task)
	}
	fired.Wait()
}

func sleepOften(r *random, high time.Duration, late []time.Duration) {
	for i := range late {
		length := r.between(time.Millisecond, high)
		due := time.Now().Add(length)
		time.Sleep(length)
		late[i] = time.Since(due)
		tick()
	}
}

func sleepTogether(count int, high time.Duration, late []time.Duration) {
	share := len(late) / count
	runAll(count, func(i int) { sleepOften(seeded(i), high, late[i*share:(i+1)*share]) })
}

func sleeps(late []time.Duration) {
	sleepTogether(sleepers, 20*time.Millisecond, late)
}

func timerAWorker(late []time.Duration) {
	sleepTogether(workers, 2*time.Millisecond, late)
}

func latenessBeside(burners int, length time.Duration, n int, rep func(late []time.Duration)) {
	var stop int32
	for i := 0; i < burners; i++ {
		go func() {
			for atomic.LoadInt32(&stop) == 0 {
				spin(length)
				runtime.Gosched()
			}
		}()
	}
	lateness(n, rep)
	atomic.StoreInt32(&stop, 1)
}

// ---- idle ----

func idle(n int) {
	timers := armPending(n)
	runtime.LockOSThread()
	var cpuMs, switches, ofOthers []float64
	for r := 0; r <= reps; r++ {
		cpu, all, own := cpuTime(), switchesOf(syscall.RUSAGE_SELF), switchesOf(rusageThread)
		sleepThread(time.Now().Add(time.Duration(seconds) * time.Second))
		all, own = switchesOf(syscall.RUSAGE_SELF)-all, switchesOf(rusageThread)-own
		if r > 0 {
			cpuMs = append(cpuMs, micros(cpuTime()-cpu)/1000)
			switches, ofOthers = append(switches, float64(all)), append(ofOthers, float64(all-own))
		}
	}
	report("cpu_ms", n, cpuMs, fmt.Sprintf(",\"ctx_switches\":%s,\"ctx_switches_of_others\":%s,\"seconds\":%d",
		figure(median(switches)), figure(median(ofOthers)), seconds))
	runtime.KeepAlive(timers)
}

func measureTimers() {
	switch workload {
	case "timer_churn":
		others := armPending(otherTimers)
		throughput(size(5000000, timerTasks), timerChurn)
		runtime.KeepAlive(others)
	case "timer_reset":
		throughput(size(5000000, timerTasks), timerReset)
	case "timer_scale":
		timerScale()
	case "timer_remote":
		timerRemote(size(2000000, remoteThreads))
	case "timer_fire":
		lateness(size(1000000, timerTasks), timerFire)
	case "sleep_idle":
		lateness(size(10000, sleepers), sleeps)
	case "sleep_busy":
		latenessBeside(2*workers, piece, size(10000, sleepers), sleeps)
	case "blocked_worker":
		latenessBeside(1, 100*time.Millisecond, size(10000, sleepers), sleeps)
	case "parallel_latency":
		latenessBeside(workers, piece, size(2000, workers), timerAWorker)
	case "idle":
		idle(size(100000, 1))
	default:
		skip()
	}
}
