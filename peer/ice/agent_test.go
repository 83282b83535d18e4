package ice

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v4"

	"switchyard/media"
)

var (
	local  = netip.MustParseAddr("192.0.2.1")
	local2 = netip.MustParseAddr("192.0.2.2")
	creds  = Credentials{LocalUfrag: "loc", LocalPwd: "local-password-of-22-chars", RemoteUfrag: "rem",
		RemotePwd: "remote-password-of-22-char"}
	second = Credentials{LocalUfrag: "lo2", LocalPwd: "second-local-password-22ch", RemoteUfrag: "re2",
		RemotePwd: "second-remote-password-22c"}
)

func udpPath(remote string) Path { return Path{Remote: netip.MustParseAddrPort(remote), Local: local} }

// bench is an agent and the other end's view of it, with a clock that the test moves.
type bench struct {
	t   *testing.T
	a   *Agent
	now media.Time
}

type sentMessage struct {
	path Path
	m    *stun.Message
}

func newBench(t *testing.T, cfg Config) *bench {
	if cfg.LocalUfrag == "" {
		cfg.Credentials = creds
	}
	return &bench{t: t, a: New(cfg), now: media.Time(time.Hour)}
}

func (b *bench) drain() []sentMessage {
	b.t.Helper()
	var out []sentMessage
	b.a.Drain(func(p Path, raw []byte) {
		m := &stun.Message{Raw: bytes.Clone(raw)}
		if err := m.Decode(); err != nil {
			b.t.Fatalf("pion cannot read what we send: %v", err)
		}
		if err := stun.Fingerprint.Check(m); err != nil {
			b.t.Fatal(err)
		}
		out = append(out, sentMessage{p, m})
	})
	return out
}

// forward moves the clock, doing what is due, and returns all that was sent.
func (b *bench) forward(d time.Duration) []sentMessage {
	b.t.Helper()
	var out []sentMessage
	for end := b.now.Add(d); ; {
		next := min(max(b.a.Deadline(), b.now), end)
		b.now = next
		if next == end {
			b.a.Advance(b.now)
			return append(out, b.drain()...)
		}
		before := b.a.Deadline()
		b.a.Advance(b.now)
		if b.a.Deadline() <= before {
			b.t.Fatalf("deadline does not move from %v", before)
		}
		out = append(out, b.drain()...)
	}
}

type useCandidate struct{}

func (useCandidate) AddTo(m *stun.Message) error {
	m.Add(stun.AttrUseCandidate, nil)
	return nil
}

type raw struct {
	t stun.AttrType
	v []byte
}

func (r raw) AddTo(m *stun.Message) error {
	m.Add(r.t, r.v)
	return nil
}

func (c Credentials) check(t testing.TB, priority uint32, extra ...stun.Setter) *stun.Message {
	t.Helper()
	return c.build(t, append([]stun.Setter{stun.TransactionID, stun.BindingRequest,
		stun.NewUsername(c.LocalUfrag + ":" + c.RemoteUfrag),
		raw{stun.AttrPriority, []byte{byte(priority >> 24), byte(priority >> 16), byte(priority >> 8), byte(priority)}}},
		extra...), c.LocalPwd)
}

func (c Credentials) build(t testing.TB, s []stun.Setter, pwd string) *stun.Message {
	t.Helper()
	m, err := stun.Build(append(s, stun.NewShortTermIntegrity(pwd), stun.Fingerprint)...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

const (
	highPriority = 0x7e7f00ff
	lowPriority  = 0x6e7f00ff
)

var controlling = raw{stun.AttrICEControlling, []byte{1, 2, 3, 4, 5, 6, 7, 8}}

// sendCheck delivers a check of the other end and returns our response and our triggered check.
func (b *bench) sendCheck(p Path, m *stun.Message) (response, triggered *stun.Message) {
	b.t.Helper()
	if !b.a.Receive(b.now, p, m.Raw) {
		b.t.Fatal("check was not taken as authentic")
	}
	for _, s := range b.drain() {
		switch {
		case s.m.Type == stun.BindingRequest:
			triggered = s.m
		default:
			response = s.m
		}
		if s.path != p {
			b.t.Errorf("answered on %v, want %v", s.path, p)
		}
	}
	return response, triggered
}

// answer delivers the response to a check of ours.
func (b *bench) answer(p Path, c Credentials, req *stun.Message) bool {
	b.t.Helper()
	if req == nil {
		b.t.Fatal("no check to answer")
	}
	if err := stun.NewShortTermIntegrity(c.RemotePwd).Check(req); err != nil {
		b.t.Fatalf("our check: %v", err)
	}
	var user stun.Username
	if err := user.GetFrom(req); err != nil || user.String() != c.RemoteUfrag+":"+c.LocalUfrag {
		b.t.Fatalf("our check names %q", user)
	}
	m := c.build(b.t, []stun.Setter{stun.NewTransactionIDSetter(req.TransactionID), stun.BindingSuccess,
		&stun.XORMappedAddress{IP: p.Local.AsSlice(), Port: 8443}}, c.RemotePwd)
	return b.a.Receive(b.now, p, m.Raw)
}

// connect makes p the selected, nominated path.
func (b *bench) connect(p Path, c Credentials, priority uint32) {
	b.t.Helper()
	_, req := b.sendCheck(p, c.check(b.t, priority, useCandidate{}, controlling))
	b.answer(p, c, req)
	b.wantPath(p)
}

func (b *bench) wantPath(want Path) {
	b.t.Helper()
	if got, ok := b.a.Path(); !ok || got != want {
		b.t.Fatalf("path is %v (%v), want %v", got, ok, want)
	}
}

func TestACheckIsAnsweredAndCheckedInTurn(t *testing.T) {
	for _, remote := range []string{"198.51.100.7:4000", "[2001:db8::7]:4000"} {
		b, p := newBench(t, Config{}), udpPath(remote)
		check := creds.check(t, highPriority, controlling)
		resp, req := b.sendCheck(p, check)
		if resp == nil || resp.Type != stun.BindingSuccess || resp.TransactionID != check.TransactionID {
			t.Fatalf("response: %v", resp)
		}
		if err := stun.NewShortTermIntegrity(creds.LocalPwd).Check(resp); err != nil {
			t.Fatal(err)
		}
		var mapped stun.XORMappedAddress
		if err := mapped.GetFrom(resp); err != nil || mapped.String() != remote {
			t.Errorf("mapped %v, want %v (%v)", mapped, remote, err)
		}
		if !req.Contains(stun.AttrICEControlled) || !req.Contains(stun.AttrPriority) || req.Contains(stun.AttrUseCandidate) {
			t.Errorf("triggered check %v", req)
		}
		if _, ok := b.a.Path(); ok {
			t.Error("a path before our own check returned")
		}
		b.answer(p, creds, req)
		b.wantPath(p)
		if b.a.Nominated() {
			t.Error("nominated without USE-CANDIDATE")
		}
		b.sendCheck(p, creds.check(t, highPriority, controlling, useCandidate{}))
		if !b.a.Nominated() {
			t.Error("not nominated")
		}
	}
}

func TestRefusesWhatIsNotAuthentic(t *testing.T) {
	wrong, nobody := creds, creds
	wrong.LocalPwd, nobody.LocalUfrag = "another password", "nobody"
	b, p := newBench(t, Config{}), udpPath("198.51.100.7:4000")
	noFingerprint, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername("loc:rem"),
		stun.NewShortTermIntegrity(creds.LocalPwd))
	if err != nil {
		t.Fatal(err)
	}
	noIntegrity, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername("loc:rem"), stun.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	damaged := creds.check(t, 1)
	damaged.Raw[30] ^= 1
	for name, m := range map[string]*stun.Message{
		"password": wrong.check(t, 1), "user": nobody.check(t, 1), "no fingerprint": noFingerprint,
		"no integrity": noIntegrity, "damaged": damaged,
	} {
		if b.a.Receive(b.now, p, m.Raw) {
			t.Errorf("%s: taken", name)
		}
	}
	if out := b.drain(); len(out) != 0 {
		t.Errorf("answered %d times", len(out))
	}
	st := b.a.Stats()
	if st.BadIntegrity != 2 || st.UnknownUser != 1 || st.Malformed != 2 || st.Requests != 0 {
		t.Errorf("stats %+v", st)
	}
}

func TestAResponseFromElsewhereOrForgedProvesNothing(t *testing.T) {
	b, p := newBench(t, Config{}), udpPath("198.51.100.7:4000")
	_, req := b.sendCheck(p, creds.check(t, highPriority, useCandidate{}))
	for _, other := range []Path{udpPath("198.51.100.8:4000"), udpPath("198.51.100.7:4001"),
		{Remote: p.Remote, Local: local2}} {
		if b.answer(other, creds, req) {
			t.Errorf("response on %v taken", other)
		}
	}
	forged := creds
	forged.RemotePwd = "guessed"
	m := forged.build(t, []stun.Setter{stun.NewTransactionIDSetter(req.TransactionID), stun.BindingSuccess}, forged.RemotePwd)
	if b.a.Receive(b.now, p, m.Raw) {
		t.Error("forged response taken")
	}
	if _, ok := b.a.Path(); ok {
		t.Error("there is a path")
	}
}

func TestATriggeredCheckIsRepeatedUntilAnswered(t *testing.T) {
	b, p := newBench(t, Config{}), udpPath("198.51.100.7:4000")
	_, first := b.sendCheck(p, creds.check(t, highPriority, useCandidate{}))
	again := b.forward(2 * time.Second)
	if len(again) != 2 || again[0].m.TransactionID != first.TransactionID {
		t.Fatalf("%d retransmissions in 2 s, want 2", len(again))
	}
	// A check that comes meanwhile makes a new one; the answer to the old one still counts.
	if _, req := b.sendCheck(p, creds.check(t, highPriority)); req == nil || req.TransactionID == first.TransactionID {
		t.Error("no new triggered check")
	}
	b.answer(p, creds, first)
	b.wantPath(p)
	if !b.a.Nominated() {
		t.Error("the nomination of before was lost")
	}

	b = newBench(t, Config{})
	b.sendCheck(p, creds.check(t, highPriority))
	if n := len(b.forward(time.Minute)); n != checkTries-1 {
		t.Errorf("%d retransmissions, want %d", n, checkTries-1)
	}
	if d := b.a.Deadline(); d != media.Never {
		t.Errorf("still waits until %v", d)
	}
}

func TestMediaMovesOnlyAfterOurOwnCheck(t *testing.T) {
	b, p, q := newBench(t, Config{}), udpPath("198.51.100.7:4000"), udpPath("198.51.100.7:5000")
	b.connect(p, creds, lowPriority)
	_, req := b.sendCheck(q, creds.check(t, highPriority, useCandidate{}))
	b.wantPath(p)
	b.answer(q, creds, req)
	b.wantPath(q)
}

func TestAggressiveNominationTakesTheHighestRank(t *testing.T) {
	b, p, q := newBench(t, Config{}), udpPath("198.51.100.7:4000"), udpPath("198.51.100.8:4000")
	b.connect(p, creds, highPriority)
	_, req := b.sendCheck(q, creds.check(t, lowPriority, useCandidate{}))
	b.answer(q, creds, req)
	b.wantPath(p)
	// The end moves: it checks p without USE-CANDIDATE, and q with it.
	b.sendCheck(p, creds.check(t, highPriority))
	b.wantPath(p)
	b.sendCheck(q, creds.check(t, lowPriority, useCandidate{}))
	b.wantPath(q)
}

func TestASilentPathGivesWayToALowerNomination(t *testing.T) {
	b, p, q := newBench(t, Config{}), udpPath("198.51.100.7:4000"), udpPath("198.51.100.8:4000")
	b.connect(p, creds, highPriority)
	b.forward(3500 * time.Millisecond)
	b.connect(q, creds, lowPriority)
}

func TestBeforeNominationTheBestValidPairIsUsed(t *testing.T) {
	b, p, q := newBench(t, Config{}), udpPath("198.51.100.7:4000"), udpPath("198.51.100.8:4000")
	_, req := b.sendCheck(p, creds.check(t, lowPriority))
	b.answer(p, creds, req)
	b.wantPath(p)
	_, req = b.sendCheck(q, creds.check(t, highPriority))
	b.answer(q, creds, req)
	b.wantPath(q)
	b.sendCheck(p, creds.check(t, lowPriority, useCandidate{}))
	b.wantPath(p)
}

func TestChecksMeasureTheRoundTrip(t *testing.T) {
	b, p := newBench(t, Config{}), udpPath("198.51.100.7:4000")
	_, req := b.sendCheck(p, creds.check(t, highPriority, controlling))
	b.now = b.now.Add(40 * time.Millisecond)
	b.answer(p, creds, req)
	if b.a.RTT() != 40*time.Millisecond {
		t.Errorf("RTT %v", b.a.RTT())
	}
	q := udpPath("198.51.100.8:4000")
	_, req = b.sendCheck(q, creds.check(t, lowPriority, controlling))
	b.forward(time.Second) // repeated: which of them is answered cannot be known
	b.answer(q, creds, req)
	if b.a.RTT() != 40*time.Millisecond {
		t.Errorf("RTT %v after an ambiguous answer", b.a.RTT())
	}
}

func TestConsentIsAskedForAndExpires(t *testing.T) {
	b, p := newBench(t, Config{}), udpPath("198.51.100.7:4000")
	b.connect(p, creds, highPriority)
	asked := 0
	for range 60 { // a minute with answers
		for _, s := range b.forward(time.Second) {
			asked++
			b.answer(p, creds, s.m)
		}
	}
	if asked < 10 || asked > 15 {
		t.Errorf("asked %d times in a minute", asked)
	}
	b.wantPath(p)
	b.forward(23 * time.Second) // the last answer was up to 6 s ago
	b.wantPath(p)
	b.forward(10 * time.Second)
	if _, ok := b.a.Path(); ok {
		t.Fatal("consent did not expire")
	}
	// The other end wakes up: a new check of ours brings it back.
	b.connect(p, creds, highPriority)
}

func TestLosingConsentFallsBackToAnotherLivePath(t *testing.T) {
	b, p, q := newBench(t, Config{}), udpPath("198.51.100.7:4000"), udpPath("198.51.100.8:4000")
	b.connect(p, creds, highPriority)
	for range 40 { // q is alive, p is dead
		_, req := b.sendCheck(q, creds.check(t, lowPriority))
		if req != nil {
			b.answer(q, creds, req)
		}
		for _, s := range b.forward(time.Second) {
			if s.path == q {
				b.answer(q, creds, s.m)
			}
		}
	}
	b.wantPath(q)
}

func TestRestartKeepsTheOldPathUntilTheNewOneIsNominated(t *testing.T) {
	b, p, q := newBench(t, Config{}), udpPath("198.51.100.7:4000"), udpPath("198.51.100.7:5000")
	b.connect(p, creds, highPriority)
	b.a.Restart(b.now, second)
	b.wantPath(p)
	if resp, _ := b.sendCheck(p, creds.check(t, highPriority)); resp == nil || resp.Type != stun.BindingSuccess {
		t.Fatal("old credentials are refused during the change")
	}
	_, req := b.sendCheck(q, second.check(t, lowPriority))
	b.answer(q, second, req)
	b.wantPath(p)
	b.sendCheck(q, second.check(t, lowPriority, useCandidate{}))
	b.wantPath(q)
	if b.a.Receive(b.now, p, creds.check(t, highPriority).Raw) {
		t.Error("old credentials outlive the change")
	}
	for _, s := range b.forward(10 * time.Second) {
		b.answer(q, second, s.m)
	}
}

func TestRestartOnTheSameAddresses(t *testing.T) {
	b, p := newBench(t, Config{}), udpPath("198.51.100.7:4000")
	b.connect(p, creds, highPriority)
	b.a.Restart(b.now, second)
	b.connect(p, second, highPriority)
	b.a.Restart(b.now, second) // the same again: nothing
	b.wantPath(p)
	if b.a.old != nil || len(b.a.pairs) != 1 {
		t.Errorf("%d pairs left", len(b.a.pairs))
	}
}

func TestRoleConflict(t *testing.T) {
	for _, c := range []struct {
		name           string
		lite           bool
		role           stun.AttrType
		breaker        byte
		refused, leads bool
	}{
		{"controlled against a smaller tie-breaker leads", false, stun.AttrICEControlled, 0, false, true},
		{"controlled against a larger one refuses", false, stun.AttrICEControlled, 0xff, true, false},
		{"controlling against a smaller one refuses", true, stun.AttrICEControlling, 0, true, true},
		{"controlling against a larger one follows", true, stun.AttrICEControlling, 0xff, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			cr := creds
			cr.RemoteLite = c.lite
			b, p := newBench(t, Config{Credentials: cr}), udpPath("198.51.100.7:4000")
			breaker := bytes.Repeat([]byte{c.breaker}, 8)
			resp, req := b.sendCheck(p, creds.check(t, highPriority, raw{c.role, breaker}))
			var code stun.ErrorCodeAttribute
			if refused := code.GetFrom(resp) == nil && code.Code == 487; refused != c.refused {
				t.Errorf("refused is %v", refused)
			}
			if b.a.Controlling() != c.leads {
				t.Errorf("controlling is %v", b.a.Controlling())
			}
			if (req == nil) != c.refused {
				t.Errorf("triggered check: %v", req)
			}
		})
	}
}

func TestARefusedRoleIsChanged(t *testing.T) {
	b, p := newBench(t, Config{}), udpPath("198.51.100.7:4000")
	_, req := b.sendCheck(p, creds.check(t, highPriority))
	m := creds.build(t, []stun.Setter{stun.NewTransactionIDSetter(req.TransactionID), stun.BindingError,
		stun.ErrorCodeAttribute{Code: 487, Reason: []byte("Role Conflict")}}, creds.RemotePwd)
	b.a.Receive(b.now, p, m.Raw)
	out := b.drain()
	if len(out) != 1 || !out[0].m.Contains(stun.AttrICEControlling) || !b.a.Controlling() {
		t.Fatalf("sent %v", out)
	}
	b.answer(p, creds, out[0].m)
	nominated := false
	for _, s := range b.forward(300 * time.Millisecond) {
		nominated = nominated || s.m.Contains(stun.AttrUseCandidate)
		b.answer(p, creds, s.m)
	}
	if !nominated || !b.a.Nominated() {
		t.Error("the controlling agent did not nominate")
	}
}

func TestAnICELiteEndIsCheckedAndNominated(t *testing.T) {
	cr := creds
	cr.RemoteLite = true
	b := newBench(t, Config{Credentials: cr})
	p, q := udpPath("198.51.100.7:4000"), udpPath("198.51.100.8:4000")
	b.a.AddCandidate(b.now, Path{Remote: p.Remote})
	b.a.AddCandidate(b.now, Path{Remote: q.Remote})
	var nominated []Path
	for range 30 {
		for _, s := range b.forward(50 * time.Millisecond) {
			if s.path.Remote != q.Remote {
				continue // the first address is unreachable
			}
			if s.m.Contains(stun.AttrUseCandidate) {
				nominated = append(nominated, s.path)
			}
			b.answer(q, creds, s.m)
		}
	}
	b.wantPath(q)
	if len(nominated) != 1 || nominated[0] != q || !b.a.Nominated() {
		t.Errorf("nominated %v", nominated)
	}
}

func TestCandidatesAreCheckedOnceEachAndBounded(t *testing.T) {
	b := newBench(t, Config{})
	for _, s := range []string{"127.0.0.1:5", "[::1]:5", "224.0.0.1:5", "[ff02::1]:5", "0.0.0.0:5", "[::]:5",
		"198.51.100.1:0", "255.255.255.255:5", "[fe80::1]:5"} {
		b.a.AddCandidate(b.now, Path{Remote: netip.MustParseAddrPort(s)})
	}
	if d := b.a.Deadline(); d != media.Never {
		t.Error("a forbidden address is checked")
	}
	for i := range 40 {
		b.a.AddCandidate(b.now, Path{Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), 9)})
	}
	out := b.forward(190 * time.Millisecond)
	if len(out) != 4 {
		t.Errorf("%d first checks in 190 ms, want one each 50 ms", len(out))
	}
	if n := len(out) + len(b.forward(time.Minute)); n != maxCandidates*pinholeTries {
		t.Errorf("%d checks in all, want %d", n, maxCandidates*pinholeTries)
	}

	b = newBench(t, Config{Loopback: true})
	b.a.AddCandidate(b.now, Path{Remote: netip.MustParseAddrPort("127.0.0.1:5")})
	if len(b.forward(time.Second)) == 0 {
		t.Error("loopback is not checked where it is allowed")
	}
}

func TestACandidateThatAlsoChecksUsIsOnePair(t *testing.T) {
	b, p := newBench(t, Config{}), udpPath("198.51.100.7:4000")
	b.a.AddCandidate(b.now, Path{Remote: p.Remote})
	ours := b.forward(10 * time.Millisecond)[0].m
	b.sendCheck(p, creds.check(t, highPriority))
	b.answer(p, creds, ours)
	b.wantPath(p)
	if len(b.a.pairs) != 1 {
		t.Errorf("%d pairs", len(b.a.pairs))
	}
}

func TestNewAddressesAreLimitedAndKnownOnesAreNot(t *testing.T) {
	b, p := newBench(t, Config{}), udpPath("198.51.100.7:4000")
	b.connect(p, creds, highPriority)
	for i := range 1000 {
		q := Path{Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 9), Local: local}
		b.a.Receive(b.now, q, creds.check(t, lowPriority).Raw)
		b.drain()
	}
	st := b.a.Stats()
	if st.RateLimited < 900 || len(b.a.pairs) > maxPairs {
		t.Errorf("%d pairs, stats %+v", len(b.a.pairs), st)
	}
	if !b.a.Receive(b.now, p, creds.check(t, highPriority).Raw) {
		t.Error("the known path is limited too")
	}
	b.wantPath(p)
	b.forward(2 * time.Second)
	if !b.a.Receive(b.now, udpPath("198.51.100.99:1"), creds.check(t, lowPriority).Raw) {
		t.Error("the limit does not recover")
	}
}

func TestUnknownRequiredAttributesAreRefused(t *testing.T) {
	b, p := newBench(t, Config{}), udpPath("198.51.100.7:4000")
	resp, req := b.sendCheck(p, creds.check(t, highPriority, raw{0x7ff0, []byte{1}}))
	var code stun.ErrorCodeAttribute
	var unknown stun.UnknownAttributes
	if code.GetFrom(resp) != nil || code.Code != 420 || unknown.GetFrom(resp) != nil || unknown[0] != 0x7ff0 || req != nil {
		t.Errorf("response %v, check %v", resp, req)
	}
	if resp, _ := b.sendCheck(p, creds.check(t, highPriority, raw{0xc057, []byte{1, 2, 3, 4}})); resp.Type != stun.BindingSuccess {
		t.Error("an optional attribute is refused")
	}
}

type stream struct{ closed *bool }

func (s stream) Closed() bool { return *s.closed }

func TestATCPPathIsCheckedOnceAndEndsWithItsConnection(t *testing.T) {
	b, closed := newBench(t, Config{}), false
	p := udpPath("198.51.100.7:4000")
	p.Stream = stream{&closed}
	_, req := b.sendCheck(p, creds.check(t, highPriority, useCandidate{}))
	if n := len(b.forward(9 * time.Second)); n != 0 {
		t.Errorf("%d retransmissions over TCP", n)
	}
	b.answer(p, creds, req)
	b.wantPath(p)

	q := udpPath("198.51.100.7:4001") // UDP with the same priority is better
	b.connect(q, creds, highPriority)
	b.sendCheck(p, creds.check(t, highPriority, useCandidate{}))
	b.wantPath(q)
	closed = true
	b.a.Advance(b.now)
	if len(b.a.pairs) != 1 {
		t.Error("the closed connection's pair lives on")
	}
}

// TestARelayGivesWayToAnyOtherPath has a relay come first, whose checks claim as much as those by UDP, then TCP.
func TestARelayGivesWayToAnyOtherPath(t *testing.T) {
	b, open := newBench(t, Config{}), false
	relay, tcp := udpPath("198.51.100.7:50000"), udpPath("198.51.100.7:4000")
	relay.Stream, relay.Relayed, tcp.Stream = stream{&open}, true, stream{&open}
	b.hold(relay)
	b.connect(relay, creds, highPriority)
	_, req := b.sendCheck(tcp, creds.check(t, lowPriority, useCandidate{}))
	b.answer(tcp, creds, req)
	b.wantPath(tcp)
	b.sendCheck(relay, creds.check(t, highPriority, useCandidate{}))
	b.wantPath(tcp)
}

// TestARelayWaitsForBetterPaths has checks come through a relay again and again, as a browser repeats them, and
// again after an ICE restart: what comes in the first moments is not answered, while other paths are at once.
func TestARelayWaitsForBetterPaths(t *testing.T) {
	b, open := newBench(t, Config{}), false
	relay := udpPath("198.51.100.7:50000")
	relay.Stream, relay.Relayed = stream{&open}, true
	b.hold(relay)
	b.connect(relay, creds, highPriority)
	b.wantPath(relay)
	b.a.Restart(b.now, second)
	if !b.a.Receive(b.now, relay, second.check(t, highPriority).Raw) || len(b.drain()) != 0 {
		t.Error("answered at once after a restart")
	}
	if held := b.a.Stats().Held; held != 5 {
		t.Errorf("%d checks counted", held)
	}
	b.connect(udpPath("198.51.100.7:4000"), second, highPriority)
}

// hold sends checks through a relay until they are about to be answered.
func (b *bench) hold(relay Path) {
	for range 4 {
		if !b.a.Receive(b.now, relay, creds.check(b.t, highPriority).Raw) || len(b.drain()) != 0 {
			b.t.Fatal("answered at once")
		}
		b.forward(relayHold / 4)
	}
}

func TestLocalUfrag(t *testing.T) {
	if u := LocalUfrag(creds.check(t, 1).Raw); string(u) != "loc" {
		t.Errorf("got %q", u)
	}
	if u := LocalUfrag([]byte("garbage that is longer than a header")); u != nil {
		t.Errorf("got %q", u)
	}
}

// FuzzReceive feeds an agent that is connected anything; messages that begin right are given right
// ends now and then, so that the fuzzer reaches what is behind authentication.
func FuzzReceive(f *testing.F) {
	f.Add(creds.check(f, 1, controlling, useCandidate{}).Raw, byte(0))
	f.Add(creds.check(f, 1, raw{stun.AttrICEControlled, make([]byte, 8)}).Raw, byte(1))
	f.Add(creds.check(f, 1, raw{0x7ff0, nil}).Raw[:60], byte(2))
	f.Add(creds.build(f, []stun.Setter{stun.TransactionID, stun.BindingError,
		stun.ErrorCodeAttribute{Code: 487}}, creds.RemotePwd).Raw, byte(3))
	f.Fuzz(func(t *testing.T, in []byte, how byte) {
		b, p := newBench(t, Config{}), udpPath("198.51.100.7:4000")
		b.connect(p, creds, highPriority)
		b.a.Restart(b.now, second)
		LocalUfrag(in)
		b.a.Receive(b.now, p, in)
		if len(in) >= headerSize && len(in) < 400 && len(in)%4 == 0 {
			key := b.a.cur.local
			if how%2 == 1 {
				key = b.a.cur.remote
			}
			fixed := bytes.Clone(in)
			fixed[2], fixed[3] = 0, 0
			copy(fixed[4:], []byte{0x21, 0x12, 0xa4, 0x42})
			b.a.Receive(b.now, udpPath("198.51.100.9:1"), seal(fixed, key))
		}
		b.drain()
		b.forward(5 * time.Second)
		if len(b.a.pairs) > maxPairs {
			t.Fatal("too many pairs")
		}
	})
}
