package room

import (
	"encoding/json"
	"testing"
	"time"

	"switchyard/protocol"
)

// TestICEServersAreRenewed has the time pass: fresh credentials come before the last ones end, to who has a
// socket.
func TestICEServersAreRenewed(t *testing.T) {
	now := time.Unix(1000, 0)
	asked := 0
	r := New("demo", Config{ICERenew: time.Hour, ICEServers: func(room string, who Identity, link string) []protocol.ICEServer {
		asked++
		return []protocol.ICEServer{{URLs: []string{"turn:" + who.Host + "/" + room + "/" + link}}}
	}}, now)
	r.Connect(now, 2, Identity{ID: "ben", Expired: true})
	if early := sent(r); len(early) != 0 {
		t.Errorf("credentials for an expired token: %+v", early)
	}
	r.Connect(now, 1, Identity{ID: "ann", Host: "example.org"})
	var early protocol.ICE
	if all := sent(r); len(all) != 1 || all[0].Type != protocol.TypeICE || all[0].Seq != 0 || json.Unmarshal(all[0].Body, &early) != nil ||
		early.Link != protocol.ServerLink || len(early.ICEServers) != 1 || early.ICEServers[0].URLs[0] != "turn:example.org/demo/server" {
		t.Fatalf("before the join: %+v", all)
	}
	join, err := protocol.NewEnvelope(protocol.TypeJoin, protocol.Join{})
	if err != nil {
		t.Fatal(err)
	}
	join.ID, join.Seq = 1, 1
	r.Receive(now, 1, join)
	r.Advance(now)
	var welcome protocol.Welcome
	for _, e := range sent(r) {
		if e.Type == protocol.TypeWelcome {
			if err := json.Unmarshal(e.Body, &welcome); err != nil {
				t.Fatal(err)
			}
		}
	}
	if asked != 3 || len(welcome.ICEServers) != 1 || welcome.ICEServers[0].URLs[0] != "turn:example.org/demo/server" ||
		len(welcome.LinkICEServers) != 1 || welcome.LinkICEServers[0].URLs[0] != "turn:example.org/demo/" {
		t.Fatalf("asked %d times: %+v", asked, welcome)
	}
	if d := r.Deadline(); !d.Equal(now.Add(time.Hour)) {
		t.Fatalf("deadline %v", d)
	}
	now = now.Add(time.Hour - time.Second)
	if r.Advance(now); len(sent(r)) != 0 {
		t.Fatal("renewed early")
	}
	now = now.Add(time.Second)
	r.Advance(now)
	var links []string
	for _, e := range sent(r) {
		var m protocol.ICE
		if e.Type != protocol.TypeICE || json.Unmarshal(e.Body, &m) != nil || len(m.ICEServers) != 1 {
			t.Fatalf("%+v", e)
		}
		links = append(links, m.Link)
	}
	if len(links) != 2 || links[0] != protocol.ServerLink || links[1] != "" {
		t.Fatalf("renewed %q", links)
	}
	if d := r.Deadline(); !d.Equal(now.Add(time.Hour)) {
		t.Fatalf("next at %v", d)
	}
	r.Disconnect(now, 1)
	if r.Advance(now.Add(time.Second)); !r.Deadline().Before(now.Add(time.Hour)) {
		t.Errorf("waits for %v although nobody is there to be told", r.Deadline())
	}
}

// sent drains what the room says.
func sent(r *Room) []protocol.Envelope {
	var out []protocol.Envelope
	for _, o := range r.Outputs() {
		if s, ok := o.(Send); ok {
			out = append(out, s.Envelope)
		}
	}
	return out
}
