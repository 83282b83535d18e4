package main

import (
	"os"
	"runtime"
	"time"
)

const (
	// coresLook is how often cores looks at what the process uses.
	coresLook = 200 * time.Millisecond
	// coresFull is the share of its cores from which on a process gets another one.
	coresFull = 0.85
	// coresIdle is the share of one core fewer below which it gives one back.
	coresIdle = 0.6
)

// spareCores keeps the process to one core until that is full, and returns what ends this. A transfer is a chain of
// goroutines that hand small packets to each other; on several cores Go wakes a thread for each of them, which costs as
// much as all the rest (docs/performance.md, Files). GOMAXPROCS in the environment is left as it is.
func spareCores() func() {
	if os.Getenv("GOMAXPROCS") != "" || runtime.NumCPU() == 1 || cpuTime() == 0 {
		return func() {}
	}
	most := runtime.GOMAXPROCS(1)
	done := make(chan struct{})
	go func() {
		look := time.NewTicker(coresLook)
		defer look.Stop()
		n, at, used := 1, time.Now(), cpuTime()
		for {
			select {
			case <-done:
				return
			case <-look.C:
			}
			then, before := at, used
			at, used = time.Now(), cpuTime()
			if next := coresFor(n, (used-before).Seconds()/at.Sub(then).Seconds(), most); next != n {
				n = next
				runtime.GOMAXPROCS(n)
			}
		}
	}()
	return func() {
		close(done)
		runtime.GOMAXPROCS(most)
	}
}

// coresFor is how many cores a process should have that has n and used so many of them of late; at most most.
func coresFor(n int, used float64, most int) int {
	switch {
	case used > coresFull*float64(n) && n < most:
		return n + 1
	case n > 1 && used < coresIdle*float64(n-1):
		return n - 1
	}
	return n
}
