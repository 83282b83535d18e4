package bench

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	downlinkQueue    = 200 * time.Millisecond // what a subscriber's downlink holds before it drops
	datagramOverhead = 28                     // bytes of IPv4 and UDP headers
	downlinkTick     = time.Millisecond
)

// Downlink is the rate of a subscriber's downlink over time, from the beginning of the measuring on:
// "2.5M" or "2.5M,300k@10s,2.5M@20s".
type Downlink []DownlinkStep

// DownlinkStep is a rate that holds from a time on.
type DownlinkStep struct {
	From time.Duration
	Rate int // bits per second
}

var errDownlink = errors.New("bench: a downlink is a rate, or rates with times that grow: 2.5M,300k@10s,2.5M@20s")

// ParseDownlink reads what --downlink says.
func ParseDownlink(s string) (Downlink, error) {
	var d Downlink
	for i, part := range strings.Split(s, ",") {
		rate, at, timed := strings.Cut(part, "@")
		step := DownlinkStep{}
		var err error
		if step.Rate, err = ParseRate(rate); err != nil {
			return nil, errDownlink
		}
		if timed {
			if step.From, err = time.ParseDuration(at); err != nil {
				return nil, errDownlink
			}
		}
		if timed != (i > 0) || i > 0 && step.From <= d[i-1].From {
			return nil, errDownlink
		}
		d = append(d, step)
	}
	return d, nil
}

// rate is what holds at a time.
func (d Downlink) rate(at time.Duration) int {
	rate := d[0].Rate
	for _, step := range d[1:] {
		if at >= step.From {
			rate = step.Rate
		}
	}
	return rate
}

// ParseRate reads 2M, 800k or 500000 bits per second: 1k to 1000M.
func ParseRate(s string) (int, error) {
	unit, number := 1.0, s
	switch {
	case strings.HasSuffix(s, "M"):
		unit, number = 1e6, strings.TrimSuffix(s, "M")
	case strings.HasSuffix(s, "k"):
		unit, number = 1e3, strings.TrimSuffix(s, "k")
	}
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || !(v*unit >= 1000 && v*unit <= 1e9) {
		return 0, errors.New("bench: a rate is 2M or 800k, from 1k to 1000M")
	}
	return int(v * unit), nil
}

// shaper is one subscriber's downlink: a token bucket of one packet with a queue of 200 ms behind it,
// which drops what does not fit. It is filled by who reads the socket and emptied by the run's ticker.
type shaper struct {
	mu      sync.Mutex
	free    time.Time // when the line has sent what is queued; guarded by mu, as below
	queue   []queued
	spare   [][]byte
	dropped uint64
	delay   histogram // in the queue
	window  *window   // immutable
	seconds []noted   // of the window, the first one first
}

// noted is what a shaper did in a second.
type noted struct {
	bytes   uint64 // that left, headers included
	dropped uint64
	longest time.Duration // delay in the queue
}

// second is where to note what happens on the line at a time; it does not matter when we get to do it. s.mu is
// held.
func (s *shaper) second(at time.Time) *noted {
	if !s.window.holds(at.UnixNano()) {
		return new(noted)
	}
	n := int(time.Duration(at.UnixNano()-s.window.from.Load()) / time.Second)
	for len(s.seconds) <= n {
		s.seconds = append(s.seconds, noted{})
	}
	return &s.seconds[n]
}

// during returns what was noted of second n of the window.
func (s *shaper) during(n int) noted {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n >= len(s.seconds) {
		return noted{}
	}
	return s.seconds[n]
}

type queued struct {
	due    time.Time
	packet []byte
}

// push takes a datagram that came at a time, on a line of a rate.
func (s *shaper) push(at time.Time, rate int, b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.free.Before(at) {
		s.free = at
	}
	if s.free.Sub(at) > downlinkQueue {
		s.dropped++
		s.second(at).dropped++
		return
	}
	size := len(b) + datagramOverhead
	s.free = s.free.Add(time.Duration(size) * 8 * time.Second / time.Duration(rate))
	s.delay.add(s.free.Sub(at))
	now := s.second(at)
	now.longest = max(now.longest, s.free.Sub(at))
	s.second(s.free).bytes += uint64(size)
	var packet []byte
	if n := len(s.spare); n > 0 {
		packet, s.spare = s.spare[n-1][:0], s.spare[:n-1]
	}
	s.queue = append(s.queue, queued{s.free, append(packet, b...)})
}

// pop gives f what has left the line by now, in order.
func (s *shaper) pop(now time.Time, f func(at time.Time, b []byte)) {
	for {
		s.mu.Lock()
		if len(s.queue) == 0 || s.queue[0].due.After(now) {
			s.mu.Unlock()
			return
		}
		q := s.queue[0]
		s.queue = append(s.queue[:0], s.queue[1:]...)
		s.mu.Unlock()
		f(q.due, q.packet)
		s.mu.Lock()
		s.spare = append(s.spare, q.packet)
		s.mu.Unlock()
	}
}
