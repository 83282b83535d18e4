package sfu

import (
	"net"
	"net/netip"
	"testing"

	"github.com/pion/webrtc/v4"

	"switchyard/media"
)

// road is a shard with one published track and slots of real links whose packets go to a socket
// that nobody reads.
type road struct {
	shard *shard
	track *Track
	seq   media.ExtSeq
	ts    media.Ticks
}

func newRoad(t testing.TB, subscribers int) *road {
	t.Helper()
	s := newSFU(t, 1)
	sink, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sink.Close() })
	remote := sink.LocalAddr().(*net.UDPAddr).AddrPort()

	publisher := newClient(t)
	publisher.sendVP8()
	plink := publisher.connect(s, LinkOptions{ID: "publisher"})
	track, err := plink.Publish(plink.Session().Media[0].MID, "t")
	if err != nil {
		t.Fatal(err)
	}
	r := &road{shard: s.shards[0], track: track, seq: 1000}
	for range subscribers {
		viewer := newClient(t)
		viewer.discard(webrtc.RTPCodecTypeVideo)
		link := viewer.connect(s, LinkOptions{ID: "viewer"})
		link.Feed(link.Session().Media[0].MID, track, 1)
		r.shard.call(func() { link.path.Remote = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), remote.Port()) })
	}
	return r
}

// frame delivers one frame of n packets of 1200 bytes; it runs on the shard.
func (r *road) frame(n int, key bool) {
	now := r.shard.clock.Now()
	r.ts += 3000
	var batch [16]*media.Packet
	for i := range n {
		r.seq++
		p := r.shard.sfu.pool.Get()
		p.Arrived, p.Captured, p.Epoch = now, now, 1
		p.Seq, p.Timestamp, p.Format, p.Layer = r.seq, r.ts, 0, 0
		p.Marker, p.FrameStart, p.Keyframe = i == n-1, i == 0, key
		p.RED, p.AudioLevel, p.Orientation, p.AbsCapture = false, -1, -1, 0
		p.Dependency = nil
		p.Spatial, p.Temporal, p.Needed, p.Switch, p.Sync, p.LayerEnd = 0, 0, media.AllPoints, 0, false, p.Marker
		p.Payload = p.Data[100:1280]
		batch[i] = p
	}
	r.track.fans[0].deliver(now, batch[:n])
	r.shard.writer.Flush()
}

func TestForwardingDoesNotAllocate(t *testing.T) {
	r := newRoad(t, 3)
	r.shard.call(func() {
		r.frame(7, true)
		for range 100 {
			r.frame(7, false)
		}
	})
	// Other goroutines of the process may allocate meanwhile: the least of some runs counts.
	least := 1e9
	for range 5 {
		r.shard.call(func() {
			least = min(least, testing.AllocsPerRun(50, func() { r.frame(7, false) }))
		})
	}
	if least != 0 {
		t.Errorf("%v allocations per frame", least)
	}
	stats := r.shard.sfu.Stats()
	if stats.Sent < 3*7*300 {
		t.Errorf("only %d packets were sent; drops %v", stats.Sent, stats.Drops)
	}
}

// BenchmarkForward is the cost of one forwarded packet without the receive side: rewriting, sealing
// and the kernel's send path to 100 subscribers.
func BenchmarkForward(b *testing.B) {
	const subscribers, packets = 100, 7
	r := newRoad(b, subscribers)
	r.shard.call(func() { r.frame(packets, true) })
	r.shard.call(func() {
		b.ResetTimer()
		for range b.N {
			r.frame(packets, false)
		}
		b.StopTimer()
	})
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*subscribers*packets), "ns/packet")
}

// BenchmarkForwardCold is the same for frames of one packet whose slots stand in no near cache, as after a rest.
func BenchmarkForwardCold(b *testing.B) {
	const subscribers = 100
	r := newRoad(b, subscribers)
	cold := make([]byte, 64<<20)
	r.shard.call(func() {
		r.frame(1, true)
		b.ResetTimer()
		for range b.N {
			b.StopTimer()
			for i := 0; i < len(cold); i += 64 {
				cold[i]++
			}
			b.StartTimer()
			r.frame(1, false)
		}
		b.StopTimer()
	})
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*subscribers), "ns/packet")
}
