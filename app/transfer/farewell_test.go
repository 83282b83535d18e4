package transfer

import (
	"errors"
	"fmt"
	"testing"

	"switchyard/engine/pake"
	"switchyard/protocol"
)

// A receiver that has everything, and whose way broke before it could say so, waits no longer than the sender needs to be told.
func TestFarewellInTheRoom(t *testing.T) {
	done := func(a *attending) { a.told(sender, secretWord{Done: true}) }
	left := func(a *attending) { a.gone(sender, true) }
	lost := func(a *attending) { a.gone(sender, false) }
	other := func(a *attending) { a.told("r-2", secretWord{Done: true}) }
	for name, c := range map[string]struct {
		complete bool
		say      func(*attending)
		over     bool
	}{
		"the sender knows":                   {true, done, true},
		"the sender left":                    {true, left, true},
		"the sender is lost, and comes back": {true, lost, false},
		"somebody else says so":              {true, other, false},
		"not everything is here":             {false, done, false},
		"it left in the middle":              {false, left, false},
	} {
		a := (&receiving{}).attend(byLink, nil, &Sink{})
		a.complete = c.complete
		c.say(a)
		for len(a.inbox) > 0 {
			(<-a.inbox)()
		}
		if a.over != c.over || a.err != nil {
			t.Errorf("%s: over %v, %v", name, a.over, a.err)
		}
	}
	// The word may come before the way is seen to break.
	a := (&receiving{}).attend(byLink, nil, &Sink{})
	a.complete, a.running = true, func(error) {}
	done(a)
	(<-a.inbox)()
	if a.over {
		t.Error("it left while the sink was running")
	}
	if a.ran(fmt.Errorf("%w: cut", ErrWayLost)); !a.over || a.err != nil {
		t.Errorf("after the sink: over %v, %v", a.over, a.err)
	}
}

func TestSenderSaysThatItKnows(t *testing.T) {
	key := newKey()
	secret := pake.LinkSecret(key, "")
	receivers, senders, err := shake(t, among, among, secret, secret)
	if err != nil {
		t.Fatal(err)
	}
	theirs := newSealer(pake.Receiver)
	theirs.set(sender, receivers)
	r := &room{seal: newSealer(pake.Sender), out: make(chan saying, 4)}
	r.seal.set("r-1", senders)
	s := &sending{room: r, o: SendOptions{Receivers: 1}, peers: map[protocol.ParticipantID]*recipient{}}
	p := s.peer("r-1")
	p.known = true
	s.served(p, nil, true)
	if !s.over || len(r.out) != 1 {
		t.Fatalf("over %v, %d words", s.over, len(r.out))
	}
	said := <-r.out
	plain, err := theirs.open(sender, "data", said.w.Box)
	if err != nil || said.to != "r-1" {
		t.Fatal(err, said.to)
	}
	if w, err := parseSecret(plain); err != nil || !w.Done {
		t.Errorf("%s, %v", plain, err)
	}
	p.done, s.over = false, false
	if s.served(p, errors.New("disk full"), true); len(r.out) != 0 {
		t.Error("it says so of who failed")
	}
}
