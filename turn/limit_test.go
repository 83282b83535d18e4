package turn

import (
	"net/netip"
	"testing"
	"time"
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
