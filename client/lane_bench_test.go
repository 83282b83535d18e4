package client_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"switchyard/client"
)

// cpu is the processor time of this process so far.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// benchServer is a fakeServer for a benchmark.
func benchWays(b *testing.B, o client.Options) (from, to *client.Way) {
	b.Helper()
	s := newFakeServer(b)
	opened := make(chan *client.Link, 1)
	o.NoData = true
	a := s.dial("a", o)
	o.Events.Link = func(l *client.Link) { opened <- l }
	s.dial("b", o)
	l, err := a.OpenLinkNamed(b.Context(), "b", "t")
	if err != nil {
		b.Fatal(err)
	}
	return l.Way(), (<-opened).Way()
}

// BenchmarkLane moves messages of 64 KiB from one end to the other, both in this process: MB/s, and processor
// seconds per GB of both ends.
func BenchmarkLane(b *testing.B) {
	for _, bench := range []struct {
		name  string
		o     client.Options
		lanes int
	}{
		{"quic", client.Options{Bulk: true}, 1},
		{"quic", client.Options{Bulk: true}, 4},
		{"datachannel", client.Options{Bulk: true}, 1},
		{"datachannel-plain", client.Options{}, 1},
	} {
		b.Run(fmt.Sprintf("%s/lanes=%d", bench.name, bench.lanes), func(b *testing.B) {
			from, to := benchWays(b, bench.o)
			if bench.name == "datachannel" {
				from.RefuseQUIC()
			}
			var out, in []client.Lane
			for range bench.lanes {
				lane, err := from.Open(b.Context())
				if err == nil {
					err = lane.Send(b.Context(), []byte{0})
				}
				if err != nil {
					b.Fatal(err)
				}
				out = append(out, lane)
				if lane, err = to.Accept(b.Context()); err == nil {
					_, err = lane.Receive(b.Context())
				}
				if err != nil {
					b.Fatal(err)
				}
				in = append(in, lane)
			}
			b.SetBytes(client.MaxLaneMessage)
			ctx := context.Background()
			b.ResetTimer()
			before := cpu(b)
			done := make(chan error, 2*bench.lanes)
			share := func(i int) int { return (b.N + i) / bench.lanes }
			for i := range bench.lanes {
				go func() {
					m := make([]byte, client.MaxLaneMessage)
					for range share(i) {
						if err := out[i].Send(ctx, m); err != nil {
							done <- err
							return
						}
					}
					done <- nil
				}()
				go func() {
					for range share(i) {
						if _, err := in[i].Receive(ctx); err != nil {
							done <- err
							return
						}
					}
					done <- nil
				}()
			}
			for range cap(done) {
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			gb := float64(b.N) * client.MaxLaneMessage / 1e9
			b.ReportMetric((cpu(b)-before).Seconds()/gb, "cpu-s/GB")
		})
	}
}
