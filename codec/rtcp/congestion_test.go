package rtcp

import (
	"encoding/binary"
	"testing"
	"time"

	pion "github.com/pion/rtcp"

	"switchyard/media"
)

func TestCongestionFeedbackAsPionWritesIt(t *testing.T) {
	report := pion.CCFeedbackReport{
		SenderSSRC: 9,
		ReportBlocks: []pion.CCFeedbackReportBlock{
			{MediaSSRC: 1, BeginSequence: 65534, MetricBlocks: []pion.CCFeedbackMetricBlock{
				{Received: true, ECN: pion.ECNCE, ArrivalTimeOffset: 1024},
				{},
				{Received: true, ArrivalTimeOffset: 0},
			}},
			{MediaSSRC: 2, BeginSequence: 7, MetricBlocks: []pion.CCFeedbackMetricBlock{
				{Received: true, ArrivalTimeOffset: 0x1ffe},
				{Received: true, ArrivalTimeOffset: 512},
			}},
		},
		ReportTimestamp: 10 << 16,
	}
	b, err := report.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	r := NewReader(b)
	p, ok := r.Next()
	c, ok2 := p.Congestion()
	if !ok || !ok2 {
		t.Fatalf("refused: %x", b)
	}
	want := []Metric{
		{SSRC: 1, Seq: 65534, Received: true, ECN: 3, Arrived: 9 * time.Second, Timed: true},
		{SSRC: 1, Seq: 65535},
		{SSRC: 1, Seq: 0, Received: true, Arrived: 10 * time.Second, Timed: true},
		{SSRC: 2, Seq: 7, Received: true},
		{SSRC: 2, Seq: 8, Received: true, Arrived: 9500 * time.Millisecond, Timed: true},
	}
	for i, w := range want {
		if m, ok := c.Next(); !ok || m != w {
			t.Errorf("%d: got %+v, want %+v", i, m, w)
		}
	}
	if m, ok := c.Next(); ok {
		t.Errorf("one more: %+v", m)
	}
}

func TestCongestionFeedbackThatDoesNotFit(t *testing.T) {
	for _, body := range [][]byte{
		nil,
		{0, 0, 0, 1},
		{0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1},
		{0, 0, 0, 1, 0, 0, 0, 2, 0, 5, 0, 3, 0x80, 1, 0x80, 1, 0, 0, 0, 0},
		{0, 0, 0, 1, 0, 0, 0, 2, 0, 5, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0},
	} {
		if _, ok := (Packet{Type: TypeTransport, Count: FormatCCFB, Body: body}).Congestion(); ok {
			t.Errorf("accepted: %x", body)
		}
	}
	if _, ok := (Packet{Type: TypeTransport, Count: FormatTWCC, Body: make([]byte, 40)}).Congestion(); ok {
		t.Error("accepted another kind of feedback")
	}
}

// FuzzCongestion reads garbage, and holds against Pion's reading what both accept.
func FuzzCongestion(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0, 2, 0, 5, 0, 2, 0x80, 1, 0x80, 1, 0, 9, 0, 0})
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0, 2, 0, 5, 0, 1, 0xff, 0xff, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 1, 1, 1, 1})
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, body []byte) {
		c, ok := (Packet{Type: TypeTransport, Count: FormatCCFB, Body: body}).Congestion()
		var got []Metric
		for ok {
			m, more := c.Next()
			if !more {
				break
			}
			got = append(got, m)
		}
		if len(got) > len(body)/2 {
			t.Fatalf("%d metrics in %d bytes", len(got), len(body))
		}
		if !ok || len(body) > 4000 {
			return
		}
		b := append([]byte{2<<6 | FormatCCFB, TypeTransport, 0, 0}, body...)
		binary.BigEndian.PutUint16(b[2:], uint16(len(body)/4))
		var theirs pion.CCFeedbackReport
		if theirs.Unmarshal(b) != nil {
			return // Pion refuses some that are only strange
		}
		i := 0
		for _, block := range theirs.ReportBlocks {
			for k, m := range block.MetricBlocks {
				if i >= len(got) {
					t.Fatalf("Pion reads more than %d", len(got))
				}
				g := got[i]
				if g.SSRC != media.SSRC(block.MediaSSRC) || g.Seq != block.BeginSequence+uint16(k) || g.Received != m.Received {
					t.Fatalf("%d: %+v, Pion %+v", i, g, m)
				}
				i++
			}
		}
	})
}
