// Go: goroutines, its channels, sync.Mutex and timers, with GOMAXPROCS = W.
package main

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	pairs          = 64
	capacity       = 128
	mpmcSide       = 4
	selectChannels = 8
	fanReceivers   = 16
	contenders     = 64
	hold           = 10 * time.Microsecond
)

// Runs f(0) to f(count-1) as goroutines and waits for them.
func runAll(count int, f func(i int)) {
	var all sync.WaitGroup
	all.Add(count)
	for i := 0; i < count; i++ {
		go func(i int) {
			f(i)
			all.Done()
		}(i)
	}
	all.Wait()
}

func expectItem(item, expected int64) {
	if item != expected {
		fail("received", item, "instead of", expected)
	}
}

func sendItems(channel chan<- int64, first, count int64) {
	for item := first; item < first+count; item++ {
		channel <- item
	}
}

// ---- channels ----

func ping(out chan<- int64, in <-chan int64, roundTrips int64) {
	for i := int64(0); i < roundTrips; i++ {
		out <- i
		expectItem(<-in, i)
		tick()
	}
	close(out)
}

func pong(in <-chan int64, out chan<- int64) {
	for item := range in {
		out <- item
	}
}

func pingpong(n int) {
	var there, back [pairs]chan int64
	for i := range there {
		there[i], back[i] = make(chan int64, 1), make(chan int64, 1)
	}
	runAll(2*pairs, func(i int) {
		if i%2 == 0 {
			ping(there[i/2], back[i/2], int64(n/pairs))
		} else {
			pong(there[i/2], back[i/2])
		}
	})
}

func spsc(n int) {
	channel := make(chan int64, capacity)
	runAll(2, func(i int) {
		if i == 0 {
			sendItems(channel, 0, int64(n))
			close(channel)
			return
		}
		next := int64(0)
		for item := range channel {
			expectItem(item, next)
			next++
			tick()
		}
		expectItem(next, int64(n))
	})
}

func mpmc(n int) {
	channel := make(chan int64, capacity)
	senders, total := int32(mpmcSide), int64(0)
	share := int64(n / mpmcSide)
	runAll(2*mpmcSide, func(i int) {
		if i < mpmcSide {
			sendItems(channel, int64(i)*share, share)
			if atomic.AddInt32(&senders, -1) == 0 {
				close(channel)
			}
			return
		}
		sum := int64(0)
		for item := range channel {
			sum += item
			tick()
		}
		atomic.AddInt64(&total, sum)
	})
	expectItem(total, int64(n)*int64(n-1)/2)
}

func selectItems(c *[selectChannels]chan int64, n int) {
	var next [selectChannels]int64
	for k := 0; k < n; k++ {
		var item int64
		var which int
		select {
		case item = <-c[0]:
			which = 0
		case item = <-c[1]:
			which = 1
		case item = <-c[2]:
			which = 2
		case item = <-c[3]:
			which = 3
		case item = <-c[4]:
			which = 4
		case item = <-c[5]:
			which = 5
		case item = <-c[6]:
			which = 6
		case item = <-c[7]:
			which = 7
		}
		expectItem(item, next[which])
		next[which]++
		tick()
	}
}

func selectMany(n int) {
	var channels [selectChannels]chan int64
	for i := range channels {
		channels[i] = make(chan int64, capacity)
	}
	runAll(1+selectChannels, func(i int) {
		if i == 0 {
			selectItems(&channels, n)
		} else {
			sendItems(channels[i-1], 0, int64(n/selectChannels))
		}
	})
}

// Go has no broadcast: a channel a receiver, written in turn.
func broadcastFan(n int) {
	var channels [fanReceivers]chan int64
	for i := range channels {
		channels[i] = make(chan int64, capacity)
	}
	count := int64(n / fanReceivers)
	runAll(1+fanReceivers, func(i int) {
		if i > 0 {
			for k := int64(0); k < count; k++ {
				expectItem(<-channels[i-1], k)
				tick()
			}
			return
		}
		for k := int64(0); k < count; k++ {
			for _, channel := range channels {
				channel <- k
			}
		}
	})
}

// ---- mutex ----

type shared struct {
	sync.Mutex
	counter int // what the mutex guards
	granted int64
}

func (s *shared) lockAndCount(rounds int) {
	for i := 0; i < rounds; i++ {
		s.Lock()
		s.counter++
		s.Unlock()
		tick()
	}
}

func (s *shared) expectCounter(expected int) {
	if s.counter != expected {
		fail("the counter is wrong")
	}
}

func uncontended(n int) {
	var s shared
	s.lockAndCount(n)
	s.expectCounter(n)
}

func contended(n int) {
	var s shared
	runAll(contenders, func(int) { s.lockAndCount(n / contenders) })
	s.expectCounter(n)
}

// How long acquisitions waited: by the clock, and in how many others got it meanwhile.
type waits struct {
	sum, max           time.Duration
	sumTurns, maxTurns int64
}

func (w *waits) add(waited time.Duration, turns int64) {
	w.sum += waited
	w.sumTurns += turns
	if waited > w.max {
		w.max = waited
	}
	if turns > w.maxTurns {
		w.maxTurns = turns
	}
}

func (s *shared) holdLong(rounds int) (w waits) {
	for i := 0; i < rounds; i++ {
		before, asked := atomic.LoadInt64(&s.granted), time.Now()
		s.Lock()
		waited := time.Since(asked)
		w.add(waited, atomic.AddInt64(&s.granted, 1)-1-before)
		s.counter++
		for start := time.Now(); time.Since(start) < hold; {
		}
		runtime.Gosched()
		s.Unlock()
		tick()
	}
	return w
}

func fairness(n int) {
	var ratio, turns, mean []float64
	longest := time.Duration(0)
	for r := 0; r <= reps; r++ {
		var s shared
		var each [contenders]waits
		runAll(contenders, func(i int) { each[i] = s.holdLong(n / contenders) })
		s.expectCounter(n)
		expect(n)
		if r == 0 {
			continue
		}
		var all waits
		for _, w := range each {
			all.add(w.max, w.maxTurns)
			all.sum += w.sum - w.max
			all.sumTurns += w.sumTurns - w.maxTurns
		}
		ratio = append(ratio, float64(all.max)*float64(n)/float64(all.sum))
		turns = append(turns, float64(all.maxTurns)*float64(n)/float64(all.sumTurns))
		mean = append(mean, float64(all.sum)/float64(n)/1000)
		if all.max > longest {
			longest = all.max
		}
	}
	report("longest_per_mean", n, ratio, fmt.Sprintf(",\"turns\":%s,\"mean_us\":%s,\"max_us\":%s", figure(median(turns)),
		figure(median(mean)), figure(float64(longest)/1000)))
}

func main() {
	parse()
	runtime.GOMAXPROCS(workers)
	switch workload {
	case "pingpong":
		throughput(size(640000, pairs), pingpong)
	case "channel_spsc":
		throughput(size(2000000, 1), spsc)
	case "channel_mpmc":
		throughput(size(2000000, mpmcSide), mpmc)
	case "select_many":
		throughput(size(1000000, selectChannels), selectMany)
	case "broadcast_fan":
		throughput(size(1600000, fanReceivers), broadcastFan)
	case "mutex_uncontended":
		throughput(size(10000000, 1), uncontended)
	case "mutex_contended":
		throughput(size(1000000, contenders), contended)
	case "mutex_fair":
		fairness(size(12800, contenders))
	default:
		measureTimers()
	}
}
