package rtcp

import (
	"bytes"
	"slices"
	"testing"

	pion "github.com/pion/rtcp"

	"switchyard/media"
)

// one parses a single packet with pion/rtcp.
func one[T pion.Packet](t *testing.T, b []byte) T {
	t.Helper()
	ps, err := pion.Unmarshal(b)
	if err != nil || len(ps) != 1 {
		t.Fatalf("pion reads %d packets: %v", len(ps), err)
	}
	p, ok := ps[0].(T)
	if !ok {
		t.Fatalf("pion reads a %T", ps[0])
	}
	return p
}

func first(t *testing.T, b []byte) Packet {
	t.Helper()
	r := NewReader(b)
	p, ok := r.Next()
	if !ok || len(r.Rest()) != 0 {
		t.Fatalf("unread: %x", b)
	}
	return p
}

func TestSenderReportBothWays(t *testing.T) {
	want := SenderInfo{SSRC: 1, NTP: 0x0123456789abcdef, RTP: 3, Packets: 4, Octets: 5}
	b := AppendSR(nil, want)
	sr := one[*pion.SenderReport](t, b)
	if sr.SSRC != 1 || sr.NTPTime != uint64(want.NTP) || sr.RTPTime != 3 || sr.PacketCount != 4 || sr.OctetCount != 5 {
		t.Errorf("pion reads %+v", sr)
	}
	if got, ok := first(t, b).Sender(); !ok || got != want {
		t.Errorf("got %+v", got)
	}
}

func TestReceiverReportBothWays(t *testing.T) {
	want := []Report{
		{SSRC: 7, FractionLost: 128, Lost: 70000, Highest: 1<<16 | 5, Jitter: 9, LastSR: 10, Delay: 11},
		{SSRC: 8, Highest: 2},
	}
	b := AppendRR(nil, 99, want...)
	rr := one[*pion.ReceiverReport](t, b)
	if rr.SSRC != 99 || len(rr.Reports) != 2 || rr.Reports[0].TotalLost != 70000 || rr.Reports[0].Delay != 11 {
		t.Errorf("pion reads %+v", rr)
	}
	p := first(t, b)
	for i, w := range want {
		if got, ok := p.Report(i); !ok || got != w {
			t.Errorf("block %d: %+v", i, got)
		}
	}
	if _, ok := p.Report(2); ok {
		t.Error("a third block")
	}
}

func TestCumulativeLossIsSignedAndSaturates(t *testing.T) {
	for in, want := range map[int32]int32{-3: -3, 1 << 30: 1<<23 - 1, -1 << 30: -1 << 23} {
		if got, _ := first(t, AppendRR(nil, 1, Report{Lost: in})).Report(0); got.Lost != want {
			t.Errorf("%d became %d", in, got.Lost)
		}
	}
}

func TestReportsOfASenderReport(t *testing.T) {
	b, err := (&pion.SenderReport{SSRC: 1, Reports: []pion.ReceptionReport{{SSRC: 2, Jitter: 3}}}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if r, ok := first(t, b).Report(0); !ok || r.SSRC != 2 || r.Jitter != 3 {
		t.Errorf("got %+v %v", r, ok)
	}
}

func TestCNAMEOfEachLength(t *testing.T) {
	for n := range 9 {
		name := string(bytes.Repeat([]byte{'x'}, n))
		d := one[*pion.SourceDescription](t, AppendCNAME(nil, 5, name))
		if d.Chunks[0].Source != 5 || d.Chunks[0].Items[0].Text != name {
			t.Errorf("%d: pion reads %+v", n, d)
		}
	}
}

func TestNACKBothWays(t *testing.T) {
	want := []uint16{3, 4, 19, 20, 65000, 65535, 0, 7}
	b := AppendNACK(nil, 1, 2, want)
	n := one[*pion.TransportLayerNack](t, b)
	var theirs []uint16
	for _, pair := range n.Nacks {
		theirs = append(theirs, pair.PacketList()...)
	}
	if n.SenderSSRC != 1 || n.MediaSSRC != 2 || !slices.Equal(theirs, want) {
		t.Errorf("pion reads %v", theirs)
	}
	if len(n.Nacks) != 4 {
		t.Errorf("%d pairs", len(n.Nacks))
	}
	var ours []uint16
	lost := first(t, b).Lost()
	for s, ok := lost.Next(); ok; s, ok = lost.Next() {
		ours = append(ours, s)
	}
	if !slices.Equal(ours, want) {
		t.Errorf("got %v", ours)
	}
	if got := AppendNACK(nil, 1, 2, nil); got != nil {
		t.Errorf("nothing lost became %x", got)
	}
}

func TestKeyframeRequestsBothWays(t *testing.T) {
	b := AppendPLI(nil, 1, 2)
	if p := one[*pion.PictureLossIndication](t, b); p.SenderSSRC != 1 || p.MediaSSRC != 2 {
		t.Errorf("pion reads %+v", p)
	}
	p := first(t, b)
	if sender, source, ok := p.Feedback(); !p.IsPLI() || !ok || sender != 1 || source != 2 {
		t.Errorf("got %d %d", sender, source)
	}
	b = AppendFIR(nil, 1, 2, 3)
	if p := one[*pion.FullIntraRequest](t, b); p.FIR[0].SSRC != 2 || p.FIR[0].SequenceNumber != 3 {
		t.Errorf("pion reads %+v", p)
	}
	if source, seq, ok := first(t, b).FIR(0); !ok || source != 2 || seq != 3 {
		t.Errorf("got %d %d %v", source, seq, ok)
	}
	if _, _, ok := first(t, b).FIR(1); ok {
		t.Error("a second entry")
	}
}

func TestREMBAndGoodbye(t *testing.T) {
	b, err := (&pion.ReceiverEstimatedMaximumBitrate{SenderSSRC: 1, Bitrate: 2_500_000, SSRCs: []uint32{7, 8}}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	p := first(t, b)
	rate, n, ok := p.REMB()
	if !ok || n != 2 || rate < 2_490_000 || rate > 2_500_000 {
		t.Errorf("got %d for %d, %v", rate, n, ok)
	}
	if s, ok := p.Source(1); !ok || s != 8 {
		t.Errorf("second source %d", s)
	}
	b = AppendBYE(nil, 9)
	one[*pion.Goodbye](t, b)
	if s, ok := first(t, b).Source(0); !ok || s != 9 {
		t.Errorf("BYE of %d", s)
	}
}

func TestCompoundIsReadToItsEnd(t *testing.T) {
	b := AppendSR(nil, SenderInfo{SSRC: 1})
	b = AppendCNAME(b, 1, "abc")
	b = AppendPLI(b, 1, 2)
	r := NewReader(append(b, 0x80, 201, 0xff, 0xff))
	var types []uint8
	for p, ok := r.Next(); ok; p, ok = r.Next() {
		types = append(types, p.Type)
	}
	if !slices.Equal(types, []uint8{TypeSR, TypeSDES, TypePayload}) || len(r.Rest()) != 4 {
		t.Errorf("read %v, left %d", types, len(r.Rest()))
	}
}

func TestPaddingIsRemoved(t *testing.T) {
	b := AppendPLI(nil, 1, 2)
	b = append(b, 0, 0, 0, 4)
	b[0] |= 0x20
	b[3]++
	if p := first(t, b); len(p.Body) != 8 {
		t.Errorf("body of %d bytes", len(p.Body))
	}
	b[len(b)-1] = 40
	r := NewReader(b)
	if _, ok := r.Next(); ok {
		t.Error("took padding longer than the packet")
	}
}

func TestNoAllocation(t *testing.T) {
	buf := make([]byte, 0, 1500)
	lost := []uint16{1, 2, 3, 70}
	n := testing.AllocsPerRun(100, func() {
		b := AppendSR(buf, SenderInfo{})
		b = AppendCNAME(b, 1, "name")
		b = AppendRR(b, 1, Report{SSRC: 3})
		b = AppendNACK(b, 1, 2, lost)
		r := NewReader(b)
		for p, ok := r.Next(); ok; p, ok = r.Next() {
			walk(p)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// walk uses every accessor.
func walk(p Packet) {
	p.Sender()
	p.Feedback()
	p.REMB()
	for i := 0; ; i++ {
		if _, ok := p.Report(i); !ok {
			break
		}
	}
	for i := 0; ; i++ {
		if _, _, ok := p.FIR(i); !ok {
			break
		}
	}
	for i := 0; ; i++ {
		if _, ok := p.Source(i); !ok {
			break
		}
	}
	lost := p.Lost()
	for _, ok := lost.Next(); ok; _, ok = lost.Next() {
	}
}

func FuzzReader(f *testing.F) {
	b := AppendSR(nil, SenderInfo{SSRC: 1})
	b = AppendRR(b, 1, Report{SSRC: 3}, Report{SSRC: 4})
	b = AppendNACK(b, 1, 2, []uint16{5, 6, 900})
	b = AppendFIR(b, 1, 2, 3)
	f.Add(AppendBYE(b, 1))
	f.Add([]byte{0x8f, 206, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, 'R', 'E', 'M', 'B', 1, 0xff, 0xff, 0xff, 0, 0, 0, 9})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewReader(b)
		read := 0
		for p, ok := r.Next(); ok; p, ok = r.Next() {
			read += 4
			walk(p)
		}
		if read > len(b) || len(r.Rest()) > len(b) {
			t.Error("read more than there is")
		}
	})
}

func FuzzNACK(f *testing.F) {
	f.Add(uint16(65530), []byte{1, 2, 3, 200})
	f.Fuzz(func(t *testing.T, at uint16, steps []byte) {
		var want []uint16
		for _, s := range steps[:min(len(steps), 200)] {
			at += uint16(s) + 1
			want = append(want, at)
		}
		if len(want) == 0 {
			return
		}
		lost := first(t, AppendNACK(nil, 1, media.SSRC(2), want)).Lost()
		for _, w := range want {
			if got, ok := lost.Next(); !ok || got != w {
				t.Fatalf("got %d, want %d", got, w)
			}
		}
		if extra, ok := lost.Next(); ok {
			t.Errorf("one too many: %d", extra)
		}
	})
}
