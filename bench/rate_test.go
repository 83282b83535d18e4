package bench

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/srtp/v3"

	"switchyard/media"
)

// sending is a transport with keys that sends to a socket which nobody reads, and counts.
func sending(t *testing.T) (*transport, *traffic) {
	t.Helper()
	sink, err := listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	count := &traffic{}
	tr, err := newTransport(true, nil, count)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.close(); sink.close() })
	tr.answer = &answer{}
	tr.remote.Store(&sink.local)
	if tr.out, err = srtp.CreateContext(make([]byte, 16), make([]byte, 12), srtp.ProtectionProfileAeadAes128Gcm); err != nil {
		t.Fatal(err)
	}
	return tr, count
}

// How much is sent and reported in a second is a promise of the load (docs/bench.md). In virtual time it is
// exact.
func TestTheLoadKeepsItsRate(t *testing.T) {
	plans, err := Shape{Codec: CodecVP8, Bitrate: 1_000_000, FPS: 30, Packet: 1000}.plans()
	if err != nil {
		t.Fatal(err)
	}
	const subscribers, seconds = 6, 10
	synctest.Test(t, func(t *testing.T) {
		tr, sent := sending(t)
		u := newPublisher(tr, 0, plans, &window{})
		u.window.from.Store(time.Now().Add(2 * time.Second).UnixNano())
		u.window.to.Store(time.Now().Add(4 * time.Second).UnixNano())
		r := &run{clock: media.NewClock()}
		var reported [subscribers]*traffic
		for i := range reported {
			tr, count := sending(t)
			s := newSubscriber(tr, u.window, r.clock)
			s.streams[1] = &received{}
			r.subs, reported[i] = append(r.subs, s), count
		}
		ctx, cancel := context.WithCancel(t.Context())
		var work sync.WaitGroup
		work.Go(func() { u.run(ctx) })
		work.Go(func() { r.reports(ctx) })
		time.Sleep(seconds*time.Second + time.Millisecond)
		cancel()
		work.Wait()
		// 4 packets a frame, 30 frames a second; they begin within the first frame's time.
		if n := sent.sentRTP.Load(); n < 4*(30*seconds-1) || n > 4*(30*seconds+1) {
			t.Errorf("%d packets in %d s", n, seconds)
		}
		if n := u.inWindow.Load(); n < 4*(30*2-1) || n > 4*(30*2+1) {
			t.Errorf("%d packets in the window of 2 s", n)
		}
		for i, count := range reported {
			// 20 reports a second, and every 4 s a check of consent.
			if n := count.sent.Load(); n < 20*seconds || n > 20*seconds+seconds/4+1 {
				t.Errorf("subscriber %d sent %d datagrams in %d s", i, n, seconds)
			}
		}
	})
}
