package bwe

import (
	"testing"
	"time"

	pion "github.com/pion/rtcp"

	"switchyard/media"
)

// congestion is feedback about the packets from seq on, of one stream; an arrival of 0 is a loss.
func congestion(t testing.TB, report time.Duration, ssrc uint32, seq uint16, arrived ...time.Duration) []byte {
	t.Helper()
	block := pion.CCFeedbackReportBlock{MediaSSRC: ssrc, BeginSequence: seq}
	for _, a := range arrived {
		m := pion.CCFeedbackMetricBlock{Received: a != 0}
		if a != 0 {
			m.ArrivalTimeOffset = uint16((report - a) * 1024 / time.Second)
		}
		block.MetricBlocks = append(block.MetricBlocks, m)
	}
	b, err := pion.CCFeedbackReport{
		SenderSSRC: 1, ReportBlocks: []pion.CCFeedbackReportBlock{block}, ReportTimestamp: uint32(report * 65536 / time.Second),
	}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCongestionFeedbackIsJudgedLikeAnyOther(t *testing.T) {
	s := NewSender()
	e := NewEstimator(Config{Start: 400_000}, s)
	const streams = 2
	now := media.Time(time.Hour)
	seqs := [streams]uint16{65000, 10}
	var lost uint64
	for range 200 { // 20 s, feedback each 100 ms
		first := seqs
		var arrived [streams][]time.Duration
		for i := range 10 {
			now = now.Add(10 * time.Millisecond)
			k := i % streams
			s.Sent(now, 500)
			s.Named(media.SSRC(100+k), seqs[k])
			seqs[k]++
			at := time.Duration(now) + 20*time.Millisecond
			if int(seqs[k])%50 == 7 {
				at, lost = 0, lost+1
			}
			arrived[k] = append(arrived[k], at)
		}
		report := time.Duration(now) + 30*time.Millisecond
		for k := range streams {
			for _, p := range packets(t, congestion(t, report, uint32(100+k), first[k], arrived[k]...)) {
				if !s.OnCongestion(now.Add(50*time.Millisecond), p) {
					t.Fatal("refused")
				}
			}
		}
	}
	st, u := s.Stats(), e.Usage(now)
	if st.Lost != lost || st.Acked+st.Lost != 2000 || st.Garbage != 0 {
		t.Errorf("%d were lost: %+v", lost, st)
	}
	if u.Queue > 5*time.Millisecond || u.Acked < 350_000 || u.Acked > 450_000 || u.Target < 400_000 {
		t.Errorf("got %+v", u)
	}
}

func TestCongestionFeedbackAboutOthers(t *testing.T) {
	s := NewSender()
	p := packets(t, congestion(t, time.Second, 5, 5, 900*time.Millisecond))[0]
	if s.OnCongestion(0, p) {
		t.Error("accepted before anything had a name")
	}
	s.Sent(0, 100)
	s.Named(5, 6)
	if !s.OnCongestion(0, p) || s.Stats().Acked != 0 {
		t.Errorf("got %+v", s.Stats())
	}
	for range 3 * historySize { // its place in the history is another's by now
		s.Sent(0, 100)
	}
	s.OnCongestion(0, packets(t, congestion(t, time.Second, 5, 6, 900*time.Millisecond))[0])
	if st := s.Stats(); st.Acked != 0 {
		t.Errorf("got %+v", st)
	}
}
