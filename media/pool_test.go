package media

import (
	"runtime"
	"testing"
	"time"
)

// take gets n packets and gives them back.
func take(p *Pool, n int) {
	var out []*Packet
	for range n {
		out = append(out, p.Get())
	}
	for _, pkt := range out {
		pkt.Release()
	}
}

func TestPoolKeepsWhatIsUsed(t *testing.T) {
	p := &Pool{limit: 100} // without its shrinking at collections
	take(p, 50)
	p.shrink()
	if len(p.free) != 50 || p.Out() != 0 {
		t.Fatalf("%d free packets, although all 50 were used", len(p.free))
	}
	take(p, 20)
	cold := p.free[0]
	p.shrink()
	if len(p.free) != 20 || p.free[0] == cold {
		t.Fatalf("%d free packets, 20 were used", len(p.free))
	}
	if n := testing.AllocsPerRun(10, func() { take(p, 0); p.Get().Release() }); n != 0 {
		t.Errorf("%v allocations for a packet that is there", n)
	}
	take(p, 200)
	if len(p.free) != 100 {
		t.Errorf("%d free packets, 100 may be kept", len(p.free))
	}
	p.shrink()
	p.shrink()
	if len(p.free) != 0 || cap(p.free) != 0 {
		t.Errorf("%d free packets and room for %d after two collections without use", len(p.free), cap(p.free))
	}
}

func TestPoolShrinksWithTheCollector(t *testing.T) {
	p := NewPool(8192)
	take(p, 8192)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		runtime.GC()
		p.mu.Lock()
		n := len(p.free)
		p.mu.Unlock()
		if n == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d free packets are kept", n)
		}
	}
	pkt := p.Get()
	pkt.Release()
	if p.Get() != pkt {
		t.Error("a packet that came back is not the next")
	}
}
