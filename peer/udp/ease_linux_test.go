package udp

import "testing"

func TestEaseSendsOnlyWhatIsMuch(t *testing.T) {
	s, sink := listen(t, "127.0.0.1:0", Options{}), listen(t, "127.0.0.1:0", Options{})
	w := s.NewWriter()
	queue := func(n int) {
		for i := range n {
			w.Reserve(100)
			w.Commit(sink.LocalAddr(), v4, 100-i%2) // sizes that fit into no common message
		}
	}
	queue(2)
	w.Ease()
	if n := s.Stats().Sent; n != 0 {
		t.Fatalf("%d datagrams of few left early", n)
	}
	for w.n < enough {
		queue(1)
		w.growing = false
	}
	w.Ease()
	if st := s.Stats(); st.Sent == 0 || st.Messages < enough || w.n != 0 {
		t.Fatalf("%d datagrams left in %d messages, %d are queued", st.Sent, st.Messages, w.n)
	}
}
