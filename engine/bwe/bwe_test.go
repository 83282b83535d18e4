package bwe

import (
	"math/rand/v2"
	"testing"
	"time"

	pionTWCC "github.com/pion/interceptor/pkg/twcc"
	pion "github.com/pion/rtcp"

	"switchyard/codec/rtcp"
	"switchyard/media"
)

const ms = media.Time(time.Millisecond)

// packets splits a compound.
func packets(t testing.TB, b []byte) []rtcp.Packet {
	t.Helper()
	var all []rtcp.Packet
	r := rtcp.NewReader(b)
	for p, ok := r.Next(); ok; p, ok = r.Next() {
		all = append(all, p)
	}
	if len(r.Rest()) != 0 {
		t.Fatalf("unreadable after %d packets", len(all))
	}
	return all
}

// ours reads feedback with our parser: arrivals by sequence number, relative to the reference.
func ours(t testing.TB, b []byte) (got map[uint16]time.Duration, missing map[uint16]bool) {
	t.Helper()
	got, missing = map[uint16]time.Duration{}, map[uint16]bool{}
	for _, p := range packets(t, b) {
		f, ok := ParseFeedback(p)
		if !ok {
			t.Fatalf("feedback refused: %x", p.Body)
		}
		for st, more := f.Next(); more; st, more = f.Next() {
			if st.Received {
				got[st.Seq] = st.Arrived
			} else {
				missing[st.Seq] = true
			}
		}
	}
	return got, missing
}

// theirs reads feedback with pion/rtcp.
func theirs(t testing.TB, b []byte) map[uint16]time.Duration {
	t.Helper()
	got := map[uint16]time.Duration{}
	ps, err := pion.Unmarshal(b)
	if err != nil {
		t.Fatalf("pion: %v of %x", err, b)
	}
	for _, p := range ps {
		f := p.(*pion.TransportLayerCC)
		now, seq, delta := time.Duration(f.ReferenceTime)*64*time.Millisecond, f.BaseSequenceNumber, 0
		left := int(f.PacketStatusCount)
		take := func(sym uint16) {
			if left == 0 {
				return
			}
			left--
			if sym != pion.TypeTCCPacketNotReceived {
				now += time.Duration(f.RecvDeltas[delta].Delta) * time.Microsecond
				delta++
				got[seq] = now
			}
			seq++
		}
		for _, c := range f.PacketChunks {
			switch c := c.(type) {
			case *pion.RunLengthChunk:
				for range c.RunLength {
					take(c.PacketStatusSymbol)
				}
			case *pion.StatusVectorChunk:
				for _, s := range c.SymbolList {
					take(s)
				}
			}
		}
		if delta != len(f.RecvDeltas) {
			t.Fatalf("pion reads %d deltas, chunks say %d", len(f.RecvDeltas), delta)
		}
	}
	return got
}

// agree checks that both parsers read from b the arrivals that took place, to a tick.
func agree(t testing.TB, b []byte, want map[uint16]media.Time) {
	t.Helper()
	our, _ := ours(t, b)
	their := theirs(t, b)
	if len(our) != len(want) || len(their) != len(want) {
		t.Fatalf("%d arrived, we read %d, pion %d", len(want), len(our), len(their))
	}
	const wrap = 1 << 24 * 64 * time.Millisecond
	for seq, at := range want {
		d := (our[seq] - time.Duration(at)%wrap).Abs()
		if d > tick || our[seq] != their[seq] {
			t.Fatalf("%d arrived at %v, we read %v, pion %v", seq, time.Duration(at), our[seq], their[seq])
		}
	}
}

func TestFeedbackReportsArrivalsAndLosses(t *testing.T) {
	r := NewReceiver(1)
	if r.Deadline() != media.Never {
		t.Error("a deadline before the first packet")
	}
	want := map[uint16]media.Time{}
	at := 1000 * ms
	for seq := uint16(65500); seq != 60; seq++ { // over the wrap
		if seq%7 == 3 {
			continue
		}
		at += media.Time(seq%5) * 300_000
		r.OnPacket(at, seq, 2)
		want[seq] = at
	}
	if b := r.Feedback(1010*ms, nil); b != nil {
		t.Error("feedback before it is due")
	}
	b := r.Feedback(r.Deadline(), nil)
	agree(t, b, want)
	_, missing := ours(t, b)
	if !missing[65502] || !missing[3] || missing[4] {
		t.Errorf("missing: %v", missing)
	}
	if sender, source, _ := packets(t, b)[0].Feedback(); sender != 1 || source != 2 {
		t.Errorf("SSRCs %d %d", sender, source)
	}
	if r.Deadline() != media.Never {
		t.Error("nothing new, but a deadline")
	}
}

func TestLatePacketIsReportedAgain(t *testing.T) {
	r := NewReceiver(1)
	r.OnPacket(0, 10, 2)
	r.OnPacket(ms, 12, 2)
	agree(t, r.Feedback(r.Deadline(), nil), map[uint16]media.Time{10: 0, 12: ms})
	r.OnPacket(70*ms, 11, 2)
	r.OnPacket(71*ms, 13, 2)
	agree(t, r.Feedback(r.Deadline(), nil), map[uint16]media.Time{11: 70 * ms, 12: ms, 13: 71 * ms})
	r.OnPacket(90*ms, 13, 2) // a duplicate
	if r.Deadline() != media.Never {
		t.Error("a duplicate made feedback due")
	}
}

func TestGapOfThousandsIsReported(t *testing.T) {
	for _, gap := range []uint16{2000, 8191, 8192, 9000, 20000, 32000} {
		r := NewReceiver(1)
		r.OnPacket(0, 100, 2)
		b := r.Feedback(50*ms, nil)
		r.OnPacket(60*ms, 100+gap, 2)
		b = r.Feedback(r.Deadline(), b)
		agree(t, b, map[uint16]media.Time{100: 0, 100 + gap: 60 * ms})
		_, missing := ours(t, b)
		if len(missing) != int(gap)-1 {
			t.Errorf("gap of %d: %d reported missing", gap, len(missing))
		}
	}
}

func TestLongPauseGetsItsOwnReference(t *testing.T) {
	r := NewReceiver(1)
	r.OnPacket(0, 1, 2)
	r.OnPacket(20_000*ms, 2, 2) // 20 s do not fit a delta
	r.OnPacket(20_001*ms, 3, 2)
	b := r.Feedback(20_050*ms, nil)
	if n := len(packets(t, b)); n != 2 {
		t.Errorf("%d packets", n)
	}
	agree(t, b, map[uint16]media.Time{1: 0, 2: 20_000 * ms, 3: 20_001 * ms})
}

func TestReferenceTimeWraps(t *testing.T) {
	r := NewReceiver(1)
	start := media.Time(1<<24*64*time.Millisecond) - 10*ms
	want := map[uint16]media.Time{}
	for i := range media.Time(20) {
		r.OnPacket(start+i*ms, uint16(i), 2)
		want[uint16(i)] = start + i*ms
	}
	b := r.Feedback(r.Deadline(), nil)
	if got := theirs(t, b); len(got) != 20 || got[19]-got[0] != 19*time.Millisecond {
		t.Errorf("pion reads %v", got)
	}
}

func TestFeedbackStaysBelowTheMTU(t *testing.T) {
	r := NewReceiver(1)
	at := media.Time(0)
	for seq := range uint16(1900) {
		at += 70 * ms / 64 * media.Time(seq%3) * 64 // small and large deltas mixed
		r.OnPacket(at, seq, 2)
	}
	b := r.Feedback(at+50*ms, nil)
	for _, p := range packets(t, b) {
		if len(p.Body) > 1150 {
			t.Errorf("a packet of %d bytes", len(p.Body))
		}
	}
	if got, _ := ours(t, b); len(got) != 1900 {
		t.Errorf("%d reported", len(got))
	}
}

func TestWeReadPionsFeedback(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		rec := pionTWCC.NewRecorder(1)
		want := map[uint16]int64{}
		seq, at := uint16(rng.Uint32()), int64(5_000_000)
		for range 300 {
			seq += uint16(1 + rng.IntN(3)*rng.IntN(20))
			at += int64(rng.IntN(100_000))
			rec.Record(2, seq, at)
			want[seq] = at
		}
		n := 0
		for _, p := range rec.BuildFeedbackPacket() {
			b, err := p.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			got, _ := ours(t, b)
			n += len(got)
			for s, d := range got {
				if diff := d.Microseconds() - want[s]; diff < -250 || diff > 250 {
					t.Fatalf("%d: %v, want %d µs", s, d, want[s])
				}
			}
		}
		if n != len(want) {
			t.Fatalf("read %d of %d", n, len(want))
		}
	}
}

func TestSenderJudgesWhatWasSent(t *testing.T) {
	s, r := NewSender(), NewReceiver(1)
	for i := range 200 {
		seq := s.Next()
		s.Sent(media.Time(i)*5*ms, 1000)
		if i%10 != 4 {
			r.OnPacket(media.Time(i)*5*ms+20*ms, seq, 2)
		}
	}
	for _, p := range packets(t, r.Feedback(1020*ms, nil)) {
		if !s.OnFeedback(1040*ms, p) {
			t.Fatal("refused")
		}
	}
	st := s.Stats()
	if st.Sent != 200 || st.Acked != 180 || st.Lost != 20 || st.Loss != 0.1 {
		t.Errorf("got %+v", st)
	}
	if st.AckedRate != 180*1000*8 {
		t.Errorf("rate %d", st.AckedRate)
	}
	if st.RTT != 1040*time.Millisecond-995*time.Millisecond {
		t.Errorf("RTT %v", st.RTT)
	}
}

func TestLatePacketIsNoLongerLost(t *testing.T) {
	s, r := NewSender(), NewReceiver(1)
	for range 3 {
		s.Sent(0, 100)
	}
	r.OnPacket(ms, 0, 2)
	r.OnPacket(ms, 2, 2)
	s.OnFeedback(60*ms, packets(t, r.Feedback(60*ms, nil))[0])
	if st := s.Stats(); st.Lost != 1 {
		t.Fatalf("got %+v", st)
	}
	r.OnPacket(70*ms, 1, 2)
	s.OnFeedback(130*ms, packets(t, r.Feedback(130*ms, nil))[0])
	if st := s.Stats(); st.Lost != 0 || st.Acked != 3 || st.Loss != 0 {
		t.Errorf("got %+v", st)
	}
}

func TestFeedbackAboutWhatWasNeverSent(t *testing.T) {
	s, r := NewSender(), NewReceiver(1)
	r.OnPacket(0, 5, 2)
	s.OnFeedback(ms, packets(t, r.Feedback(50*ms, nil))[0])
	s.Sent(0, 1)
	s.OnFeedback(ms, packets(t, appendFeedback(nil, 1, 2, 9, 0, 0, []arrival{{9, 0}}))[0])
	if st := s.Stats(); st.Acked != 0 || st.Lost != 0 {
		t.Errorf("got %+v", st)
	}
}

func TestNoAllocation(t *testing.T) {
	s, r := NewSender(), NewReceiver(1)
	buf := make([]byte, 0, 1500)
	now := media.Time(0)
	round := func() {
		for range 40 {
			seq := s.Next()
			s.Sent(now, 1200)
			now += 2 * ms
			r.OnPacket(now, seq, 2)
		}
		rd := rtcp.NewReader(r.Feedback(now, buf))
		for p, ok := rd.Next(); ok; p, ok = rd.Next() {
			s.OnFeedback(now, p)
		}
	}
	round()
	if n := testing.AllocsPerRun(100, round); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if st := s.Stats(); st.Acked != st.Sent {
		t.Errorf("got %+v", st)
	}
}

// FuzzFeedback drives the receiver through losses, reordering, gaps and pauses, and has both parsers
// read what it says.
func FuzzFeedback(f *testing.F) {
	f.Add(uint16(65530), []byte{1, 1, 1, 2, 40, 1, 200, 255, 3, 1})
	f.Add(uint16(0), []byte{0, 0, 0, 128, 129, 250, 251, 252, 253, 254, 255})
	f.Fuzz(func(t *testing.T, seq uint16, script []byte) {
		r := NewReceiver(1)
		now := media.Time(time.Hour)
		arrived := map[uint16]media.Time{}
		for _, c := range script[:min(len(script), 400)] {
			switch {
			case c < 200:
				seq += uint16(c % 20)
				now += media.Time(c) * 100_000
			case c < 220: // late
				seq -= uint16(c - 200)
			case c < 240:
				now += media.Time(c-219) * media.Time(time.Second)
			default:
				seq += uint16(c-239) * 1000
			}
			if _, twice := arrived[seq]; !twice {
				arrived[seq] = now
			}
			r.OnPacket(now, seq, 2)
			if c%16 == 0 {
				now = max(now, r.due)
				compare(t, r.Feedback(now, nil))
			}
		}
		compare(t, r.Feedback(now+media.Time(time.Minute), nil))
	})
}

// compare has both parsers read b.
func compare(t *testing.T, b []byte) {
	if len(b) == 0 {
		return
	}
	our, _ := ours(t, b)
	their := theirs(t, b)
	if len(our) != len(their) {
		t.Fatalf("we read %d, pion %d", len(our), len(their))
	}
	for seq, at := range our {
		if their[seq] != at {
			t.Fatalf("%d: we read %v, pion %v", seq, at, their[seq])
		}
	}
}

// FuzzParse feeds garbage to the parser, which must not read beyond it.
func FuzzParse(f *testing.F) {
	r := NewReceiver(1)
	for i := range media.Time(40) {
		r.OnPacket(i*i*ms, uint16(i*i), 2)
	}
	f.Add(r.Feedback(media.Time(time.Hour), nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := NewSender()
		for range 2000 {
			s.Sent(0, 100)
		}
		rd := rtcp.NewReader(b)
		for p, ok := rd.Next(); ok; p, ok = rd.Next() {
			s.OnFeedback(0, p)
			fb, ok := ParseFeedback(p)
			n := 0
			for ok {
				if _, ok = fb.Next(); ok {
					n++
				}
			}
			if n != fb.Total && n != 0 {
				t.Errorf("%d of %d statuses", n, fb.Total)
			}
		}
		if st := s.Stats(); st.Acked+st.Lost > historySize {
			t.Errorf("got %+v", st)
		}
	})
}
