package turn

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

func TestFloodsAreForgotten(t *testing.T) {
	now, flooder := epoch, netip.MustParseAddr("192.0.2.1")
	l := newLimiter()
	for n := 0; l.allow(now, flooder); n++ {
		if n > floodBurst {
			t.Fatal("a flood is answered")
		}
	}
	for i := range 3 * maxFloodAddresses {
		l.allow(now, netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
		if len(l.young) > maxFloodAddresses || len(l.old) > maxFloodAddresses {
			t.Fatalf("%d and %d addresses are remembered", len(l.young), len(l.old))
		}
	}
	for range 2 {
		now = now.Add(floodMemory + time.Second)
		if !l.allow(now, flooder) {
			t.Error("who was silent for long is not answered")
		}
	}
	if n := len(l.young) + len(l.old); n != 2 { // the same one, in both
		t.Errorf("%d addresses are remembered of one that came lately", n)
	}
}

func TestNothingIsKeptOfAllocationsThatEnded(t *testing.T) {
	b := newBench(t, Config{})
	for round := range 3 {
		for i := range 40 {
			p := b.person(fmt.Sprintf("192.0.2.%d:%d", i+1, 1000+round), fmt.Sprint("who-", i))
			p.allocate()
			if c := p.bind(0x4000, mediaAddr); c != 0 {
				t.Fatal(c)
			}
			p.send(mediaAddr, []byte("a check"))
			if i%2 == 0 { // the others vanish
				never := stun.RawAttribute{Type: stun.AttrLifetime, Value: []byte{0, 0, 0, 0}}
				if c := code(p.ask(stun.MethodRefresh, never)); c != 0 {
					t.Fatal(c)
				}
			}
		}
		if n := len(b.byClient); n != 20 {
			t.Fatalf("%d allocations, 20 have vanished and were not refreshed", n)
		}
		b.now = b.now.Add(defaultLife)
		b.expire(b.now)
		if len(b.byClient)+len(b.byPort)+len(b.users) != 0 {
			t.Fatalf("%d allocations, %d ports and %d users are left", len(b.byClient), len(b.byPort), len(b.users))
		}
	}
}
