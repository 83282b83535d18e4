package client

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// nackRig is a nacker between a sender's packets and the requests that it writes, in virtual time.
type nackRig struct {
	*testing.T
	n          *nacker
	media, rtx interceptor.RTPReader
	next       []byte // what the readers give
	begun      time.Time

	mu    sync.Mutex
	asked map[uint16][]time.Duration // since the start
}

const testMedia, testRTX = 0x1111, 0x2222

func newNackRig(t *testing.T) *nackRig {
	r := &nackRig{T: t, n: newNacker(), begun: time.Now(), asked: map[uint16][]time.Duration{}}
	r.n.BindRTCPWriter(interceptor.RTCPWriterFunc(func(ps []rtcp.Packet, _ interceptor.Attributes) (int, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, p := range ps {
			for _, pair := range p.(*rtcp.TransportLayerNack).Nacks {
				for _, seq := range pair.PacketList() {
					r.asked[seq] = append(r.asked[seq], time.Since(r.begun))
				}
			}
		}
		return 0, errors.New("the link is down") // which is no reason to stop
	}))
	read := interceptor.RTPReaderFunc(func(b []byte, a interceptor.Attributes) (int, interceptor.Attributes, error) {
		return copy(b, r.next), a, nil
	})
	nacks := []interceptor.RTCPFeedback{{Type: "nack"}}
	r.media = r.n.BindRemoteStream(&interceptor.StreamInfo{SSRC: testMedia, SSRCRetransmission: testRTX, MimeType: webrtc.MimeTypeVP8, RTCPFeedback: nacks}, read)
	r.rtx = r.n.BindRemoteStream(&interceptor.StreamInfo{SSRC: testRTX, MimeType: webrtc.MimeTypeRTX}, read)
	return r
}

func (r *nackRig) read(from interceptor.RTPReader, p rtp.Packet) {
	r.Helper()
	var err error
	if r.next, err = p.Marshal(); err != nil {
		r.Fatal(err)
	}
	if _, _, err := from.Read(make([]byte, 1500), nil); err != nil {
		r.Fatal(err)
	}
}

func (r *nackRig) packets(seqs ...uint16) {
	r.Helper()
	for _, seq := range seqs {
		r.read(r.media, rtp.Packet{Header: rtp.Header{Version: 2, SSRC: testMedia, SequenceNumber: seq}, Payload: []byte{1, 2, 3}})
	}
}

func (r *nackRig) repair(seq uint16) {
	r.Helper()
	r.read(r.rtx, rtp.Packet{Header: rtp.Header{Version: 2, SSRC: testRTX, SequenceNumber: 7}, Payload: []byte{byte(seq >> 8), byte(seq), 1, 2, 3}})
}

func (r *nackRig) times(seq uint16) []time.Duration {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.asked[seq])
}

func (r *nackRig) close() {
	if err := r.n.Close(); err != nil {
		r.Error(err)
	}
}

const msec = time.Millisecond

func TestALostPacketIsAskedForByTheRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newNackRig(t)
		defer r.close()
		r.packets(65533, 65534, 1) // 65535 and 0 are lost
		time.Sleep(20 * time.Second)
		for _, seq := range []uint16{65535, 0} {
			var want []time.Duration
			for i := range time.Duration(nackTries) { // the round trip is not known
				want = append(want, reorderWait+i*125*msec)
			}
			if got := r.times(seq); !slices.Equal(got, want) {
				t.Errorf("%d asked for at %v", seq, got)
			}
		}
		if len(r.asked) != 2 || len(r.n.streams[testMedia].missing) != 0 {
			t.Errorf("asked for %v, still missing %v", r.asked, r.n.streams[testMedia].missing)
		}
	})
}

func TestWhatComesLateOrByRTXIsNotAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newNackRig(t)
		defer r.close()
		r.packets(1, 3, 2) // reordered
		r.packets(5)
		time.Sleep(reorderWait + 50*msec)
		r.repair(4)
		r.packets(8)
		time.Sleep(reorderWait + 50*msec)
		r.packets(6)                                                             // repeated as it was
		r.read(r.rtx, rtp.Packet{Header: rtp.Header{Version: 2, SSRC: testRTX}}) // a probe
		time.Sleep(time.Second)
		if n := len(r.times(2)) + len(r.times(9)); n != 0 {
			t.Errorf("asked for %v", r.asked)
		}
		if len(r.times(4)) != 1 || len(r.times(6)) != 1 || len(r.times(7)) < 3 {
			t.Errorf("asked for %v", r.asked)
		}
	})
}

// TestTheRoundTripIsLearnt: from how long repairs take, short or longer than what is assumed at first.
func TestTheRoundTripIsLearnt(t *testing.T) {
	for _, rtt := range []time.Duration{20 * msec, 300 * msec} {
		synctest.Test(t, func(t *testing.T) {
			r := newNackRig(t)
			defer r.close()
			for seq := uint16(0); seq < 200; seq += 2 {
				r.packets(seq)
				time.Sleep(reorderWait + rtt)
				if seq > 2 {
					r.repair(seq - 1)
				}
			}
			r.packets(200, 202)
			time.Sleep(5 * time.Second)
			got := r.times(201)
			if len(got) != nackTries {
				t.Fatalf("asked for at %v", got)
			}
			if again := got[1] - got[0]; again < rtt || again > rtt*3/2 {
				t.Errorf("round trip %v: asked again after %v", rtt, again)
			}
		})
	}
}

func TestAnotherStreamIsNoLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newNackRig(t)
		defer r.close()
		r.packets(1, 3, 2+maxJump+2, 2+maxJump+4)
		time.Sleep(time.Second)
		if r.times(2 + maxJump + 3); len(r.asked) != 1 {
			t.Errorf("asked for %v", r.asked)
		}
		r.n.UnbindRemoteStream(&interceptor.StreamInfo{SSRC: testMedia, SSRCRetransmission: testRTX})
		r.packets(2000, 2002)
		r.repair(3)
		if len(r.n.streams)+len(r.n.repairs) != 0 {
			t.Errorf("streams %v, repairs %v", r.n.streams, r.n.repairs)
		}
	})
}

// FuzzNACKs: whatever arrives, what is missing is bounded and in order, and each is asked for so often at most.
func FuzzNACKs(f *testing.F) {
	f.Add([]byte{0, 1, 0, 3, 1, 2, 0, 200, 2, 50, 0, 255, 3, 9})
	f.Fuzz(func(t *testing.T, script []byte) {
		var l losses
		now, seq := time.Unix(0, 0), uint16(65500)
		tries := map[int64]int{}
		for i := 0; i+1 < len(script); i += 2 {
			switch arg := script[i+1]; script[i] % 4 {
			case 0:
				seq += uint16(arg) * 3
				l.arrived(now, seq, false)
			case 1:
				l.arrived(now, seq-uint16(arg), arg%2 == 0)
			case 2:
				now = now.Add(time.Duration(arg) * 5 * time.Millisecond)
			case 3:
				for range l.due(now, nil) {
				}
			}
			for k, m := range l.missing {
				if k > 0 && m.seq <= l.missing[k-1].seq || m.seq >= l.highest || m.tries > nackTries || m.tries < tries[m.seq] {
					t.Fatalf("%+v", l.missing)
				}
				tries[m.seq] = m.tries
			}
			if len(l.missing) > maxMissing || l.any && (l.rtt < leastRTT || l.rtt > mostRTT) {
				t.Fatalf("%d missing, round trip %v", len(l.missing), l.rtt)
			}
		}
	})
}
