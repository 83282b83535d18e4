//go:build linux

package main

import (
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// conditions are what one direction does.
type conditions struct {
	Rate  float64 `json:"rate"`  // bit/s, 0 for unlimited
	Queue float64 `json:"queue"` // ms of the rate, 0 for 100
	Delay float64 `json:"delay"` // ms
	Loss  float64 `json:"loss"`  // 0 to 1
}

// carried counts frames of one direction.
type carried struct {
	Passed   int     `json:"passed"`
	Bytes    int     `json:"bytes"`    // of those
	Lost     int     `json:"lost"`     // at random
	Overflow int     `json:"overflow"` // the queue was full
	Queue    float64 `json:"queue"`    // ms that a frame would wait now
	Streams  streams `json:"streams"`  // what came, lost or not
}

// due is a frame on its way.
type due struct {
	at    time.Time
	frame []byte // with its offload header
}

const (
	frameMost = 65536 + 64 + offloadHeader // with segmentation offload a frame is larger than the wire's
	underWay  = 1 << 16                    // frames; beyond it the queue is full whatever its length
)

// pipe carries one direction: read queues and write sends, each a goroutine of its own.
type pipe struct {
	from, to int // packet sockets
	way      chan due

	mu   sync.Mutex
	c    conditions
	n    carried
	free time.Time // when the bottleneck has sent all that it holds
	rng  *rand.Rand
}

func newPipe(from, to int, seed uint64) *pipe {
	p := &pipe{from: from, to: to, way: make(chan due, underWay), rng: rand.New(rand.NewPCG(seed, 0))}
	p.n.Streams = streams{}
	return p
}

func (p *pipe) set(c conditions) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.c = c
}

func (p *pipe) carried() carried {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.n
	n.Queue = max(0, float64(time.Until(p.free))/1e6)
	n.Streams = make(streams, len(p.n.Streams))
	for ssrc, s := range p.n.Streams {
		seen := *s
		n.Streams[ssrc] = &seen
	}
	return n
}

func (p *pipe) read() {
	buf := make([]byte, frameMost)
	for {
		n, _, err := unix.Recvfrom(p.from, buf, 0)
		if err != nil {
			if err == unix.EINTR || err == unix.ENETDOWN {
				continue
			}
			return
		}
		at, ok := p.admit(time.Now(), buf[:n])
		if !ok {
			continue
		}
		select {
		case p.way <- due{at, append([]byte(nil), buf[:n]...)}:
		default:
			p.mu.Lock()
			frames, bytes := onWire(buf[:n])
			p.n.Passed, p.n.Bytes, p.n.Overflow = p.n.Passed-frames, p.n.Bytes-bytes, p.n.Overflow+frames
			p.mu.Unlock()
		}
	}
}

// admit says when a frame leaves the wire; false when it does not.
func (p *pipe) admit(now time.Time, frame []byte) (time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	frames, bytes := onWire(frame)
	p.n.Streams.see(now, frame[min(offloadHeader, len(frame)):])
	if p.c.Loss > 0 && p.rng.Float64() < p.c.Loss {
		p.n.Lost += frames
		return time.Time{}, false
	}
	if p.free.Before(now) {
		p.free = now
	}
	if p.c.Rate > 0 {
		queue := p.c.Queue
		if queue == 0 {
			queue = 100
		}
		if p.free.Sub(now) > ms(queue) {
			p.n.Overflow += frames
			return time.Time{}, false
		}
		p.free = p.free.Add(time.Duration(float64(bytes) * 8 / p.c.Rate * 1e9))
	}
	p.n.Passed += frames
	p.n.Bytes += bytes
	return p.free.Add(ms(p.c.Delay)), true
}

func ms(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }

// write sends each frame when it is due; they stay in order.
func (p *pipe) write() {
	for d := range p.way {
		if wait := time.Until(d.at); wait > 0 {
			time.Sleep(wait)
		}
		_, _ = unix.Write(p.to, d.frame) // a full device loses frames as any does
	}
}
