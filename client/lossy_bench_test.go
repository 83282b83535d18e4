package client_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"switchyard/client"
	"switchyard/internal/simnet"
)

// distance puts a bad network between two ends, the same both ways.
func distance(t testing.TB, here, there *client.Way, c simnet.Conditions) {
	t.Helper()
	ends := []*client.Way{here, there}
	addresses := []netip.AddrPort{here.Path(), there.Path()}
	for i, end := range ends {
		r, err := simnet.NewRelay(netip.AddrPortFrom(addresses[1-i].Addr(), 0), addresses[1-i], c, c, uint64(i+1))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close() })
		if err := end.Via(r.Addr()); err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkLongWay moves messages of 64 KiB over 100 ms, of which one datagram in a hundred is lost: what a TCP
// connection does at 0.2 MB/s.
func BenchmarkLongWay(b *testing.B) {
	for _, n := range []int{1, 4, client.MaxLanes} {
		b.Run(fmt.Sprintf("lanes=%d", n), func(b *testing.B) {
			s := newFakeServer(b)
			here, there := waysAt(b, s, client.Options{Bulk: true})
			distance(b, here, there, simnet.Conditions{Latency: 50 * time.Millisecond, Loss: 0.01})
			out, in := lanes(b, here, there, n)
			if here.Kind() != client.WayQUIC {
				b.Fatal("the lanes are ", here.Kind())
			}
			b.SetBytes(client.MaxLaneMessage)
			b.ResetTimer()
			done := make(chan error, 2*n)
			for i := range n {
				go func() { done <- pour(out[i], (b.N+i)/n) }()
				go func() {
					for {
						m, err := in[i].Receive(b.Context())
						if err != nil || len(m) == 0 {
							done <- err
							return
						}
					}
				}()
			}
			for range cap(done) {
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
